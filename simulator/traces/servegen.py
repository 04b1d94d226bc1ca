"""ServeGen rate profiles: one client a file, one row a window, rate and CV instead of requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.errors import InputError
from simulator.traces.clock import in_seconds
from simulator.traces.detect import FileLayout
from simulator.traces.files import TraceFile
from simulator.traces.table import Kind, read_columns
from simulator.traces.trace import TraceLimits

# The published profiles have windows of ten minutes; a file with one row does not show its own.
_ONLY_WINDOW_S = 600.0


@dataclass
class RatePart:
    """Windows of one client, in order of time: float64 arrays of shape (windows,); `notices` on what was done."""

    start_s: np.ndarray
    duration_s: np.ndarray
    rate_per_s: np.ndarray
    cv: np.ndarray
    notices: list[str]


def read_rates(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> RatePart:
    """The windows of one client: start (s), rate (/s) and CV; family, shape and scale are not used.

    A window lasts until the next one starts, at most as long as the usual window. Raises InputError where two
    windows start together.
    """
    data, _ = read_columns(file, layout, {"start_s": Kind.CLOCK, "rate_per_s": Kind.TIME, "cv": Kind.TIME}, limits)
    start_s, notices = in_seconds(file.name, data["start_s"])
    order = np.argsort(start_s, kind="stable")
    start_s = start_s[order]
    steps = np.diff(start_s)
    if (steps == 0).any():
        at = start_s[int(np.flatnonzero(steps == 0)[0])]
        raise InputError(f"{file.name} has two windows that start at {at:g} s; one is allowed.")
    usual_s = float(np.median(steps)) if steps.size else _ONLY_WINDOW_S
    duration_s = np.append(np.minimum(steps, usual_s), usual_s)
    return RatePart(start_s, duration_s, data["rate_per_s"][order], data["cv"][order], notices)
