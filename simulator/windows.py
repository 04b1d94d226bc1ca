"""Stretches of a run that are worth a look."""

from __future__ import annotations

import numpy as np

from simulator.timeline import StageSpans


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
