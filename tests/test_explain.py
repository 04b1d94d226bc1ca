"""Why one placement is better than another: facts counted from both runs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.explain import explain_difference, hopeless_requests, idle_devices, model_bursts, paired_difference
from simulator import Group, InputError, Model, Placement, Serving, Workload, measure, simulate, stage_spans
from simulator.selection import select_requests
from tests.cases import profile, random_case

NO_DELAYS = Serving(client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0, stage_overhead=0)
ALONE = Placement((Group(1, 1, ("m0",)), Group(1, 1, ("m1",))), "alone")
SHARED = Placement((Group(1, 1, ("m0", "m1")), Group(1, 1, ("m0", "m1"))), "shared")


def models(slo_s=2.5, count=2):
    return [Model(f"m{i}", profile(), slo_s) for i in range(count)]


def run(placement, arrival_s, model, slo_s=2.5, serving=NO_DELAYS):
    workload = Workload(np.array(arrival_s, dtype=float), np.array(model), 2)
    return simulate(models(slo_s), placement, workload, serving)


def test_a_burst_that_only_sharing_serves_is_explained_by_the_idle_device_of_the_other_model():
    # Four requests for m0 at once: alone two of them fit the deadline, shared all four.
    alone, shared = (run(p, [0, 0, 0, 0], [0, 0, 0, 0]) for p in (ALONE, SHARED))
    reasons = explain_difference(alone, shared)
    assert (reasons.better, reasons.worse, reasons.swapped) == ("shared", "alone", True)
    assert (reasons.paired.only_first, reasons.paired.only_second) == (2, 0)
    assert dict(reasons.fates) == {"late": 0, "rejected": 2, "unplaced": 0}
    assert reasons.idle == 0.5
    assert (reasons.top_model, reasons.top_share) == ("m0", 1.0)
    assert reasons.hopeless == 0.0


def test_requests_of_a_model_that_no_group_holds_count_as_unplaced():
    lonely = Placement((Group(1, 1, ("m0",)),), "lonely")
    reasons = explain_difference(*(run(p, [0, 5], [0, 1]) for p in (lonely, ALONE)))
    assert dict(reasons.fates) == {"late": 0, "rejected": 0, "unplaced": 1}
    assert reasons.hopeless == 0.0


def test_a_deadline_shorter_than_the_quickest_idle_group_is_hopeless():
    cut = Placement((Group(2, 1, ("m0", "m1")),), "cut")
    slow = Serving(client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0, stage_overhead=0.5)
    result = run(cut, [0, 10], [0, 1], slo_s=1.5, serving=slow)
    assert hopeless_requests(result).all() and not result.in_slo.any()
    assert not hopeless_requests(run(cut, [0, 10], [0, 1], slo_s=2.5, serving=slow)).any()


def test_a_deadline_of_a_single_request_counts_for_that_request_alone():
    workload = Workload(np.array([0.0, 5.0]), np.array([0, 0]), 2, np.array([0.5, math.nan]))
    assert hopeless_requests(simulate(models(), ALONE, workload, NO_DELAYS)).tolist() == [True, False]


def test_of_equal_runs_the_first_is_called_better_and_nothing_is_lost():
    result = run(ALONE, [0, 1], [0, 1])
    reasons = explain_difference(result, result)
    assert not reasons.swapped and reasons.paired.only_first == 0
    assert math.isnan(reasons.idle) and reasons.top_model == ""
    assert not reasons.difference.is_clear


def test_evenly_spaced_arrivals_have_no_burst_and_a_cluster_of_them_is_one():
    even = np.arange(100.0)
    in_burst, share = model_bursts(even, np.zeros(100, dtype=int), 1)
    assert not in_burst.any() and share[0] == 0
    clustered = np.sort(np.concatenate((even, np.linspace(50.0, 50.5, 40))))
    in_burst, share = model_bursts(clustered, np.zeros(140, dtype=int), 1)
    assert in_burst[(clustered >= 50) & (clustered <= 50.5)].all()
    assert 0 < share[0] <= 2 / 28


def test_models_with_few_requests_have_no_bursts():
    in_burst, _ = model_bursts(np.array([0.0, 0.1, 0.2, 100.0]), np.array([0, 0, 0, 1]), 2)
    assert not in_burst.any()


def test_the_paired_difference_is_that_of_the_attainments_and_clear_where_every_block_gains():
    arrival_s = np.repeat(np.arange(100.0) * 10, 4)
    alone, shared = (run(p, arrival_s, np.zeros(400, dtype=int)) for p in (ALONE, SHARED))
    gain = paired_difference(alone, shared)
    assert gain.difference == pytest.approx(shared.slo_attainment - alone.slo_attainment) == 0.5
    assert gain.half_width == pytest.approx(0, abs=1e-12) and gain.is_clear


def test_runs_of_different_requests_cannot_be_paired():
    with pytest.raises(InputError, match="different requests"):
        paired_difference(run(ALONE, [0], [0]), run(ALONE, [1], [0]))


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), at_s=st.lists(st.floats(-1, 30), min_size=1, max_size=5))
def test_idle_devices_are_those_without_a_stage_that_computes(seed, at_s):
    case_models, placement, workload = random_case(seed)
    result = simulate(case_models, placement, workload, Serving())
    spans = stage_spans(result)
    devices = sum(placed.group.devices for placed in result.groups)
    for moment_s, share in zip(at_s, idle_devices(result, np.array(at_s)), strict=True):
        busy = sum(
            result.groups[result.group[i]].group.tp
            for i, begin_s, end_s in zip(spans.request, spans.begin_s, spans.end_s, strict=True)
            for b, e in zip(begin_s, end_s, strict=True)
            if b <= moment_s < e
        )
        if moment_s >= 0:
            assert share == pytest.approx(1 - busy / devices, abs=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_parts_of_a_run_add_up_to_the_whole(seed):
    case_models, placement, workload = random_case(seed)
    result = simulate(case_models, placement, workload, Serving())
    parts = [measure(select_requests(result, workload.model == m)).total for m in range(len(case_models))]
    whole = measure(result)
    assert [p.requests for p in parts] == [fates.requests for _, fates in whole.models]
    assert [p.served for p in parts] == [fates.served for _, fates in whole.models]
    assert sum(p.rejected for p in parts) == whole.total.rejected


@pytest.mark.parametrize("rows", [[1, 0], [0, 2], [-1], [True]])
def test_a_selection_of_requests_that_are_not_there_is_refused(rows):
    with pytest.raises(InputError):
        select_requests(run(ALONE, [0, 1], [0, 1]), np.array(rows))
