"""The best placement that a search has found so far, and the steps that led there."""

from __future__ import annotations

from collections.abc import Iterable

from planner.search.budget import Tally
from planner.search.result import Alternative, Step
from planner.search.space import Layout
from simulator import Placement, Schedule

MAX_ALTERNATIVES = 8


class Incumbent:
    """Attributes:
    placement, score: the best so far and its attainment, 0..1; None before the first was scored.
    highest: the best attainment of any step; a choice of what holds on other days may score a little less.
    layout: the same as arrays, if it is one.
    steps: the history.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.placement: Placement | Schedule | None = None
        self.score: float | None = None
        self.highest: float | None = None
        self.layout: Layout | None = None
        self.steps: list[Step] = []

    def is_beaten_by(self, score: float) -> bool:
        """Whether a score is better than the best so far."""
        return self.score is None or score > self.score

    def replace(
        self,
        what: str,
        placement: Placement | Schedule,
        score: float,
        layout: Layout | None = None,
        alternatives: Iterable[Alternative] = (),
    ) -> None:
        """Take a placement as the best so far and record the step."""
        self.placement, self.score, self.layout = placement, score, layout
        self.highest = score if self.highest is None else max(score, self.highest)
        tally = self._tally
        tally.improved_at = tally.evaluations
        top = sorted(alternatives, key=lambda a: -a.score)[:MAX_ALTERNATIVES]
        last = placement.epochs[-1][1] if isinstance(placement, Schedule) else placement
        self.steps.append(Step(tally.phase, what, last, score, tally.seconds, tally.evaluations, tuple(top)))
