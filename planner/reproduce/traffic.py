"""The two traces of figures 12 and 14: the shipped ones of their formats, or the Azure files that a user gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from planner.scenario.schema import TraceSection
from sample_traces import sample_paths
from simulator import InputError, words
from simulator.traces import Trace, read_trace
from simulator.traces.trace import Counts, Events

HOUR_S, DAY_S = 3600.0, 86_400.0
# What tells the whole published files from slices: functions of a day of 2019, requests of the two weeks of 2021.
WHOLE_FUNCTIONS_2019, WHOLE_REQUESTS_2021 = 40_000, 1_900_000
# The shipped minutes are scaled so that the default brings so many requests a second.
SHIPPED_RATE_PER_S = 20.0
DEFAULT_RATE_SCALE = {"MAF1": 2e-3, "MAF2": 16.0}


@dataclass(frozen=True)
class Slice:
    """A stretch of a trace, seconds from its beginning."""

    start_s: float
    duration_s: float


@dataclass(frozen=True)
class Traffic:
    """One of the two traces.

    Attributes:
        name: "MAF1" (Azure Functions 2019) or "MAF2" (2021). paths: as in a scenario.
        span_s: how long the trace is. whole: whether it is all that the authors had.
        slice: that is replayed. window_s: of the resampling. replan_s: how often Clockwork++ plans anew.
        factor: on every rate scale of the authors.
        rate_cv: the CV scale at which their default lies.
        about: a sentence.
    """

    name: str
    paths: tuple[str, ...]
    span_s: float
    whole: bool
    slice: Slice
    window_s: float
    replan_s: float
    factor: float
    rate_cv: float
    about: str

    def section(self, rate: float, cv: float, part: Slice | None = None) -> TraceSection:
        """`workload.trace` at a rate scale and a CV scale of the authors."""
        part = part or self.slice
        return TraceSection(
            path=list(self.paths), start_s=part.start_s, duration_s=part.duration_s, map_models="stripe",
            rate_scale=rate * self.factor, cv_scale=cv, resample="gamma", window_s=self.window_s,
        )  # fmt: skip


def steady_traffic(paths: Sequence[str] = ()) -> Traffic:
    """MAF1: counts per minute of an hour; raises InputError where the files are of another kind."""
    trace = _read(paths, "steady", "azure_functions_2019", "--maf1")
    span_s = _span_s(trace)
    whole = bool(paths) and len(trace.sources) >= WHOLE_FUNCTIONS_2019 and span_s >= HOUR_S
    factor = 1.0
    if not whole:
        factor = SHIPPED_RATE_PER_S / (DEFAULT_RATE_SCALE["MAF1"] * _requests(trace) / span_s)
    about = "the first hour of the given day" if whole else _unlike(paths, "the first hour", SHIPPED_RATE_PER_S)
    return Traffic("MAF1", _named(paths, "steady"), span_s, whole, Slice(0.0, min(HOUR_S, span_s)), 60.0, 60.0,
                   factor, 4.0, about)  # fmt: skip


def bursty_traffic(paths: Sequence[str] = ()) -> Traffic:
    """MAF2: a day of invocations; raises InputError where the files are of another kind."""
    trace = _read(paths, "bursty", "azure_functions_2021", "--maf2")
    span_s, requests = _span_s(trace), _requests(trace)
    whole = bool(paths) and requests >= WHOLE_REQUESTS_2021 and span_s >= 13.9 * DAY_S
    part = Slice(13 * DAY_S, DAY_S) if whole else Slice(0.0, span_s)
    windows = part.duration_s / DAY_S
    rate_per_s = DEFAULT_RATE_SCALE["MAF2"] * requests / span_s
    about = "day 13 of the given two weeks" if whole else _unlike(paths, "all of it", rate_per_s)
    return Traffic("MAF2", _named(paths, "bursty"), span_s, whole, part, 5400.0 * windows, 5400.0 * windows, 1.0, 1.0,
                   about)  # fmt: skip


def _read(paths: Sequence[str], sample: str, format_name: str, option: str) -> Trace:
    trace = read_trace([Path(path) for path in paths] or list(sample_paths(sample)))
    if trace.format != format_name:
        raise InputError(f"{option}: {', '.join(paths)} is read as {trace.format}; a file of {format_name} is allowed.")
    return trace


def _named(paths: Sequence[str], sample: str) -> tuple[str, ...]:
    return tuple(str(Path(path).resolve()) for path in paths) or (f"sample:{sample}",)


def _span_s(trace: Trace) -> float:
    content = trace.content
    if isinstance(content, Counts):
        return float(content.counts.shape[1] * content.bin_s)
    assert isinstance(content, Events), "both formats hold counts or single requests"
    return float(np.nextafter(content.arrival_s[-1], np.inf)) if content.arrival_s.size else 0.0


def _requests(trace: Trace) -> int:
    content = trace.content
    if isinstance(content, Counts):
        return int(content.counts.sum())
    assert isinstance(content, Events), "both formats hold counts or single requests"
    return int(content.arrival_s.size)


def _unlike(paths: Sequence[str], part: str, rate_per_s: float) -> str:
    which = "the given trace, which is not the whole of what the authors had" if paths else "the shipped sample"
    return f"{part} of {which}, at {words.number(rate_per_s)} requests/s by default"
