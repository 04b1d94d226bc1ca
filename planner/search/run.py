"""What an algorithm works with: the problem as arrays, the budget, the workers and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.search.budget import Asked, Budget
from planner.search.incumbent import Incumbent
from planner.search.pool import Pool
from planner.search.result import Alternative, Progress
from planner.search.space import Layout, Space
from planner.search.workers import InTurn, Workers
from simulator.headway import goes_on
from simulator.score_kernels import Traffic

if TYPE_CHECKING:
    from planner.search.scoring import Scored


@dataclass
class Run:
    """Attributes:
    space: the problem as arrays. seed: for whatever is random.
    traffic: what is planned for: the problem's, or with resamplings other days as well.
    budget, workers, incumbent: limits, threads, the best so far.
    pool: good layouts to choose from in the end.
    keeps_time: whether some of the time limit is kept for the choice in the end.
    start: the placement that the search was given to begin with, scored; None if there is none.
    good: requests in time of the last layout that was offered and taken.
    notes: sentences worth telling.
    partial: what is missing where a schedule is the beginning of an answer only; None otherwise.
    """

    space: Space
    seed: int
    traffic: Traffic
    budget: Budget
    workers: Workers | InTurn
    incumbent: Incumbent
    pool: Pool = field(default_factory=Pool)
    keeps_time: bool = False
    start: Scored | None = None
    good: int = 0
    notes: list[str] = field(default_factory=list[str])
    partial: str | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.close()

    def share(self, good: int) -> float:
        """Requests in time as an attainment, 0..1; both by the weights of their models, where there are any."""
        return good / max(self.space.asked(self.traffic), 1)

    def offer(self, what: str, layout: Layout, good: int, alternatives: Iterable[Alternative] = ()) -> bool:
        """Take a scored layout as the best so far and record the step, if it is better.

        A layout that holds nothing is no answer, except where there are no requests.
        """
        score = self.share(good)
        empty = len(self.space.problem.workload) > 0 and not layout.holds.any()
        if empty or not self.incumbent.is_beaten_by(score):
            return False
        self.incumbent.replace(what, self.space.placement(layout), score, layout.copy(), alternatives)
        self.good = good
        return True


def begin_run(
    space: Space,
    seed: int = 0,
    time_limit_s: float | None = None,
    max_evaluations: int | None = None,
    on_progress: Callable[[Progress], bool | None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
) -> Run:
    """A run whose clock starts now; see `search` for the arguments."""

    def report() -> bool:
        if on_progress is None:
            return True
        tally = budget.tally
        return goes_on(on_progress, Progress(
            tally.phase, evaluations=tally.evaluations, best_score=incumbent.highest, seconds=tally.seconds,
            time_left_s=budget.time_left_s, placement=incumbent.placement, steps=tuple(incumbent.steps),
        ))  # fmt: skip

    budget = Budget(time_limit_s, max_evaluations, Asked(report))
    incumbent = Incumbent(budget.tally)
    return Run(
        space, seed, space.traffic, budget, Workers(budget, executor, workers), incumbent, notes=list(space.notes())
    )
