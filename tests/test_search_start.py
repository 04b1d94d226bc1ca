"""A search that begins with a given placement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.problem import Problem
from planner.search import ALGORITHMS, search
from planner.search.space import Space
from simulator import Cluster, Group, InputError, Placement, Schedule, simulate
from tests.search_cases import random_layout, random_problem

OPTIONS = {"refine": {"placement": Placement(())}, "clockwork": {"window_s": 5.0}} | {
    name: {"pp": 1} for name in ("uniform", "round_robin", "fast_greedy", "greedy", "beam")
}


def random_start(problem, seed):
    space = Space(problem)
    return space.placement(random_layout(space, seed))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), limit=st.integers(1, 300))
def test_the_answer_never_scores_below_the_start(algorithm, seed, limit):
    problem = random_problem(seed, models=(2, 3), devices=(2, 3))
    start = random_start(problem, seed)
    own = simulate(problem.models, start, problem.workload, problem.serving).slo_attainment
    found = search(problem, algorithm, max_evaluations=limit, start=start, **OPTIONS.get(algorithm, {}))
    assert found.score >= own
    again = simulate(problem.models, found.placement, problem.workload, problem.serving)
    assert found.score == again.slo_attainment
    if not isinstance(found.placement, Schedule):
        found.placement.check(problem.models, problem.cluster)


def test_a_placement_found_for_fewer_devices_is_where_more_devices_begin():
    problem = random_problem(7, models=(6, 6), devices=(4, 4), requests=(600, 600))
    few = search(problem, max_evaluations=3_000)
    wider = Problem(problem.models, Cluster(6, memory_gib=problem.cluster.memory_gib), problem.workload,
                    problem.serving)  # fmt: skip
    more = search(wider, max_evaluations=500, start=few.placement)
    assert more.steps[0].placement.groups == few.placement.groups
    assert more.steps[0].score == pytest.approx(few.score, abs=1e-12)
    assert more.score >= few.score


def test_improvement_goes_on_from_the_start():
    problem = random_problem(21, models=(6, 6), devices=(6, 6), requests=(600, 600))
    good = search(problem, max_evaluations=6_000)
    again = search(problem, max_evaluations=6_000, seed=1, start=good.placement)
    assert again.score >= good.score
    assert np.all(np.diff([step.score for step in again.steps]) >= 0)


def test_a_start_that_does_not_fit_is_refused():
    problem = random_problem(3)
    start = Placement((Group(1, 1, ("nobody",)),))
    with pytest.raises(InputError, match="'nobody' is not known"):
        search(problem, start=start)
