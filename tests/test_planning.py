"""Comparison, sweeps, capacity and faults say what their parts say."""

import numpy as np
import pytest

from planner import build_inputs, compare, parse_scenario
from planner.what_if.capacity import find_capacity
from planner.what_if.faults import fault_what_if
from planner.what_if.sweep import sweep
from planner.what_if.variation import vary
from simulator import Group, InputError, Placement, measure, simulate

SCENARIO = """\
version: 1
cluster: {devices: 8, devices_per_node: 4, usd_per_device_hour: 3}
models:
  - {name: "m{i}", profile: bert-1.3b, count: 3, slo_scale: 5}
  - {name: big, profile: bert-6.7b, slo_s: 2}
workload: {gamma: {total_rate_per_s: 25, cv: 3, duration_s: 120, split: power_law}, warmup_s: 5}
placements:
  - name: by hand
    groups: [{pp: 4, models: [m0, m1, m2, big]}, {pp: 2, tp: 1, models: [m0, m1]}, {models: [m2]}]
  - name: replicas
    search: {algorithm: selective_replication}
  - name: pipelines
    search: {algorithm: uniform, pp: 4}
"""


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(SCENARIO)


@pytest.fixture(scope="module")
def comparison(scenario):
    return compare(scenario)


def test_every_placement_is_simulated_on_the_same_requests_in_order(comparison):
    assert [o.name for o in comparison.outcomes] == ["by hand", "replicas", "pipelines"]
    assert len({id(r.workload) for r in comparison.results}) == 1
    for outcome in comparison.outcomes:
        again = measure(outcome.result, 5)
        assert again.total.slo_attainment == outcome.figures.total.slo_attainment


def test_searched_placements_fit_the_cluster(comparison):
    problem = comparison.inputs.problem
    for outcome in comparison.outcomes:
        outcome.placement.check(problem.models, problem.cluster)


def test_stopping_a_comparison_gives_what_was_done(scenario):
    def stop_at_replicas(told):
        return told.name == "by hand"

    stopped = compare(scenario, stop_at_replicas)
    assert not stopped.complete
    assert stopped.outcomes[0].name == "by hand"
    assert len(stopped.outcomes) < 3


def test_a_sweep_point_is_the_comparison_of_the_varied_scenario(scenario):
    swept = sweep(scenario, [("rate_scale", (1.0, 2.0)), ("slo_scale", (2.0, 8.0))])
    assert swept.complete and len(swept.results) == 3 * 4
    for result in swept.results:
        varied = scenario
        for axis, value in result.point.values:
            varied = vary(varied, axis, value)
        expected = compare(varied, only=result.point.section.name).outcomes[0].figures.total.slo_attainment
        if result.point.section.search is None:
            assert result.slo_attainment == expected
        assert result.slo_attainment >= expected


def test_a_crossing_is_the_last_value_from_the_easy_end_that_reaches_the_target(scenario):
    swept = sweep(scenario, [("rate_scale", (0.25, 0.5, 1.0, 4.0))])
    reached = {
        dict(r.point.values)["rate_scale"]: r.slo_attainment
        for r in swept.results
        if r.point.section.name == "pipelines"
    }
    target = reached[0.5]
    crossing = swept.crossing("pipelines", target)
    assert crossing is not None and reached[crossing] >= target
    assert all(reached[v] >= target for v in reached if v <= crossing)
    assert swept.crossing("pipelines", 1.1) is None


def test_capacity_ends_one_step_above_a_number_that_fails(scenario):
    capacity = find_capacity(scenario, 0.95, highest=24)
    assert [p.devices for p in capacity.plans] == sorted(p.devices for p in capacity.plans)
    for plan in capacity.plans:
        tried = {t.devices: t.slo_attainment for t in plan.tried}
        assert tried[plan.devices] >= 0.95 > tried[plan.devices - 1]
        assert plan.usd_per_hour == 3 * plan.devices
        bears = compare(vary(vary(scenario, "devices", plan.devices), "rate_scale", plan.headroom), only=plan.name)
        assert bears.outcomes  # a plan of its own for that traffic exists too
        assert 1 <= plan.headroom <= 16


def test_capacity_asks_for_confidence_where_told(scenario):
    loose = find_capacity(scenario, 0.95, highest=32).best
    sure = find_capacity(scenario, 0.95, highest=32, confident=True).best
    assert sure.devices >= loose.devices
    figures = sure.outcome.figures
    assert figures.total.slo_attainment - figures.half_width >= 0.95


def test_capacity_that_is_out_of_reach_says_so(scenario):
    capacity = find_capacity(scenario, 1.0, highest=2)
    assert all(plan.devices is None and plan.usd_per_hour is None for plan in capacity.plans)


def test_an_infeasible_cluster_is_named():
    text = SCENARIO.replace("profile: bert-1.3b, count: 3", "profile: bert-104b, count: 3")
    big_only = parse_scenario(text.replace("  - {name: big, profile: bert-6.7b, slo_s: 2}\n", ""))
    with pytest.raises(InputError, match="bert-104b.* needs 16 devices at 13 GiB; the cluster has 8"):
        compare(big_only, only="replicas")


def test_a_dead_device_takes_its_group_and_nothing_else(scenario, comparison):
    outcome, problem = comparison.outcomes[0], comparison.inputs.problem
    faults = fault_what_if(outcome.placement, problem, 5)
    assert [(f.what, f.index, f.groups) for f in faults] == [
        ("device", 0, (0,)), ("device", 4, (1,)), ("device", 6, (2,)), ("node", 0, (0,)), ("node", 1, (1, 2)),
    ]  # fmt: skip
    assert faults[0].orphans == ("big",)
    left = Placement((Group(2, 1, ("m0", "m1")), Group(1, 1, ("m2",))))
    expected = measure(simulate(problem.models, left, problem.workload, problem.serving), 5)
    assert faults[0].slo_attainment == pytest.approx(expected.total.slo_attainment, abs=1e-12)
    assert all(f.slo_attainment <= outcome.figures.total.slo_attainment + 0.02 for f in faults)


def test_stopping_a_sweep_gives_the_points_so_far(scenario):
    def stop_after_two(told):
        return told.done < 2

    swept = sweep(scenario, [("rate_scale", tuple(np.linspace(0.5, 2, 12)))], on_progress=stop_after_two)
    computed = [result for result in swept.results if result.outcome is not None]
    assert not swept.complete and 2 <= len(computed) < len(swept.results) == 36
    assert all("stopped" in result.reason for result in swept.results if result.outcome is None)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ([("colour", (1.0,))], "colour"),
        ([("devices", ())], "at least one"),
        ([("devices", (1.5,))], "whole numbers"),
        ([("rate_scale", (-1.0,))], "above 0"),
        ([("rate_scale", tuple(range(1, 1000)))], "at most"),
        ([("devices", (1.0,)), ("devices", (2.0,))], "different"),
        ([], "one or two"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(scenario, axes, words):
    with pytest.raises(InputError, match=words):
        sweep(scenario, axes)


@pytest.mark.parametrize("axis", ["devices", "memory_gib", "rate_scale", "cv_scale", "slo_scale"])
def test_varying_changes_one_thing(scenario, axis):
    before, after = (build_inputs(s).problem for s in (scenario, vary(scenario, axis, 2)))
    changed = {
        "devices": after.cluster.devices != before.cluster.devices,
        "memory_gib": after.cluster.memory_gib != before.cluster.memory_gib,
        "rate_scale": len(after.workload) > 1.5 * len(before.workload),
        "cv_scale": not np.array_equal(after.workload.arrival_s[:50], before.workload.arrival_s[:50]),
        "slo_scale": [m.slo_s for m in after.models] != [m.slo_s for m in before.models],
    }
    assert changed[axis]
    assert not changed["devices"] or axis == "devices"
    assert not changed["memory_gib"] or axis == "memory_gib"
    assert not changed["slo_scale"] or axis == "slo_scale"
