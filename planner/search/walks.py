"""The walks of an improvement's chains: where they begin, and what one does between two meetings, in one task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.search.kept_kernels import NO_RUN
from planner.search.refine_kernels import Moves, Walk, improve
from planner.search.scoring import Scored
from simulator.arrays import I64, U64, Rules
from simulator.score_kernels import Catalogue, Traffic

REJECTED_SLOTS = 1 << 14
_NONE_WORSE = np.empty(0, np.uint64)


def random_state(seed: int | list[int]) -> U64:
    """uint64 (1,), where a walk's random numbers begin."""
    return np.random.default_rng(seed).integers(0, 1 << 63, 1, dtype=np.uint64)


def begin_walk(start: Scored, seed: int) -> Walk:
    """A walk that begins at a scored layout."""
    shape, holds = start.layout.shape, start.layout.holds
    return Walk(
        shape.copy(), holds.copy(), start.good_at.copy(), shape.copy(), holds.copy(), start.good, random_state(seed),
        np.zeros(REJECTED_SLOTS, np.uint64), NO_RUN,
    )  # fmt: skip


def another_walk(walk: Walk, random: U64) -> Walk:
    """A walk that goes on from where another stands, with random numbers of its own."""
    rejected = np.zeros(REJECTED_SLOTS, np.uint64)
    return walk._replace(good_at=walk.good_at.copy(), random=random, rejected=rejected, kept=NO_RUN)


@dataclass(frozen=True, eq=False)
class Stretch:
    """What calls into the kernel made of a walk, one after the other.

    Attributes:
        steps: the walk after each call and how many layouts that scored. Tables of layouts found worse are empty, and
            requests in time of all but the last are those at the last cut.
        worse: uint64, what is new in the table of layouts found worse.
    """

    steps: list[tuple[Walk, int]]
    worse: U64

    def step(self, call: int, walk: Walk) -> tuple[Walk, int]:
        """The walk after a call, with the table of the walk that the stretch began at; changed in place.

        Where the stretch was stopped before, the walk as it is, and nothing scored.
        """
        if call >= len(self.steps):
            return walk, 0
        _note(walk.rejected, self.worse)
        after, evaluations = self.steps[call]
        return after._replace(rejected=walk.rejected), evaluations


def begin_stretch(walk: Walk) -> tuple[Walk, U64]:
    """The first arguments of `walk_on`: the table of layouts found worse goes as what is in it."""
    return walk._replace(rejected=_NONE_WORSE), walk.rejected[walk.rejected != 0]


def walk_on(
    walk: Walk, worse: U64, calls: Sequence[tuple[float, int]], moves: Moves, catalogue: Catalogue, traffic: Traffic,
    requests_at: I64, rules: Rules, control: I64,
) -> Stretch:  # fmt: skip
    """Let a walk make some calls into the kernel.

    Args:
        walk, worse: see `begin_stretch`; generator and kept run are changed in place.
        calls: temperature and layouts to score, of each.
        moves, ...: see `improve`.
    """
    table = np.zeros(REJECTED_SLOTS, np.uint64)
    _note(table, worse)
    known, walk = table.copy(), walk._replace(rejected=table)
    steps: list[tuple[Walk, int]] = []
    for temperature, budget in calls:
        walk, evaluations = improve(
            walk, moves, catalogue, traffic, requests_at, rules, control, temperature, budget
        )  # fmt: skip
        steps.append((walk._replace(rejected=_NONE_WORSE), evaluations))
        if control[0]:
            break
    before = [(walk._replace(good_at=walk.good_at[-1:]), evaluations) for walk, evaluations in steps[:-1]]
    return Stretch([*before, *steps[-1:]], table[table != known])


def _note(table: U64, worse: U64) -> None:
    """Write hashes of layouts into a table of them, uint64 both."""
    table[worse % np.uint64(table.size)] = worse
