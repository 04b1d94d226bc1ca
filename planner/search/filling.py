"""The authors' fast heuristic on given groups, and its replay step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from planner.search import fill_kernels
from planner.search.result import Step
from planner.search.run import Run
from planner.search.scoring import Scored
from planner.search.seeding import with_least
from planner.search.space import Layout, Space
from simulator.arrays import I64
from simulator.score_kernels import Traffic


@dataclass(frozen=True, eq=False)
class Filled:
    """Groups filled by the fast heuristic.

    Attributes:
        start: before.
        scored: after, with its score.
        evaluations: layouts simulated.
        chosen: int64 (steps, 2), (group before sorting, model) of each replica; good_after: int64 (steps + 1,).
    """

    start: Layout
    scored: Scored
    evaluations: int
    chosen: I64
    good_after: I64

    @property
    def layout(self) -> Layout:
        """The filled groups."""
        return self.scored.layout

    @property
    def good(self) -> int:
        """Requests in time; of the last layout scored to the end, if the filling was stopped."""
        return int(self.good_after[-1])


def fill_layout(
    space: Space, start: Layout, control: np.ndarray, allowed: np.ndarray | None = None, traffic: Traffic | None = None
) -> Filled | None:
    """Fill a layout with replicas (OSDI'23 section 4.2, `fill_kernels.fill`).

    Args:
        start: where to begin, usually empty groups.
        control: int64 (1,), stops the filling when set.
        allowed: bool (M,), the models to place, by default all; requests of the others are ignored.
        traffic: the requests to judge by; by default all.

    Least replicas come first. Returns None if they find no place, or if stopped before any layout was scored.
    """
    seeded = with_least(space, start, allowed)
    if seeded is None:
        return None
    layout = seeded.copy()
    traffic = traffic or space.traffic
    most = layout.holds.size + 1
    chosen, good_after = np.zeros((most, 2), np.int64), np.zeros(most + 1, np.int64)
    good_at = np.zeros((traffic.cuts.size - 1, layout.holds.shape[1]), np.int64)
    latency_s = np.zeros(layout.holds.shape[1])
    allowed = np.ones(layout.holds.shape[1], np.bool_) if allowed is None else allowed
    steps, evaluations = fill_kernels.fill(
        layout.shape, layout.holds, allowed, space.catalogue, traffic, space.rules, control, good_at, latency_s,
        chosen, good_after,
    )  # fmt: skip
    if evaluations == 0:
        return None
    scored = Scored(layout, good_at, latency_s)
    return Filled(seeded, scored, evaluations, chosen[:steps].copy(), good_after[: steps + 1].copy())


def fill_each(run: Run, starts: Iterable[Layout]) -> Iterator[Filled]:
    """Fill several layouts, two at a time; the evaluations are counted."""
    arguments = (run.workers.control, None, run.traffic)
    for filled in run.workers.each((fill_layout, (run.space, start, *arguments)) for start in starts):
        if filled is not None:
            run.budget.spend(filled.evaluations)
            yield filled


def fill_and_record(run: Run, start: Layout) -> None:
    """Fill one layout and record every replica as a step."""
    before = run.budget.tally.evaluations
    for filled in fill_each(run, [start]):
        if run.offer("filled by the fast heuristic", filled.layout, filled.good):
            run.incumbent.steps[:] = replay(run, filled, before)


def replay(run: Run, filled: Filled, evaluations_before: int) -> list[Step]:
    """The filling as steps, one a replica."""
    space, layout = run.space, filled.start.copy()
    fill_kernels.normalise(layout.shape, layout.holds, np.arange(layout.shape.size))
    steps = [_step(run, "empty groups", layout, filled.good_after[0], evaluations_before + 1)]
    for number, (g, m) in enumerate(filled.chosen, start=1):
        layout.holds[g, m] = True
        fill_kernels.normalise(layout.shape, layout.holds, np.arange(layout.shape.size))
        pp, tp = space.shapes[filled.start.shape[g]] if len(set(filled.start.shape)) == 1 else (0, 0)
        where = f"the least loaded group with room, number {g}" + (f" (pp {pp}, tp {tp})" if pp else "")
        what = f"{space.problem.models[int(m)].name}, the most under-served model that fits, joins {where}"
        steps.append(_step(run, what, layout, filled.good_after[number], evaluations_before + number + 1))
    return steps


def _step(run: Run, what: str, layout: Layout, good: int, evaluations: int) -> Step:
    return Step("fill", what, run.space.placement(layout), run.share(int(good)), run.budget.tally.seconds, evaluations)
