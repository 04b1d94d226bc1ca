"""Scores on unseen traffic are plain simulations of it, and stand with every score of a search."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from planner import build_inputs, compare, parse_scenario
from planner.__main__ import main
from planner.what_if.robustness import FIRST_SEED, Candidate
from planner.what_if.unseen import Unseen, UnseenScore, held_out, hold_out_traffic
from planner.what_if.unseen_words import changed_sentence, unseen_cell, unseen_sentence
from simulator import Cancelled, simulate, words
from simulator.intervals import mean_half_width

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
    assert changed_sentence(made(0.94, 0.95, False)).endswith("that this does not tell from chance.")


def test_only_searched_placements_are_set_against_where_they_were_planned():
    said = unseen_sentence(made(0.96, 0.95))
    assert "3.0 points against where it was planned" in said and "b " not in said.split(": ", 1)[1]
    assert unseen_cell(made(0.96, 0.95), "a").startswith("unseen 96.0") and unseen_cell(None, "a") == ""
    assert unseen_cell(made(0.96, 0.95), "c") == ""


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
    assert held_out(replace(comparison, complete=False)) is None
    assert held_out(comparison, lambda _: False) is None
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
