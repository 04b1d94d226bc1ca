"""What a change touches, simulated on a kept run, is what simulating everything gives."""

import pickle
from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numba import njit

from planner.search.kept_kernels import LEAST_TRIALS, NO_RUN, adopt, room_for_fates, spread
from planner.search.refine import CHANGES
from planner.search.refine_kernels import Moves, Walk, improve
from planner.search.rerun_kernels import rerun
from planner.search.scoring import score_layout
from planner.search.space import Layout, Space
from planner.search.training import build_training
from simulator import simulate
from simulator.kernels import EARLIEST_FREE, REJECTED, SHORTEST_QUEUE, UNPLACED
from tests.search_cases import random_layout, random_problem
from tests.test_search_rules import ruled

GO_ON = np.zeros(1, np.int64)
# Dispatch rules under which runs are kept.
KEEPING = ("shortest_queue", "earliest_free")


# What only kernels call cannot be called from here.
@njit
def keep_run(shape, holds, catalogue, traffic, rules):
    """The fate of every request on a layout, and room for those of a trial."""
    kept = room_for_fates(traffic.model.size, catalogue.latency_s.shape[2], rules)
    cuts = traffic.cuts.size - 1
    good_at, limit = np.zeros((cuts, holds.shape[1]), np.int64), np.full(cuts, np.inf)
    rows, slots = rerun(
        kept, kept, shape[:0], holds[:0], shape, holds, catalogue, traffic, rules, GO_ON, limit, good_at, good_at.copy()
    )  # fmt: skip
    spread(kept, rows, slots.size, rules)
    return kept, room_for_fates(traffic.model.size, catalogue.latency_s.shape[2], rules)


@njit
def try_change(
    kept, own, shape, holds, new_shape, new_holds, catalogue, traffic, rules, spare, good_at, trial_good_at, adopts
):
    """Whether a changed layout's run comes to the end; that is the kept one then, if it adopts it."""
    rows, slots = rerun(
        kept, own, shape, holds, new_shape, new_holds, catalogue, traffic, rules, GO_ON, spare, good_at, trial_good_at
    )  # fmt: skip
    if rows >= 0 and adopts:
        adopt(kept, own, rows, slots, rules)
    return rows >= 0


def random_space(seed, dispatches=()):
    """Cases with bursts and quiet, both presets, all dispatch rules, own deadlines, weights, and delays of others."""
    random = np.random.default_rng(seed)
    problem = random_problem(seed, models=(2, 6), devices=(2, 8), requests=(130, 700))
    if dispatches:
        problem = replace(problem, serving=replace(problem.serving, dispatch=str(random.choice(dispatches))))
    if random.random() < 0.3:
        problem = replace(problem, weights={"m0": 3, "m1": 2})
    if random.random() < 0.3:
        delays = {"start_delay_s": random.choice([0.0, 0.05]), "dispatch_delay_s": random.choice([0.0, 0.03])}
        problem = replace(problem, serving=replace(problem.serving, **delays))
    if random.random() < 0.2:
        problem = replace(problem, serving=replace(problem.serving, admission="none"))
    if random.random() < 0.3:
        # Requests that arrive together, and clocks that are equal to the last bit.
        workload = problem.workload
        problem = replace(problem, workload=replace(workload, arrival_s=np.floor(workload.arrival_s * 4) / 4))
    return Space(problem)


def changed(layout, space, random):
    """Another layout: replicas come and go, models trade places, groups move, vanish, or are dealt anew."""
    shape, holds = layout.shape.copy(), layout.holds.copy()
    groups, models = holds.shape
    kind = random.integers(6)
    if kind == 0 or groups == 0:
        return random_layout(space, int(random.integers(1 << 30)))
    if kind == 1:
        order = random.permutation(groups)
        return Layout(shape[order], holds[order])
    if kind == 2:
        stay = random.random(groups) < 0.7
        new = random_layout(space, int(random.integers(1 << 30)))
        come = random.random(new.shape.size) < 0.5
        return Layout(np.concatenate([shape[stay], new.shape[come]]), np.concatenate([holds[stay], new.holds[come]]))
    if kind == 3:
        holds[:, random.integers(models)] = False
    for _ in range(random.integers(1, 3)):
        holds[random.integers(groups), random.integers(models)] ^= True
    # A configuration that some profile lacks serves nobody.
    rows = space.catalogue.first_row[None, :] + shape[:, None]
    holds &= np.isfinite(space.catalogue.weight_gib[rows, 0])
    return Layout(shape, holds)


def requests_in_time(space, layout):
    return score_layout(space, layout, GO_ON).good_at


def assert_fates(space, layout, kept):
    """Every fate that is kept is that of the simulator."""
    problem = space.problem
    result = simulate(problem.models, space.placement(layout), problem.workload, problem.serving)
    is_placed, is_rejected = result.status != UNPLACED, result.status == REJECTED
    expected = np.where(is_placed, 2 * result.group + 2 + is_rejected, 0)
    np.testing.assert_array_equal(kept.place, expected)
    np.testing.assert_array_equal(kept.in_slo, result.in_slo)


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 20))
def test_a_chain_of_changes_scores_as_the_simulation_does(seed):
    space, random = random_space(seed, KEEPING), np.random.default_rng(seed)
    arguments = (space.catalogue, space.traffic, space.rules)
    layout = random_layout(space, seed)
    kept, own = keep_run(layout.shape, layout.holds, *arguments)
    for _ in range(12):
        good_at = requests_in_time(space, layout)
        trial_good_at = np.zeros_like(good_at)
        assert_fates(space, layout, kept)
        other = changed(layout, space, random)
        true_at = requests_in_time(space, other)
        lost = good_at.sum(axis=1) - true_at.sum(axis=1)
        spare = random.normal(0, 5, lost.size) if random.random() < 0.5 else np.full(lost.size, np.inf)
        adopts = random.random() < 0.7
        ends = try_change(
            kept, own, layout.shape, layout.holds, other.shape, other.holds, *arguments, spare, good_at, trial_good_at,
            adopts,
        )  # fmt: skip
        assert ends == (lost <= spare).all()
        if ends:
            np.testing.assert_array_equal(trial_good_at, true_at)
            layout = other if adopts else layout


@settings(max_examples=20)
@given(seed=st.integers(0, 1 << 20))
def test_improvement_goes_the_same_way_with_a_kept_run_and_without(seed):
    """Calls of fewer trials keep no run."""
    space = Space(ruled(seed)) if seed % 4 == 0 else random_space(seed)
    layout = random_layout(space, seed)
    scored = score_layout(space, layout, GO_ON)
    training = build_training(space.traffic, space.catalogue.weight)
    shapes, share = np.arange(len(space.shapes)), np.cumsum(list(CHANGES.values()))
    moves = Moves(shapes, space.zone, space.room, space.least, share, 1.0)
    ends = []
    for calls, trials in ((6, LEAST_TRIALS - 1), (2, 3 * (LEAST_TRIALS - 1))):
        walk = Walk(
            layout.shape.copy(), layout.holds.copy(), scored.good_at.copy(), layout.shape.copy(), layout.holds.copy(),
            scored.good, np.array([seed], np.uint64), np.zeros(1 << 12, np.uint64), NO_RUN,
        )  # fmt: skip
        for _ in range(calls):
            walk, evaluations = improve(
                walk, moves, space.catalogue, space.traffic, training.requests_at, space.rules, GO_ON, 2.0, trials
            )  # fmt: skip
            # Where little is left to try, a longer call looks longer for it.
            assume(evaluations == trials)
        ends.append(walk)
    small, large = ends
    assert small.kept.place.size == 0
    assert (large.kept.place.size > 0) == (space.rules.dispatch in (EARLIEST_FREE, SHORTEST_QUEUE))
    for mine, other in zip(small[:8], large[:8], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert pickle.loads(pickle.dumps(large)).kept.place.size == 0
    np.testing.assert_array_equal(large.good_at, requests_in_time(space, Layout(large.shape, large.holds)))
