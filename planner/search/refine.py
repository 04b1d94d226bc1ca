"""Local improvement of layouts: chains of random changes, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from planner.search.baselines import fall_back
from planner.search.budget import NoImprovement, Stopped
from planner.search.options import RefineOptions
from planner.search.partition import allowed_shapes
from planner.search.refine_kernels import Moves, Walk
from planner.search.run import Run
from planner.search.scoring import Scored, score_each, score_layout
from planner.search.seeding import with_least
from planner.search.space import Layout, Space
from planner.search.training import build_training, keep_time_to_choose
from planner.search.walks import Stretch, another_walk, begin_stretch, begin_walk, random_state, walk_on

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
# A call into the kernel handles at most so many requests, some 50 ms; chains compare notes every so many calls.
REQUESTS_PER_CALL = 8_000_000
MAX_TRIALS_PER_CALL = 250
CALLS_PER_MEETING = 5
# Without any limit: stop when this many evaluations, and this share of all, bring no improvement.
PATIENT_EVALUATIONS = 6_000
PATIENT_SHARE = 0.4

# The allowance of a call, and how many layouts each chain may score in it.
_Call = tuple[float, list[int]]


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
        done, calls, begun_with = 0, 0, self.best_good
        heat = TEMPERATURE * min(self.round_evaluations / FULL_HEAT_EVALUATIONS, 1.0)
        heat *= math.sqrt(max(self.size - self.best_good, 0))
        while done < self.round_evaluations:
            plan = self._plan(done, calls, heat)
            at_a_time = len(plan) if self.run.workers.take_long_ones(len(self.walks)) else 1
            for first in range(0, len(plan), at_a_time):
                done += self._walk_on(plan[first : first + at_a_time])
            calls += len(plan)
            if calls % CALLS_PER_MEETING == 0:
                self._confirm()
                self._meet()
        self._confirm()
        self._return_to_best()
        self.round_evaluations *= GROWTH
        # What is gained from here on is less than the chance in it.
        if self.best_good - begun_with <= math.sqrt(self.size - self.best_good):
            keep_time_to_choose(self.run)

    def _add_chains(self) -> None:
        """As many chains as this round has; new ones begin where the first stand, with random numbers of their own."""
        count = min(max(self.round_evaluations // EVALUATIONS_PER_CHAIN, CHAINS), MAX_CHAINS)
        for chain in range(len(self.walks), count):
            walk = self.walks[chain % CHAINS]
            self.walks.append(another_walk(walk, random_state([self.run.seed, chain])))

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

    def _plan(self, done: int, calls: int, heat: float) -> list[_Call]:
        """The calls up to the next meeting, or the end of the round or of the limit.

        They go by what chains may score, not by what they do in the end, so that each can make all of them without
        hearing of the others.

        Args:
            done, calls: evaluations and calls of this round so far. heat: in its beginning.
        """
        plan: list[_Call] = []
        chains, left = len(self.walks), self.run.budget.evaluations_left
        while True:
            shares = [min(self.trials, (left + chain) // chains) for chain in range(chains)]
            if plan and self._is_cut(shares):
                # What the calls before it leave is known when they are made.
                return plan
            plan.append((heat * (1 - done / self.round_evaluations), shares))
            done, left = done + sum(shares), left - sum(shares)
            is_meeting = (calls + len(plan)) % CALLS_PER_MEETING == 0
            if is_meeting or done >= self.round_evaluations or left <= 0:
                return plan

    def _is_cut(self, shares: list[int]) -> bool:
        """Whether the limit leaves a call less than it would take."""
        return sum(shares) < self.trials * len(shares)

    def _walk_on(self, plan: list[_Call]) -> int:
        """Let every chain make the planned calls; returns how many layouts were scored.

        What they did is taken call by call, as if each had waited for the others after every one.
        """
        run, space, training = self.run, self.run.space, self.training
        rest = (self.moves, space.catalogue, training.traffic, training.requests_at, space.rules, run.workers.control)
        tasks = [
            (walk_on, (*begin_stretch(walk), [(heat, shares[chain]) for heat, shares in plan], *rest))
            for chain, walk in enumerate(self.walks)
        ]
        stretches: list[Stretch] = []
        try:
            for stretch in run.workers.each(tasks):
                stretches.append(stretch)
        except Stopped:
            for call in range(len(plan)):
                self._take(stretches, call, is_last=True)
            raise
        tried = 0
        for call in range(len(plan)):
            self._check_bound()
            now = self._take(stretches, call)
            if not now:
                raise Stopped("no improvement")
            tried += now
        if self._is_cut(plan[-1][1]):
            # What a chain did not use of its share would lead elsewhere than a longer search goes.
            raise Stopped("evaluation limit")
        return tried

    def _take(self, stretches: list[Stretch], call: int, is_last: bool = False) -> int:
        """Let every chain stand where it stood after a call of its stretch; returns how many layouts that scored.

        Raises Stopped where a limit of evaluations is reached, unless the search ends anyway.
        """
        tried, budget = 0, self.run.budget
        try:
            for chain, stretch in enumerate(stretches):
                self.walks[chain], evaluations = stretch.step(call, self.walks[chain])
                tried += evaluations
                budget.spend(evaluations)
                if not is_last:
                    budget.check_evaluations()
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

    def _check_bound(self) -> None:
        """Raise Stopped where every request of the training traffic is in time: nothing is left to find by it."""
        if self.best_good == self.size:
            self._confirm()
            is_met = self.run.good == self.run.space.asked(self.run.traffic)
            raise Stopped("bound met" if is_met else "no improvement")

    def _meet(self) -> None:
        """The lagging chain goes on from where the other stands, with its own random numbers."""
        best = self._best()
        for chain, walk in enumerate(self.walks):
            if walk.best_good < best.best_good:
                self.walks[chain] = another_walk(best, walk.random)

    def _return_to_best(self) -> None:
        """Every chain goes on from its best layout."""
        layouts = [Layout(walk.best_shape, walk.best_holds) for walk in self.walks]
        run = self.run
        tasks = [(score_layout, (run.space, x, run.workers.control, self.training.traffic)) for x in layouts]
        for chain, scored in enumerate(run.workers.each(tasks)):
            if scored is not None:
                run.budget.spend(1)
                self.walks[chain] = begin_walk(scored, 0)._replace(random=self.walks[chain].random)


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
