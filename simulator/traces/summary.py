"""What a trace holds, in a few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator import words
from simulator.arrays import F64
from simulator.errors import InputError
from simulator.traces.trace import Counts, Events, Rates, Trace

PEAK_BIN_S = 60.0
MAX_RATE_BINS = 100_000


@dataclass(frozen=True)
class TraceSummary:
    """The figures of a trace.

    Attributes:
        format: as read.
        requests: how many; for rates the expected number, rounded.
        span_s: from the first arrival to the last; for counts and rates the length of the table.
        rate_per_s: requests / span_s; 0 where all arrive at once.
        cv: population standard deviation / mean of the gaps of all sources together; None for counts and rates.
        peak_to_mean: busiest / mean bin of 60 s, counted from the first arrival (counts and rates: of
            their own bins).
        peak_bin_s: how long these bins are, seconds; None for rates, whose windows differ.
        sources: (name, requests) of each, most requests first; ties in the order of the trace.
    """

    format: str
    requests: int
    span_s: float
    rate_per_s: float
    cv: float | None
    peak_to_mean: float
    peak_bin_s: float | None
    sources: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The document that `trace --json` prints."""
        return {
            "format": self.format,
            "requests": self.requests,
            "span_s": self.span_s,
            "rate_per_s": self.rate_per_s,
            "cv": self.cv,
            "peak_to_mean": self.peak_to_mean,
            "sources": [{"name": name, "requests": requests} for name, requests in self.sources],
        }


@dataclass(frozen=True)
class ArrivalNumbers:
    """Figures of arrivals; NaN where so few requests, or such a short time, do not tell.

    Attributes:
        requests: how many. span_s: from the first to the last.
        rate_per_s: requests / span_s; NaN where all arrive at once.
        cv: population standard deviation / mean of the gaps; NaN with fewer than two gaps, or where all arrive at once.
        peak_to_mean: busiest / mean bin of PEAK_BIN_S, counted from the first arrival; NaN without requests.
    """

    requests: int
    span_s: float
    rate_per_s: float
    cv: float
    peak_to_mean: float


def count_arrivals(arrival_s: np.ndarray) -> ArrivalNumbers:
    """The figures of arrivals: seconds, float64, shape (requests,), ascending."""
    requests = arrival_s.size
    span_s = float(arrival_s[-1] - arrival_s[0]) if requests else 0.0
    return ArrivalNumbers(
        requests,
        span_s,
        requests / span_s if span_s else math.nan,
        _cv(np.diff(arrival_s)) if requests > 2 and span_s else math.nan,
        _peak_of_events(arrival_s) if requests else math.nan,
    )


def summarise(trace: Trace) -> TraceSummary:
    """The figures of a trace, all sources together and per source."""
    content = trace.content
    expected = requests_per_source(trace)
    requests = round(float(expected.sum()))
    if isinstance(content, Events):
        span_s = float(content.arrival_s[-1] - content.arrival_s[0])
        cv = _cv(np.diff(content.arrival_s))
        peak_to_mean, peak_bin_s = _peak_of_events(content.arrival_s), PEAK_BIN_S
    else:
        span_s, cv = trace.end_s, None
        peak_bin_s = float(content.bin_s) if isinstance(content, Counts) else None
        edges_s, total = _steps(content)
        mean = float(expected.sum()) / span_s
        peak_to_mean = float(total[np.diff(edges_s) > 0].max() / mean) if mean else 1.0
    order: list[int] = np.argsort(-expected, kind="stable").tolist()
    sources = tuple((trace.sources[i], round(float(expected[i]))) for i in order)
    rate_per_s = requests / span_s if span_s else 0.0
    return TraceSummary(trace.format, requests, span_s, rate_per_s, cv, peak_to_mean, peak_bin_s, sources)


def requests_per_source(trace: Trace, start_s: float = 0.0, duration_s: float | None = None) -> np.ndarray:
    """Requests of each source, for rates the expected number: float64, shape (sources,).

    start_s, duration_s: the window that counts, as in TraceOptions; by default the whole trace.
    """
    content, end_s = trace.content, math.inf if duration_s is None else start_s + duration_s
    if isinstance(content, Events):
        low, high = np.searchsorted(content.arrival_s, (start_s, end_s))
        return np.bincount(content.source[low:high], minlength=len(trace.sources)).astype(np.float64)
    if isinstance(content, Counts):
        bins = slice(round(start_s / content.bin_s), None if duration_s is None else round(end_s / content.bin_s))
        return content.counts[:, bins].sum(axis=1, dtype=np.int64).astype(np.float64)
    # What is cut off at both ends, so that the whole is not rounded.
    late_s = np.maximum(start_s - content.start_s, 0.0)
    early_s = np.maximum(content.start_s + content.duration_s - end_s, 0.0)
    inside_s = np.maximum(content.duration_s - late_s - early_s, 0.0)
    return np.bincount(content.source, content.rate_per_s * inside_s, len(trace.sources))


def first_s(trace: Trace) -> float:
    """When the first request comes on the trace's clock, seconds; for counts and rates the start of their first bin or
    window with traffic, or the end of the trace where there is none."""
    content = trace.content
    if isinstance(content, Events):
        return float(content.arrival_s[0])
    if isinstance(content, Counts):
        busy = np.flatnonzero(content.counts.any(axis=0))
        return float(busy[0] * content.bin_s) if busy.size else trace.end_s
    busy_s = content.start_s[content.rate_per_s > 0]
    return float(busy_s.min()) if busy_s.size else trace.end_s


def source_shares(trace: Trace) -> np.ndarray:
    """The share of each source in all requests: float64, shape (sources,), adding up to 1, or all 0."""
    requests = requests_per_source(trace)
    return requests / max(requests.sum(), 1e-300)


def rate_over_time(trace: Trace, bins: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """The rate of all sources together in bins of equal length, from time 0 to the end of the trace.

    Args:
        bins: how many, from 1 to MAX_RATE_BINS.

    Returns:
        edges in seconds, float64, shape (bins + 1,), and requests per second, float64, shape (bins,). What counts
        and rates give for their own bins is spread evenly over them.
    """
    if not 1 <= bins <= MAX_RATE_BINS:
        raise InputError(
            f"{bins} bins are asked for; a whole number from 1 to {words.count(MAX_RATE_BINS)} is allowed."
        )
    edges_s = np.linspace(0.0, trace.end_s or 1.0, bins + 1)
    content = trace.content
    if isinstance(content, Events):
        # The last arrival lies on the last edge and belongs to the last bin.
        upto = np.searchsorted(content.arrival_s, edges_s, side="left")
        upto[-1] = content.arrival_s.size
        return edges_s, np.diff(upto) / np.diff(edges_s)
    own_edges_s, total = _steps(content)
    upto = np.concatenate(([0.0], np.cumsum(total * np.diff(own_edges_s))))
    return edges_s, np.diff(np.interp(edges_s, own_edges_s, upto)) / np.diff(edges_s)


def _steps(content: Counts | Rates) -> tuple[np.ndarray, np.ndarray]:
    """The rate of all sources together as a step function: edges, shape (k + 1,), and values, shape (k,)."""
    if isinstance(content, Counts):
        total: F64 = content.counts.sum(axis=0, dtype=np.int64) / float(content.bin_s)
        return np.arange(total.size + 1) * content.bin_s, total
    end_s = content.start_s + content.duration_s
    edges_s = np.unique(np.concatenate((content.start_s, end_s)))
    change = np.zeros(edges_s.size)
    np.add.at(change, np.searchsorted(edges_s, content.start_s), content.rate_per_s)
    np.add.at(change, np.searchsorted(edges_s, end_s), -content.rate_per_s)
    return edges_s, np.maximum(np.cumsum(change)[:-1], 0.0)


def _peak_of_events(arrival_s: np.ndarray) -> float:
    # Only bins that hold something are listed: a span of years with a few requests must not take memory.
    bin_of = np.floor((arrival_s - arrival_s[0]) / PEAK_BIN_S)
    starts = np.flatnonzero(np.concatenate(([True], bin_of[1:] != bin_of[:-1])))
    busiest = np.diff(np.append(starts, arrival_s.size)).max()
    return float(busiest * (bin_of[-1] + 1) / arrival_s.size)


def _cv(gaps_s: np.ndarray) -> float:
    mean = float(gaps_s.mean()) if gaps_s.size else 0.0
    return float(gaps_s.std() / mean) if mean > 0 else 0.0
