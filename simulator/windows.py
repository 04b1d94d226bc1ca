"""Stretches of a run that are worth a look."""

from __future__ import annotations

import numpy as np

from simulator.loads import StageSpans, list_waits
from simulator.result import SimulationResult


def busiest_window_s(spans: StageSpans, executions: int, rows: np.ndarray | None = None) -> tuple[float, float] | None:
    """The shortest stretch in which that many stages begin, seconds; None where nothing ran.

    If fewer ran in all, the stretch from the first begin to the last end.

    Args:
        spans: from stage_spans. executions: at least 2. rows: bool, the rows of spans that count; all if not given.
    """
    begin_s, end_s = (spans.begin_s, spans.end_s) if rows is None else (spans.begin_s[rows], spans.end_s[rows])
    runs = np.isfinite(begin_s)
    if not runs.any():
        return None
    begins_s = np.sort(begin_s[runs])
    if begins_s.size < executions:
        return float(begins_s[0]), float(end_s[runs].max())
    lengths_s = begins_s[executions - 1 :] - begins_s[: begins_s.size - executions + 1]
    first = int(np.argmin(lengths_s))
    return float(begins_s[first]), float(begins_s[first + executions - 1])


def most_waiting_at_s(result: SimulationResult, start_s: float, end_s: float) -> float:
    """The moment from start_s to end_s at which most requests of the run waited, anywhere in a group, seconds.

    The first of equals; start_s where nobody ever waits.
    """
    waits = list_waits(result)
    rises_s, falls_s = np.sort(waits.from_s), np.sort(waits.to_s)
    low, high = map(int, np.searchsorted(rises_s, (start_s, end_s)))
    if low == high:
        return start_s
    waiting = np.arange(low + 1, high + 1) - np.searchsorted(falls_s, rises_s[low:high], side="right")
    return float(rises_s[low + int(np.argmax(waiting))]) if waiting.max() > 0 else start_s
