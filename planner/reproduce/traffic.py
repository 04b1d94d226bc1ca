"""The two traces of figures 12 and 14: the shipped ones of their formats, or the Azure files that a user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from planner.scenario.schema import TraceSection
from sample_traces import sample_paths
from simulator import InputError, words
from simulator.traces import Trace, read_trace
from simulator.traces.azure_functions import day_of
from simulator.traces.trace import Counts, Events

HOUR_S, DAY_S = 3600.0, 86_400.0
# What tells the whole published files from slices: functions of a day of 2019, requests of the two weeks of 2021.
WHOLE_FUNCTIONS_2019, WHOLE_REQUESTS_2021 = 40_000, 1_900_000
# The shipped minutes are scaled so that the default brings so many requests a second.
SHIPPED_RATE_PER_S = 20.0
DEFAULT_RATE_SCALE = {"MAF1": 2e-3, "MAF2": 16.0}


@dataclass(frozen=True)
class Slice:
    """A stretch of a trace, seconds from its beginning, or from that of a day (0 the first) in a file of its own."""

    start_s: float
    duration_s: float
    day: int | None = None


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
        days: where each day is a file of its own, its name by the day's number, the first 0; `paths` is the first one.
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
    days: Mapping[int, str] = field(default_factory=dict)

    def section(self, rate: float, cv: float, part: Slice | None = None) -> TraceSection:
        """`workload.trace` at a rate scale and a CV scale of the authors."""
        part = part or self.slice
        paths = list(self.paths) if part.day is None else [self.days[part.day]]
        return TraceSection(
            path=paths, start_s=part.start_s, duration_s=part.duration_s, map_models="stripe",
            rate_scale=rate * self.factor, cv_scale=cv, resample="gamma", window_s=self.window_s,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Given:
    """A trace in place of a shipped sample: the names under which a scenario finds it, and what was read.

    days: see Traffic; fourteen days of all functions are too many to be held at once, so one is read at a time.
    """

    paths: tuple[str, ...]
    trace: Trace
    days: Mapping[int, str] = field(default_factory=dict)


# The format of each trace, the option that gives it, and the sample that ships in its place.
KINDS = {
    "MAF1": ("azure_functions_2019", "--maf1", "steady"),
    "MAF2": ("azure_functions_2021", "--maf2", "bursty"),
}


def read_given(name: str, paths: Sequence[str]) -> Given:
    """Files in place of "MAF1" or "MAF2"; raises InputError where they are of another kind."""
    format_name, option, _ = KINDS[name]
    paths = [str(Path(path).resolve()) for path in paths]
    numbers = [day_of(Path(path).name) for path in paths]
    days = {number: path for number, path in zip(numbers, paths, strict=True) if number is not None}
    one_by_one = len(days) == len(paths) > 1
    read = [days[min(days)]] if one_by_one else paths
    trace = read_trace([Path(path) for path in read])
    if trace.format != format_name:
        raise InputError(f"{option}: {', '.join(read)} is read as {trace.format}; a file of {format_name} is allowed.")
    return Given(tuple(read), trace, days if one_by_one else {})


def steady_traffic(given: Given | None = None) -> Traffic:
    """MAF1: counts per minute of an hour."""
    paths, trace = _source("MAF1", given)
    span_s = _span_s(trace)
    whole = given is not None and len(trace.sources) >= WHOLE_FUNCTIONS_2019 and span_s >= HOUR_S
    factor = 1.0
    if not whole:
        factor = SHIPPED_RATE_PER_S / (DEFAULT_RATE_SCALE["MAF1"] * _requests(trace) / span_s)
    about = "the first hour of the given day" if whole else _unlike(given, "the first hour", SHIPPED_RATE_PER_S)
    days = given.days if given else {}
    return Traffic("MAF1", paths, span_s, whole, Slice(0.0, min(HOUR_S, span_s)), 60.0, 60.0, factor, 4.0, about, days)


def bursty_traffic(given: Given | None = None) -> Traffic:
    """MAF2: a day of invocations."""
    paths, trace = _source("MAF2", given)
    span_s, requests = _span_s(trace), _requests(trace)
    whole = given is not None and requests >= WHOLE_REQUESTS_2021 and span_s >= 13.9 * DAY_S
    part = Slice(13 * DAY_S, DAY_S) if whole else Slice(0.0, span_s)
    windows = part.duration_s / DAY_S
    rate_per_s = DEFAULT_RATE_SCALE["MAF2"] * requests / span_s
    about = "day 13 of the given two weeks" if whole else _unlike(given, "all of it", rate_per_s)
    return Traffic("MAF2", paths, span_s, whole, part, 5400.0 * windows, 5400.0 * windows, 1.0, 1.0, about)


def _source(name: str, given: Given | None) -> tuple[tuple[str, ...], Trace]:
    if given is not None:
        return given.paths, given.trace
    sample = KINDS[name][2]
    return (f"sample:{sample}",), read_trace(list(sample_paths(sample)))


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


def _unlike(given: Given | None, part: str, rate_per_s: float) -> str:
    which = "the given trace, which is not the whole of what the authors had" if given else "the shipped sample"
    return f"{part} of {which}, at {words.number(rate_per_s)} requests/s by default"
