"""The scoring and search kernels give what plain Python and the simulator give."""

import numpy as np
import pytest

from planner.search import fill_kernels
from planner.search.filling import fill_layout
from planner.search.kept_kernels import NO_RUN
from planner.search.refine import CHANGES
from planner.search.refine_kernels import Moves, Walk, improve
from planner.search.scoring import score_layout
from planner.search.space import Space
from simulator import score_kernels, simulate
from tests.search_cases import random_layout, random_problem

GO_ON = np.zeros(1, np.int64)


def in_time(space, layout):
    """Requests in time of each model, from the simulator."""
    problem = space.problem
    result = simulate(problem.models, space.placement(layout), problem.workload, problem.serving)
    return np.bincount(problem.workload.model[result.in_slo], minlength=len(problem.models)), result


@pytest.mark.parametrize("seed", range(60))
def test_a_score_is_what_the_simulator_says(seed):
    space = Space(random_problem(seed, models=(1, 6), devices=(1, 8)))
    layout = random_layout(space, seed)
    good, result = in_time(space, layout)
    scored = score_layout(space, layout, GO_ON)
    np.testing.assert_array_equal(scored.good_at[-1], good)
    assert scored.latency_s.sum() == pytest.approx(np.nansum(result.latency_s))


@pytest.mark.parametrize("seed", range(60))
def test_scoring_what_a_change_reaches_is_scoring_everything(seed):
    space = Space(random_problem(seed, models=(3, 8), devices=(4, 8)))
    before, after = random_layout(space, seed), None
    good_at = score_layout(space, before, GO_ON).good_at
    after = before.copy()
    random = np.random.default_rng(seed)
    g, m = random.integers(before.shape.size), random.integers(before.holds.shape[1])
    affected = before.holds[g].copy()
    affected[m] = True
    after.holds[g, m] ^= True
    score_kernels.reach(after.holds, affected)
    cuts, models = good_at.shape
    ended = score_kernels.score(
        after.shape, after.holds, affected, space.catalogue, space.traffic, space.rules, GO_ON,
        np.full(cuts, np.inf), good_at, np.zeros(after.shape.size, np.int64), np.zeros(models),
    )  # fmt: skip
    assert ended
    np.testing.assert_array_equal(good_at, score_layout(space, after, GO_ON).good_at)


def test_a_run_over_its_limit_is_given_up():
    space = Space(random_problem(3, requests=(200, 200)))
    layout = random_layout(space, 3)
    cuts, models = space.traffic.cuts.size - 1, layout.holds.shape[1]
    bad = len(space.problem.workload) - score_layout(space, layout, GO_ON).good
    assert bad > 0
    for allowed, ends in ((bad, True), (bad - 1, False)):
        ended = score_kernels.score(
            layout.shape, layout.holds, np.ones(models, bool), space.catalogue, space.traffic, space.rules, GO_ON,
            np.full(cuts, float(allowed)), np.zeros((cuts, models), np.int64),
            np.zeros(layout.shape.size, np.int64), np.zeros(models),
        )  # fmt: skip
        assert ended == ends


def fill_twin(space, shapes):
    """The fast heuristic of OSDI'23 section 4.2, groups as (configuration, tuple of models)."""
    weight_gib, n = space.catalogue.weight_gib, space.requests
    groups = [(c, ()) for c in shapes]
    while True:
        layout = space.empty([c for c, _ in groups])
        for g, (_, held) in enumerate(groups):
            layout.holds[g, list(held)] = True
        good, result = in_time(space, layout)
        dispatched = np.bincount(result.group[result.group >= 0], minlength=len(groups))
        unserved = n * (1 - good / (n + 1e-6))
        by_load = sorted(range(len(groups)), key=lambda g: (dispatched[g], g))
        by_need = sorted(range(len(n)), key=lambda m: (-unserved[m], -m))
        for g, m in ((g, m) for g in by_load for m in by_need):
            c, held = groups[g]
            rows = [space.catalogue.first_row[x] + c for x in (*held, m)]
            if m not in held and (weight_gib[rows].sum(axis=0) <= space.catalogue.memory_gib).all():
                groups[g] = (c, tuple(sorted((*held, m))))
                break
        else:
            return layout
        groups.sort(key=lambda group: group[1])


@pytest.mark.parametrize("seed", range(25))
def test_filling_takes_the_steps_of_the_authors_heuristic(seed):
    space = Space(random_problem(seed, models=(2, 6), devices=(2, 6)))
    shapes = random_layout(space, seed).shape.tolist()
    filled = fill_layout(space, space.empty(shapes), GO_ON)
    twin = fill_twin(space, shapes)
    np.testing.assert_array_equal(filled.layout.shape, twin.shape)
    np.testing.assert_array_equal(filled.layout.holds, twin.holds)
    assert filled.good == in_time(space, twin)[0].sum()


@pytest.mark.parametrize("seed", range(30))
def test_groups_are_sorted_as_tuples_of_models(seed):
    random = np.random.default_rng(seed)
    groups, models = random.integers(1, 9), random.integers(1, 6)
    holds, shape = random.random((groups, models)) < 0.5, np.arange(groups)
    rows = [(tuple(np.flatnonzero(row)), int(c)) for row, c in zip(holds, shape, strict=True)]
    moved = np.arange(groups)
    fill_kernels.normalise(shape, holds, moved)
    assert [(tuple(np.flatnonzero(row)), int(c)) for row, c in zip(holds, shape, strict=True)] == sorted(rows)
    np.testing.assert_array_equal(moved, shape)


@pytest.mark.parametrize("seed", range(20))
def test_additions_keep_the_best_and_score_them_like_the_simulator(seed):
    space = Space(random_problem(seed, models=(3, 6), devices=(3, 6)))
    layout = random_layout(space, seed)
    layout.holds[:, 0] = False
    scored = score_layout(space, layout, GO_ON)
    added = np.argwhere(~layout.holds & np.isfinite(space.catalogue.weight_gib[space.catalogue.first_row[None, :]
                        + layout.shape[:, None], 0]))  # fmt: skip
    good, latency_s = fill_kernels.score_additions(
        layout.shape, layout.holds, added, scored.good_at, scored.latency_s, 2, space.catalogue, space.traffic,
        space.rules, GO_ON,
    )  # fmt: skip
    truth = []
    for g, m in added:
        trial = layout.copy()
        trial.holds[g, m] = True
        truth.append(score_layout(space, trial, GO_ON))
    for own, total_s, true in zip(good, latency_s, truth, strict=True):
        if own >= 0:
            assert own == true.good
            assert total_s == pytest.approx(true.latency_s.sum())
    n = len(space.problem.workload)
    worth = [true.good / n - true.latency_s.sum() / n / 10_000 for true in truth]
    assert all(good[b] >= 0 for b in np.argsort(worth)[::-1][:2])


def test_improvement_keeps_to_memory_and_devices_and_knows_its_score():
    for seed in range(12):
        space = Space(random_problem(seed, models=(3, 6), devices=(3, 8)))
        layout = random_layout(space, seed)
        scored = score_layout(space, layout, GO_ON)
        shapes, share = np.arange(len(space.shapes)), np.cumsum(list(CHANGES.values()))
        moves = Moves(shapes, space.zone, space.room, space.least, share, 1.0)
        walk = Walk(
            layout.shape.copy(), layout.holds.copy(), scored.good_at.copy(), layout.shape.copy(), layout.holds.copy(),
            scored.good, np.array([seed], np.uint64), np.zeros(256, np.uint64), NO_RUN,
        )  # fmt: skip
        requests_at = np.array(
            [np.bincount(space.traffic.model[:cut], minlength=layout.holds.shape[1]) for cut in space.traffic.cuts[1:]]
        )
        for _ in range(20):
            walk, _ = improve(
                walk, moves, space.catalogue, space.traffic, requests_at, space.rules, GO_ON, 2.0, 20
            )  # fmt: skip
            current = type(layout)(walk.shape, walk.holds)
            space.placement(current).check(space.problem.models, space.problem.cluster)
            np.testing.assert_array_equal(walk.good_at[-1], in_time(space, current)[0])
        best = type(layout)(walk.best_shape, walk.best_holds)
        space.placement(best).check(space.problem.models, space.problem.cluster)
        assert walk.best_good == in_time(space, best)[0].sum() >= scored.good
