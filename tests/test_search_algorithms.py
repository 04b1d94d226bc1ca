"""What every search algorithm keeps to."""

import numpy as np
import pytest

from planner.problem import Problem
from planner.search import ALGORITHMS, SEARCHING, NoPlacement, model_problem, search, upper_bound
from planner.search.training import resample
from simulator import Cluster, Group, InputError, Model, Placement, Profile, ProfileEntry, Schedule, simulate
from tests.search_cases import random_problem

OPTIONS = {
    "refine": {"placement": Placement(())},
    "exhaustive": {"max_placements": 5_000},
    "uniform": {"pp": 1},
    "round_robin": {"pp": 1},
    "fast_greedy": {"pp": 1},
    "greedy": {"pp": 1},
    "beam": {"pp": 1},
    "clockwork": {"window_s": 5.0},
}


def run(problem, algorithm, **changes):
    return search(problem, algorithm, max_evaluations=changes.pop("max_evaluations", 6_000), **changes)


def small(seed):
    return random_problem(seed, models=(2, 3), devices=(2, 3))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_plan_fits_and_its_score_is_the_simulators(algorithm):
    for seed in range(6):
        problem = small(seed)
        result = run(problem, algorithm, **OPTIONS.get(algorithm, {}))
        result.placement.check(problem.models, problem.cluster)
        again = simulate(problem.models, result.placement, problem.workload, problem.serving)
        assert result.score == again.slo_attainment
        if not isinstance(result.placement, Schedule):
            assert result.steps[-1].score == pytest.approx(result.score, abs=1e-12)
            assert result.score <= upper_bound(problem).attainment + 1e-12


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_gives_the_same_answer(algorithm):
    problem = small(11)
    first, second = (run(problem, algorithm, seed=5, **OPTIONS.get(algorithm, {})) for _ in range(2))
    assert first.placement == second.placement
    assert first.evaluations == second.evaluations
    assert [(s.what, s.score) for s in first.steps] == [(s.what, s.score) for s in second.steps]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_cancelled_at_any_report_gives_its_best_so_far(algorithm):
    problem = small(12)
    # What is compiled or loaded first tells how far it is too.
    SEARCHING.wait(None)
    for stop_at in (1, 2, 3, 5):
        reports = []

        def stop(progress, reports=reports, stop_at=stop_at):
            reports.append(progress)
            return len(reports) < stop_at

        try:
            result = run(problem, algorithm, on_progress=stop, **OPTIONS.get(algorithm, {}))
        except NoPlacement as nothing:
            assert nothing.stop_reason == "cancelled" and "stopped before any placement was scored" in str(nothing)
            assert len(reports) == stop_at
            continue
        result.placement.check(problem.models, problem.cluster)
        assert any(group.models for group in result.steps[-1].placement.groups)
        # On a slow machine the report that stops it may be one at its very end; no other may follow.
        assert result.stop_reason != "cancelled" or len(reports) == stop_at
        assert len(reports) <= stop_at


def test_steps_of_an_improvement_rise_and_end_at_the_answer():
    problem = random_problem(21, models=(6, 6), devices=(6, 6), requests=(600, 600))
    result = run(problem, "alpaserve")
    scores = [step.score for step in result.steps]
    assert scores == sorted(scores)
    assert len(scores) > 1
    assert result.steps[-1].placement.groups == result.placement.groups
    assert all(a.evaluations <= b.evaluations for a, b in zip(result.steps, result.steps[1:], strict=False))


def test_more_evaluations_than_allowed_are_not_made_while_improving():
    problem = random_problem(21, models=(6, 6), devices=(6, 6), requests=(600, 600))
    result = run(problem, "alpaserve", max_evaluations=2_000)
    assert result.stop_reason in ("evaluation limit", "bound met", "no improvement")
    assert result.evaluations <= 2_000


def test_a_time_limit_ends_the_search():
    problem = random_problem(22, models=(8, 8), devices=(8, 8), requests=(3000, 3000))
    assert search(problem, time_limit_s=0.2).stop_reason == "time limit"


def test_improving_never_makes_a_given_placement_worse():
    for seed in range(5):
        problem = random_problem(seed, models=(4, 4), devices=(4, 4))
        start = search(problem, "dedicated")
        better = run(problem, "refine", placement=start.placement)
        assert better.score >= start.score


def test_released_bucketing_is_at_least_as_good_as_one_bucket():
    for seed in range(5):
        problem = random_problem(seed, models=(4, 4), devices=(4, 4))
        one, two, all_of_them = (
            search(problem, bucketing=bucketing, refine=False) for bucketing in ("one", "released", "all")
        )
        assert two.score >= one.score
        assert all_of_them.score >= one.score


def test_a_wider_beam_begins_with_the_same_first_replica_and_greedy_is_width_one():
    problem = random_problem(31, models=(4, 4), devices=(4, 4))
    greedy, narrow = search(problem, "greedy", pp=1), search(problem, "beam", pp=1, width=1)
    assert greedy.placement.groups == narrow.placement.groups
    wide = search(problem, "beam", pp=1, width=4)
    assert wide.steps[1].what == greedy.steps[1].what


def test_dedicated_devices_follow_the_load():
    entries = {(1, 1): ProfileEntry(1, 1, (0.1,), (1.0,))}
    models = [Model(name, Profile("p", entries), 1.0) for name in ("busy", "calm")]
    problem = random_problem(1, models=(2, 2))
    workload = type(problem.workload)(np.arange(100.0), np.arange(100) % 4 == 0, 2)
    result = search(Problem(models, Cluster(8), workload, problem.serving), "dedicated")
    assert [group.models for group in result.placement.groups] == [("busy",)] * 6 + [("calm",)] * 2


def test_clockwork_changes_its_placement_once_a_window():
    problem = random_problem(41, requests=(200, 200))
    result = search(problem, "clockwork", window_s=problem.workload.span_s / 4)
    assert 3 <= len(result.placement.epochs) <= 5
    assert "backlog" in result.notes[-1]


def test_planning_for_resamplings_reports_unseen_days():
    problem = random_problem(51, models=(4, 4), devices=(4, 4), requests=(400, 400))
    result = run(problem, "alpaserve", resamplings=3, held_out=5, max_evaluations=1500)
    assert result.held_out.resamplings == 5
    assert 0 <= result.held_out.mean <= 1
    assert result.held_out.half_width > 0
    assert run(problem, "uniform", pp=1).held_out is None


def test_a_resampling_has_about_the_rate_of_its_model_and_differs_by_seed():
    problem = random_problem(52, models=(3, 3), requests=(3000, 3000))
    days = [resample(problem, seed) for seed in range(40)]
    counts = np.mean([day.requests_per_model() for day in days], axis=0)
    np.testing.assert_allclose(counts, problem.workload.requests_per_model(), rtol=0.15)
    assert not np.array_equal(days[0].arrival_s, days[1].arrival_s)


def too_big(devices_needed, weight_gib):
    entries = {(devices_needed, 1): ProfileEntry(devices_needed, 1, (1.0,) * devices_needed,
                                                 (weight_gib,) * devices_needed)}  # fmt: skip
    return Profile("bert-104b", entries, alone_s=5.0)


def test_a_model_that_fits_nowhere_is_named_with_its_constraint():
    big = Model("large", too_big(16, 12.1), 10.0)
    assert model_problem(big, Cluster(8)) == "bert-104b (model 'large') needs 16 devices at 13 GiB; the cluster has 8."
    assert "12.10 GiB" in model_problem(big, Cluster(16, memory_gib=8))
    assert model_problem(big, Cluster(16)) is None
    problem = random_problem(61)
    with pytest.raises(InputError, match="needs 16 devices"):
        search(Problem((big,) * 1, Cluster(8), type(problem.workload)(np.empty(0), np.empty(0), 1), problem.serving))
    models = (*problem.models, big)
    workload = type(problem.workload)(problem.workload.arrival_s, problem.workload.model, len(models))
    result = search(Problem(models, Cluster(2), workload, problem.serving), "selective_replication")
    assert result.notes == ("bert-104b (model 'large') needs 16 devices at 13 GiB; the cluster has 2.",)


@pytest.mark.parametrize(
    ("algorithm", "options", "message"),
    [
        ("alpaserv", {}, "Algorithm 'alpaserv' is not known; alpaserve, "),
        ("uniform", {"pq": 1}, "has no option 'pq'; pp, tp are allowed"),
        ("selective_replication", {"pp": 1}, "has no option 'pp'; it has none"),
        ("uniform", {"pp": 0}, "Option 'pp' of algorithm 'uniform' is 0; a whole number from 1 to 64"),
        ("uniform", {"pp": True}, "a whole number from 1 to 64"),
        ("uniform", {"pp": 3}, r"No model can run with pp 3, tp 1 on 4 devices; \(pp, tp\) \(1, 1\)"),
        ("alpaserve", {"bucketing": "some"}, "one of all, released, one"),
        ("alpaserve", {"shapes": [1]}, r"a list of pairs \(pp, tp\)"),
        ("alpaserve", {"max_evaluations": 0}, "max_evaluations is 0"),
        ("alpaserve", {"time_limit_s": 0}, "time_limit_s is 0"),
        ("exhaustive", {"max_placements": 3}, "at most 3"),
        ("dedicated", {"pp": 1}, "both pp and tp"),
        ("refine", {"placement": Placement((Group(1, 1, ("nobody",)),))}, "'nobody' is not known"),
    ],
)
def test_wrong_requests_say_what_is_allowed(algorithm, options, message):
    problem = random_problem(71, devices=(4, 4))
    with pytest.raises(InputError, match=message):
        search(problem, algorithm, **options)


def test_empty_traffic_is_planned_too():
    problem = random_problem(81)
    empty = type(problem.workload)(np.empty(0), np.empty(0, np.int32), len(problem.models))
    for algorithm in ("alpaserve", "selective_replication", "dedicated", "clockwork"):
        result = run(Problem(problem.models, problem.cluster, empty, problem.serving), algorithm)
        result.placement.check(problem.models, problem.cluster)
