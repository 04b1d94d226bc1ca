"""N+1 and prices: what the sentences claim of losses, devices and dollars is computed again."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import build_inputs, compare, parse_scenario
from planner.compare import placement_section
from planner.scenario.schema import ClusterSection, PlacementSection
from planner.what_if.capacity import find_capacity
from planner.what_if.copies import with_copies
from planner.what_if.faults import fault_what_if
from planner.what_if.plan import whole_nodes
from planner.what_if.prices import HOURS_A_MONTH, Answer, answers_of, cost_sentence, costs_json, spot_sentence
from planner.what_if.spare import find_spares, spread
from planner.what_if.spare_words import spare_sentence
from planner.what_if.variation import with_devices
from simulator import Group, InputError, Placement, words

SECTIONS = tuple(
    PlacementSection(name=name, search={"algorithm": name, **more})
    for name, more in (("selective_replication", {}), ("uniform", {"pp": 2}))
)
TEXT = """
version: 1
cluster: {devices: 6, devices_per_node: 3, usd_per_device_hour: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 3, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 20, cv: 3, duration_s: 60}}
"""


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(TEXT)


@pytest.fixture(scope="module", params=[1, 3], ids=["single devices", "whole nodes"])
def plans(request, scenario):
    return request.param, find_spares(scenario, 0.9, SECTIONS, step=request.param)


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def lost(scenario, plan):
    """The failures of the plan's placement, simulated again."""
    problem = build_inputs(with_devices(scenario, plan.devices)).problem
    return [f for f in fault_what_if(plan.placement, problem) if f.what == plan.what]


def test_the_target_is_kept_whatever_is_lost_and_with_fewer_it_was_not(plans, scenario):
    step, found = plans
    for plan in found:
        assert plan.settled and plan.devices % step == 0
        assert min(f.slo_attainment for f in lost(scenario, plan)) == plan.worst.slo_attainment >= 0.9
        assert all(met < 0.9 for devices, met in plan.tried if devices < plan.devices)
        tried = [devices for devices, _ in plan.tried]
        # One step below was tried, or even with all alive nothing reaches the target on what is left.
        assert plan.devices - step in tried or plan.devices == min(tried)
    node, device = found
    assert device.devices <= node.devices


def test_the_sentence_says_devices_nodes_price_and_what_is_left(plans):
    step, found = plans
    for plan in found:
        text = plain(spare_sentence(plan, 2.0))
        assert text.startswith(f"{plan.devices} devices") and f"$ {2 * plan.devices} / h" in text
        assert f"whichever {plan.what} is lost" in text and plain(words.share(plan.worst.slo_attainment)) in text
        assert (f"({plan.devices // 3} nodes)" in text) == (plan.what == "node" and plan.devices % 3 == 0)


def test_nothing_that_bears_a_loss_has_its_reason(scenario):
    for plan in find_spares(scenario, 0.9, SECTIONS, highest=3):
        assert plan.devices is None and plan.reason in spare_sentence(plan)
        if plan.tried:
            most, met = max(plan.tried, key=lambda pair: pair[1])
            assert f"{most} devices keep {plain(words.share(met))}" in plain(spare_sentence(plan))
    (over_time,) = find_spares(scenario, 0.9, [PlacementSection(name="c", search={"algorithm": "clockwork"})], ["node"])
    assert over_time.devices is None and "changes over time" in spare_sentence(over_time)
    (stopped,) = find_spares(scenario, 0.9, SECTIONS, ["node"], on_progress=lambda *_: False)
    assert not stopped.settled and "stopped" in spare_sentence(stopped)
    with pytest.raises(InputError, match="only algorithms"):
        find_spares(scenario, 0.9, [PlacementSection(name="x", groups=[])])


@pytest.mark.parametrize("what", ["node", "device"])
def test_a_plan_is_copied_where_no_search_bears_a_loss(scenario, what, monkeypatch):
    """Round robin gives each model one group, so every loss takes the only copy of some model."""
    sections = [PlacementSection(name="Round robin", search={"algorithm": "round_robin"})]
    (found,) = find_spares(scenario, 0.9, sections, [what])
    assert found.devices and found.outcome.placement.devices <= found.devices
    # Simulated again: whatever is lost, the target is kept, and with nothing lost the figures are the plan's.
    assert min(f.slo_attainment for f in lost(scenario, found)) == found.worst.slo_attainment >= 0.9
    again = scenario.model_copy(update={"placements": [placement_section(found.placement)]})
    figures = compare(with_devices(again, found.devices)).outcomes[0].figures
    assert figures.total == found.outcome.figures.total
    monkeypatch.setattr("planner.what_if.spare.MOST_COPIED", 0)
    (without,) = find_spares(scenario, 0.9, sections, [what])
    assert without.devices is None and "No placement that was found" in without.reason


def test_copies_fill_the_cluster_whole_plans_first_then_what_has_no_other_copy(scenario):
    plan = Placement((Group(2, 1, ("m0", "m1")), Group(1, 1, ("m1",)), Group(1, 1, ("m2",))))
    for devices in range(4, 15):
        problem = build_inputs(with_devices(scenario, devices)).problem
        copied = with_copies(plan, problem)
        assert copied.groups[: 3 * (devices // 4)] == plan.groups * (devices // 4)
        assert copied.devices == devices
    requests = build_inputs(scenario).problem.workload.requests_per_model()
    alone = max(plan.groups, key=lambda g: requests[0] / 2 if "m0" in g.models else requests[2] * ("m2" in g.models))
    assert with_copies(plan, build_inputs(with_devices(scenario, 6)).problem).groups[3] == alone


def test_models_with_targets_of_their_own_keep_them_after_the_loss(scenario):
    strict = parse_scenario(TEXT.replace("slo_scale: 5}", "slo_scale: 5, target: 0.97}"))
    free, asked = (find_spares(s, 0.9, SECTIONS, ["device"])[0] for s in (scenario, strict))
    assert asked.devices > free.devices
    problem = build_inputs(with_devices(strict, asked.devices)).problem
    faults = fault_what_if(asked.placement, problem, kinds=("device",), targets=strict.targets)
    assert faults and not any(fault.missed for fault in faults)
    at_free = fault_what_if(free.placement, problem, kinds=("device",), targets=strict.targets)
    assert any(fault.missed for fault in at_free)


def test_to_be_sure_takes_no_fewer_devices(scenario):
    free, sure = (find_spares(scenario, 0.9, SECTIONS, ["device"], confident=c)[0] for c in (False, True))
    assert sure.devices >= free.devices and min(f.lowest for f in lost(scenario, sure)) >= 0.9


def test_spreading_groups_over_nodes_keeps_to_the_rules(scenario):
    pinned = parse_scenario(TEXT + "rules: {pin: {m0: [0, 0]}}\n")
    problem = build_inputs(pinned).problem
    groups = (Group(1, 1, ("m0",)), *(Group(1, 1, ("m1", "m2")) for _ in range(5)))
    placement = Placement(groups)
    assert not problem.rules.broken(spread(placement, problem), problem.cluster)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 16))
def test_whole_nodes_are_the_multiples_in_the_range(lowest, more, per_node):
    highest = lowest + more
    among = [n for n in range(lowest, highest + 1) if n % per_node == 0]
    if among:
        assert whole_nodes(lowest, highest, per_node) == (among[0], per_node)
    else:
        with pytest.raises(InputError, match="no whole number of nodes"):
            whole_nodes(lowest, highest, per_node)


def test_plans_in_whole_nodes_try_whole_nodes_only(scenario):
    lowest, step = whole_nodes(1, 24, 3)
    plan = find_capacity(scenario, 0.9, SECTIONS[:1], lowest, 24, step).best
    assert plan.devices % 3 == 0 and all(tried.devices % 3 == 0 for tried in plan.tried)


CLUSTER = ClusterSection(
    devices=8, usd_per_device_hour=3.0, reserved_usd_per_device_hour=2.0, spot_usd_per_device_hour=0.9
)


def test_every_answer_costs_its_devices_times_the_price_of_each_tariff():
    rows = costs_json([Answer("a", 20), Answer("b", None, "Nothing was found.")], CLUSTER)
    assert rows[0]["usd_per_hour"] == pytest.approx({"on_demand": 60.0, "reserved": 40.0, "spot": 18.0})
    assert rows[0]["usd_per_month"] == pytest.approx({k: 730.5 * v for k, v in rows[0]["usd_per_hour"].items()})
    assert rows[1]["usd_per_hour"] is None and rows[1]["reason"] == "Nothing was found."
    alone = CLUSTER.model_copy(update={"reserved_usd_per_device_hour": None, "spot_usd_per_device_hour": None})
    assert set(costs_json([Answer("a", 20)], alone)[0]["usd_per_hour"]) == {"on_demand"}


@given(st.integers(1, 500))
def test_the_sentence_of_the_cost_quotes_the_table(devices):
    text = plain(cost_sentence(devices, CLUSTER))
    (row,) = costs_json([Answer("a", devices)], CLUSTER)
    for tariff in row["usd_per_hour"]:
        assert plain(words.usd_per_hour(row["usd_per_hour"][tariff])) in text
        assert plain(words.usd_per_month(row["usd_per_month"][tariff])) in text
    assert cost_sentence(devices, ClusterSection(devices=8)) == ""


def test_spot_says_what_it_risks_and_what_bears_it(plans):
    _, (node, _) = plans
    text = plain(spot_sentence(CLUSTER, node))
    assert "may be taken back" in text and f"{node.devices} devices bear the loss of any one node" in text
    assert plain(words.usd_per_hour(0.9 * node.devices)) in text
    assert plain(words.usd_per_month(0.9 * node.devices * HOURS_A_MONTH)) in text
    assert "was not looked for" in spot_sentence(CLUSTER, None)
    assert "It was stopped." in spot_sentence(CLUSTER, replace(node, devices=None, reason="It was stopped."))
    assert spot_sentence(ClusterSection(devices=8, usd_per_device_hour=3.0), node) == ""


def test_the_answers_are_those_of_the_plans_the_losses_and_the_traffic(scenario, plans):
    _, found = plans
    capacity = find_capacity(scenario, 0.9, SECTIONS, 1, 12)
    answers = answers_of(capacity, None, found)
    assert [a.devices for a in answers] == [*(p.devices for p in capacity.plans), *(p.devices for p in found)]
    assert all(re.match(r"90 % (with|after any)", plain(a.question)) for a in answers)
