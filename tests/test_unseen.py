"""Scores on unseen traffic are plain simulations of it, and stand with every score of a search."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from app.figures import capacity
from planner import build_inputs, compare, parse_scenario
from planner.__main__ import main
from planner.compare import MeasuredPlacement
from planner.scenario.schema import PlacementSection
from planner.search.training import resample
from planner.what_if import points
from planner.what_if import unseen as unseen_module
from planner.what_if.capacity import find_capacity
from planner.what_if.growth import find_growth
from planner.what_if.growth_words import growth_unseen_lines
from planner.what_if.points import Point, PointResult
from planner.what_if.recommend import FEWEST, HERE, found_section, recommend
from planner.what_if.recommend_words import sentences
from planner.what_if.robustness import FIRST_SEED, Candidate
from planner.what_if.spare import find_spares
from planner.what_if.spare_words import spare_unseen_lines
from planner.what_if.sweep import Sweep, sweep
from planner.what_if.sweep_words import sweep_unseen_lines
from planner.what_if.unseen import (
    PEAK_BINS_S,
    Calmer,
    Unseen,
    UnseenScore,
    held_out,
    hold_out_traffic,
    peaks_to_mean,
)
from planner.what_if.unseen_words import (
    calmer_sentence,
    changed_sentence,
    first_unseen_sentence,
    held_out_lines,
    unseen_cell,
    unseen_remark,
    unseen_sentence,
)
from planner.what_if.variation import vary
from simulator import Cancelled, Placement, simulate, words
from simulator.intervals import mean_half_width
from tests.figure_cases import compared, named

TEXT = """\
version: 1
name: held out
cluster: {devices: 4}
models: [{name: "m{i}", profile: bert-2.6b, count: 4, slo_scale: 4}]
workload: {gamma: {total_rate_per_s: 8, cv: 3, duration_s: 100}}
placements:
  - {name: searched, search: {algorithm: alpaserve, max_evaluations: 300}}
  - {name: by hand, groups: [{pp: 4, models: [m0, m1, m2, m3]}]}
"""


@pytest.fixture(scope="module")
def comparison():
    return compare(parse_scenario(TEXT))


def test_a_score_is_the_mean_over_draws_with_other_seeds(comparison):
    found = held_out(comparison)
    problem, gamma = comparison.inputs.problem, comparison.scenario.workload.gamma
    for outcome, score in zip(comparison.outcomes, found.scores, strict=True):
        shares = []
        for k in range(8):
            seeded = gamma.model_copy(update={"seed": FIRST_SEED + 1009 * k})
            workload = comparison.scenario.workload.model_copy(update={"gamma": seeded})
            other = build_inputs(comparison.scenario.model_copy(update={"workload": workload})).problem.workload
            shares.append(simulate(problem.models, outcome.placement, other, problem.serving).slo_attainment)
        assert score.mean == pytest.approx(np.mean(shares)) and len(set(shares)) > 1
        assert score.half_width == pytest.approx(mean_half_width(np.array(shares)))
        assert score.seen == outcome.slo_attainment
        assert score.is_searched == (outcome.search is not None)
    assert (found.days, found.is_later) == (8, False)


def peak_by_hand(arrival_s, bin_s):
    counts = np.bincount(np.floor((arrival_s - arrival_s[0]) / bin_s).astype(int))
    return counts.max() / counts.mean()


def test_draws_without_the_bursts_are_no_check_and_give_no_scores(tmp_path):
    # All come at once every 100 s, model after model: draws of single models in windows spread that.
    lines = [f"{100 * k + m / 1000 + i / 1e5},m{m}" for k in range(12) for m in range(4) for i in range(10)]
    (tmp_path / "t.csv").write_text("\n".join(["arrival_s,model", *lines]))
    gamma = "{gamma: {total_rate_per_s: 8, cv: 3, duration_s: 100}}"
    comparison = compare(parse_scenario(TEXT.replace(gamma, "{trace: {path: t.csv}}")).in_folder(tmp_path))
    found = held_out(comparison)
    draws = [resample(comparison.inputs.problem, FIRST_SEED + 1009 * k).arrival_s for k in range(8)]
    seen_s = comparison.inputs.problem.workload.arrival_s
    for column, bin_s in enumerate(PEAK_BINS_S):
        assert peaks_to_mean(seen_s)[column] == pytest.approx(peak_by_hand(seen_s, bin_s))
    ratios = {
        bin_s: peak_by_hand(seen_s, bin_s) / np.mean([peak_by_hand(d, bin_s) for d in draws]) for bin_s in PEAK_BINS_S
    }
    bin_s = max(ratios, key=ratios.get)
    drawn = np.mean([peak_by_hand(d, bin_s) for d in draws])
    assert found.calmer.bin_s == bin_s and found.calmer.drawn == pytest.approx(drawn) and found.is_no_check
    assert found.calmer.seen == pytest.approx(peak_by_hand(seen_s, bin_s)) and found.calmer.seen > 1.25 * drawn
    assert all(score.mean > score.seen for score in found.scores if score.is_searched)
    assert found.score("searched") is None and unseen_cell(found, "searched") == "" and not found.is_changed
    said = calmer_sentence(found)
    peaks = f"the busiest {bin_s:g} s bring {words.number(drawn)} times the mean, where planned"
    assert peaks in said and "8 draws like it are calmer" in said and said.endswith("no check of its bursts.")
    assert held_out_lines(found) == [said] == held_out_lines(found, {"searched": 0.99})
    assert unseen_sentence(found) == first_unseen_sentence(found) == unseen_remark(found, "searched") == said
    assert found.to_json("searched")["unseen"]["calmer"]["peak_to_mean"] == pytest.approx(drawn)


def test_draws_are_calmer_only_where_none_is_as_busy_and_by_more_than_chance():
    seen = np.array([2.0, 4.0, 2.0])
    assert Calmer.of([seen, np.array([1.9, 2.0, 2.0]), np.array([1.9, 3.0, 2.0])]) == Calmer(10.0, 4.0, 2.5)
    assert Calmer.of([seen, np.array([1.9, 1.0, 2.0]), np.array([1.9, 4.0, 2.0])]) is None
    assert Calmer.of([seen, np.array([1.9, 3.3, 2.0])]) is None
    calmer = Calmer(10.0, 4.0, 2.5)
    above, within = UnseenScore("a", True, 0.9, 0.95, 0.01), UnseenScore("a", True, 0.9, 0.905, 0.01)
    cases = [(above, calmer, True), (within, calmer, False), (above, None, False)]
    for score, by, is_none in (*cases, (replace(above, is_searched=False), calmer, False)):
        unseen = Unseen((score,), 8, False, True, by)
        assert unseen.is_no_check == is_none == (unseen.score("a") is None) == bool(calmer_sentence(unseen))


def test_the_next_stretch_of_a_trace_is_held_out_where_there_is_one():
    gamma = "{gamma: {total_rate_per_s: 8, cv: 3, duration_s: 100}}"
    trace = "{trace: {path: 'sample:bursty', duration_s: 1200, rate_scale: 2}}"
    comparison = compare(parse_scenario(TEXT.replace(gamma, trace)))
    found = held_out(comparison)
    assert found.is_later and found.days == 1 and found.how == "the next stretch of the trace"
    later = parse_scenario(TEXT.replace(gamma, trace.replace("duration_s", "start_s: 1200, duration_s")))
    problem = build_inputs(later).problem
    for outcome, score in zip(comparison.outcomes, found.scores, strict=True):
        result = simulate(problem.models, outcome.placement, problem.workload, problem.serving)
        assert score.mean == result.slo_attainment


def made(a, b, is_clear=True):
    scores = (UnseenScore("a", True, 0.99, a, 0.01), UnseenScore("b", False, 0.98, b, 0.01))
    return Unseen(scores, 8, False, is_clear)


def test_a_changed_ranking_is_said_and_how_sure_it_is():
    assert changed_sentence(made(0.96, 0.95)) == "" and not made(0.96, 0.95).is_changed
    assert changed_sentence(made(0.96, 0.96)) == ""
    said = changed_sentence(made(0.94, 0.95)).replace(words.SPACE, " ")
    assert said == (
        "On traffic that was not planned for (8 draws like it) b meets most, 95.0 % (±1.0); a, first on the traffic "
        "planned for, meets 94.0 % (±1.0)."
    )
    by_chance = made(0.94, 0.95, False)
    assert changed_sentence(by_chance) == "" and by_chance.is_turned and not by_chance.is_changed
    for say in (unseen_sentence, first_unseen_sentence):
        assert say(by_chance).endswith(
            "That b meets more there than a, first on the traffic planned for, is no difference that this tells from "
            "chance."
        )
        assert "chance" not in say(made(0.96, 0.95, False))


def test_only_searched_placements_are_set_against_where_they_were_planned():
    said = unseen_sentence(made(0.96, 0.95))
    assert "3.0 points against where it was planned" in said and "b " not in said.split(": ", 1)[1]
    assert unseen_cell(made(0.96, 0.95), "a").startswith("unseen 96.0") and unseen_cell(None, "a") == ""
    assert unseen_cell(made(0.96, 0.95), "c") == ""


def test_of_many_placements_the_best_alone_is_said_unless_another_one_is_best():
    said = first_unseen_sentence(made(0.96, 0.95)).replace(words.SPACE, " ").replace(words.MINUS, "-")
    assert said == (
        "On traffic that was not planned for (8 draws like it) a meets 96.0 % (±1.0), -3.0 points against where it was "
        "planned."
    )
    assert first_unseen_sentence(made(0.94, 0.95)) == ""


def test_where_nothing_changes_one_sentence_says_so_for_all():
    scores = (UnseenScore("a", True, 0.99, 0.99, 0.01), UnseenScore("b", True, 1.0, 1.0, math.nan))
    said = unseen_sentence(Unseen(scores, 8, False, True))
    assert said == (
        "On traffic that was not planned for (8 draws like it) searched placements meet as much as where planned."
    )
    other = replace(scores[0], mean=0.98)
    assert "1.0 points against" in unseen_sentence(Unseen((other, scores[1]), 8, False, True))


def test_draws_that_all_have_one_share_give_no_interval():
    mild = TEXT.replace("total_rate_per_s: 8", "total_rate_per_s: 0.5")
    found = held_out(compare(parse_scenario(mild)))
    best = max(found.scores, key=lambda score: score.mean)
    assert best.mean == 1.0 and math.isnan(best.half_width)
    assert unseen_cell(found, best.name) == f"unseen {words.share(1.0)}"


def test_without_a_search_or_after_stop_nothing_is_held_out(comparison):
    alone = replace(comparison, outcomes=comparison.outcomes[1:])
    assert held_out(alone) is None
    assert held_out(replace(comparison, complete=False)) == unseen_module.STOPPED
    assert held_out(comparison, lambda _: False) == unseen_module.STOPPED
    candidates = [Candidate(o.name, o.placement, o.result.serving) for o in comparison.outcomes]
    with pytest.raises(Cancelled):
        hold_out_traffic(comparison.inputs, candidates, comparison.scenario, lambda now: now.done < 2)


@pytest.mark.parametrize("command", ["simulate", "plan"])
def test_the_command_line_says_it_beside_every_score(tmp_path, capsys, command):
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    assert main([command, str(path)]) == 0
    assert "On traffic that was not planned for (8 draws like it): searched" in capsys.readouterr().out
    assert main([command, str(path), "--json"]) == 0
    for entry in json.loads(capsys.readouterr().out)["placements"]:
        unseen = entry["unseen"]
        assert 0 < unseen["slo_attainment"] < 1 and unseen["days"] == 8 and unseen["traffic"] == "drawn"


def unseen_mean(scenario, placement, serving=None):
    """The score again, by hand: the mean over draws with other seeds."""
    gamma, shares = scenario.workload.gamma, []
    for k in range(8):
        seeded = gamma.model_copy(update={"seed": FIRST_SEED + 1009 * k})
        other = scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"gamma": seeded})})
        problem = build_inputs(other).problem
        shares.append(simulate(problem.models, placement, problem.workload, problem.serving).slo_attainment)
    return np.mean(shares)


SECTIONS = parse_scenario(TEXT).placements[:1]


def test_a_number_of_devices_is_said_with_what_it_meets_on_unseen_traffic():
    scenario = parse_scenario(TEXT)
    capacity = find_capacity(scenario, 0.9, SECTIONS, 4, 12)
    (plan,) = capacity.plans
    score = capacity.unseen.score(f"searched on {plan.devices} devices")
    assert score.mean == pytest.approx(unseen_mean(scenario, plan.placement))
    assert score.seen == plan.outcome.slo_attainment >= 0.9
    assert capacity.to_json()["plans"][0]["unseen"]["slo_attainment"] == score.mean
    said = held_out_lines(capacity.unseen, capacity.targets)[0]
    assert ("so 90.0 % is" in said.replace(words.SPACE, " ")) == (score.misses(0.9) is not False)


@pytest.mark.parametrize(("mean", "half", "ends"), [
    (0.995, 0.001, "against where it was planned."),
    (0.9906, 0.004, "so 99 % is not sure."),
    (0.989, 0.002, "so 99 % is not sure."),
    (0.980, 0.002, "so 99 % is missed."),
    (0.980, math.nan, "so 99 % is missed."),
])  # fmt: skip
def test_a_target_that_is_missed_on_unseen_traffic_is_said(mean, half, ends):
    found = Unseen((UnseenScore("a", True, 0.999, mean, half),), 8, False, True)
    assert unseen_sentence(found, {"a": 0.99}).replace(words.SPACE, " ").endswith(ends)


def test_every_searched_point_of_a_sweep_has_its_score_on_unseen_traffic():
    scenario = parse_scenario(TEXT)
    swept = sweep(scenario, [("devices", (4, 8)), ("rate_scale", (0.5, 1))], scenario.placements)
    again = parse_scenario(TEXT.replace("total_rate_per_s: 8", "total_rate_per_s: 4"))
    for result in swept.results:
        score, at = swept.unseen_score(result), dict(result.point.values)
        if result.point.section.search is None:
            assert score is None
            continue
        of = again if at["rate_scale"] == 0.5 else scenario
        assert score.mean == pytest.approx(unseen_mean(of, result.outcome.placement))
        assert score.seen == pytest.approx(result.slo_attainment)
    document = swept.to_json(0.9)
    assert sum("unseen" in point for point in document["points"]) == 4 and "unseen_reason" not in document
    scores = [score for result in swept.results if (score := swept.unseen_score(result))]
    reach = [score for score in scores if score.seen >= 0.9]
    (said,) = sweep_unseen_lines(swept, 0.9)
    assert said.startswith(f"Of 4 searched points, {len(reach)} reach")
    assert f"and {sum(score.mean >= 0.9 for score in reach)} of these" in said
    low = min(scores, key=lambda score: score.mean - score.seen)
    assert ("The largest loss" in said) == (low.mean < low.seen)
    assert words.points_difference(low.mean, low.seen) in said
    crossing = swept.crossing("searched", 0.9, {"rate_scale": 0.5}, is_unseen=True)
    held = {d: s for r in swept.results if (s := swept.unseen_score(r)) and dict(r.point.values)["rate_scale"] == 0.5
            for d in [dict(r.point.values)["devices"]]}  # fmt: skip
    assert crossing == min((d for d, s in held.items() if all(held[e].mean >= 0.9 for e in held if e >= d)),
                           default=None)  # fmt: skip


def test_scores_on_unseen_traffic_are_a_second_line_of_the_same_colour_with_its_interval():
    case = compared()
    outcome = MeasuredPlacement(case.figures[0].name, case.placements[0], None, case.figures[0])
    at = [Point(PlacementSection(name="A", groups=[]), (("devices", n),)) for n in (1.0, 2.0)]
    unseen = {at[1].key: Unseen((UnseenScore(at[1].in_words, True, 0.9, 0.7, 0.05),), 8, False, True)}
    swept = Sweep((("devices", (1.0, 2.0)),), tuple(PointResult(p, outcome) for p in at), True, unseen)
    (drawn,) = capacity.curves_of_sweep(swept, 0.99)
    assert math.isnan(drawn.unseen[0]) and drawn.unseen[1] == 0.7 and drawn.unseen_half_width[1] == 0.05
    other = capacity.Curve("B", np.array([1.0, 2.0]), np.array([0.8, 0.99]), np.full(2, 0.01))
    figure = capacity.build_capacity_figure([drawn, other], 0.99)
    seen, held = named(figure, "A"), named(figure, "A, unseen traffic")
    assert held.line.color == seen.line.color and held.line.dash != seen.line.dash and held.opacity < 1
    assert math.isnan(held.y[0]) and held.y[1] == 70 and held.error_y.arrayminus[1] == pytest.approx(5, abs=1)
    assert figure.layout.yaxis.range[0] < 70
    assert "B, unseen traffic" not in [line.name for line in figure.data]


def test_a_recommended_plan_is_said_with_what_it_meets_on_unseen_traffic():
    scenario = parse_scenario(TEXT)
    plan = recommend(scenario, 0.9, search=found_section(200), highest=12)
    here, fewest = (plan.unseen.score(name) for name in (HERE, FEWEST))
    assert here.mean == pytest.approx(unseen_mean(scenario, plan.outcomes["found"].placement))
    assert fewest.mean == pytest.approx(unseen_mean(scenario, plan.plan.placement))
    document = plan.to_json()
    assert document["placements"]["found"]["unseen"]["slo_attainment"] == here.mean
    assert document["plan"]["unseen"]["slo_attainment"] == fewest.mean
    (said,) = [part.text for part in sentences(plan) if part.topic == "Other traffic"]
    assert said == unseen_sentence(plan.unseen, {FEWEST: 0.9})


def test_placements_for_more_traffic_are_said_with_what_they_meet_on_as_much_unseen_traffic(monkeypatch):
    tried = []

    def noted(inputs, candidates, *more):
        tried.append(candidates[0].placement)
        return unseen_module.hold_out(inputs, candidates, *more)

    monkeypatch.setattr(points, "hold_out", noted)
    growth = find_growth(parse_scenario(TEXT), 0.9, SECTIONS[0], 1.5, highest=24)
    named = {"bears": (growth.bears, growth.devices), "needed": (1.5, growth.needed.devices)}
    for (what, (times, devices)), placement in zip(named.items(), tried, strict=True):
        (score,) = growth.unseen[what].scores
        assert score.name == f"searched on {devices} devices with {words.times(times)} the traffic"
        assert score.mean == pytest.approx(unseen_mean(vary(parse_scenario(TEXT), "rate_scale", times), placement))
        assert growth.to_json()["unseen"][what]["slo_attainment"] == score.mean
        assert unseen_sentence(growth.unseen[what], {score.name: 0.9}) in growth_unseen_lines(growth)
    assert growth.unseen["bears"].scores[0].seen == growth.at(growth.bears).slo_attainment
    assert growth.unseen["needed"].scores[0].seen >= 0.9 and "unseen_reasons" not in growth.to_json()


def test_what_is_left_without_the_worst_is_scored_on_unseen_traffic():
    scenario = parse_scenario(TEXT)
    for plan in find_spares(scenario, 0.8, SECTIONS, highest=24):
        (score,) = plan.unseen.scores
        left = [replace(g, models=()) if i in plan.worst.groups else g for i, g in enumerate(plan.placement.groups)]
        assert score.mean == pytest.approx(unseen_mean(scenario, Placement(tuple(left))))
        assert score.seen == pytest.approx(plan.worst.slo_attainment)
        assert score.name == f"{plan.devices} devices without the worst {plan.what}"
        assert plan.to_json()["unseen"]["slo_attainment"] == score.mean
        (said,) = spare_unseen_lines(plan)
        assert said == unseen_sentence(plan.unseen, {score.name: 0.8})


def test_growth_and_losses_say_why_nothing_was_held_out(monkeypatch, tmp_path, capsys):
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    monkeypatch.setattr(unseen_module, "MOST_SIMULATED", 100)
    asked = ["capacity", str(path), "--target", "0.5", "--times", "1.5", "--spare", "device"]
    assert main(asked) == 0
    assert "up to 100 are without being asked" in " ".join(capsys.readouterr().out.split("On ")[-1].split())
    assert main([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "without being asked" in document["growth"]["unseen_reasons"]["bears"]
    assert "without being asked" in document["spare"]["device"]["unseen_reason"]


def test_what_is_too_much_or_stopped_is_said_with_its_reason(monkeypatch, tmp_path, capsys):
    scenario, path = parse_scenario(TEXT), tmp_path / "s.yaml"
    path.write_text(TEXT)
    monkeypatch.setattr(unseen_module, "MOST_SIMULATED", 100)
    for command in (["simulate"], ["plan"], ["recommend", "--target", "0.5"], ["capacity", "--target", "0.5"],
                    ["sweep", "--over", "devices=4"]):  # fmt: skip
        assert main([command[0], str(path), *command[1:]]) == 0
        assert "up to 100 are without being asked" in " ".join(capsys.readouterr().out.split())
        assert main([command[0], str(path), *command[1:], "--json"]) == 0
        assert "without being asked" in json.loads(capsys.readouterr().out)["unseen_reason"]
    stopped = sweep(scenario, [("devices", (4,))], SECTIONS, lambda now: "other traffic" not in now.phase)
    assert "100 are without" in stopped.unseen_reasons[0]
    monkeypatch.undo()
    for stop in (lambda now: "draw 2" not in now.phase, lambda now: "planned for" not in now.phase):
        stopped = sweep(scenario, [("devices", (4,))], SECTIONS, stop)
        assert stopped.complete and not stopped.unseen and stopped.unseen_reasons == (unseen_module.STOPPED,)
        capacity = find_capacity(scenario, 0.5, SECTIONS, 4, 4, on_progress=stop)
        assert capacity.complete and capacity.unseen == unseen_module.STOPPED
        plan = recommend(scenario, 0.5, stop, search=found_section(200), highest=4)
        assert not plan.complete and plan.unseen == unseen_module.STOPPED


def test_requests_with_deadlines_of_their_own_have_no_draws_and_the_sentence_says_so():
    problem = build_inputs(parse_scenario(TEXT)).problem
    own = replace(problem.workload, slo_s=np.full(len(problem.workload), 1.0))
    inputs = replace(build_inputs(parse_scenario(TEXT)), problem=replace(problem, workload=own))
    found = compare(parse_scenario(TEXT))
    candidates = [Candidate(o.name, o.placement, o.result.serving, True) for o in found.outcomes[:1]]
    said = unseen_module.hold_out(inputs, candidates, parse_scenario(TEXT))
    assert said.startswith("There is no traffic that was not planned for. Requests bring deadlines of their own")
