"""On small cases the search is close to the proven optimum, and nothing passes the bound."""

from math import comb

import numpy as np

from planner.problem import Problem
from planner.search import search, upper_bound
from planner.search.bound_program import BoundProgram
from planner.search.space import Space
from simulator import Cluster, Model, Profile, ProfileEntry, Workload, serving_preset, words
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
    # Two devices that hold one of two models or nothing: 1 empty, 2 with one group, 4 with two; and the one that the
    # search begins with.
    result = search(two_equal_models(2, np.arange(10.0)), "exhaustive")
    assert result.evaluations == 1 + 2 + 4 + 1
    assert result.notes[-1].startswith("All 7 placements were tried")
    # Groups of one device hold one or more of three small models: 7 sets each.
    profile = Profile("p", {(1, 1): ProfileEntry(1, 1, (0.1,), (1.0,))})
    models = [Model(f"m{i}", profile, 0.5) for i in range(3)]
    problem = Problem(models, Cluster(3), Workload(np.arange(9.0), np.arange(9) % 3, 3), serving_preset("testbed"))
    assert search(problem, "exhaustive").evaluations - 1 == sum(7**k for k in range(4)) == 1 + 7 + comb(7, 1) * 7 + 343


def test_the_bound_is_met_where_a_burst_asks_for_more_than_there_is():
    # 20 requests at once, 0.35 s to serve each in 0.1 s: 3 on each of 2 devices.
    problem = two_equal_models(2, np.zeros(20))
    bound = upper_bound(problem)
    assert bound.attainment == bound.capacity == 7 / 20
    assert search(problem, "exhaustive").score == 6 / 20


def test_a_steady_overload_is_not_called_a_burst():
    # 30 requests/s of 0.1 s: 3 devices of work in 100 s and the 0.35 s of the last one.
    arrival_s = np.arange(3000) / 30
    bound = upper_bound(two_equal_models(2, arrival_s))
    load = 3000 * 0.1 / (arrival_s[-1] + 0.35)
    share = words.share(np.floor(2 * (arrival_s[-1] + 0.35) / 0.1) / 3000)
    assert bound.reason == (
        f"The steady load alone keeps {words.fixed(load, 0)} devices busy; there are 2, enough for {share} of the "
        f"requests at most."
    )
    # Bursts of 30 within the same load lose more, and are named beside it.
    bursty = upper_bound(two_equal_models(2, np.floor(arrival_s)))
    assert f"and with its bursts for {words.share(bursty.capacity)}." in bursty.reason
    assert bursty.capacity < bound.capacity and "The steady load alone keeps" in bursty.reason
    # Where the mean load fits, or all comes within one deadline, bursts are what limits.
    for calm in (two_equal_models(4, np.floor(arrival_s)), two_equal_models(2, np.zeros(20))):
        assert upper_bound(calm).reason.startswith("Bursts ask for more device time")


def test_a_steady_load_is_counted_at_the_best_batch():
    entry = ProfileEntry(1, 1, (0.1,), (1.0,), batches={4: (0.2,)})
    models = [Model("m", Profile("p", {(1, 1): entry}), 1.0)]
    arrival_s = np.arange(3000) / 30
    for batch, devices in ((1, 3.0), (4, 1.5)):
        serving = serving_preset("published", response_delay_s=0.0, stage_overhead=0.0, max_batch_size=batch)
        problem = Problem(models, Cluster(1), Workload(arrival_s, np.zeros(3000, int), 1), serving)
        load = devices * 100 / (arrival_s[-1] + 1)
        shown = words.fixed(load, 0 if batch == 1 else 1)
        assert f"keeps {shown} devices busy; there are 1" in upper_bound(problem).reason


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
    bound = upper_bound(two_equal_models(4, np.arange(10.0)))
    assert bound.attainment == 1.0 and bound.reason.startswith("Nothing rules out")


def test_the_program_bounds_the_optimum_and_is_never_above_the_parts():
    below = 0
    for seed in range(60):
        problem = random_problem(seed, models=(2, 3), devices=(2, 3), requests=(40, 90))
        best, parts = search(problem, "exhaustive").score, upper_bound(problem)
        bound = upper_bound(problem, time_limit_s=0.5)
        assert best <= bound.attainment + 1e-9
        assert bound.attainment <= parts.attainment
        assert parts.together is None and bound.together <= 1
        below += bound.attainment < parts.attainment - 1e-6
    assert below >= 2


def test_the_slope_of_the_dual_is_that_of_its_value():
    problem = random_problem(3, models=(3, 3), devices=(3, 3), requests=(90, 90))
    program = BoundProgram(Space(problem), np.full(len(problem.workload), 0.8))
    rng = np.random.default_rng(0)
    prices = rng.uniform(0.1, 0.9, program.variables)
    _, slope = program.evaluate(prices, 0.05)
    for i in rng.integers(0, prices.size, 40):
        step = np.zeros(prices.size)
        step[i] = 1e-6
        difference = program.evaluate(prices + step, 0.05)[0] - program.evaluate(prices - step, 0.05)[0]
        assert np.isclose(difference / 2e-6, slope[i], rtol=1e-4, atol=1e-4)


def test_the_smoothed_dual_is_never_below_the_dual_and_any_prices_bound():
    problem = random_problem(5, models=(3, 3), devices=(2, 2), requests=(60, 60))
    best = search(problem, "exhaustive").score * len(problem.workload)
    serving = problem.serving
    slo_s = np.array([model.slo_s for model in problem.models])[problem.workload.model]
    waits_s = serving.client_delay_s + serving.dispatch_delay_s + serving.start_delay_s + serving.response_delay_s
    program = BoundProgram(Space(problem), slo_s - waits_s)
    rng = np.random.default_rng(1)
    for _ in range(50):
        prices = rng.exponential(0.3, program.variables)
        exact = program.evaluate(prices, 0.0)[0]
        assert best <= exact + 1e-9 <= program.evaluate(prices, 0.02)[0] + 2e-9
