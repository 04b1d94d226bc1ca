"""A recommendation holds what its parts say, gets better in place, and each of its sentences is computed again."""

import json
import re

import pytest

from planner import build_inputs, compare, parse_scenario
from planner.__main__ import main
from planner.scenario.file import load_scenario
from planner.scenario.schema import PlacementSection
from planner.search import upper_bound
from planner.what_if.faults import fault_what_if
from planner.what_if.points import STOPPED
from planner.what_if.recommend import FOUND, GROUPED, REPLICATED, found_section, planned, recommend
from planner.what_if.recommend_words import sentences
from planner.what_if.spare import spread, worst_node
from planner.what_if.variation import with_devices
from simulator import Cluster, Group, InputError, Placement, words

TEXT = """\
version: 1
cluster: {devices: 4, devices_per_node: 2, usd_per_device_hour: 2.5}
models:
  - {name: "m{i}", profile: bert-1.3b, count: 4, slo_scale: 5}
  - {name: big, profile: bert-2.6b, slo_s: 2}
workload: {gamma: {total_rate_per_s: 16, cv: 3, duration_s: 60, split: power_law}}
"""
SEARCH = found_section(evaluations=200)


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(TEXT)


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def plan(scenario, steps):
    return recommend(scenario, 0.95, lambda told: steps.append((told.now, told.phase)), search=SEARCH)


def said(plan, topic):
    return next(s.text for s in sentences(plan) if s.topic == topic)


def attained(scenario, placement, devices):
    groups = [{"pp": g.pp, "tp": g.tp, "models": list(g.models)} for g in placement.groups]
    placed = with_devices(scenario, devices).model_copy(
        update={"placements": [PlacementSection(name="again", groups=groups)]}
    )
    return compare(placed).outcomes[0].figures.total.slo_attainment


def test_every_placement_has_the_figures_of_a_simulation_of_its_own(scenario, plan):
    assert plan.complete and set(plan.outcomes) == {FOUND, GROUPED, REPLICATED}
    for outcome in plan.outcomes.values():
        assert outcome.figures.total.slo_attainment == attained(scenario, outcome.placement, 4)
    met = {role: o.figures.total.slo_attainment for role, o in plan.outcomes.items()}
    # The search begins with the best simple placement.
    assert met[FOUND] >= max(met[GROUPED], met[REPLICATED])
    assert plan.bound.attainment == upper_bound(build_inputs(scenario).problem).attainment >= met[FOUND]


def test_the_grouping_is_the_best_of_all_sizes(scenario, plan):
    best = plan.outcomes[GROUPED].figures.total.slo_attainment
    for pp, tp in ((2, 1), (4, 1), (1, 2), (1, 4), (2, 2)):
        section = PlacementSection(name="u", search={"algorithm": "uniform", "pp": pp, "tp": tp})
        for outcome in compare(scenario.model_copy(update={"placements": [section]})).outcomes:
            assert outcome.figures.total.slo_attainment <= best


def test_the_number_of_devices_reaches_the_target_and_what_is_excluded_cannot(scenario, plan):
    found = plan.plan
    assert found.devices and attained(scenario, found.outcome.placement, found.devices) >= 0.95
    assert found.devices <= min(n.devices for n in plan.needed if n.devices)
    assert 0 < found.excluded < found.devices
    for devices, reaches in ((found.excluded, False), (found.excluded + 1, True)):
        bound = upper_bound(build_inputs(with_devices(scenario, devices)).problem)
        assert (bound.attainment >= 0.95) == reaches


def test_the_spare_plan_keeps_the_target_without_any_node(scenario, plan):
    spare = plan.spare
    assert spare.devices % 2 == 0 and spare.devices >= plan.plan.devices
    problem = build_inputs(with_devices(scenario, spare.devices)).problem
    nodes = [f for f in fault_what_if(spare.outcome.placement, problem) if f.what == "node"]
    assert min(f.slo_attainment for f in nodes) == spare.worst.slo_attainment >= 0.95
    assert all(kept < 0.95 for devices, kept in spare.tried if devices < spare.devices)


def test_groups_are_spread_so_that_copies_lie_on_different_nodes(scenario):
    problem = build_inputs(scenario).problem
    together = Placement(tuple(Group(1, 1, (name,)) for name in ("m0", "m0", "m1", "m1")))
    apart = spread(together, problem)
    assert sorted(g.models for g in apart.groups) == sorted(g.models for g in together.groups)
    # Any node holds both models once.
    assert [{g.models for g in apart.groups[n : n + 2]} for n in (0, 2)] == [{("m0",), ("m1",)}] * 2
    torn = Placement((Group(3, 1, ("m0",)), Group(1, 1, ("m0",))))
    assert spread(torn, problem) is torn


def test_every_sentence_says_what_its_parts_hold(plan):
    met = sorted((o.figures.total.slo_attainment for o in plan.outcomes.values()), reverse=True)
    placement = said(plan, "Placement")
    assert [placement.index(words.share(value)) for value in met] == sorted(
        placement.index(words.share(value)) for value in met
    )
    assert f"at most {words.share(plan.bound.attainment)}" in placement
    devices = said(plan, "Devices")
    assert f"95{words.SPACE}% takes {words.plural(plan.plan.devices, 'device')}" in devices
    assert words.usd_per_hour(2.5 * plan.plan.devices) in devices
    assert all(str(need.devices) in devices for need in plan.needed)
    assert f"With {plan.plan.excluded}" in devices or "With one" in devices
    worst = min((f for f in plan.plan.faults if f.what == "node"), key=lambda f: f.slo_attainment)
    assert words.share(worst.slo_attainment) in said(plan, "A node lost")
    assert (f"{len(worst.orphans)} model" in said(plan, "A node lost")) == bool(worst.orphans)
    spare = said(plan, "Spare node")
    assert f"{plan.spare.devices} devices" in spare and words.share(plan.spare.worst.slo_attainment) in spare
    assert f"{plan.spare.devices // 2} nodes" in spare
    limit = said(plan, "What limits")
    model, figures = max(plan.best.figures.models, key=lambda m: m[1].requests - m[1].served)
    assert plan.bound.reason in limit and model in limit
    assert f"{figures.requests - figures.served} of its {figures.requests}" in limit


def test_the_placement_here_is_not_below_a_known_one_and_one_that_does_not_fit_is_left_out(scenario, plan):
    better, short = plan.outcomes[FOUND], found_section(evaluations=1)
    alone = recommend(scenario, 0.95, search=short).outcomes[FOUND].figures.total.served
    begun = recommend(scenario, 0.95, search=short, start=better.placement).outcomes[FOUND].figures.total.served
    assert begun >= better.figures.total.served > alone
    names = [name for section in scenario.models for name in section.names()]
    crowd = Placement(tuple(Group(1, 1, tuple(names)) for _ in range(scenario.cluster.devices)), "crowd")
    left_out = recommend(scenario, 0.95, search=SEARCH, start=crowd)
    assert left_out.outcomes[FOUND].placement.groups == plan.outcomes[FOUND].placement.groups
    assert FOUND not in left_out.reasons and left_out.complete


def test_it_gets_better_in_place(steps):
    best = [now.best.figures.total.slo_attainment for now, _ in steps if now.best]
    assert best == sorted(best)
    # The first figures come from the quickest placement.
    first = next(now for now, _ in steps if now.outcomes)
    assert set(first.outcomes) == {REPLICATED}
    assert all(s.text for s in sentences(first) if s.is_known)


@pytest.mark.parametrize("after", [0, 1, 3, 6, 12, 25, 60])
def test_stopped_anywhere_it_says_what_is_missing(scenario, after):
    calls = iter(range(10_000))
    plan = recommend(scenario, 0.95, lambda *_: next(calls) < after, search=SEARCH)
    document = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert document["complete"] is plan.complete
    for entry in sentences(plan):
        assert entry.text and (entry.is_known or entry.text.endswith("."))
    if plan.plan is None:
        assert plan.reasons["plan"] == STOPPED


def test_a_target_out_of_reach_says_how_near_it_came(scenario):
    plan = recommend(scenario, 1.0, search=SEARCH, highest=2)
    assert plan.plan.devices is None and plan.complete
    text = said(plan, "Devices")
    assert "is not reached" in text and words.share(plan.plan.best.slo_attainment) in text
    assert not next(s for s in sentences(plan) if s.topic == "Spare node").is_known
    with pytest.raises(InputError, match="No plan"):
        planned(plan, scenario)


def test_the_command_prints_the_sentences_and_writes_the_plan(scenario, plan, tmp_path, capsys):
    file, out = tmp_path / "s.yaml", tmp_path / "plan.yaml"
    file.write_text(TEXT)
    assert main(["recommend", str(file), "--target", "0.95", "--json", "--time-limit", "0.3", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [s["topic"] for s in document["sentences"]] == [s.topic for s in sentences(plan)]
    written = load_scenario(out)
    assert written.cluster.devices == document["plan"]["devices"]
    assert compare(written).outcomes[0].figures.total.slo_attainment == document["plan"]["slo_attainment"] >= 0.95
    assert main(["recommend", str(file), "--target", "2"]) == 2
    assert re.search("--target is '2'", capsys.readouterr().err)


def test_a_cluster_that_holds_no_model_is_refused_in_a_sentence(scenario):
    tight = scenario.model_copy(update={"cluster": scenario.cluster.model_copy(update={"memory_gib": 0.1})})
    with pytest.raises(InputError, match=r"\.$"):
        recommend(tight, 0.95, search=SEARCH)


def test_the_worst_node_is_none_where_no_node_is_in_use(scenario):
    problem = build_inputs(scenario).problem
    assert Cluster(4, 13.0, 2).devices_per_node == 2
    assert worst_node(fault_what_if(Placement(()), problem)) is None
