"""How many workers there are changes how long a search takes, never what it finds."""

import sys
from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.scenario.file import parse_scenario
from planner.search import search
from planner.search.budget import Asked, Budget, MaxEvaluations, Stopped
from planner.search.workers import WORKERS_VARIABLE, Workers, worker_count
from planner.what_if.sweep import sweep
from simulator import InputError
from tests.search_cases import random_problem
from tests.test_search_blocks import large_problem

REFINE = sys.modules["planner.search.refine"]
SWEPT = """version: 1
models: [{name: "m-{i}", profile: bert-1.3b, count: 3, slo_scale: 3}]
cluster: {devices: 4}
workload: {gamma: {duration_s: 60, total_rate_per_s: 9, cv: 3}}
placements:
- {name: a, search: {algorithm: alpaserve, max_evaluations: 400, seed: 3}}
- {name: b, search: {algorithm: beam, max_evaluations: 300}}
"""


def found(result):
    return result.placement, result.score, result.evaluations, [(s.what, s.score, s.evaluations) for s in result.steps]


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), limit=st.integers(1, 6_000))
def test_one_two_and_sixteen_workers_find_the_same(seed, limit):
    problem = random_problem(seed, models=(4, 6), devices=(4, 6), requests=(300, 900))
    one, two, many = (found(search(problem, seed=seed, max_evaluations=limit, workers=n)) for n in (1, 2, 16))
    assert one == two == many


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [("beam", {"pp": 1}), ("clockwork", {"window_s": 5.0}), ("alpaserve", {"refine": False}), ("exhaustive", {})],
)
@pytest.mark.parametrize("limit", [20, 2_000])
def test_so_does_every_other_algorithm(algorithm, options, limit):
    problem = random_problem(5, models=(3, 3), devices=(4, 4), requests=(300, 400))
    one, many = (search(problem, algorithm, max_evaluations=limit, held_out=3, workers=n, **options) for n in (1, 16))
    assert found(one) == found(many)
    assert one.held_out is not None and many.held_out is not None
    assert astuple(one.held_out) == pytest.approx(astuple(many.held_out), abs=0, nan_ok=True)


def test_so_do_rounds_of_many_chains_and_large_clusters(monkeypatch):
    monkeypatch.setattr(REFINE, "EVALUATIONS_PER_CHAIN", 1_000)
    for problem, limit in ((random_problem(8, models=(5, 5), devices=(6, 6)), 15_000), (large_problem(), 3_000)):
        one, many = (found(search(problem, max_evaluations=limit, workers=n)) for n in (1, 16))
        assert one == many


def test_nor_does_it_matter_how_many_calls_of_a_chain_are_a_task(monkeypatch):
    monkeypatch.setattr(REFINE, "EVALUATIONS_PER_CHAIN", 1_000)
    problem = random_problem(8, models=(5, 5), devices=(6, 6))
    answers = []
    for is_long in (True, False):
        monkeypatch.setattr(Workers, "take_long_ones", lambda *_, is_long=is_long: is_long)
        answers.append([found(search(problem, max_evaluations=limit)) for limit in (9_000, 9_777)])
    assert answers[0] == answers[1]


def test_sweeps_find_the_same_with_one_worker_and_with_many(monkeypatch):
    scenario = parse_scenario(SWEPT)
    documents = []
    for count in ("1", "5"):
        monkeypatch.setenv(WORKERS_VARIABLE, count)
        documents.append(sweep(scenario, [("devices", [2, 4]), ("rate_scale", [0.5, 1])]).to_json(0.9))
    assert documents[0] == documents[1]


def test_results_are_taken_in_order_until_a_condition_ends_it_and_the_rest_is_dropped():
    budget = Budget(None, None, Asked(lambda: None))
    budget.more.append(MaxEvaluations(3))
    workers, taken = Workers(budget, count=8), []
    with pytest.raises(Stopped):
        for number in workers.each((int, (n,)) for n in range(20)):
            budget.spend(1)
            taken.append(number)
    assert taken == [0, 1, 2] and workers.control[0] == 0
    workers.close()


@pytest.mark.parametrize("given_count", ["0", "-1", "two", "1.5", "257"])
def test_a_wrong_number_of_workers_is_refused_in_a_sentence(monkeypatch, given_count):
    monkeypatch.setenv(WORKERS_VARIABLE, given_count)
    with pytest.raises(InputError, match=rf"PLANNER_WORKERS is '{given_count}'; a whole number from 1 to 256 is"):
        worker_count()
