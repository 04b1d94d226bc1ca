"""Bursts: stretches in which a trace is far above its own mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.errors import InputError
from simulator.traces.summary import rate_over_time, requests_per_source
from simulator.traces.trace import Trace

# With twenty requests in a bin of mean traffic, a Poisson process doubles by chance in 1 of 25 000 bins.
REQUESTS_PER_BIN = 20
MAX_BINS = 2_000


@dataclass(frozen=True)
class Burst:
    """One burst: start and length in seconds, requests in it, and its rate as a multiple of the trace's mean."""

    start_s: float
    length_s: float
    requests: int
    times_mean: float


def find_bursts(trace: Trace, times_mean: float = 2.0) -> tuple[Burst, ...]:
    """The bursts of all sources together, those with the most requests first.

    The trace is cut into equal bins of about REQUESTS_PER_BIN requests at the mean rate, at most MAX_BINS; a burst
    is a longest run of bins that each reach `times_mean` times the mean. Raises InputError unless that is above 1.
    """
    if not times_mean > 1:
        raise InputError(f"Bursts from {times_mean} times the mean are asked for; a number above 1 is allowed.")
    requests = float(requests_per_source(trace).sum())
    bins = int(np.clip(requests / REQUESTS_PER_BIN, 1, MAX_BINS))
    edges_s, rate_per_s = rate_over_time(trace, bins)
    width_s = np.diff(edges_s)
    mean_per_s = float((rate_per_s * width_s).sum() / width_s.sum())
    if mean_per_s == 0:
        return ()
    high = np.concatenate(([False], rate_per_s >= times_mean * mean_per_s, [False]))
    starts, ends = np.flatnonzero(high[1:] & ~high[:-1]), np.flatnonzero(high[:-1] & ~high[1:])
    upto = np.concatenate(([0.0], np.cumsum(rate_per_s * width_s)))
    bursts = [
        Burst(
            start_s=float(edges_s[low]),
            length_s=float(edges_s[end] - edges_s[low]),
            requests=round(float(upto[end] - upto[low])),
            times_mean=float((upto[end] - upto[low]) / (edges_s[end] - edges_s[low]) / mean_per_s),
        )
        for low, end in zip(starts, ends, strict=True)
    ]
    return tuple(sorted(bursts, key=lambda burst: (-burst.requests, burst.start_s)))
