"""Local improvement of layouts: chains of random changes, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from planner.search import refine_kernels
from planner.search.baselines import fall_back
from planner.search.budget import NoImprovement, Stopped
from planner.search.kept_kernels import NO_RUN
from planner.search.options import RefineOptions
from planner.search.partition import allowed_shapes
from planner.search.refine_kernels import Moves, Walk
from planner.search.run import Run
from planner.search.scoring import Scored, score_each, score_layout
from planner.search.seeding import with_least
from planner.search.space import Layout, Space
from planner.search.training import build_training
from simulator.arrays import U64

# A round has so many chains, by its length and not by the processors: the same seed gives the same answer on every
# machine. Shorter chains than these would not cool down slowly enough.
CHAINS, MAX_CHAINS = 2, 16
EVALUATIONS_PER_CHAIN = 12_000
# Chosen by trying: see docs/search.md.
CHANGES = {"join": 0.35, "leave": 0.10, "move": 0.15, "trade": 0.20, "rebuild": 0.20}
PATIENCE = 1.0
# The search goes in rounds, each GROWTH times as long as the one before. A round begins with this mean allowance, in
# units of the square root of the requests that are not in time, and cools to nothing; rounds shorter than FULL_HEAT
# have no time to come back from a detour, and begin colder in proportion. Limits only say where the schedule ends,
# so a longer search does what a shorter one did, and then more.
TEMPERATURE = 0.25
FULL_HEAT_EVALUATIONS = 50_000
FIRST_ROUND_EVALUATIONS = 6_000
GROWTH = 2
REJECTED_SLOTS = 1 << 14
# A call into the kernel handles at most so many requests, some 50 ms; chains compare notes every so many calls.
REQUESTS_PER_CALL = 8_000_000
MAX_TRIALS_PER_CALL = 250
CALLS_PER_MEETING = 5
# Without any limit: stop when this many evaluations, and this share of all, bring no improvement.
PATIENT_EVALUATIONS = 6_000
PATIENT_SHARE = 0.4


def refine(run: Run, options: RefineOptions) -> None:
    """Improve a given placement by local changes: replicas join, leave, move, trade places; groups are rebuilt."""
    run.budget.enter("score the given placement")
    begin = with_least(run.space, run.space.layout(options.placement))
    given = score_each(run, "the given placement", [] if begin is None else [begin])
    run.pool.floor = max([run.pool.floor, *(scored.good for scored in given)])
    starts = given + fall_back(run)
    if run.start is not None:
        starts.append(run.start)
    if not starts:
        raise Stopped("done")
    starts.sort(key=lambda s: -s.good)
    shapes = allowed_shapes(run.space, options.max_pp, options.max_tp, options.shapes)
    run.budget.enter("improve")
    Improvement(run, shapes, starts).go_on()


@dataclass(frozen=True, eq=False)
class Standing:
    """Where an improvement stands between two rounds.

    Attributes:
        walks: one of each chain. best_good, confirmed_good: requests in time of the best layout on the training
            traffic, and of the last one that was scored on all. round_evaluations: of the next round.
    """

    walks: list[Walk]
    best_good: int
    confirmed_good: int
    round_evaluations: int


class Improvement:
    """Chains of simulated annealing, two at first, and what is known of the best of them.

    They begin at the best two starts, or where another improvement stood. Every few calls the one that lags takes
    over the place of the other, and every round begins at the best layout so far. Very long traffic is improved on a
    part of it and the winner is scored on the whole.
    """

    def __init__(self, run: Run, shapes: list[int], begin: list[Scored] | Standing) -> None:
        self.run, self.training = run, build_training(run.traffic, run.space.catalogue.weight)
        space = run.space
        self.moves = Moves(
            np.array(shapes), space.zone, space.room, space.least, np.cumsum(list(CHANGES.values())), PATIENCE
        )
        self.size = space.asked(self.training.traffic)
        requests = self.training.traffic.model.size
        self.trials = min(max(REQUESTS_PER_CALL // max(requests, 1), 1), MAX_TRIALS_PER_CALL)
        standing = begin if isinstance(begin, Standing) else self._begin(begin)
        self.walks, self.round_evaluations = list(standing.walks), standing.round_evaluations
        self.best_good, self.confirmed_good = standing.best_good, standing.confirmed_good

    def _begin(self, starts: list[Scored]) -> Standing:
        """Every chain at one of the starts, best first."""
        if not self.training.is_whole:
            starts = self._score(start.layout for start in starts)
        walks = [begin_walk(starts[chain % len(starts)], self.run.seed * CHAINS + chain) for chain in range(CHAINS)]
        return Standing(walks, starts[0].good, starts[0].good, FIRST_ROUND_EVALUATIONS)

    @property
    def standing(self) -> Standing:
        """To go on from later, or elsewhere."""
        return Standing(list(self.walks), self.best_good, self.confirmed_good, self.round_evaluations)

    def go_on(self) -> None:
        """Round after round until a condition ends the search, raised as Stopped."""
        if self.run.budget.unlimited:
            self.run.budget.more.append(NoImprovement(PATIENT_EVALUATIONS, PATIENT_SHARE))
        while True:
            self.round()

    def round(self) -> None:
        """One round, from the best layout so far; raises Stopped if nothing better is possible."""
        self._add_chains()
        done = calls = 0
        heat = TEMPERATURE * min(self.round_evaluations / FULL_HEAT_EVALUATIONS, 1.0)
        heat *= math.sqrt(max(self.size - self.best_good, 0))
        while done < self.round_evaluations:
            if self.best_good == self.size:
                raise Stopped("bound met")
            tried = self._call(heat * (1 - done / self.round_evaluations))
            if not tried:
                raise Stopped("no improvement")
            done, calls = done + tried, calls + 1
            if self.training.is_whole or calls % CALLS_PER_MEETING == 0:
                self._confirm()
            if calls % CALLS_PER_MEETING == 0:
                self._meet()
        self._confirm()
        self._return_to_best()
        self.round_evaluations *= GROWTH

    def _add_chains(self) -> None:
        """As many chains as this round has; new ones begin where the first stand, with random numbers of their own."""
        count = min(max(self.round_evaluations // EVALUATIONS_PER_CHAIN, CHAINS), MAX_CHAINS)
        for chain in range(len(self.walks), count):
            walk = self.walks[chain % CHAINS]
            self.walks.append(_another(walk, _random([self.run.seed, chain])))

    def join(self, starts: list[Scored]) -> None:
        """Let the chain that lags go on from the best of other starts."""
        if not self.training.is_whole:
            starts = self._score(start.layout for start in starts)
        lagging = min(range(len(self.walks)), key=lambda chain: self.walks[chain].good_at[-1].sum())
        walk = self.walks[lagging]
        fresh = begin_walk(starts[0], 0)
        self.walks[lagging] = fresh._replace(random=walk.random)
        self.best_good = max(self.best_good, starts[0].good)

    def _score(self, layouts: Iterable[Layout]) -> list[Scored]:
        """Layouts on the training traffic, best first."""
        run = self.run
        tasks = ((score_layout, (run.space, x, run.workers.control, self.training.traffic)) for x in layouts)
        scored = [result for result in run.workers.each(tasks) if result is not None]
        run.budget.spend(len(scored))
        return sorted(scored, key=lambda result: -result.good)

    def _call(self, heat: float) -> int:
        """Let every chain try a number of changes; returns how many layouts were scored."""
        run, space, training, tried = self.run, self.run.space, self.training, 0
        chains = len(self.walks)
        shares = [min(self.trials, (run.budget.evaluations_left + chain) // chains) for chain in range(chains)]
        rest = (space.catalogue, training.traffic, training.requests_at, space.rules, run.workers.control, heat)
        tasks = [
            (refine_kernels.improve, (walk, self.moves, *rest, share))
            for walk, share in zip(self.walks, shares, strict=True)
        ]
        try:
            for chain, (walk, evaluations) in enumerate(run.workers.each(tasks)):
                self.walks[chain] = walk
                tried += evaluations
                run.budget.spend(evaluations)
        finally:
            self.best_good = max(self.best_good, self._best().best_good)
            if self.training.is_whole:
                self._confirm()
                self._keep()
        return tried

    def _keep(self) -> None:
        """Remember where the chains stand and the best they met."""
        for walk in self.walks:
            self.run.pool.add(Layout(walk.best_shape, walk.best_holds), int(walk.best_good))
            self.run.pool.add(Layout(walk.shape, walk.holds), int(walk.good_at[-1].sum()))

    def _best(self) -> Walk:
        return max(self.walks, key=lambda walk: walk.best_good)

    def _confirm(self) -> None:
        """Score the best layout on all traffic, unless that is known, and offer it."""
        if self.best_good <= self.confirmed_good:
            return
        self.confirmed_good = self.best_good
        run, best = self.run, self._best()
        assert run.incumbent.layout is not None, "chains begin with layouts that were scored"
        layout = Layout(best.best_shape, best.best_holds)
        what = describe_change(run.space, run.incumbent.layout, layout)
        if self.training.is_whole:
            run.offer(what, layout, int(best.best_good))
        else:
            score_each(run, what, [layout])

    def _meet(self) -> None:
        """The lagging chain goes on from where the other stands, with its own random numbers."""
        best = self._best()
        for chain, walk in enumerate(self.walks):
            if walk.best_good < best.best_good:
                self.walks[chain] = _another(best, walk.random)

    def _return_to_best(self) -> None:
        """Every chain goes on from its best layout."""
        layouts = [Layout(walk.best_shape, walk.best_holds) for walk in self.walks]
        run = self.run
        tasks = [(score_layout, (run.space, x, run.workers.control, self.training.traffic)) for x in layouts]
        for chain, scored in enumerate(run.workers.each(tasks)):
            if scored is not None:
                run.budget.spend(1)
                self.walks[chain] = begin_walk(scored, 0)._replace(random=self.walks[chain].random)


def _random(seed: int | list[int]) -> U64:
    return np.random.default_rng(seed).integers(0, 1 << 63, 1, dtype=np.uint64)


def begin_walk(start: Scored, seed: int) -> Walk:
    """A walk that begins at a scored layout."""
    shape, holds, random = start.layout.shape, start.layout.holds, _random(seed)
    rejected = np.zeros(REJECTED_SLOTS, np.uint64)
    return Walk(
        shape.copy(), holds.copy(), start.good_at.copy(), shape.copy(), holds.copy(), start.good, random, rejected,
        NO_RUN,
    )  # fmt: skip


def _another(walk: Walk, random: U64) -> Walk:
    """A walk that goes on from where another stands, with random numbers of its own."""
    rejected = np.zeros(REJECTED_SLOTS, np.uint64)
    return walk._replace(good_at=walk.good_at.copy(), random=random, rejected=rejected, kept=NO_RUN)


def describe_change(space: Space, before: Layout, after: Layout) -> str:
    """What changed between two layouts, in words."""
    old, new = (sorted(zip(x.shape.tolist(), map(bytes, x.holds), strict=True)) for x in (before, after))
    gone, come = list(old), list[tuple[int, bytes]]()
    for group in new:
        if group in gone:
            gone.remove(group)
        else:
            come.append(group)
    if not come and not gone:
        return "nothing changed"
    shapes = [sorted(space.shapes[c] for c, _ in groups) for groups in (gone, come)]
    replicas = sum(sum(row) for _, row in come) - sum(sum(row) for _, row in gone)
    if shapes[0] != shapes[1]:
        old, new = (", ".join(f"{pp}x{tp}" for pp, tp in s) or "idle devices" for s in shapes)
        return f"groups of {old} become {new}; {replicas:+d} replicas"
    return f"models rearranged in {len(come)} of {len(new)} groups; {replicas:+d} replicas"
