"""Figures and timelines are what counting by hand gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import (
    Group,
    InputError,
    Model,
    Placement,
    Schedule,
    Workload,
    build_timeline,
    measure,
    serving_preset,
    simulate,
    stage_spans,
)
from simulator.metrics import attainment_half_width, counted_rows
from simulator.timeline import run_span_s
from tests.cases import profile, random_case


def overlap(a, b, c, d):
    return max(0.0, min(b, d) - max(a, c))


def twin_timeline(result, edges):
    """Queues, requests in flight and busy stages, counted request by request and bin by bin."""
    serving, bins = result.serving, len(edges) - 1
    groups = [placed.group for placed in result.groups]
    queue, flight = np.zeros((len(groups), bins)), np.zeros((len(groups), bins))
    highest = np.zeros((len(groups), bins), dtype=int)
    waits = [[] for _ in groups]
    for i in np.flatnonzero(result.ran):
        reach = result.workload.arrival_s[i] + serving.client_delay_s + serving.dispatch_delay_s
        ready, g = reach + serving.start_delay_s, result.group[i]
        end = result.finish_s[i] - serving.response_delay_s
        if result.start_s[i] > ready:
            waits[g].append((ready, result.start_s[i]))
        for b in range(bins):
            queue[g, b] += overlap(ready, result.start_s[i], edges[b], edges[b + 1])
            flight[g, b] += overlap(reach, end, edges[b], edges[b + 1])
    for g, stretches in enumerate(waits):
        for b in range(bins):
            moments = [edges[b]] + [s for s, _ in stretches if edges[b] <= s < edges[b + 1]]
            highest[g, b] = max(sum(s <= t < e for s, e in stretches) for t in moments)
    width = np.diff(edges)
    return queue / width, flight / width, highest


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((1, 4)), st.integers(1, 7))
def test_timelines_match_the_twin(seed, batch, bins):
    result = simulate(*random_case(seed), serving_preset("testbed", max_batch_size=batch))
    first, last = run_span_s(result)
    if last <= first:
        return
    timeline = build_timeline(result, bins)
    queue, flight, highest = twin_timeline(result, timeline.edges_s)
    np.testing.assert_allclose(timeline.mean_queue, queue, atol=1e-9)
    np.testing.assert_allclose(timeline.in_flight, flight, atol=1e-9)
    np.testing.assert_array_equal(timeline.max_queue, highest)
    assert timeline.arrivals.sum() == len(result.workload)
    assert timeline.in_time.sum() == result.in_slo.sum()
    assert timeline.rejected.sum() == (result.status == 2).sum()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((1, 4)), st.integers(1, 3))
def test_stages_are_busy_when_their_spans_say_so_and_never_twice_at_once(seed, batch, epochs):
    models, placement, workload = random_case(seed, epochs)
    result = simulate(models, placement, workload, serving_preset("testbed", max_batch_size=batch))
    first, last = run_span_s(result)
    if last <= first:
        return
    spans = stage_spans(result)
    timeline = build_timeline(result, 3)
    for g, placed in enumerate(result.groups):
        mine = result.group[spans.request] == g
        for k in range(placed.group.pp):
            # The members of a batch share one span.
            stretches = sorted(set(zip(spans.begin_s[mine, k].tolist(), spans.end_s[mine, k].tolist(), strict=True)))
            assert all(a[1] <= b[0] + 1e-9 for a, b in zip(stretches, stretches[1:], strict=False))
            for b in range(3):
                low, high = timeline.edges_s[b : b + 2]
                busy = sum(overlap(s, e, low, high) for s, e in stretches) / (high - low)
                assert timeline.stage_utilization[timeline.first_stage[g] + k, b] == pytest.approx(busy, abs=1e-9)
    ends = np.array([spans.end_s[r, result.groups[result.group[i]].group.pp - 1] for r, i in enumerate(spans.request)])
    np.testing.assert_allclose(ends, result.finish_s[spans.request], atol=1e-9)
    np.testing.assert_allclose(spans.begin_s[:, 0], result.start_s[spans.request], atol=1e-9)


def three_requests():
    """One device, 1 s each, deadline 1.5 s: the second waits too long, the third is in time again."""
    workload = Workload(np.array([0.0, 0.1, 1.2]), np.zeros(3, dtype=int), 1)
    serving = serving_preset("published", response_delay_s=0, stage_overhead=0, admission="none")
    return simulate([Model("m", profile(), 1.5)], Placement((Group(1, 1, ("m",)),)), workload, serving)


def test_figures_of_a_run_that_one_can_count():
    figures = measure(three_requests())
    assert (figures.total.served, figures.total.late, figures.total.rejected) == (1, 2, 0)
    assert figures.total.latency_s.mean == pytest.approx((1 + 1.9 + 1.8) / 3)
    assert figures.total.latency_s.p50 == pytest.approx(1.8)
    assert figures.goodput_per_s == pytest.approx(1 / 1.2)
    group = figures.groups[0]
    assert group.utilization == pytest.approx(1.0)
    assert group.mean_queue == pytest.approx((0.9 + 0.8) / 3)
    assert group.max_queue == 1


def test_rejected_requests_are_never_averaged_in_as_zero():
    workload = Workload(np.array([0.0, 0.1]), np.zeros(2, dtype=int), 1)
    result = simulate([Model("m", profile(), 1.2)], Placement((Group(1, 1, ("m",)),)), workload)
    figures = measure(result)
    assert figures.total.rejected == 1
    assert figures.total.latency_s.mean > 1.0


def test_warm_up_drops_a_share_of_requests_at_each_end():
    workload = Workload(np.arange(101.0), np.zeros(101, dtype=int), 1)
    assert counted_rows(workload, 10) == slice(10, 91)
    assert counted_rows(workload, 0) == slice(0, 101)
    with pytest.raises(InputError, match="warmup_s"):
        counted_rows(workload, 51)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = [abs(x.mean() - 0.8) <= attainment_half_width(x) for x in (random.random(2000) < 0.8 for _ in range(400))]
    assert 0.90 < np.mean(covered) < 0.98


def test_groups_of_a_schedule_are_measured_while_they_hold():
    always = Placement((Group(1, 1, ("m",)),))
    workload = Workload(np.arange(0, 20, 2.0), np.zeros(10, dtype=int), 1)
    serving = serving_preset("published", response_delay_s=0, stage_overhead=0)
    result = simulate([Model("m", profile(), 5.0)], Schedule(((0, always), (10, always))), workload, serving)
    figures = measure(result)
    assert [g.fates.requests for g in figures.groups] == [5, 5]
    assert [round(g.utilization, 2) for g in figures.groups] == [0.5, 0.56]


def test_a_timeline_with_too_many_cells_is_refused():
    with pytest.raises(InputError, match="at most"):
        build_timeline(three_requests(), 10**9)
