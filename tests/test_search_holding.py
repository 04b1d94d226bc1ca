"""The choice among placements that are as good in sample: what holds on other days."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.search import search
from planner.search.budget import Asked, Budget
from planner.search.holding import CHOICE, MOST_GIVEN_UP, _reason, paired_error
from planner.search.pool import MAX_LAYOUTS, Pool
from planner.search.refine import Improvement
from planner.search.run import begin_run
from planner.search.scoring import Scored, score_each
from planner.search.space import Layout, Space, build_traffic
from planner.search.training import CHOICE_S, CHOICE_SHARE, keep_time_to_choose, resample
from simulator import Workload, simulate, words
from tests.search_cases import random_layout, random_problem


def crowded(seed):
    return random_problem(seed, models=(6, 8), devices=(6, 8), requests=(4_000, 5_000))


def scored(good_at):
    return Scored(None, np.array(good_at), np.zeros(2))


def test_the_error_of_a_difference_comes_from_its_stretches():
    cuts = np.array([0, 10, 20, 30])
    first, second = scored([[5, 4], [10, 9], [15, 12]]), scored([[4, 4], [8, 8], [13, 12]])
    # Differences of the stretches: 1, 2, -1; their mean 2/3; 3/2 of the squared deviations.
    squares = sum((gained - 2 / 3) ** 2 for gained in (1, 2, -1))
    assert paired_error(first, second, cuts) == pytest.approx(math.sqrt(3 / 2 * squares))
    assert paired_error(first, first, cuts) == 0.0
    assert paired_error(scored([[5, 4]]), scored([[1, 1]]), np.array([0, 10])) == 0.0


def test_the_pool_keeps_the_best_and_spreads_over_ranks():
    pool = Pool()
    pool.floor = 10
    for good in range(2 * MAX_LAYOUTS + 20):
        holds = np.array([[bool(good >> bit & 1) for bit in range(12)]])
        pool.add(Layout(np.zeros(1, np.int64), holds), good)
    most = 2 * MAX_LAYOUTS + 19
    near = [sum(1 << bit for bit in range(12) if layout.holds[0, bit]) for layout in pool.near_best(30, 4)]
    assert near[0] == most and near[-1] == most - 30 and len(near) == 4
    assert near == sorted(near, reverse=True)
    assert len(pool.near_best(1e9, 10_000)) <= 2 * MAX_LAYOUTS


@settings(max_examples=3)
@given(seed=st.integers(0, 1000))
def test_a_choice_gives_up_no_more_than_it_may_and_says_what_it_saw(seed):
    problem = crowded(seed)
    result = search(problem, seed=seed, max_evaluations=12_000)
    best = max(step.score for step in result.steps)
    assert result.score >= best - MOST_GIVEN_UP - 1e-12
    assert result.score == result.steps[-1].score
    counted = simulate(problem.models, result.placement, problem.workload, problem.serving).slo_attainment
    assert result.score == pytest.approx(counted, abs=1e-12)
    again = search(problem, seed=seed, max_evaluations=12_000)
    assert again.placement == result.placement


def assert_reason_holds(result, totals, days):
    """The sentence of the last step, computed again; a choice there is one only where another did better."""
    chosen = result.steps[-1].phase == CHOICE
    assert chosen == (totals.max() > totals[0])
    if not chosen:
        return
    said, left = result.steps[-1].what, np.isfinite(totals).sum()
    assert f"of {totals.size} placements" in said and f"on {days} other days: " in said
    assert (f"{left} of them left after" in said) == (left < totals.size)
    assert f"days: {words.share(totals.max() / days)} of requests in time" in said
    lead = 100 * (totals.max() - totals[0]) / days
    assert f"by {lead:.2f} points" in said or (lead < 0.005 and "less than 0.01 points" in said) or lead >= 0.95


@pytest.mark.parametrize("lead", [1e-6, 1e-4, 3e-4, 0.02])
def test_two_means_that_read_the_same_are_told_apart_by_their_difference(lead):
    said = _reason(np.array([0.934, 0.934 + lead, -np.inf]), 32)
    assert said.endswith(
        {1e-6: "less than 0.01 points", 1e-4: "0.01 points", 3e-4: "0.03 points"}.get(lead, "2.0 points")
    )
    assert "of 3 placements" in said and "2 of them left after 8 other days" in said


def test_the_chosen_placement_is_the_better_one_on_the_days_it_was_judged_on(monkeypatch):
    module, seen = sys.modules["planner.search.holding"], []
    race = module._race

    def watched(run, candidates, runs):
        days, totals = race(run, candidates, runs)
        seen.append((run, candidates, days, totals))
        return days, totals

    monkeypatch.setattr(module, "_race", watched)
    problem = crowded(7)
    result = search(problem, seed=1, max_evaluations=12_000)
    run, candidates, days, totals = seen[0]
    space = Space(problem)
    for i in np.flatnonzero(np.isfinite(totals)):
        shares = []
        for day in range(days):
            other = resample(problem, module.day_seed(1, module.FIRST_SEED + day))
            placement = space.placement(candidates[i].layout)
            shares.append(simulate(problem.models, placement, other, problem.serving).slo_attainment)
        assert totals[i] / days == pytest.approx(np.mean(shares), abs=1e-9)
    assert_reason_holds(result, totals, days)
    chosen = candidates[int(totals.argmax())] if totals.max() > totals[0] else candidates[0]
    assert space.placement(chosen.layout).groups == result.placement.groups


def test_where_to_begin_is_a_floor_for_the_choice():
    problem = crowded(5)
    first = search(problem, seed=2, max_evaluations=12_000)
    again = search(problem, seed=3, max_evaluations=12_000, start=first.placement)
    assert again.score >= first.score
    refined = search(problem, "refine", seed=4, max_evaluations=8_000, placement=first.placement)
    assert refined.score >= first.score
    assert build_traffic(problem.workload).model.size > 1 / MOST_GIVEN_UP


@pytest.mark.parametrize(("limit_s", "kept_s"), [(1_000.0, CHOICE_S), (10.0, 10 * CHOICE_SHARE)])
def test_time_is_kept_once_for_the_choice_and_only_where_there_are_days_to_choose_on(limit_s, kept_s, monkeypatch):
    problem = random_problem(3)
    workload = problem.workload
    for slo_s, expected_s in ((None, kept_s), (np.full(len(workload), 1.0), 0.0)):
        own = Workload(workload.arrival_s, workload.model, workload.num_models, slo_s)
        with begin_run(Space(replace(problem, workload=own))) as run:
            run.budget = Budget(limit_s, None, Asked(lambda: True))
            for _ in range(2):
                keep_time_to_choose(run)
            # A clock that stands: as if the search began just now.
            monkeypatch.setattr(type(run.budget.tally), "seconds", 0.0)
            assert run.budget.time_left_s == pytest.approx(limit_s - expected_s)


def test_time_is_kept_after_the_first_round_that_gains_no_more_than_chance():
    problem = crowded(4)
    space = Space(replace(problem, resample=lambda _: problem.workload))
    with begin_run(space, 1) as run:
        starts = score_each(run, "a beginning", [random_layout(space, seed) for seed in range(4)])
        improvement = Improvement(run, [*range(len(space.shapes))], starts)
        for _ in range(2):
            before, keeps = improvement.best_good, run.keeps_time
            improvement.round()
            late = improvement.size - improvement.best_good
            assert run.keeps_time == (keeps or improvement.best_good - before <= math.sqrt(late))
        assert run.keeps_time
