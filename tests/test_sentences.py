"""Sentences of pictures, searches and suggestions are computed again from what they speak of."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures import profile as profile_figures
from app.figures.search import describe_alternatives
from app.figures.trace import GAP_OFFSET_S, describe_gaps
from app.look import words
from app.panels.placement_suggest import suggestion_sentence
from app.panels.scenario_text import _decoded
from app.report.build import build_report
from planner import compare, dump_scenario
from planner.by_hand.suggest import suggest_changes
from planner.explain import paired_difference
from planner.scenario.link import repeatable
from planner.search.result import Alternative, Step
from simulator import Cluster, InputError, Placement, Workload, measure, simulate
from tests.test_editing import START, busy_inputs
from tests.test_report import scenario


def test_a_suggestion_names_every_model_that_loses_and_no_sure_gain_that_is_not():
    inputs = busy_inputs()
    problem = inputs.problem
    start = simulate(problem.models, START, problem.workload, problem.serving)
    before = dict(measure(start, inputs.warmup_s).models)
    found = suggest_changes(START, inputs)
    assert found.best
    for suggestion in found.best:
        result = simulate(problem.models, suggestion.placement, problem.workload, problem.serving)
        after = dict(measure(result, inputs.warmup_s).models)
        lose = {n for n in before if before[n].requests and after[n].served < before[n].served}
        assert {name for name, _ in suggestion.losers} == lose
        text = suggestion_sentence(suggestion)
        assert ("at the expense of" in text) == bool(lose)
        clear = paired_difference(start, result, inputs.warmup_s).is_clear
        assert ("no difference that this run can tell" in text) == (not clear)
        for place, (name, fall) in enumerate(suggestion.losers[:8]):
            if place < 3 or fall >= 0.01:
                assert f"{name} {words.points_difference(-fall, 0.0)}" in text


def contended(devices):
    """m0 asks for more than its device can answer, m2 for most of what its own group of two can."""
    busy = busy_inputs().problem
    arrival_s = np.concatenate([np.arange(60) * 0.5, np.arange(54) * 0.55])
    order = np.argsort(arrival_s, kind="stable")
    workload = Workload(arrival_s[order], np.repeat([0, 2], [60, 54])[order], len(busy.models))
    problem = replace(busy, workload=workload, cluster=Cluster(devices, memory_gib=10.0))
    return replace(busy_inputs(), problem=problem, targets={"m2": 0.95}), replace(START, groups=START.groups[:2])


@pytest.mark.parametrize("devices", [3, 4])
def test_a_suggestion_says_which_model_it_pushes_below_its_target_and_comes_after_those_that_push_none(devices):
    inputs, start = contended(devices)
    problem = inputs.problem
    found = suggest_changes(start, inputs)
    pushing = [bool(suggestion.pushed) for suggestion in found.best]
    # Without a spare device there is no other way, and it is said.
    assert pushing == sorted(pushing) and any(pushing) and all(pushing) == (devices == 3)
    for suggestion in found.best:
        result = simulate(problem.models, suggestion.placement, problem.workload, problem.serving)
        after = dict(measure(result, inputs.warmup_s).models)["m2"].slo_attainment
        said = "it pushes m2 below its target of 95" in suggestion_sentence(suggestion)
        assert said == (after < 0.95)


@settings(max_examples=30)
@given(shape=st.floats(0.05, 20), seed=st.integers(0, 99))
def test_gaps_are_called_bursty_or_steady_by_their_own_variation(shape, seed):
    arrival_s = np.cumsum(np.random.default_rng(seed).gamma(shape, 1.0, 300))
    gaps_s = np.diff(arrival_s) + GAP_OFFSET_S
    cv, text = gaps_s.std() / gaps_s.mean(), describe_gaps(arrival_s)
    assert ("burstier" in text) == (cv > 1.1) and ("steadier" in text) == (cv < 0.9)
    assert f"CV {words.number(cv)}" in text


def test_the_best_alternative_is_as_good_only_where_it_is():
    def step(*scores):
        return Step("phase", "what", Placement(()), 0.5, 1.0, 9, tuple(Alternative("a", s) for s in scores))

    assert describe_alternatives(step(0.5, 0.4)).endswith("is as good")
    assert describe_alternatives(step(0.49999)).endswith("is hardly different")
    assert words.points_difference(0.4, 0.5) in describe_alternatives(step(0.4))
    assert "no alternative was kept" in describe_alternatives(step())


@pytest.mark.parametrize(("ours", "theirs", "says"), [(0.2, 0.4, "by 50.0"), (0.4, 0.2, "more"), (0.3, 0.3, "has the")])
def test_a_cut_with_more_overhead_is_not_called_a_saving(ours, theirs, says):
    def plan(overhead_s):
        return SimpleNamespace(compute_s=lambda: 1.0, communication_s=lambda: overhead_s, imbalance_s=lambda: 0.0)

    assert says in profile_figures.describe_cut_comparison({4: plan(ours)}, {4: plan(theirs)}).replace("\u00a0", " ")


@pytest.mark.parametrize("answer_after_s", [0.02, None])
def test_what_a_search_took_is_told_apart_from_when_it_found_its_answer(answer_after_s):
    text = words.search_took(11.0, 300, answer_after_s).replace("\u00a0", " ")
    assert text.startswith("searched for 11.0 s, 300 placements tried")
    assert ("the answer after" in text) == (answer_after_s is not None)


def test_no_end_of_a_search_says_that_all_was_tried():
    assert not [text for text in words.STOP_REASONS.values() if re.search(r"\ball\b", text)]


def test_a_report_is_opened_on_the_page_as_it_says():
    comparison = compare(scenario([{"name": "ours", "search": {"algorithm": "greedy"}}], models=("m0", "m1")))
    text = _decoded(build_report(comparison).encode(), "report.html")
    assert text == dump_scenario(repeatable(comparison))
    with pytest.raises(InputError, match="holds no scenario"):
        _decoded(b"<!DOCTYPE html><p>another page</p>", "other.html")
