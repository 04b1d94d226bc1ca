"""Clocks that tick: recognises the tick of a trace and spreads its requests over it."""

from __future__ import annotations

import numpy as np

from simulator.arrays import F64
from simulator.errors import InputError

# Finer clocks do not make bursts of their own.
_MIN_TICK_S = 0.01
_MIN_GAPS = 8
_SAMPLE = 200_000
_CANDIDATES = 16
_SHARE = 0.99
_TOLERANCE = 0.01


def find_tick(arrival_s: F64) -> float | None:
    """The tick that nearly all arrivals fall on, seconds, or None for a clock without one.

    The tick is the smallest gap of at least 10 ms that 99 % of all gaps are multiples of (0 is one); it is looked
    for among the smallest gaps of the first 200,000 arrivals.

    Args:
        arrival_s: float64, shape (n,), ascending.
    """
    gaps = np.diff(arrival_s[:_SAMPLE])
    candidates = np.unique(np.round(gaps[gaps >= _MIN_TICK_S], 6))[:_CANDIDATES]
    if gaps.size < _MIN_GAPS:
        return None
    for tick_s in candidates:
        # Clocks that round to milliseconds show a tick of 3 s as 2.999, 3 or 3.001 s.
        alike = gaps[np.abs(gaps - tick_s) <= _TOLERANCE * tick_s]
        tick_s = float(np.round(np.median(alike), 6))
        ratio = gaps / tick_s
        if (np.abs(ratio - np.round(ratio)) <= _TOLERANCE).mean() >= _SHARE:
            return tick_s
    return None


def spread_ticks(arrival_s: F64, tick_s: float, how: str, seed: int = 0) -> np.ndarray:
    """Arrivals with the requests of each instant spread over the tick that starts there: float64, shape (n,).

    Args:
        arrival_s: float64, shape (n,), ascending.
        tick_s: length of the tick, seconds.
        how: "even" puts request k of n at k/n of the tick, "random" all of them uniformly.
        seed: of the random spread.

    The result is not sorted where requests stood between ticks. Raises InputError for another `how`.
    """
    if how not in ("even", "random"):
        raise InputError(f"dequantise is '{how}'; none, even and random are allowed.")
    starts = np.flatnonzero(np.concatenate(([True], arrival_s[1:] != arrival_s[:-1])))
    sizes = np.diff(np.append(starts, arrival_s.size))
    if how == "even":
        rank = np.arange(arrival_s.size) - np.repeat(starts, sizes)
        return arrival_s + tick_s * rank / np.repeat(sizes, sizes)
    offset = np.random.default_rng(seed).random(arrival_s.size)
    # Sorted inside each tick, so that requests keep their order.
    order = np.lexsort((offset, np.repeat(np.arange(sizes.size), sizes)))
    return arrival_s + tick_s * offset[order]
