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
    Profile,
    ProfileEntry,
    Schedule,
    Workload,
    build_timeline,
    measure,
    serving_preset,
    simulate,
    stage_spans,
)
from simulator.metric_kernels import ROUNDING_S
from simulator.metrics import counted_rows, counted_span_s
from simulator.timeline import run_span_s
from tests.cases import profile, random_case


def overlap(a, b, c, d):
    return max(0.0, min(b, d) - max(a, c))


def waits_of(result):
    """Every stretch in which a request waits, (request, group, from, to, before stage 1), request by request."""
    serving, spans = result.serving, stage_spans(result)
    delay = serving.client_delay_s + serving.dispatch_delay_s + serving.start_delay_s
    waits = []
    for row, i in enumerate(spans.request):
        begins, ends = spans.begin_s[row], spans.end_s[row]
        waits.append((i, result.group[i], result.workload.arrival_s[i] + delay, begins[0], True))
        for k in range(1, result.groups[result.group[i]].group.pp):
            waits.append((i, result.group[i], ends[k - 1], begins[k], False))
    return [wait for wait in waits if wait[3] - wait[2] > ROUNDING_S]


def twin_timeline(result, edges):
    """Queues and requests in flight, counted request by request and bin by bin."""
    serving, bins = result.serving, len(edges) - 1
    shape = (len(result.groups), bins)
    queue, between, flight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    highest = np.zeros(shape, dtype=int)
    waits = waits_of(result)
    for b in range(bins):
        for _, g, begin, end, is_first in waits:
            queue[g, b] += overlap(begin, end, edges[b], edges[b + 1])
            between[g, b] += 0 if is_first else overlap(begin, end, edges[b], edges[b + 1])
        for i in np.flatnonzero(result.ran):
            reach = result.workload.arrival_s[i] + serving.client_delay_s + serving.dispatch_delay_s
            end = result.finish_s[i] - serving.response_delay_s
            flight[result.group[i], b] += overlap(reach, end, edges[b], edges[b + 1])
        for g in range(len(result.groups)):
            mine = [(begin, end) for _, group, begin, end, _ in waits if group == g]
            moments = [edges[b]] + [s for s, _ in mine if edges[b] <= s < edges[b + 1]]
            highest[g, b] = max(sum(s <= t < e for s, e in mine) for t in moments)
    width = np.diff(edges)
    return queue / width, between / width, flight / width, highest


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from((1, 4)), st.integers(1, 7))
def test_timelines_match_the_twin(seed, batch, bins):
    result = simulate(*random_case(seed), serving_preset("testbed", max_batch_size=batch))
    first, last = run_span_s(result)
    if last <= first:
        return
    timeline = build_timeline(result, bins)
    queue, between, flight, highest = twin_timeline(result, timeline.edges_s)
    np.testing.assert_allclose(timeline.mean_queue, queue, atol=1e-9)
    np.testing.assert_allclose(timeline.mean_queue_between_stages, between, atol=1e-9)
    np.testing.assert_allclose(timeline.in_flight, flight, atol=1e-9)
    np.testing.assert_array_equal(timeline.max_queue, highest)
    assert timeline.arrivals.sum() == len(result.workload)
    assert timeline.good.sum() == result.in_slo.sum()
    assert timeline.rejected.sum() == (result.status == 2).sum()


@settings(max_examples=60)
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


def test_what_is_measured_over_time_is_of_the_counted_stretch():
    result = slow_last_stage(101)
    assert counted_span_s(result, 0) == run_span_s(result)
    assert counted_span_s(result, 1) == pytest.approx((1.0, 11.5))


def pipeline(*stage_latency_s):
    """A model that runs in a pipeline of these stages alone."""
    pp = len(stage_latency_s)
    entry = ProfileEntry(pp, 1, stage_latency_s, (1.0,) * pp)
    return Model("m", Profile("p", {(pp, 1): entry}, alone_s=sum(stage_latency_s)), 1e6)


def run_pipeline(stage_latency_s, requests):
    """Requests come as fast as the first stage takes them, without delays."""
    workload = Workload(np.arange(requests) * stage_latency_s[0], np.zeros(requests, dtype=int), 1)
    serving = serving_preset("published", response_delay_s=0, stage_overhead=0)
    placement = Placement((Group(len(stage_latency_s), 1, ("m",)),))
    return simulate([pipeline(*stage_latency_s)], placement, workload, serving)


def slow_last_stage(requests):
    """Eight requests a second before a last stage that does one."""
    return run_pipeline((0.125, 0.125, 0.125, 1.0), requests)


def test_requests_in_front_of_a_slow_last_stage_wait():
    """Request i comes to stage 4 after 0.375 + i / 8 s, which takes it after 0.375 + i s: it waits 7/8 i s."""
    n = 51
    (group,) = measure(slow_last_stage(n)).groups
    end_s = 0.375 + n
    assert group.mean_queue == pytest.approx(0.875 * n * (n - 1) / 2 / end_s)
    assert group.mean_queue_between_stages == pytest.approx(group.mean_queue)
    # When the last one comes there, after 0.375 + 6.25 s, the stage has begun 0 to 6.
    assert group.max_queue == n - 7
    assert group.utilization == pytest.approx((0.375 + 1) * n / 4 / end_s)


def test_nobody_waits_in_a_pipeline_of_equal_stages_that_keeps_up():
    (group,) = measure(run_pipeline((0.1, 0.1, 0.1, 0.1), 300)).groups
    assert (group.max_queue, group.mean_queue, group.mean_queue_between_stages) == (0, 0, 0)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from((1, 4)))
def test_waiting_in_the_queues_is_the_waiting_of_the_requests(seed, batch):
    result = simulate(*random_case(seed), serving_preset("testbed", max_batch_size=batch))
    first, last = run_span_s(result)
    if last <= first:
        return
    queues = sum(group.mean_queue for group in measure(result).groups) * (last - first)
    serving, ran = result.serving, result.ran
    delay = serving.client_delay_s + serving.dispatch_delay_s + serving.start_delay_s
    spans = stage_spans(result)
    computed = np.nansum(spans.end_s - spans.begin_s)
    waited = (result.finish_s - result.workload.arrival_s)[ran].sum() - ran.sum() * (delay + serving.response_delay_s)
    assert queues == pytest.approx(waited - computed, abs=1e-6)


def test_counted_requests_wait_as_they_do_in_the_whole_run():
    result = slow_last_stage(20)
    counted = np.arange(20) % 2 == 0
    odd, even, whole = (build_timeline(result, 3, counted=c) for c in (~counted, counted, None))
    np.testing.assert_allclose(odd.mean_queue + even.mean_queue, whole.mean_queue)
    np.testing.assert_array_equal(odd.arrivals + even.arrivals, whole.arrivals)
    np.testing.assert_array_equal(odd.stage_utilization, whole.stage_utilization)
    queues = [measure(result, counted=c).groups[0].mean_queue for c in (~counted, counted, None)]
    assert queues[0] + queues[1] == pytest.approx(queues[2])


def test_groups_of_a_schedule_are_measured_while_they_hold():
    always = Placement((Group(1, 1, ("m",)),))
    workload = Workload(np.arange(0, 20, 2.0), np.zeros(10, dtype=int), 1)
    serving = serving_preset("published", response_delay_s=0, stage_overhead=0)
    result = simulate([Model("m", profile(), 5.0)], Schedule(((0, always), (10, always))), workload, serving)
    figures = measure(result)
    assert [g.fates.requests for g in figures.groups] == [5, 5]
    assert [round(g.utilization, 2) for g in figures.groups] == [0.5, 0.56]


@settings(max_examples=100)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from((1, 4)), st.sampled_from(("testbed", "published")),
       st.sampled_from((0.0, 0.1)))  # fmt: skip
def test_no_group_and_no_run_is_busy_for_more_than_its_time(seed, epochs, batch, preset, warmup_share):
    models, placement, workload = random_case(seed, epochs)
    result = simulate(models, placement, workload, serving_preset(preset, max_batch_size=batch, admission="none"))
    figures = measure(result, warmup_share * workload.span_s)
    for share in (figures.utilization, *(group.utilization for group in figures.groups)):
        assert np.isnan(share) or 0 <= share <= 1


def test_utilisation_over_a_schedule_weighs_epochs_by_their_device_seconds():
    """One device for 10 s, busy half of it, then two for 90 s, of which one is busy a tenth."""
    early, late = Placement((Group(1, 1, ("a",)),)), Placement((Group(1, 1, ("a",)), Group(1, 1, ("b",))))
    arrival_s = np.concatenate((np.arange(0, 10, 2.0), np.arange(10, 100, 10.0), [100.0]))
    models = [Model("a", profile(1.0), 100.0), Model("b", profile(1.0), 100.0)]
    workload = Workload(arrival_s, np.zeros(arrival_s.size, dtype=int), 2)
    serving = serving_preset("published", response_delay_s=0, stage_overhead=0)
    figures = measure(simulate(models, Schedule(((0, early), (10, late))), workload, serving))
    # The last request is answered after 101 s.
    assert [group.utilization for group in figures.groups] == pytest.approx([0.5, 10 / 91, 0])
    assert figures.utilization == pytest.approx((5 + 10) / (10 + 2 * 91))


def test_a_timeline_with_too_many_cells_is_refused():
    with pytest.raises(InputError, match="at most"):
        build_timeline(three_requests(), 10**9)
