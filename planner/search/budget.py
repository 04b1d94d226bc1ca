"""What a search has used up, and the conditions under which it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulator import InputError

POLL_S = 0.02
# Limit and Stop may be overrun by so much, to give an answer its figure.
GRACE_S = 0.2
# The stop reason of a search whose other machines do not answer any more.
LOST = "loss of the cluster"


class Stopped(Exception):
    """A condition ended the search; `reason` is the stop reason of the result.

    `urgent`: what is under way is cut short. Otherwise it is finished, so that the answer does not depend on who was
    faster.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason, self.urgent = reason, reason in ("time limit", "cancelled")


@dataclass
class Tally:
    """What a search has done: its phase, placements scored, when it began and at how many it last found better."""

    phase: str = "start"
    evaluations: int = 0
    improved_at: int = 0
    began_s: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self.began_s


# Asked again and again; answers with the stop reason once the search has to end, None before.
StopCondition = Callable[[Tally], str | None]


@dataclass(frozen=True)
class MaxSeconds:
    """Ends `limit_s` seconds after the beginning."""

    limit_s: float

    def __post_init__(self) -> None:
        if not (self.limit_s > 0 and math.isfinite(self.limit_s)):
            raise InputError(f"time_limit_s is {self.limit_s}; a finite number above 0 is allowed.")

    def __call__(self, tally: Tally) -> str | None:
        return None if tally.seconds < self.limit_s else "time limit"


@dataclass(frozen=True)
class MaxEvaluations:
    """Ends after so many scored placements."""

    limit: int

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise InputError(f"max_evaluations is {self.limit}; a whole number above 0 is allowed.")

    def __call__(self, tally: Tally) -> str | None:
        return None if tally.evaluations < self.limit else "evaluation limit"


@dataclass(frozen=True)
class NoImprovement:
    """Ends when the last `share` of all placements scored, at least `least` of them, brought nothing better."""

    least: int
    share: float

    def __call__(self, tally: Tally) -> str | None:
        vain = tally.evaluations - tally.improved_at
        return "no improvement" if vain >= max(self.least, self.share * tally.evaluations) else None


class Asked:
    """Ends when the answer to a report is False; reports at most every POLL_S, and at the next call after `hurry`."""

    def __init__(self, report: Callable[[], bool | None]) -> None:
        self._report, self._reported_s = report, -math.inf

    def hurry(self) -> None:
        """Report at the next call."""
        self._reported_s = -math.inf

    def __call__(self, tally: Tally) -> str | None:
        if tally.seconds - self._reported_s < POLL_S:
            return None
        self._reported_s = tally.seconds
        return "cancelled" if self._report() is False else None


class Budget:
    """The limits of a search and what is left of them.

    Args:
        time_limit_s, max_evaluations: None = without this limit.
        asked: reports to the user, who may want to stop.
    """

    def __init__(self, time_limit_s: float | None, max_evaluations: int | None, asked: Asked) -> None:
        self.tally, self.asked = Tally(), asked
        self._time = None if time_limit_s is None else MaxSeconds(time_limit_s)
        self._evaluations = None if max_evaluations is None else MaxEvaluations(max_evaluations)
        self._whole, self._listening = self._time, True
        self._grace_until_s: float | None = None
        self.more: list[StopCondition] = []

    @property
    def conditions(self) -> list[StopCondition]:
        """All conditions, urgent ones first; an algorithm may add `more`."""
        asked = self.asked if self._listening else None
        given = (self._time, asked, self._evaluations, *self.more)
        return [condition for condition in given if condition is not None]

    @property
    def unlimited(self) -> bool:
        return self._time is None and self._evaluations is None

    @property
    def time_left_s(self) -> float | None:
        """Until the time limit, never below 0; None without one."""
        return None if self._time is None else max(self._time.limit_s - self.tally.seconds, 0.0)

    @property
    def evaluations_left(self) -> int:
        """Until the limit; a very large number without one."""
        return (1 << 60) if self._evaluations is None else max(self._evaluations.limit - self.tally.evaluations, 0)

    def keep_back(self, share: float, most_s: float = math.inf) -> None:
        """Leave a share of the time limit, but no more than `most_s`, beside what is kept back already, for what comes
        after the search."""
        if self._time is not None and self._whole is not None and share:
            self._time = MaxSeconds(self._time.limit_s - min(share * self._whole.limit_s, most_s))

    def only_time(self) -> None:
        """The search is over; what comes after it may use all that is left of the time."""
        self._time, self._evaluations, self.more = self._whole, None, []

    def grace(self, stop_reason: str) -> None:
        """What comes now gives the answer its figure and may take GRACE_S, even after the time limit or Stop.

        Asked for again, it is what is left of the first one.
        """
        self.only_time()
        self._grace_until_s = self._grace_until_s or self.tally.seconds + GRACE_S
        if stop_reason == "cancelled":
            self._time, self._listening = MaxSeconds(self._grace_until_s), False
        elif self._time is not None:
            self._time = MaxSeconds(max(self._time.limit_s, self._grace_until_s))

    def spend(self, evaluations: int) -> None:
        """Count scored placements."""
        self.tally.evaluations += evaluations

    def enter(self, phase: str) -> None:
        """Begin another phase, and report it."""
        self.tally.phase = phase
        self.asked.hurry()
        self.check()

    def check(self) -> None:
        """Report progress when it is due; raise Stopped if a condition ends the search."""
        self._ask(self.conditions)

    def check_evaluations(self) -> None:
        """Raise Stopped if a condition that goes by evaluations ends the search."""
        self._ask([*([self._evaluations] if self._evaluations else []), *self.more])

    def _ask(self, conditions: Iterable[StopCondition]) -> None:
        for condition in conditions:
            reason = condition(self.tally)
            if reason is not None:
                raise Stopped(reason)
