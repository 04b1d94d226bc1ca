"""On small cases the search is close to the proven optimum, and nothing passes the bound."""

from math import comb

import numpy as np

from planner.problem import Problem
from planner.search import search, upper_bound
from simulator import Cluster, Model, Profile, ProfileEntry, Workload, serving_preset
from tests.search_cases import random_problem

CASES = 200


def test_alpaserve_is_within_half_a_point_of_the_optimum_and_never_above_it_or_the_bound():
    gaps = []
    for seed in range(CASES):
        problem = random_problem(seed, models=(2, 3), devices=(2, 3), requests=(40, 90))
        best = search(problem, "exhaustive")
        found = search(problem, "alpaserve", max_evaluations=1500, max_pp=64, max_tp=64)
        assert found.score <= best.score + 1e-12 <= upper_bound(problem).attainment + 2e-12
        gaps.append(best.score - found.score)
    assert np.mean(gaps) <= 0.005


def two_equal_models(devices, arrival_s, slo_s=0.35, count=2):
    profile = Profile("p", {(1, 1): ProfileEntry(1, 1, (0.1,), (10.0,))})
    models = [Model(f"m{i}", profile, slo_s) for i in range(count)]
    workload = Workload(arrival_s, np.arange(len(arrival_s)) % count, count)
    serving = serving_preset("published", response_delay_s=0.0, stage_overhead=0.0)
    return Problem(models, Cluster(devices), workload, serving)


def test_exhaustive_counts_every_sequence_of_groups():
    # Two devices that hold one of two models or nothing: 1 empty, 2 with one group, 4 with two.
    result = search(two_equal_models(2, np.arange(10.0)), "exhaustive")
    assert result.evaluations == 1 + 2 + 4
    assert result.notes[-1].startswith("All 7 placements were tried")
    # Groups of one device hold one or more of three small models: 7 sets each.
    profile = Profile("p", {(1, 1): ProfileEntry(1, 1, (0.1,), (1.0,))})
    models = [Model(f"m{i}", profile, 0.5) for i in range(3)]
    problem = Problem(models, Cluster(3), Workload(np.arange(9.0), np.arange(9) % 3, 3), serving_preset("testbed"))
    assert search(problem, "exhaustive").evaluations == sum(7**k for k in range(4)) == 1 + 7 + comb(7, 1) * 7 + 343


def test_the_bound_is_met_where_a_burst_asks_for_more_than_there_is():
    # 20 requests at once, 0.35 s to serve each in 0.1 s: 3 on each of 2 devices.
    problem = two_equal_models(2, np.zeros(20))
    bound = upper_bound(problem)
    assert bound.attainment == bound.capacity == 7 / 20
    assert search(problem, "exhaustive").score == 6 / 20


def test_the_bound_knows_deadlines_that_nobody_can_meet():
    problem = two_equal_models(2, np.arange(10.0), slo_s=0.09)
    bound = upper_bound(problem)
    assert bound.attainment == bound.deadlines == 0
    assert "cannot meet their deadline" in bound.reason


def test_the_bound_knows_that_memory_holds_one_model_only():
    problem = two_equal_models(1, np.arange(10.0))
    bound = upper_bound(problem)
    assert 0.5 <= bound.attainment == bound.memory < 0.7
    assert search(problem, "exhaustive").score == 0.5


def test_no_bound_below_one_where_everything_is_easy():
    assert upper_bound(two_equal_models(4, np.arange(10.0))).attainment == 1.0
