"""Local improvement of layouts: two chains of random changes, side by side."""

from __future__ import annotations

import math

import numpy as np

from planner.search import refine_kernels
from planner.search.partition import allowed_shapes
from planner.search.refine_kernels import Moves, Walk
from planner.search.run import WORKERS, Run, Stopped
from planner.search.scoring import Scored, score_each, score_layout
from planner.search.space import Layout, Space
from planner.search.training import Training, build_training
from simulator import Placement

# Chosen by trying: see docs/search.md.
CHANGES = {"join": 0.35, "leave": 0.10, "move": 0.15, "trade": 0.20, "rebuild": 0.20}
PATIENCE = 1.0
# Mean allowance at the start, in units of the square root of the requests that are not in time. Shorter searches than
# these have no time to come back from a detour, and begin colder in proportion.
TEMPERATURE = 0.25
FULL_HEAT_S = 5.0
FULL_HEAT_EVALUATIONS = 50_000
REJECTED_SLOTS = 1 << 14
# A call into the kernel handles at most so many requests, some 50 ms; chains compare notes every so many calls.
REQUESTS_PER_CALL = 8_000_000
MAX_TRIALS_PER_CALL = 1000
CALLS_PER_ROUND = 5
# Without any limit: cool over so many evaluations, and stop when this many bring no improvement.
COOLING_EVALUATIONS = 20_000
PATIENT_EVALUATIONS = 6_000


def refine(
    run: Run,
    placement: Placement,
    max_pp: int,
    max_tp: int,
    shapes: tuple[tuple[int, int], ...] | None,
    resamplings: int,
) -> None:
    """Improve a given placement by local changes: replicas join, leave, move, trade places; groups are rebuilt."""
    run.enter("score the given placement")
    start = score_each(run, "the given placement", [run.space.layout(placement)])
    if run.start is not None:
        start = sorted([run.start, *start], key=lambda s: -s.good)
    improve_layouts(run, start, allowed_shapes(run.space, max_pp, max_tp, shapes), resamplings)


def improve_layouts(run: Run, starts: list[Scored], shapes: list[int], resamplings: int) -> None:
    """Improve the given layouts until a limit is reached or nothing better is found.

    Two chains of simulated annealing begin at the best two starts. Every round the one that lags takes over the
    best layout of the other. The allowance cools with the limits that are used up. Very long traffic is improved on
    a part of it and every round's winner is scored on the whole; with resamplings the winner is who does best on
    them and the traffic together.
    """
    run.enter("draw traffic to train on")
    training = build_training(run.space, resamplings, run.seed)
    if not training.is_whole:
        starts = _score_on(run, training, starts)
    run.enter("improve")
    _Improvement(run, training, shapes, starts).go_on()


def _score_on(run: Run, training: Training, starts: list[Scored]) -> list[Scored]:
    tasks = ((score_layout, (run.space, start.layout, run.control, training.traffic)) for start in starts)
    scored = [result for result in run.each(tasks) if result is not None]
    run.evaluations += len(scored)
    return sorted(scored, key=lambda result: -result.good)


class _Improvement:
    """The chains, and what is known of the best of them."""

    def __init__(self, run: Run, training: Training, shapes: list[int], starts: list[Scored]) -> None:
        self.run, self.training, self.cooling = run, training, _Cooling(run)
        self.moves = Moves(np.array(shapes), run.space.devices, np.cumsum(list(CHANGES.values())), PATIENCE)
        self.walks = [_begin(starts[chain % len(starts)], run.seed * WORKERS + chain) for chain in range(WORKERS)]
        size = training.traffic.model.size
        self.trials = min(max(REQUESTS_PER_CALL // max(size, 1), 1), MAX_TRIALS_PER_CALL)
        self.temperature = TEMPERATURE * self.cooling.length * math.sqrt(max(size - starts[0].good, 0))
        self.best_good = starts[0].good
        self.confirmed_good = starts[0].good

    def go_on(self) -> None:
        """Call after call until a limit, raised as Stopped, or until nothing better turns up."""
        calls = 0
        try:
            while not self.cooling.exhausted():
                if self.best_good == self.training.traffic.model.size:
                    break
                calls += 1
                if not self._call():
                    break
                if self.training.is_whole:
                    self._confirm()
                if calls % CALLS_PER_ROUND == 0:
                    self._confirm()
                    self._meet()
            self._confirm()
        except Stopped:
            if self.training.is_whole or self.training.resampled:
                self._take_over()
            raise
        raise Stopped("bound met" if self.best_good == self.training.traffic.model.size else "no improvement")

    def _call(self) -> int:
        """Let every chain try a number of changes; returns how many layouts were scored."""
        run, space, training, tried = self.run, self.run.space, self.training, 0
        heat = self.temperature * self.cooling.left()
        shares = [min(self.trials, (run.evaluations_left + chain) // WORKERS) for chain in range(WORKERS)]
        rest = (space.catalogue, training.traffic, training.requests_at, space.rules, run.control, heat)
        tasks = [
            (refine_kernels.improve, (walk, self.moves, *rest, share))
            for walk, share in zip(self.walks, shares, strict=True)
        ]
        for chain, (walk, evaluations) in enumerate(run.each(tasks)):
            self.walks[chain] = walk
            tried += evaluations
            run.evaluations += evaluations
        best = self._best().best_good
        if best > self.best_good:
            self.best_good = best
            self.cooling.improved()
        return tried

    def _best(self) -> Walk:
        return max(self.walks, key=lambda walk: walk.best_good)

    def _confirm(self) -> None:
        """Score the best layout on all traffic, unless that is known, and offer it."""
        if self.best_good <= self.confirmed_good:
            return
        self.confirmed_good = self.best_good
        if self.training.is_whole:
            self._take_over()
            return
        run, best = self.run, self._best()
        layout = Layout(best.best_shape, best.best_holds)
        for scored in run.each([(score_layout, (run.space, layout, run.control))]):
            if scored is not None:
                run.evaluations += 1
                what = describe_change(run.space, run.layout, layout)
                if self.training.resampled:
                    run.adopt(what, layout, run.share(scored.good))
                else:
                    run.offer(what, layout, scored.good)

    def _take_over(self) -> None:
        """Make the best layout the search's best by its score on the training traffic."""
        best = self._best()
        layout = Layout(best.best_shape, best.best_holds)
        what = describe_change(self.run.space, self.run.layout, layout)
        if self.training.is_whole:
            self.run.offer(what, layout, int(best.best_good))
        elif best.best_good > self.confirmed_good:
            self.run.adopt(what, layout, best.best_good / self.training.traffic.model.size)

    def _meet(self) -> None:
        """The lagging chain goes on from where the other stands, with its own random numbers."""
        best = self._best()
        for chain, walk in enumerate(self.walks):
            if walk.best_good < best.best_good:
                self.walks[chain] = best._replace(
                    good_at=best.good_at.copy(), random=walk.random, rejected=np.zeros(REJECTED_SLOTS, np.uint64)
                )


class _Cooling:
    """What is left of the limits, 1 at the beginning and 0 at the end, and when to give up."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.began_s, self.began, self.improved_at = run.seconds, run.evaluations, run.evaluations
        self.length = self._length()

    def _length(self) -> float:
        """How long the search can last, as a share of one that begins at full heat."""
        run = self.run
        if run.max_evaluations is not None:
            return min(run.evaluations_left / FULL_HEAT_EVALUATIONS, 1.0)
        if run.time_limit_s is not None:
            return min(run.time_left_s / FULL_HEAT_S, 1.0)
        return COOLING_EVALUATIONS / FULL_HEAT_EVALUATIONS

    def improved(self) -> None:
        self.improved_at = self.run.evaluations

    def left(self) -> float:
        run = self.run
        if run.max_evaluations is not None:
            return run.evaluations_left / (run.max_evaluations - self.began)
        if run.time_limit_s is not None:
            return run.time_left_s / max(run.time_limit_s - self.began_s, 1e-9)
        return max(1 - (run.evaluations - self.began) / COOLING_EVALUATIONS, 0.0)

    def exhausted(self) -> bool:
        limited = self.run.max_evaluations is not None or self.run.time_limit_s is not None
        return not limited and self.run.evaluations - self.improved_at >= PATIENT_EVALUATIONS


def _begin(start: Scored, seed: int) -> Walk:
    shape, holds = start.layout.shape, start.layout.holds
    random = np.random.default_rng(seed).integers(0, 1 << 63, 1, dtype=np.uint64)
    rejected = np.zeros(REJECTED_SLOTS, np.uint64)
    return Walk(
        shape.copy(), holds.copy(), start.good_at.copy(), shape.copy(), holds.copy(), start.good, random, rejected
    )


def describe_change(space: Space, before: Layout, after: Layout) -> str:
    """What changed between two layouts, in words."""
    old, new = (sorted(zip(x.shape.tolist(), map(bytes, x.holds), strict=True)) for x in (before, after))
    gone, come = list(old), []
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
        words = [", ".join(f"{pp}x{tp}" for pp, tp in s) or "idle devices" for s in shapes]
        return f"groups {words[0]} become {words[1]}; {replicas:+d} replicas"
    return f"models rearranged in {len(come)} of {len(new)} groups; {replicas:+d} replicas"
