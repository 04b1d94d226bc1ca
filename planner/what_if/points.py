"""One placement under one variation of a scenario: what sweeps and capacity plans are made of."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from planner.compare import PlacementOutcome, evaluate, place
from planner.scenario.inputs import TraceReader, build_inputs, read_scenario_trace
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.variation import vary
from simulator import Cancelled, InputError, Profile

# Called with (points done, points in all, what was done last); returning False stops.
OnPoint = Callable[[int, int, str], bool | None]


@dataclass(frozen=True)
class Point:
    """What is to be evaluated: a placement section, and the values of the varied axes."""

    section: PlacementSection
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class PointResult:
    """A point, evaluated.

    Attributes:
        point: what was asked.
        outcome: placement, search, result and figures; None if it cannot be.
        reason: why it cannot be, a sentence; None if it can.
    """

    point: Point
    outcome: PlacementOutcome | None
    reason: str | None = None

    @property
    def slo_attainment(self) -> float:
        """Without a placement nothing is served."""
        return self.outcome.figures.total.slo_attainment if self.outcome else 0.0


class Evaluator:
    """Evaluates points of one scenario; reads its trace once.

    Args:
        scenario: what is varied. read, profiles: as in build_inputs.
        keep_requests: whether outcomes hold the fate of every request; a thousand of them would fill the memory.
    """

    def __init__(
        self,
        scenario: Scenario,
        read: TraceReader | None = None,
        profiles: Mapping[str, Profile] | None = None,
        keep_requests: bool = True,
    ) -> None:
        self.scenario = scenario
        self.profiles = profiles
        self.keep_requests = keep_requests
        self._stop = threading.Event()
        trace = (read or read_scenario_trace)(scenario) if scenario.workload.trace is not None else None
        self._read: TraceReader = lambda _: trace

    def stop(self) -> None:
        """Ask running evaluations to stop."""
        self._stop.set()

    def evaluate(self, point: Point) -> PointResult:
        """Search where the section asks for it, simulate, measure. Raises Cancelled after `stop`."""
        if self._stop.is_set():
            raise Cancelled
        scenario = self.scenario
        for axis, value in point.values:
            scenario = vary(scenario, axis, value)
        inputs = build_inputs(scenario, self._read, self.profiles)
        watch = lambda *_: not self._stop.is_set()  # noqa: E731
        try:
            placement, found = place(point.section, inputs, watch)
        except InputError as error:
            return PointResult(point, None, str(error))
        outcome = evaluate(placement, found, inputs, watch)
        if self._stop.is_set():
            raise Cancelled
        return PointResult(point, outcome if self.keep_requests else replace(outcome, result=None))

    def evaluate_all(
        self, points: Sequence[Point], on_point: OnPoint | None = None, executor: Executor | None = None
    ) -> Iterator[PointResult]:
        """Results as they become ready; stops early, without error, once `on_point` returns False.

        Args:
            points: what to evaluate. on_point: see OnPoint.
            executor: anything with the interface of concurrent.futures; threads on this machine by default.
        """
        with _given(executor) as pool:
            futures = [pool.submit(self.evaluate, point) for point in points]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    result = future.result()
                    yield result
                    if on_point is not None and on_point(done, len(points), describe(result)) is False:
                        self.stop()
                        return
            except Cancelled:
                return
            finally:
                for future in futures:
                    future.cancel()


def describe(result: PointResult) -> str:
    """A few words on a point, for progress."""
    values = ", ".join(f"{axis} {value:g}" for axis, value in result.point.values)
    return f"{result.point.section.name}, {values}: {100 * result.slo_attainment:.2f} % of deadlines met"


@contextmanager
def _threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        yield pool


def _given(executor: Executor | None):
    return _threads() if executor is None else nullcontext(executor)
