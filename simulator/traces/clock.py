"""Which unit a column of times is in: told by its size where it holds instants since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from simulator.errors import InputError
from simulator.traces.trace import MAX_TIME_S, Trace

# Instants between 1990 and 2100 in seconds since 1970; in finer units the same range lies a thousand times higher
# each, so the ranges do not touch. As seconds from a start of its own a number of the finer ranges would be more than
# 19,000 years, and one of the coarsest a trace that begins in its twentieth year.
EPOCH_S = (631_152_000.0, 4_102_444_800.0)
_UNITS = (("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))
# The largest number that a column of times may hold, before its unit is known.
MAX_CLOCK = EPOCH_S[1] * 1e9
CLOCK_RULE = "a number from 0 to the year 2100"


def epoch_unit(first: float) -> tuple[str, float] | None:
    """The unit of instants since 1970, of which `first` is the smallest: (name, units per second), or None."""
    for name, per_second in _UNITS:
        if EPOCH_S[0] <= first / per_second <= EPOCH_S[1]:
            return name, per_second
    return None


def in_seconds(file_name: str, times: np.ndarray, usual: str = "seconds") -> tuple[np.ndarray, list[str]]:
    """Times in seconds, and a sentence where they are read in another unit than the format's own.

    Args:
        file_name: for the sentence.
        times: float64, shape (n,), at least one, as they stand in the file.
        usual: the unit that the format prescribes for times from a start of their own.
    """
    unit = epoch_unit(float(times.min()))
    name, per_second = unit or (usual, dict(_UNITS)[usual])
    seconds = times if per_second == 1 else times / per_second
    late = np.flatnonzero(seconds > MAX_TIME_S)
    if late.size:
        raise InputError(
            f"{file_name}, request {late[0] + 1} is at {seconds[late[0]]:g} s; times from 0 to {MAX_TIME_S:g} s are "
            "allowed."
        )
    if unit is None or name == usual:
        return seconds, []
    return seconds, [f"The times of {file_name} are {name} since 1970, told by their size, and are read as such."]


def instant_at(trace: Trace, at_s: float) -> datetime | None:
    """The instant (UTC) of a time of the trace, seconds; None where its clock names no date, or beyond the calendar."""
    starts_at = trace.starts_at
    if starts_at is None and EPOCH_S[0] <= trace.clock_start_s <= EPOCH_S[1]:
        starts_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=trace.clock_start_s)
    try:
        return None if starts_at is None else starts_at + timedelta(seconds=at_s)
    except OverflowError:
        return None


def instant(nanoseconds: int) -> datetime:
    """An instant of nanoseconds since 1970, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
