"""A moment, a pair of runs and the bursts of a trace, against plain counting."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import InputError, Serving, Workload, simulate, stage_spans
from simulator.moment import moment
from simulator.pairs import PairedOutcomes, pair_outcomes
from simulator.traces.bursts import find_bursts
from simulator.traces.trace import Counts, Events, Trace
from tests.cases import random_case
from tests.figure_cases import compared


def test_a_moment_agrees_with_the_spans_request_by_request():
    case = compared()
    result, spans = case.results[1], case.spans[1]
    at_s = float(np.nanmedian(spans.begin_s))
    now = moment(result, at_s, spans)
    assert sum(group.busy for group in now.groups) > 0
    for group in now.groups:
        for k, computing in enumerate(group.stages):
            expected = [
                int(r)
                for r, begin_s, end_s in zip(spans.request, spans.begin_s[:, k], spans.end_s[:, k], strict=True)
                if result.group[r] == group.index and begin_s <= at_s < end_s
            ]
            assert sorted(expected) == list(computing)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 2), st.sampled_from((1, 4)))
def test_every_accepted_request_is_in_one_place_at_any_moment(seed, share, epochs, max_batch_size):
    models, placement, workload = random_case(seed, epochs)
    result = simulate(models, placement, workload, Serving(max_batch_size=max_batch_size))
    at_s = float(workload.arrival_s[-1]) * share
    now = moment(result, at_s)
    found = [r for g in now.groups for part in (*g.stages, *g.held, g.waiting) for r in part]
    delay_s = result.serving.client_delay_s + result.serving.dispatch_delay_s
    inside = result.ran & (workload.arrival_s + delay_s <= at_s) & (at_s < result.finish_s)
    assert len(found) == len(set(found))
    # Ends that are added up in another order may differ in the last digit.
    unsure = set(np.flatnonzero(np.abs(result.finish_s - at_s) < 1e-9).tolist())
    assert set(found) ^ set(np.flatnonzero(inside).tolist()) <= unsure


def test_before_the_first_request_reaches_a_group_all_are_idle():
    now = moment(compared().results[0], 0.0)
    assert len(now.groups) == 8 and not any(g.busy or g.waiting for g in now.groups)


def test_a_moment_must_be_a_number():
    with pytest.raises(InputError, match="finite"):
        moment(compared().results[0], float("nan"))


def test_paired_outcomes_count_every_request_once():
    case = compared()
    first, second = case.results[:2]
    paired = pair_outcomes(first, second)
    a, b = first.in_slo.tolist(), second.in_slo.tolist()
    expected = [sum((x, y) == pair for x, y in zip(a, b, strict=True)) for pair in
                ((True, True), (True, False), (False, True), (False, False))]  # fmt: skip
    assert [paired.both, paired.only_first, paired.only_second, paired.neither] == expected
    assert sum(expected) == len(case.workload)


def test_a_run_paired_with_itself_has_no_differences():
    result = compared().results[1]
    met = int(result.in_slo.sum())
    assert pair_outcomes(result, result) == PairedOutcomes(met, 0, 0, len(result.workload) - met)


def test_runs_of_different_requests_are_not_paired():
    result = compared().results[0]
    other = dataclasses.replace(result, workload=Workload(result.workload.arrival_s + 1, result.workload.model, 8))
    with pytest.raises(InputError, match="different requests"):
        pair_outcomes(result, other)


def events(arrival_s):
    arrival_s = np.sort(np.asarray(arrival_s, dtype=np.float64))
    return Trace("native", ("a",), Events(arrival_s, np.zeros(arrival_s.size, dtype=np.int32)))


def test_a_burst_is_found_where_it_was_put():
    background = np.arange(0, 1000, 0.5)
    trace = events(np.concatenate((background, np.arange(400, 450, 0.05))))
    (burst,) = find_bursts(trace)
    assert burst.start_s == pytest.approx(400, abs=10) and burst.length_s == pytest.approx(50, abs=15)
    assert burst.requests == pytest.approx(1100, rel=0.1) and burst.times_mean > 4


def test_even_traffic_has_no_bursts():
    assert find_bursts(events(np.arange(0, 1000, 0.5))) == ()


def test_bursts_of_counts_are_whole_bins_and_the_largest_comes_first():
    counts = np.full(120, 100)
    counts[30], counts[60:62] = 900, 600
    trace = Trace("azure_functions_2019", ("a",), Counts(counts[None, :], 60.0))
    first, second = find_bursts(trace, 3.0)
    assert (first.requests, second.requests) == (pytest.approx(1200, rel=0.2), pytest.approx(900, rel=0.2))
    assert first.start_s == pytest.approx(3600, abs=30) and second.start_s == pytest.approx(1800, abs=30)


def test_a_burst_is_more_than_the_mean():
    with pytest.raises(InputError, match="above 1"):
        find_bursts(events([0.0, 1.0]), 1.0)


def test_spans_at_hand_give_the_same_moment():
    result = compared().results[2]
    assert moment(result, 20.0) == moment(result, 20.0, stage_spans(result))
