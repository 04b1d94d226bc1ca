"""What could not be computed has a reason and never a figure; more devices are never worse."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from planner import build_inputs, compare, dump_scenario, load_scenario, parse_scenario
from planner.__main__ import main
from planner.compare import place
from planner.scenario.schema import PlacementSection
from planner.search import NoPlacement
from planner.what_if import points
from planner.what_if.capacity import HEADROOM_LIMIT, find_capacity
from planner.what_if.sweep import sweep
from simulator import InputError

SCENARIO = """\
version: 1
cluster: {devices: 8, devices_per_node: 4, usd_per_device_hour: 3}
models:
  - {name: "m{i}", profile: bert-1.3b, count: 4, slo_scale: 5}
  - {name: big, profile: bert-6.7b, slo_s: 2}
workload: {gamma: {total_rate_per_s: 30, cv: 4, duration_s: 60, split: power_law}}
placements:
  - name: found
    search: {algorithm: alpaserve, max_evaluations: 400}
"""


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(SCENARIO)


@pytest.fixture
def nothing_in_time(monkeypatch):
    """Searches end at their time limit with nothing in hand on fewer than 4 devices."""
    module = sys.modules["planner.compare"]
    search = module.search

    def cut_short(problem, *args, **options):
        if problem.cluster.devices < 4 and options.get("start") is None:
            raise NoPlacement("AlpaServe", "time limit")
        return search(problem, *args, **options)

    monkeypatch.setattr(module, "search", cut_short)


@pytest.mark.parametrize("target", [0.9, 0.99])
def test_the_answer_does_not_depend_on_the_range(scenario, target):
    answers = {
        (low, high): find_capacity(scenario, target, lowest=low, highest=high).best
        for low, high in ((1, 18), (1, 32), (5, 32), (1, 64))
    }
    devices = {plan.devices for plan in answers.values()}
    assert len(devices) == 1 and devices.pop() > 5
    assert len({plan.outcome.figures.total.slo_attainment for plan in answers.values()}) == 1
    for plan in answers.values():
        tried = [t.slo_attainment for t in plan.tried if t.slo_attainment is not None]
        assert tried == sorted(tried)


@pytest.mark.parametrize(("axis", "values"), [("devices", (2, 4, 5, 6, 9, 12)), ("memory_gib", (6, 8, 13, 20, 30))])
def test_more_of_the_cluster_is_never_worse(scenario, axis, values):
    swept = sweep(scenario, [(axis, values)])
    attained = [r.slo_attainment for r in swept.results if r.outcome]
    assert len(attained) > 3 and attained == sorted(attained)


@pytest.mark.parametrize(
    ("axis", "values"), [("slo_scale", (8, 3, 5)), ("rate_scale", (0.5, 2, 1)), ("cv_scale", (1, 2))]
)
def test_an_easier_point_is_as_good_as_the_placement_of_the_harder_one(scenario, axis, values):
    results = {dict(r.point.values)[axis]: r for r in sweep(scenario, [(axis, values)]).results}
    from_hard = sorted(values, reverse=axis != "slo_scale")
    for hard, easy in zip(from_hard, from_hard[1:], strict=False):
        groups = results[hard].outcome.placement
        section = points.PlacementSection(name="kept", groups=[
            {"pp": g.pp, "tp": g.tp, "models": list(g.models)} for g in groups.groups
        ])  # fmt: skip
        kept = sweep(scenario, [(axis, (easy,))], [section]).results[0]
        assert results[easy].slo_attainment >= kept.slo_attainment


def test_a_search_that_found_nothing_has_a_sentence_and_no_figure(scenario, nothing_in_time):
    small = scenario.model_copy(update={"cluster": scenario.cluster.model_copy(update={"devices": 2})})
    with pytest.raises(NoPlacement, match="time limit was reached; give it more time"):
        place(small.placements[0], build_inputs(small))
    comparison = compare(small)
    assert comparison.complete and not comparison.outcomes
    (entry,) = comparison.to_json()["placements"]
    assert entry["slo_attainment"] is None and "time limit" in entry["reason"]


def test_an_answer_below_which_a_search_found_nothing_is_not_settled(scenario, nothing_in_time):
    plan = find_capacity(scenario, 0.3, highest=16).best
    assert plan.devices == 4 and not plan.settled
    assert "Fewer devices may do" in plan.reasons["devices"]
    below = [t.slo_attainment for t in plan.tried if t.devices < 4]
    # One device is excluded whatever the placement, so it is not tried.
    assert plan.excluded == 1 and below == [None] * 2


def test_one_impossible_point_takes_no_other_along(scenario):
    swept = sweep(scenario, [("devices", (0, 4, 4.5, 6, 1e5))])
    by_devices = {dict(r.point.values)["devices"]: r for r in swept.results}
    assert [d for d, r in by_devices.items() if r.outcome] == [4, 6]
    assert all("devices=" in r.reason for d, r in by_devices.items() if d not in (4, 6))
    assert by_devices[6].slo_attainment >= by_devices[4].slo_attainment
    drawn = json.loads(json.dumps(swept.to_json(0.9), allow_nan=False))
    assert [p["slo_attainment"] is None for p in drawn["points"]] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ([PlacementSection(name="a", search={"algorithm": "magic"})], "'magic' is not known"),
        ([PlacementSection(name="a", search={"algorithm": "uniform"})] * 2, "called 'a'"),
    ],
)
def test_a_wrong_algorithm_and_a_name_used_twice_are_refused(scenario, sections, words):
    with pytest.raises(InputError, match=words):
        find_capacity(scenario, 0.9, sections, highest=4)
    with pytest.raises(InputError, match=words):
        sweep(scenario, [("devices", (2, 4))], sections)


def test_traffic_that_is_too_much_for_headroom_keeps_the_plan(scenario, monkeypatch):
    vary = points.vary

    def limited(varied, axis, value):
        if axis == "rate_scale" and value > 1.1:
            raise InputError("The workload would have too many requests.")
        return vary(varied, axis, value)

    monkeypatch.setattr(points, "vary", limited)
    plan = find_capacity(scenario, 0.5, highest=8).best
    assert plan.devices is not None and 1 <= plan.headroom <= 1.1
    assert "too many requests" in plan.reasons["headroom_rate_scale"]


def test_headroom_at_its_limit_says_that_there_may_be_more(scenario):
    calm = parse_scenario(SCENARIO.replace("total_rate_per_s: 30", "total_rate_per_s: 0.5"))
    plan = find_capacity(calm, 0.05, highest=8).best
    assert plan.headroom == HEADROOM_LIMIT and "At least" in plan.reasons["headroom_rate_scale"]


@pytest.mark.parametrize("stop_at", range(0, 30, 3))
def test_a_capacity_search_that_is_stopped_says_what_is_missing(scenario, stop_at):
    sections = [PlacementSection(name=a, search={"algorithm": a}) for a in ("uniform", "selective_replication")]
    calls = iter(range(1000))
    found = find_capacity(scenario, 0.9, sections, highest=16, on_progress=lambda *_: next(calls) < stop_at)
    assert {plan.name for plan in found.plans} == {"uniform", "selective_replication"}
    for plan in found.plans:
        document = json.loads(json.dumps(plan.to_json(), allow_nan=False))
        for key in ("devices", "usd_per_hour", "headroom_rate_scale", "slo_attainment"):
            assert document[key] is not None or document["reasons"][key]
        assert plan.faults or plan.reasons["faults"]


def test_without_a_price_there_is_no_cost_of_zero():
    free = parse_scenario(SCENARIO.replace(", usd_per_device_hour: 3", ""))
    plan = find_capacity(free, 0.5, highest=8).best
    assert plan.devices is not None and plan.usd_per_hour is None
    assert "price" in plan.reasons["usd_per_hour"]


def test_deadlines_that_requests_bring_along_are_scaled_with_those_of_their_models(tmp_path):
    random = np.random.default_rng(3)
    arrival_s = np.sort(random.uniform(0, 60, 400))
    model, slo_s = random.integers(0, 2, 400), np.where(random.random(400) < 0.5, random.uniform(0.3, 1, 400), np.nan)
    table = pd.DataFrame({"arrival_s": arrival_s, "model": np.where(model, "b", "a"), "slo_s": slo_s})
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "s.yaml").write_text(
        "version: 1\ncluster: {devices: 2}\n"
        "models: [{name: a, profile: bert-1.3b, slo_scale: 4}, {name: b, profile: bert-2.6b, slo_s: 1}]\n"
        "workload: {trace: {path: t.csv, map_models: by_name}}\n"
        "placements: [{name: p, groups: [{pp: 2, models: [a, b]}]}]\n"
    )
    scenario = load_scenario(tmp_path / "s.yaml")
    seen = {}
    evaluate = points.evaluate

    def watched(placement, found, inputs, on_progress=None):
        seen[inputs.problem.models[0].slo_s] = inputs.problem
        return evaluate(placement, found, inputs, on_progress)

    points.evaluate = watched
    try:
        swept = sweep(scenario, [("slo_scale", (2.0, 4.0, 8.0))])
    finally:
        points.evaluate = evaluate
    before = build_inputs(scenario).problem
    for problem in seen.values():
        ratio = np.array([new.slo_s / old.slo_s for new, old in zip(problem.models, before.models, strict=True)])
        np.testing.assert_allclose(problem.workload.slo_s, before.workload.slo_s * ratio[before.workload.model])
    attained = [r.slo_attainment for r in swept.results]
    assert len(seen) == 3 and attained[0] < attained[2]


def test_a_schedule_that_was_not_planned_to_its_end_is_marked(scenario, tmp_path, capsys):
    """The sentence stands beside the figure in the comparison, its JSON and the tables of the commands."""
    section = PlacementSection.model_validate(
        {"name": "windows", "search": {"algorithm": "clockwork", "window_s": 10, "max_evaluations": 1}}
    )
    partly = scenario.model_copy(update={"placements": [section]})
    (outcome,) = compare(partly).outcomes
    planned, windows = len(outcome.placement.epochs), 6
    assert planned < windows and f"{planned} of {windows} windows were planned" in outcome.remark
    (entry,) = compare(partly).to_json()["placements"]
    assert entry["remark"] == outcome.remark and entry["search"]["partial"] is True
    path = tmp_path / "windows.yaml"
    path.write_text(dump_scenario(partly), encoding="utf-8")
    for command in ("simulate", "plan"):
        assert main([command, str(path)]) == 0
        assert outcome.remark in capsys.readouterr().out
    plan = find_capacity(partly, 0.01, highest=8).best
    assert "windows were planned" in plan.reasons["slo_attainment"]
