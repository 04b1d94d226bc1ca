"""The fewest devices that reach a target: upwards in doubling steps, then by halving between the last two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.scenario.schema import PlacementSection
from planner.targets import targets_met
from planner.what_if.points import Point, PointResult, Values, merit


class Climb:
    """Which numbers of devices to try for one placement section, and with which one's placement each begins.

    The numbers are 1, 2, 4, 8, ... steps of `step`; once one reaches the target, the numbers between it and the one
    before are halved. Each begins with the placement of the largest smaller number that failed. So which numbers are
    tried, and what each begins with, follows from the outcomes alone, whatever range is asked for: numbers above the
    range are taken to reach the target, numbers below it to fail (those of the first climb are tried all the same,
    as something to begin with). Numbers with which no placement can reach the target are not tried, except the last
    of the range where all are such.

    Args:
        excluded: the most devices that are known not to do, whatever the placement.
        fixed: values of other axes that all points have. begin: results of other points, whose placements are begun
            with as well, where they fit.
        targets: by model, what of its own deadlines is to be met as well.

    Attributes:
        section: what is placed. results: by number of devices. finished: whether the answer is known.
    """

    def __init__(
        self,
        section: PlacementSection,
        target: float,
        lowest: int,
        highest: int,
        step: int = 1,
        confident: bool = False,
        excluded: int = 0,
        fixed: Values = (),
        begin: Sequence[PointResult] = (),
        targets: Mapping[str, float] | None = None,
    ) -> None:
        self.section, self.target, self.confident = section, target, confident
        self.targets = targets or {}
        self.results: dict[int, PointResult] = {}
        self._lowest, self._highest, self._step = lowest, highest, step
        self._first = lowest - step * ((lowest - 1) // step)
        self.excluded, self._fixed, self._begin = excluded, fixed, list(begin)
        last = (highest - self._first) // step
        self._fails = max(min((excluded - self._first) // step, last - 1), -1)
        self._reaches: int | None = None
        self._next = 0
        self.finished = False
        self._go_on()

    @property
    def answer(self) -> int | None:
        """The fewest devices known to reach the target; None if no number does so far."""
        at = self._reaches
        return None if at is None or self._number(at) > self._highest else self._number(at)

    @property
    def is_settled(self) -> bool:
        """Whether the answer stands: nothing is left to try, and no smaller number failed for want of time only."""
        return self.finished and not any(
            result.undecided for devices, result in self.results.items() if devices < (self.answer or self._highest + 1)
        )

    def next_point(self) -> Point:
        """What to evaluate now, unless the answer is known."""
        return self._point(self._number(self._next))

    def begins_with(self) -> list[PointResult]:
        """The evaluated points with whose placements the next one begins."""
        smaller = [n for n in self.results if n < self._number(self._next) and self.results[n].outcome is not None]
        given = [result for result in self._begin if result.outcome is not None]
        return [self.results[max(smaller)], *given] if smaller else given

    def take(self, result: PointResult) -> None:
        """Note what `next_point` gave."""
        devices = self._number(self._next)
        self.results[devices] = result
        if devices >= self._lowest and self.reaches(result):
            self._reaches = self._next
        else:
            self._fails = self._next
        self._go_on()

    def reaches(self, result: PointResult) -> bool:
        """Whether all requests reach the target, and every model with a target of its own that one."""
        figures = result.outcome.figures if result.outcome else None
        return figures is not None and targets_met(figures, self.targets, self.merit(result), self.target)

    def merit(self, result: PointResult) -> float:
        """What is held against the target; below every target where it is not known."""
        return merit(result, self.confident)

    def curve(self) -> dict[int, PointResult]:
        """The results by ascending number of devices; the best placement of fewer devices is one for more."""
        curve: dict[int, PointResult] = {}
        best: PointResult | None = None
        for devices in sorted(self.results):
            result = self.results[devices]
            if best is not None and self._rank(best) > self._rank(result):
                result = PointResult(self._point(devices), best.outcome)
            if self.merit(result) >= 0:
                best = result
            curve[devices] = result
        return curve

    def _rank(self, result: PointResult) -> tuple[bool, float]:
        return self.reaches(result), self.merit(result)

    def _go_on(self) -> None:
        """Find the next number to try, passing over those outside the range."""
        while (reaches := self._reaches) is None or reaches - self._fails > 1:
            at = max(2 * self._fails + 1, 0) if reaches is None else (self._fails + reaches) // 2
            if self._number(at) > self._highest:
                self._reaches = at
            elif reaches is not None and self._number(at) < self._lowest:
                self._fails = at
            else:
                self._next = at
                return
        self.finished = True

    def _number(self, at: int) -> int:
        return self._first + at * self._step

    def _point(self, devices: int) -> Point:
        return Point(self.section, (("devices", float(devices)), *self._fixed))
