"""Targets of single models, rules and weights in what is said of plans: each claim is computed again."""

from dataclasses import replace

import numpy as np
import pytest

from app.look.causes import causes_in_words
from app.panels.verdict import _dearer, price_of
from app.report import parts
from app.state.first_scenario import SINGLE_DEVICES
from planner import compare, parse_scenario
from planner.rules import NO_RULES
from planner.scenario.inputs import build_inputs
from planner.search import ALGORITHMS, search
from planner.targets import targets_missed
from planner.what_if.faults import fault_what_if
from planner.what_if.recommend import FEWEST, FOUND, GROUPED, REPLICATED, REPLICATION, found_section, recommend
from planner.what_if.recommend_words import sentences
from planner.what_if.variation import with_devices
from planner.wishes import Wishes
from simulator import Cluster, simulate, words

TEXT = """\
version: 1
cluster: {devices: 4, devices_per_node: 2}
models:
  - {name: "m{i}", profile: bert-1.3b, count: 4, slo_scale: 5, weight: 3}
  - {name: big, profile: bert-2.6b, slo_s: 2, target: 0.97}
workload: {gamma: {total_rate_per_s: 16, cv: 3, duration_s: 60, split: power_law}}
rules: {within_node: true}
"""
TWO = """
placements:
  - {name: more, groups: [{pp: 1, tp: 1, models: [m0, m1, m2]}, {pp: 1, tp: 1, models: [m0, m1, m3]},
                          {pp: 1, tp: 1, models: [m0, m1, m2]}, {pp: 1, tp: 1, models: [m3, m2, big]}]}
  - {name: fair, groups: [{pp: 1, tp: 1, models: [big]}, {pp: 1, tp: 1, models: [big]},
                          {pp: 1, tp: 1, models: [big]}, {pp: 1, tp: 1, models: [m0]}]}
"""


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(TEXT)


@pytest.fixture(scope="module")
def plan(scenario):
    return recommend(scenario, 0.95, search=found_section(evaluations=200))


def said(plan, topic):
    return next(s.text for s in sentences(plan) if s.topic == topic)


def missed(outcome):
    return dict(outcome.figures.models)["big"].slo_attainment < 0.97


def test_every_placement_says_whether_it_keeps_what_single_models_wish(scenario, plan):
    text = said(plan, "Placement")
    rules = build_inputs(scenario).problem.rules
    for outcome in (plan.outcomes[role] for role in (FOUND, GROUPED, REPLICATED)):
        assert not rules.broken(outcome.placement, Cluster(4, devices_per_node=2))
        part = next(p for p in text.split(". ")[0].replace(" and Groups", "; Groups").replace(" and Single", "; Single")
                    .split("; ") if p.startswith(outcome.name))  # fmt: skip
        assert ("misses 1 own target: big" in part) == missed(outcome)
        assert ("every model's own target and the placement rules" in part) == (not missed(outcome))
    assert "one of m0 as 3" in text and "big as" not in text.split("Weights")[1]


def test_those_that_keep_own_targets_rank_before_those_that_meet_more(plan):
    ranks = [(not missed(o), o.figures.total.slo_attainment) for o in plan.ranked]
    assert ranks == sorted(ranks, reverse=True) and plan.best is plan.ranked[0]
    assert said(plan, "Placement").startswith(plan.best.name)


def test_the_plan_its_worst_node_and_its_spare_say_it_too(scenario, plan):
    # The search looks for deadlines met; a simple placement that keeps the targets counts where it needs fewer.
    assert not missed(plan.plan.outcome) and plan.plan.outcome.slo_attainment >= 0.95
    assert plan.plan.devices == min(need.devices for need in plan.needed)
    assert "the plan keeps every model's own target and the placement rules" in said(plan, "Devices")
    problem = build_inputs(with_devices(scenario, plan.plan.devices)).problem
    faults = fault_what_if(plan.plan.outcome.placement, problem, kinds=("node",), targets={"big": 0.97})
    worst = min(faults, key=lambda fault: fault.slo_attainment)
    claim = "1 model then misses a target of its own" if worst.missed else "no model then misses a target of its own"
    assert claim in said(plan, "A node lost")
    problem = build_inputs(with_devices(scenario, plan.spare.devices)).problem
    faults = fault_what_if(plan.spare.placement, problem, kinds=("node",), targets={"big": 0.97})
    assert not any(fault.missed for fault in faults)
    assert said(plan, "Spare node").endswith("Every model then keeps its own target, too.")


def test_a_search_with_weights_says_which_score_is_weighted(scenario):
    weighted = search(build_inputs(scenario).problem, "alpaserve", max_evaluations=100)
    plain = search(replace(build_inputs(scenario).problem, weights={}), "alpaserve", max_evaluations=100)
    assert weighted.is_weighted and not plain.is_weighted
    inputs = build_inputs(scenario)
    result = simulate(inputs.problem.models, weighted.placement, inputs.problem.workload, inputs.problem.serving)
    counts = np.where(inputs.problem.workload.model == 4, 1, 3)
    assert weighted.score == pytest.approx(result.in_slo.mean(), abs=1e-9)
    assert max(step.score for step in weighted.steps) == pytest.approx(
        np.average(result.in_slo, weights=counts), abs=0.01
    )


def test_the_numbers_of_devices_between_excluded_and_found_are_named(plan):
    excluded, found = plan.plan.excluded, plan.plan.devices
    assert f"With {excluded} or fewer, no placement can reach" in said(plan, "Devices")
    between = f"; with {excluded + 1}" + (f" to {found - 1}" if found - 1 > excluded + 1 else "")
    assert (f"{between}, none was found that does." in said(plan, "Devices")) == (excluded + 1 < found)


def test_the_price_is_of_the_devices_that_the_groups_take():
    comparison = compare(parse_scenario((TEXT + TWO).replace("cluster: {", "cluster: {usd_per_device_hour: 3, ")))
    cluster = replace(comparison.inputs.problem.cluster, devices=8)
    assert [price_of(outcome, cluster) for outcome in comparison.outcomes] == [3 * 4, 3 * 4]
    assert _dearer(12.0, 12.0) == "same" and _dearer(12.0, 15.0) == f"{words.MINUS}{words.usd_per_hour(3)}"


@pytest.mark.parametrize("devices", [8, 9, 11])
def test_round_robin_says_how_many_devices_its_groups_leave_over(scenario, devices):
    free = replace(build_inputs(with_devices(scenario, devices)).problem, rules=NO_RULES)
    found = search(free, "round_robin", pp=4)
    left = sum(group.devices for group in found.placement.groups if group.devices != 4)
    said = f"{left} of {devices} devices make up smaller groups: groups of 4 leave them over."
    assert left == devices % 4 and (said in found.notes) == (left > 0)


def test_one_algorithm_has_one_name():
    title = ALGORITHMS["selective_replication"].title
    assert title == REPLICATION.name == SINGLE_DEVICES.name


def test_a_single_model_gives_way_to_no_other():
    assert "gave way" not in causes_in_words({"large batch": 3}, 1)
    assert "gave way to other models" in causes_in_words({"large batch": 3}, 2)


def test_without_wishes_nothing_is_said_of_them():
    free = parse_scenario(TEXT.replace(", weight: 3", "").replace(", target: 0.97", "").split("rules")[0])
    plan = recommend(free, 0.95, search=found_section(evaluations=100))
    text = " ".join(s.text for s in sentences(plan))
    assert plan.unseen.score(FEWEST) is not None
    assert not any(word in text for word in ("own target", "rules", "Weights"))


def test_the_verdict_puts_first_what_keeps_the_targets_and_says_why():
    comparison = compare(parse_scenario(TEXT + TWO))
    more, fair = comparison.outcomes
    assert more.slo_attainment > fair.slo_attainment and missed(more) and not missed(fair)
    hue, text = parts.verdict(comparison)
    assert comparison.outcomes[hue] is fair and text.startswith("fair on 4 devices")
    assert "Only fair keeps every model's own target and the placement rules and therefore stands first." in text
    wishes, cluster = Wishes.of(comparison.inputs), comparison.inputs.problem.cluster
    for kept, expected in (([fair], "It keeps"), ([fair, fair], "All of them keep"), ([more, more], "None of them")):
        assert wishes.ranking_sentence(kept, cluster).startswith(expected)
    (miss,) = targets_missed(more.figures, {"big": 0.97})
    said = f"misses 1 own target: big ({words.share(miss.slo_attainment)} of {words.goal(0.97)})"
    assert said in wishes.said_of(more, cluster)
    assert Wishes().ranking_sentence([more, fair], cluster) == Wishes().said_of(more, cluster) == ""


def test_placements_that_break_a_rule_rank_last_too():
    apart = parse_scenario(TEXT.replace("{within_node: true}", "{apart: [[m0, m1]]}") + TWO)
    comparison = compare(apart)
    more, fair = comparison.outcomes
    wishes, cluster = replace(Wishes.of(comparison.inputs), targets={}), comparison.inputs.problem.cluster
    assert wishes.said_of(more, cluster) == "breaks the placement rules"
    assert wishes.rank(fair, cluster) > wishes.rank(more, cluster)
