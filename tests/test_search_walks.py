"""A stretch of calls into the kernel, which is one task, is these calls one after the other."""

import pickle
import sys

import numpy as np

from planner.search.refine import CHANGES, PATIENCE
from planner.search.refine_kernels import Moves
from planner.search.scoring import score_layout
from planner.search.space import Space
from planner.search.training import build_training
from planner.search.walks import REJECTED_SLOTS, begin_stretch, begin_walk, walk_on
from tests.search_cases import random_layout, random_problem

WALKS = sys.modules["planner.search.walks"]
CALLS = [(3.0, 60), (2.0, 40), (1.0, 60), (0.5, 7), (0.0, 60)]


def begun(seed):
    """A walk that begins somewhere, and the other arguments of a call."""
    space = Space(random_problem(seed, models=(5, 5), devices=(6, 6), requests=(400, 400)))
    moves = Moves(
        np.arange(len(space.shapes)), space.zone, space.room, space.least, np.cumsum(list(CHANGES.values())), PATIENCE
    )
    training = build_training(space.traffic, space.catalogue.weight)
    control = np.zeros(1, np.int64)
    walk = begin_walk(score_layout(space, random_layout(space, seed), control), seed)
    return walk, (moves, space.catalogue, space.traffic, training.requests_at, space.rules, control)


def assert_same(walk, other):
    for name in ("shape", "holds", "best_shape", "best_holds", "best_good", "random", "rejected"):
        np.testing.assert_array_equal(getattr(walk, name), getattr(other, name), name)
    np.testing.assert_array_equal(walk.good_at[-1], other.good_at[-1])


def sent(thing):
    return pickle.loads(pickle.dumps(thing, protocol=5))


def test_calls_of_one_task_are_calls_one_after_the_other_here_and_elsewhere():
    for seed in range(12):
        (single, rest), (here, rest_here), (there, rest_there) = begun(seed), begun(seed), begun(seed)
        for _ in range(2):
            one = walk_on(*begin_stretch(here), CALLS, *rest_here)
            other = sent(walk_on(*sent(begin_stretch(there)), CALLS, *rest_there))
            assert other.worse.size <= sum(budget for _, budget in CALLS)
            for call, made in enumerate(CALLS):
                alone = walk_on(*begin_stretch(single), [made], *rest)
                single, tried = alone.step(0, single)
                (here, tried_here), (there, tried_there) = one.step(call, here), other.step(call, there)
                assert tried == tried_here == tried_there <= made[1]
            for walk in (here, there):
                assert_same(single, walk)
                np.testing.assert_array_equal(single.good_at, walk.good_at)


def test_what_goes_and_comes_is_what_is_new_not_the_table():
    walk, rest = begun(3)
    stretch = walk_on(*begin_stretch(walk), CALLS, *rest)
    walk, _ = stretch.step(len(CALLS) - 1, walk)
    assert 0 < np.count_nonzero(walk.rejected) == stretch.worse.size
    table = REJECTED_SLOTS * walk.rejected.itemsize
    assert max(len(pickle.dumps(thing, protocol=5)) for thing in (begin_stretch(walk), stretch)) < table / 4


def test_a_stretch_that_is_stopped_ends_after_the_call_under_way(monkeypatch):
    walk, rest = begun(4)
    control, improve, calls = rest[-1], WALKS.improve, []

    def stopping(*arguments):
        made = improve(*arguments)
        calls.append(made)
        control[0] = len(calls) == 2
        return made

    monkeypatch.setattr(WALKS, "improve", stopping)
    stretch = walk_on(*begin_stretch(walk), CALLS, *rest)
    assert len(calls) == len(stretch.steps) == 2
    walk, _ = stretch.step(1, walk)
    assert stretch.step(2, walk) == (walk, 0)
