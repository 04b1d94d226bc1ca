"""The kernels give what the plain simulator gives, request by request."""

from itertools import product

import numpy as np
import pytest

from simulator import (
    STATUS,
    Group,
    Model,
    Placement,
    Profile,
    ProfileEntry,
    Schedule,
    Workload,
    serving_preset,
    simulate,
)
from tests.cases import random_case
from tests.twin import simulate_twin

DISPATCH = ("shortest_queue", "earliest_free", "earliest_finish", "round_robin")


def assert_same(models, placement, workload, serving):
    epochs = placement.epochs if isinstance(placement, Schedule) else ((0.0, placement),)
    arrivals = list(zip(workload.arrival_s.tolist(), workload.model.tolist(), strict=True))
    slos = None if workload.slo_s is None else workload.slo_s.tolist()
    fates = simulate_twin(models, epochs, arrivals, serving, slos)
    result = simulate(models, placement, workload, serving)
    assert [STATUS[s] for s in result.status] == [f.status for f in fates]
    assert result.group.tolist() == [f.group for f in fates]
    assert result.batch_size.tolist() == [f.batch for f in fates]
    np.testing.assert_allclose(result.start_s, [f.start for f in fates], rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.finish_s, [f.finish for f in fates], rtol=0, atol=1e-9)
    assert result.in_slo.tolist() == [f.status == "served" for f in fates]


@pytest.mark.parametrize(
    ("preset", "dispatch", "admission"), list(product(("testbed", "published"), DISPATCH, ("deadline", "none")))
)
def test_one_by_one(preset, dispatch, admission):
    serving = serving_preset(preset, dispatch=dispatch, admission=admission)
    for seed in range(60):
        assert_same(*random_case(seed), serving)


@pytest.mark.parametrize(
    ("preset", "dispatch", "admission"), list(product(("testbed", "published"), DISPATCH, ("deadline", "none")))
)
def test_batching(preset, dispatch, admission):
    for seed in range(60):
        serving = serving_preset(preset, dispatch=dispatch, admission=admission, max_batch_size=2 + seed % 7)
        assert_same(*random_case(1000 + seed), serving)


@pytest.mark.parametrize(("dispatch", "batch", "forget"), list(product(DISPATCH, (1, 8), (False, True))))
def test_schedules(dispatch, batch, forget):
    for seed in range(40):
        serving = serving_preset(
            "testbed", dispatch=dispatch, max_batch_size=batch, forget_backlog=forget, load_s_per_gib=0.1 * (seed % 3)
        )
        assert_same(*random_case(2000 + seed, epochs=2 + seed % 3), serving)


@pytest.mark.parametrize("dispatch", DISPATCH)
def test_a_device_that_a_placement_leaves_out_stays_busy(dispatch):
    """8, 4, 8 devices: what runs on the last four when they are left out still holds them when they return."""
    profile = Profile("p", {(1, 1): ProfileEntry(1, 1, (10.0,), (1.0,))})
    models = [Model("first", profile, 100.0), Model("last", profile, 100.0)]
    whole = Placement((Group(1, 1, ("first",)),) * 4 + (Group(1, 1, ("last",)),) * 4)
    schedule = Schedule(((0.0, whole), (1.0, Placement(whole.groups[:4])), (2.0, whole)))
    workload = Workload(np.array([0.1, 0.2, 0.3, 0.4, 3.0]), np.array([1, 1, 1, 1, 1], dtype=np.int32), 2)
    serving = serving_preset("testbed", dispatch=dispatch, load_s_per_gib=0.0)
    assert_same(models, schedule, workload, serving)
    result = simulate(models, schedule, workload, serving)
    assert result.start_s[4] >= 10.1 - 1e-9


def test_delays_of_zero_tie_by_the_lowest_index():
    serving = serving_preset("testbed", client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0)
    for seed in range(60):
        assert_same(*random_case(seed), serving)


def test_cutting_a_run_into_chunks_changes_nothing(monkeypatch):
    models, placement, workload = random_case(7)
    for batch in (1, 4):
        serving = serving_preset("testbed", max_batch_size=batch)
        whole = simulate(models, placement, workload, serving)
        with monkeypatch.context() as patch:
            patch.setattr("simulator.run.CHUNK", 3)
            patch.setattr("simulator.run.BATCHED_CHUNK", 3)
            pieces = simulate(models, placement, workload, serving)
        np.testing.assert_array_equal(whole.status, pieces.status)
        np.testing.assert_array_equal(whole.finish_s, pieces.finish_s)
