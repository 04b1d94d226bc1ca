"""Local improvement of layouts: two chains of random changes, side by side."""

from __future__ import annotations

import math

import numpy as np

from planner.search.partition import allowed_shapes
from planner.search.run import WORKERS, Run, Stopped
from planner.search.scoring import Scored, score_each
from planner.search.space import Layout, Space
from simulator import Placement, refine_kernels
from simulator.refine_kernels import Moves, Walk

# Chosen by trying: see docs/search.md.
CHANGES = {"join": 0.35, "leave": 0.10, "move": 0.15, "trade": 0.20, "rebuild": 0.20}
PATIENCE = 1.0
# Mean allowance at the start, in units of the square root of the requests that are not in time.
TEMPERATURE = 0.25
REJECTED_SLOTS = 1 << 14
# A call into the kernel handles at most so many requests, some 50 ms; chains compare notes every so many calls.
REQUESTS_PER_CALL = 8_000_000
MAX_TRIALS_PER_CALL = 1000
CALLS_PER_ROUND = 5
# Without any limit: cool over so many evaluations, and stop when this many bring no improvement.
COOLING_EVALUATIONS = 20_000
PATIENT_EVALUATIONS = 6_000


def refine(
    run: Run, placement: Placement, max_pp: int, max_tp: int, shapes: tuple[tuple[int, int], ...] | None
) -> None:
    """Improve a given placement by local changes: replicas join, leave, move, trade places; groups are rebuilt."""
    run.enter("score the given placement")
    start = score_each(run, "the given placement", [run.space.layout(placement)])
    run.enter("improve")
    improve_layouts(run, start, allowed_shapes(run.space, max_pp, max_tp, shapes))


def improve_layouts(run: Run, starts: list[Scored], shapes: list[int]) -> None:
    """Improve the given layouts until a limit is reached or nothing better is found.

    Two chains of simulated annealing begin at the best two starts. Every round the one that lags takes over the
    best layout of the other. The allowance cools with the limits that are used up.
    """
    space = run.space
    moves = Moves(np.array(shapes), space.devices, np.cumsum(list(CHANGES.values())), PATIENCE)
    walks = [_begin(starts[chain % len(starts)], run.seed * WORKERS + chain) for chain in range(WORKERS)]
    n = len(space.problem.workload)
    trials = min(max(REQUESTS_PER_CALL // max(space.traffic.model.size, 1), 1), MAX_TRIALS_PER_CALL)
    temperature = TEMPERATURE * math.sqrt(max(n - starts[0].good, 0))
    cooling = _Cooling(run)
    calls = 0
    while not cooling.exhausted():
        if run.best_score >= 1.0:
            raise Stopped("bound met")
        calls += 1
        walks, tried = _call(run, walks, moves, temperature * cooling.left(), trials)
        if tried == 0:
            break
        best = max(walks, key=lambda walk: walk.best_good)
        if run.share(best.best_good) > run.best_score:
            before = run.layout
            layout = Layout(best.best_shape, best.best_holds)
            run.offer(describe_change(space, before, layout), layout, int(best.best_good))
            cooling.improved()
        if calls % CALLS_PER_ROUND == 0:
            walks = [walk if walk.best_good == best.best_good else _restart(run, walk, best) for walk in walks]
    raise Stopped("no improvement")


class _Cooling:
    """What is left of the limits, 1 at the beginning and 0 at the end, and when to give up."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.began_s, self.began, self.improved_at = run.seconds, run.evaluations, run.evaluations

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


def _restart(run: Run, walk: Walk, best: Walk) -> Walk:
    """The lagging chain goes on from where the other stands, with its own random numbers."""
    return best._replace(good_at=best.good_at.copy(), random=walk.random, rejected=np.zeros(REJECTED_SLOTS, np.uint64))


def _call(run: Run, walks: list[Walk], moves: Moves, temperature: float, trials: int) -> tuple[list[Walk], int]:
    """Let every chain try a number of changes; returns where they stand then and how many layouts were scored."""
    space = run.space
    shares = [min(trials, (run.evaluations_left + chain) // WORKERS) for chain in range(WORKERS)]
    arguments = (moves, space.catalogue, space.traffic, space.requests_at, space.rules, run.control, temperature)
    results, tried = [], 0
    try:
        for walk, evaluations in run.each(
            (refine_kernels.improve, (walk, *arguments, share)) for walk, share in zip(walks, shares, strict=True)
        ):
            results.append(walk)
            tried += evaluations
            run.evaluations += evaluations
    except Stopped:
        _offer_best(run, results)
        raise
    return results, tried


def _offer_best(run: Run, walks: list[Walk]) -> None:
    best = max(walks, key=lambda walk: walk.best_good)
    layout = Layout(best.best_shape, best.best_holds)
    run.offer(describe_change(run.space, run.layout, layout), layout, int(best.best_good))


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
