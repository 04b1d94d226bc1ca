"""Laws that hold for every run."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import STATUS, Group, Model, Placement, Workload, measure, serving_preset, simulate
from simulator.serving import DISPATCH_RULES
from tests.cases import profile, random_case

SERVINGS = st.builds(
    serving_preset,
    st.sampled_from(("testbed", "published")),
    dispatch=st.sampled_from(DISPATCH_RULES),
    admission=st.sampled_from(("deadline", "none")),
    max_batch_size=st.sampled_from((1, 4)),
)
CASES = st.integers(0, 10_000).map(random_case)


@settings(max_examples=150)
@given(CASES, SERVINGS)
def test_every_request_has_one_fate_that_agrees_with_its_times(case, serving):
    models, placement, workload = case
    result = simulate(models, placement, workload, serving)
    held = {name for group in placement.groups for name in group.models}
    slo_s = np.array([m.slo_s for m in models])[workload.model]
    if workload.slo_s is not None:
        slo_s = np.where(np.isnan(workload.slo_s), slo_s, workload.slo_s)
    for i, status in enumerate(result.status):
        fate, name = STATUS[status], models[workload.model[i]].name
        assert (fate == "unplaced") == (name not in held)
        assert (result.group[i] >= 0) == (fate != "unplaced")
        assert np.isnan(result.finish_s[i]) == (fate in ("rejected", "unplaced"))
        assert np.isnan(result.start_s[i]) == np.isnan(result.finish_s[i])
        if fate in ("served", "late"):
            assert name in placement.groups[result.group[i]].models
            assert (result.finish_s[i] <= workload.arrival_s[i] + slo_s[i]) == (fate == "served")
            assert workload.arrival_s[i] <= result.start_s[i] < result.finish_s[i]
        if fate == "rejected":
            assert serving.admission == "deadline"


@settings(max_examples=100)
@given(CASES, SERVINGS)
def test_the_fates_add_up_in_total_by_model_and_by_group(case, serving):
    figures = measure(simulate(*case, serving))
    total = figures.total
    assert total.served + total.late + total.rejected + total.unplaced == total.requests == len(case[2])
    for parts in ([f for _, f in figures.models], [g.fates for g in figures.groups]):
        assert sum(f.served for f in parts) == total.served
        assert sum(f.late for f in parts) == total.late
        assert sum(f.rejected for f in parts) == total.rejected
    assert sum(g.fates.requests for g in figures.groups) == total.requests - total.unplaced


@settings(max_examples=100)
@given(CASES, SERVINGS)
def test_requests_of_one_group_never_overtake_without_batching(case, serving):
    if serving.max_batch_size > 1:
        return
    result = simulate(*case, serving)
    for g in range(len(result.groups)):
        mine = np.flatnonzero((result.group == g) & result.ran)
        assert (np.diff(result.start_s[mine]) >= 0).all()
        assert (np.diff(result.finish_s[mine]) >= 0).all()


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from(("testbed", "published")))
def test_without_admission_an_endless_deadline_serves_everything(seed, preset):
    models, placement, workload = random_case(seed)
    models = [Model(m.name, m.profile, np.inf) for m in models]
    workload = Workload(workload.arrival_s, workload.model, workload.num_models)
    result = simulate(models, placement, workload, serving_preset(preset))
    held = {name for group in placement.groups for name in group.models}
    placed = np.array([models[m].name in held for m in workload.model], dtype=bool)
    assert (result.in_slo == placed).all()


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from(("testbed", "published")), st.floats(1.0, 4.0))
def test_a_looser_deadline_serves_no_less_on_one_device_with_one_model(seed, preset, factor):
    """With one model and one queue nothing can go wrong by accepting more; with many it can (convoys)."""
    random = np.random.default_rng(seed)
    workload = Workload(np.cumsum(random.exponential(0.8, 40)), np.zeros(40, dtype=int), 1)
    shared = profile(latency_s=1.0)
    served = [
        simulate([Model("m", shared, slo)], Placement((Group(1, 1, ("m",)),)), workload, serving_preset(preset))
        .in_slo.sum()
        for slo in (1.5, 1.5 * factor)
    ]  # fmt: skip
    assert served[1] >= served[0] - 1


def test_an_empty_workload_gives_figures_without_numbers():
    models, placement, _ = random_case(3)
    result = simulate(models, placement, Workload(np.empty(0), np.empty(0), len(models)))
    document = measure(result).to_json()
    assert document["requests"] == 0 and document["slo_attainment"] is None
    assert document["latency_s"]["p99"] is None


def test_a_placement_without_groups_leaves_everything_unplaced():
    models, _, workload = random_case(3)
    figures = measure(simulate(models, Placement(()), workload))
    assert figures.total.unplaced == len(workload) and figures.total.slo_attainment == 0
