"""Points of a sweep or a capacity plan, evaluated in another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from planner.executors.shared import Shared
from planner.scenario.schema import Scenario
from simulator import Cancelled, Profile
from simulator.traces import Trace

if TYPE_CHECKING:
    from planner.what_if.points import Evaluator, Point, PointResult

_KEPT = 8


@dataclass(frozen=True, eq=False)
class Portable:
    """What an evaluator needs where it is not at home; see Evaluator."""

    scenario: Scenario
    trace: Trace | None
    profiles: Mapping[str, Profile] | None
    keep_requests: bool


_evaluators: LRUCache[str, Evaluator] = LRUCache(_KEPT)
_stopped: LRUCache[str, bool] = LRUCache(1_000)
_lock = Lock()


def evaluate_there(
    shared: Shared, work: str, batch: Sequence[tuple[Point, Sequence[PointResult]]]
) -> list[PointResult]:
    """Results of points, each with those it begins with. `shared`: a Portable. `work`: the name by which it is stopped.

    Nothing after `stop_there`, because an error would be logged by whoever stopped it.
    """
    try:
        evaluator = _evaluator(shared, work)
        return [evaluator.evaluate(point, harder) for point, harder in batch]
    except Cancelled:
        return []


def stop_there(work: str) -> None:
    """Stop what is evaluated under this name in this process, and begin nothing more of it."""
    with _lock:
        _stopped[work] = True
        if work in _evaluators:
            _evaluators[work].stop()


def _evaluator(shared: Shared, work: str) -> Evaluator:
    from planner.what_if.points import Evaluator

    with _lock:
        if work in _stopped:
            raise Cancelled
        if work not in _evaluators:
            portable: Portable = shared.read()
            trace = portable.trace
            read = None if trace is None else lambda _: trace
            _evaluators[work] = Evaluator(portable.scenario, read, portable.profiles, portable.keep_requests)
        return _evaluators[work]
