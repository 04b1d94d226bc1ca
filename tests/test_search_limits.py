"""What limits do to a search: they end it, and nothing else."""

import itertools
import math
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from planner.search import ALGORITHMS, NoPlacement, configure, search
from planner.search.budget import Asked, Budget, MaxEvaluations, MaxSeconds, NoImprovement, Stopped, Tally
from planner.search.options import describe
from planner.search.scoring import attainment
from planner.search.space import Layout
from planner.search.workers import Workers
from simulator import InputError, Placement, simulate
from tests.search_cases import random_problem

OPTIONS = {"refine": {"placement": Placement(())}, "clockwork": {"window_s": 5.0}} | {
    name: {"pp": 1} for name in ("uniform", "round_robin", "fast_greedy", "greedy", "beam")
}


def middling(seed):
    return random_problem(seed, models=(4, 6), devices=(4, 6), requests=(300, 900))


@settings(max_examples=12)
@given(seed=st.integers(0, 1000), limit=st.integers(1, 6_000), more=st.integers(1, 10_000))
# Chains that cannot use up their shares: all that they try is known.
@example(seed=310, limit=854, more=1)
@example(seed=310, limit=854, more=6)
def test_a_longer_search_does_what_a_shorter_one_did_and_goes_on(seed, limit, more):
    problem = middling(seed)
    short = search(problem, seed=seed, max_evaluations=limit)
    long = search(problem, seed=seed, max_evaluations=limit + more)
    assert long.score >= short.score
    same = [(a.what, a.score) == (b.what, b.score) for a, b in zip(short.steps, long.steps, strict=False)]
    # The very last step of the short one may come in the middle of a call that the long one makes whole.
    assert all(same[: len(short.steps) - 1])


@settings(max_examples=12)
@given(seed=st.integers(0, 1000), limit=st.integers(1, 8_000))
def test_the_best_so_far_only_rises_and_is_what_is_answered(seed, limit):
    heard = []
    result = search(middling(seed), max_evaluations=limit, on_progress=lambda p: heard.append(p.best_score))
    scores = [step.score for step in result.steps]
    assert scores == sorted(scores) and scores[-1] == result.score
    known = [score for score in heard if score is not None]
    assert known == sorted(known)
    assert all(a.seconds <= b.seconds <= result.seconds for a, b in itertools.pairwise(result.steps))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=5)
@given(seed=st.integers(0, 1000), limit=st.integers(1, 50))
def test_an_answer_holds_a_model_or_there_is_none(algorithm, seed, limit):
    problem = random_problem(seed, models=(2, 3), devices=(2, 3))
    try:
        result = search(problem, algorithm, max_evaluations=limit, **OPTIONS.get(algorithm, {}))
    except NoPlacement as nothing:
        assert "scored no placement when its evaluation limit was reached" in str(nothing)
        return
    assert any(group.models for step in result.steps[-1:] for group in step.placement.groups)
    assert result.partial is None or "were planned before the end" in result.partial


def test_groups_that_hold_nothing_are_no_answer():
    problem = random_problem(3, models=(2, 2), devices=(2, 2))
    with pytest.raises(NoPlacement, match="stopped before any placement") as caught:
        search(problem, "uniform", pp=1, on_progress=lambda _: False)
    assert caught.value.stop_reason == "cancelled"


def test_a_schedule_that_was_not_planned_to_its_end_says_so():
    problem = random_problem(41, requests=(200, 200))
    whole = search(problem, "clockwork", window_s=problem.workload.span_s / 8)
    assert whole.partial is None
    part = search(problem, "clockwork", window_s=problem.workload.span_s / 8, max_evaluations=1)
    windows, planned = len(whole.placement.epochs), len(part.placement.epochs)
    assert part.partial and planned < windows
    assert f"{planned} of {windows} windows were planned" in part.partial and part.partial in part.notes


def test_too_many_windows_are_refused_before_they_are_cut():
    workload = random_problem(5).workload
    big = type(workload)(np.arange(30_000) * 10.0, np.zeros(30_000, np.int32), workload.num_models)
    problem = random_problem(5)
    problem = type(problem)(problem.models, problem.cluster, big, problem.serving)
    with pytest.raises(InputError, match="more than 20.000 windows"):
        search(problem, "clockwork", window_s=1.0)


def test_days_held_out_are_tested_after_the_evaluations_are_used_up():
    problem = middling(51)
    result = search(problem, max_evaluations=20, held_out=4)
    assert result.stop_reason == "evaluation limit"
    assert result.held_out.resamplings == 4


def test_days_that_are_all_alike_give_no_interval_and_not_an_interval_of_0():
    problem = middling(51)
    easy = replace(problem, models=tuple(replace(model, slo_s=1e6) for model in problem.models))
    held_out = search(easy, "uniform", pp=1, max_evaluations=20, held_out=4).held_out
    assert held_out.resamplings == 4 and held_out.mean in (0.0, 1.0) and math.isnan(held_out.half_width)


def test_conditions_end_a_search_where_they_say():
    tally = Tally(evaluations=10, improved_at=4)
    assert MaxEvaluations(11)(tally) is None and MaxEvaluations(10)(tally) == "evaluation limit"
    assert NoImprovement(7, 0.1)(tally) is None and NoImprovement(6, 0.1)(tally) == "no improvement"
    assert NoImprovement(1, 0.7)(tally) is None
    tally.began_s -= 5
    assert MaxSeconds(60.0)(tally) is None and MaxSeconds(5.0)(tally) == "time limit"
    budget = Budget(None, 10, Asked(lambda: False))
    with pytest.raises(Stopped, match="cancelled"):
        budget.check()


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_a_time_limit_is_a_finite_number_above_0(limit):
    with pytest.raises(InputError, match="time_limit_s is .*; a finite number above 0 is allowed"):
        search(middling(1), time_limit_s=limit)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_option_is_described_and_arguments_of_the_search_are_none(algorithm):
    for option in ALGORITHMS[algorithm].options:
        assert option.help and configure(algorithm, {option.name: option.default}) == configure(algorithm, {})
    assert describe(ALGORITHMS[algorithm].options_class) == ALGORITHMS[algorithm].options
    for name in ("executor", "seed", "problem", "on_progress", "run"):
        with pytest.raises(InputError, match=f"has no option '{name}'"):
            configure(algorithm, {name: 1})


def test_a_limit_before_the_first_placement_deals_models_out_and_says_so():
    problem = middling(7)
    for algorithm in ("greedy", "beam", "uniform", "selective_replication", "alpaserve"):
        result = search(problem, algorithm, time_limit_s=1e-9, **OPTIONS.get(algorithm, {}))
        assert result.stop_reason == "time limit" and any(group.models for group in result.placement.groups)
        counted = simulate(problem.models, result.placement, problem.workload, problem.serving).slo_attainment
        assert result.score == pytest.approx(counted, abs=1e-12)
        rescued = result.steps[-1].what.startswith("models dealt out") and algorithm != "alpaserve"
        assert rescued == any("before the first placement of this algorithm" in note for note in result.notes)


def test_a_first_answer_is_there_where_no_time_is_left_to_score_it_on_all(monkeypatch):
    """As with resamplings of long traffic: whatever asks the limits comes too late."""

    def too_late(run):
        raise Stopped("time limit")

    monkeypatch.setattr(sys.modules["planner.search.search"], "fall_back", too_late)
    monkeypatch.setattr(sys.modules["planner.search.baselines"], "BEGINNING_REQUESTS", 100)
    problem = middling(7)
    result = search(problem, "greedy", time_limit_s=1e-9, **OPTIONS["greedy"])
    first = problem.workload.rows(slice(0, 100))
    counted = simulate(problem.models, result.placement, first, problem.serving).slo_attainment
    assert result.score == pytest.approx(counted, abs=1e-12)
    assert any("the score is that of the first 100 requests" in note for note in result.notes)


def test_no_simulation_is_begun_that_its_time_does_not_suffice_for(monkeypatch):
    monkeypatch.setattr(sys.modules["planner.search.search"], "BATCHED_PER_S", 1.0)
    problem = middling(8)
    problem = replace(problem, serving=replace(problem.serving, max_batch_size=2))
    result = search(problem, "uniform", time_limit_s=5.0, pp=1)
    assert result.seconds < 5.0 and any("served one by one" in note for note in result.notes)


@pytest.mark.parametrize("reason", ["time limit", "cancelled"])
def test_the_grace_is_given_once(reason):
    budget = Budget(0.001, None, Asked(lambda: None))
    for late_s in (1.0, 1.15):
        budget.tally.began_s = time.monotonic() - late_s
        budget.grace(reason)
    assert budget.time_left_s == pytest.approx(0.05, abs=0.05)


def test_what_is_abandoned_keeps_a_control_that_stays_set():
    workers = Workers(Budget(0.05, None, Asked(lambda: None)))
    before, ended = workers.control, threading.Event()

    def deaf(control):
        ended.wait()
        return control[0]

    with pytest.raises(Stopped):
        list(workers.each([(deaf, (before,))], abandon=True))
    assert before[0] == 1 and workers.control is not before and workers.control[0] == 0
    ended.set()
    workers.close()


def test_a_simulation_stops_when_control_is_set():
    problem = middling(9)
    placement = search(problem, "uniform", pp=1).placement
    assert attainment(problem, placement, problem.workload, np.ones(1, np.int64)) is None


def test_the_score_of_batched_serving_is_simulated():
    problem = middling(11)
    problem = replace(problem, serving=replace(problem.serving, max_batch_size=2))
    result = search(problem, "uniform", pp=1)
    counted = simulate(problem.models, result.placement, problem.workload, problem.serving).slo_attainment
    assert result.score == pytest.approx(counted, abs=1e-12) and not result.notes


@pytest.mark.parametrize("seed", [146, 175, 182, 199])
def test_what_meets_all_deadlines_of_the_part_that_is_improved_on_counts_by_all_of_them(monkeypatch, seed):
    monkeypatch.setattr(sys.modules["planner.search.training"], "MAX_REQUESTS", 160)
    improvement, places = sys.modules["planner.search.refine"].Improvement, []
    confirm = improvement._confirm
    monkeypatch.setattr(improvement, "_confirm", lambda self: places.append(self) or confirm(self))
    problem = random_problem(seed, models=(3, 6), devices=(6, 8), requests=(600, 600))
    result = search(problem, seed=seed, max_evaluations=4_000)
    best = places[-1]._best()
    assert best.best_good == 160
    placement = places[-1].run.space.placement(Layout(best.best_shape, best.best_holds))
    found = simulate(problem.models, placement, problem.workload, problem.serving).slo_attainment
    assert result.score >= found and (result.stop_reason == "bound met") == (result.score == 1)
