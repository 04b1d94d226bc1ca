"""Makes a workload of a trace: cut, map, scale, resample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator import words
from simulator.errors import InputError
from simulator.traces.mapping import LEFT_OUT, map_sources
from simulator.traces.options import TraceOptions
from simulator.traces.resample import (
    draw_windows,
    windows_of_counts,
    windows_of_events,
    windows_of_rates,
)
from simulator.traces.summary import first_s
from simulator.traces.ticks import find_tick, spread_ticks
from simulator.traces.trace import Counts, Events, Rates, Trace
from simulator.workload import MAX_REQUESTS, Workload

# Generators from one seed: what is spread, scaled and given tokens must not be drawn alike.
_SCALE_STREAM = 1
_TOKEN_STREAM = 2
# A window is said to begin late if its silent beginning is more than this share of it and this many mean gaps.
_LATE_SHARE, _LATE_GAPS, _FEW_REQUESTS = 0.1, 20, 20


@dataclass(frozen=True)
class _Cut:
    """The window of the trace that is replayed, on the trace's clock; `ends_open` if it runs to the last arrival."""

    start_s: float
    end_s: float
    ends_open: bool

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def build_workload(
    trace: Trace,
    model_names: Sequence[str],
    options: TraceOptions | None = None,
    max_requests: int = MAX_REQUESTS,
) -> tuple[Workload, tuple[str, ...]]:
    """The workload that a trace makes on some models.

    In this order: spread ticks (dequantise), cut the window, drop sources without a request in it, map sources to
    models, scale the rate or resample, multiply all times by time_scale.

    Without resampling a rate scale below 1 keeps each request with that probability; above 1 every request gets
    copies (the whole part, and one more with the probability of the rest), each uniform between the request and
    the next of its source (the last: the end of the window), so that bursts stay where they are. Resampling is
    that of OSDI'23 section 6: see simulator.traces.resample.

    Args:
        trace: from read_trace.
        model_names: the models in the order the workload counts them, at least one, all different.
        options: TraceOptions() by default.
        max_requests: more are refused.

    Returns:
        The workload, times from 0 at the start of the window; and sentences about what was lost or odd.

    Raises:
        InputError: if the window is empty, a name is unknown, counts or rates are to be replayed as they are, or
            more than max_requests requests would result (before memory is used).
    """
    options = options or TraceOptions()
    _check_models(model_names)
    cut = _cut(trace, options)
    if isinstance(trace.content, Events):
        workload, notices = _from_events(trace, trace.content, model_names, options, cut, max_requests)
    else:
        _check_drawn(trace, options)
        if isinstance(trace.content, Counts):
            workload, notices = _from_counts(trace, trace.content, model_names, options, cut, max_requests)
        else:
            workload, notices = _from_rates(trace, trace.content, model_names, options, cut, max_requests)
    if options.time_scale != 1:
        workload = workload.moved(workload.arrival_s * options.time_scale)
    silent = int((workload.requests_per_model() == 0).sum())
    if silent:
        notices.append(f"{words.count(silent)} of {words.plural(len(model_names), 'model')} get no request.")
    return workload, tuple(notices)


def _check_models(model_names: Sequence[str]) -> None:
    if not len(model_names):
        raise InputError("There is no model to map the trace to; at least one is needed.")
    if len(set(model_names)) != len(model_names):
        twice = next(name for name in model_names if list(model_names).count(name) > 1)
        raise InputError(f"Two models are called '{twice}'; names must be different.")


def _cut(trace: Trace, options: TraceOptions) -> _Cut:
    end_s = trace.end_s if options.duration_s is None else options.start_s + options.duration_s
    is_beyond = options.start_s > trace.end_s or (options.start_s == trace.end_s and trace.kind != "events")
    if is_beyond:
        raise InputError(f"start_s is {options.start_s:g} s, but the trace ends at {trace.end_s:g} s.")
    return _Cut(options.start_s, end_s, options.duration_s is None)


def _check_drawn(trace: Trace, options: TraceOptions) -> None:
    if options.dequantise != "none":
        raise InputError(
            f"dequantise is '{options.dequantise}', but a trace of {trace.kind} has no arrival times; none is allowed."
        )
    if options.resample == "none":
        raise InputError(
            f"A trace of {trace.kind} ({trace.format}) has no arrival times to replay; set resample: gamma."
        )


def _empty_window(trace: Trace, cut: _Cut) -> InputError:
    return InputError(
        f"No request falls into the window from {cut.start_s:g} to {cut.end_s:g} s; the first request of the trace is "
        f"at {words.count(first_s(trace))} s and it ends at {words.count(trace.end_s)} s."
    )


def _late_notice(arrival_s: np.ndarray, cut: _Cut, length_s: float) -> list[str]:
    late_s = float(arrival_s[0])
    if (
        arrival_s.size < _FEW_REQUESTS
        or late_s <= _LATE_SHARE * length_s
        or late_s <= _LATE_GAPS * ((arrival_s[-1] - late_s) / arrival_s.size)
    ):
        return []
    return [
        f"The window is silent for its first {words.count(late_s)} of {words.count(length_s)} s: its first request "
        f"is at "
        f"{words.count(cut.start_s + late_s)} s of the trace. start_s can begin there."
    ]


def _from_events(
    trace: Trace,
    events: Events,
    model_names: Sequence[str],
    options: TraceOptions,
    cut: _Cut,
    max_requests: int,
) -> tuple[Workload, list[str]]:
    events = _dequantised(events, options)
    arrival_s, source = events.arrival_s, events.source
    low = np.searchsorted(arrival_s, cut.start_s, side="left")
    high = arrival_s.size if cut.ends_open else np.searchsorted(arrival_s, cut.end_s, side="left")
    if low == high:
        raise _empty_window(trace, cut)
    kept = np.arange(low, high)
    arrival_s, source = arrival_s[low:high] - cut.start_s, source[low:high]
    length_s = max(cut.length_s, float(arrival_s[-1]))
    active = np.bincount(source, minlength=len(trace.sources)) > 0
    model_of, notices = map_sources(trace.sources, active, model_names, options.map_models)
    notices += _late_notice(arrival_s, cut, length_s)
    model = model_of[source]
    if (model == LEFT_OUT).any():
        mapped = model != LEFT_OUT
        arrival_s, source, model, kept = arrival_s[mapped], source[mapped], model[mapped], kept[mapped]
    per_request = {
        name: None if getattr(events, name) is None else getattr(events, name)[kept]
        for name in ("slo_s", "input_tokens", "output_tokens")
    }
    original = Workload(arrival_s, model, len(model_names), **_paired(per_request))
    if options.resample == "gamma":
        workload, lost = _resampled(arrival_s, model, len(model_names), length_s, options, max_requests)
        notices += lost
        workload = _with_drawn_tokens(workload, original, options.seed)
        if original.slo_s is not None:
            notices.append("The trace's own deadlines are dropped, because resampled requests have none.")
        return workload, notices
    if options.rate_scale != 1:
        return _scaled(original, source, length_s, options, max_requests), notices
    return original, notices


def _paired(per_request: dict[str, np.ndarray | None]) -> dict[str, np.ndarray | None]:
    # A table that names one of the two lengths says too little to generate.
    if per_request["input_tokens"] is None or per_request["output_tokens"] is None:
        return per_request | {"input_tokens": None, "output_tokens": None}
    return per_request


def _with_drawn_tokens(workload: Workload, original: Workload, seed: int) -> Workload:
    """Each drawn request gets both lengths of one request of its model, so that they stay paired."""
    input_tokens, output_tokens = original.input_tokens, original.output_tokens
    if input_tokens is None or output_tokens is None:
        return workload
    random = np.random.default_rng((seed, _TOKEN_STREAM))
    rows = np.zeros(len(workload), np.int64)
    for index in range(workload.num_models):
        own, drawn = np.flatnonzero(original.model == index), np.flatnonzero(workload.model == index)
        if drawn.size:
            rows[drawn] = own[random.integers(own.size, size=drawn.size)]
    return replace(workload, input_tokens=input_tokens[rows], output_tokens=output_tokens[rows])


def _dequantised(events: Events, options: TraceOptions) -> Events:
    if options.dequantise == "none":
        return events
    tick_s = find_tick(events.arrival_s)
    if tick_s is None:
        raise InputError(f"dequantise is '{options.dequantise}', but the trace's clock has no tick; none is allowed.")
    arrival_s = spread_ticks(events.arrival_s, tick_s, options.dequantise, options.seed)
    order = np.argsort(arrival_s, kind="stable")
    others = {
        name: values[order] for name, values in vars(events).items() if name != "arrival_s" and values is not None
    }
    return replace(events, arrival_s=arrival_s[order], **others)


def _resampled(
    arrival_s: np.ndarray,
    model: np.ndarray,
    num_models: int,
    length_s: float,
    options: TraceOptions,
    max_requests: int,
) -> tuple[Workload, list[str]]:
    # All at one instant: a window of its own.
    length_s = length_s or options.window_s
    windows, lost = windows_of_events(arrival_s, model, num_models, length_s, options.window_s)
    workload = draw_windows(
        windows.scaled(options.rate_scale, options.cv_scale), num_models, options.seed, max_requests
    )
    if not lost:
        return workload, []
    return workload, [
        f"{words.plural(lost, 'request')} of {words.count(arrival_s.size)} lost: a window with two arrivals or fewer "
        f"has no burstiness "
        "to resample, so it stays empty. A larger window_s loses fewer."
    ]


def _scaled(
    workload: Workload, source: np.ndarray, length_s: float, options: TraceOptions, max_requests: int
) -> Workload:
    size, scale = len(workload), options.rate_scale
    if size * scale > max_requests:
        raise InputError(
            f"rate_scale {scale:g} would make {words.count(size * scale)} requests; at most "
            f"{words.count(max_requests)} can be simulated."
        )
    random = np.random.default_rng((options.seed, _SCALE_STREAM))
    if scale < 1:
        rows = np.flatnonzero(random.random(size) < scale)
        copies_s = workload.arrival_s[rows]
    else:
        copies = np.full(size, int(scale) - 1) + (random.random(size) < scale - int(scale))
        rows = np.repeat(np.arange(size), copies)
        gap_s = _gap_to_next(workload.arrival_s, source, length_s)
        drawn_s = workload.arrival_s[rows] + random.random(rows.size) * gap_s[rows]
        rows = np.concatenate([np.arange(size), rows])
        copies_s = np.concatenate([workload.arrival_s, drawn_s])
    order = np.argsort(copies_s, kind="stable")
    return workload.moved(copies_s[order], rows[order])


def _gap_to_next(arrival_s: np.ndarray, source: np.ndarray, length_s: float) -> np.ndarray:
    order = np.argsort(source, kind="stable")
    next_s = np.full(arrival_s.size, length_s)
    is_followed = source[order][1:] == source[order][:-1]
    next_s[order[:-1][is_followed]] = arrival_s[order[1:][is_followed]]
    return next_s - arrival_s


def _from_counts(
    trace: Trace,
    counts: Counts,
    model_names: Sequence[str],
    options: TraceOptions,
    cut: _Cut,
    max_requests: int,
) -> tuple[Workload, list[str]]:
    for name in ("start_s", "duration_s", "window_s"):
        value = getattr(options, name)
        if value is not None and abs(value / counts.bin_s - round(value / counts.bin_s)) > 1e-9:
            raise InputError(
                f"{name} is {value:g} s; the trace counts per {counts.bin_s:g} s, so a multiple of that is allowed."
            )
    low = round(cut.start_s / counts.bin_s)
    part = counts.counts[:, low : round(cut.end_s / counts.bin_s)]
    active = np.any(part, axis=1)
    if not active.any():
        raise _empty_window(trace, cut)
    model_of, notices = map_sources(trace.sources, active, model_names, options.map_models)
    per_model = np.stack([part[model_of == m].sum(axis=0, dtype=np.int64) for m in range(len(model_names))])
    windows = windows_of_counts(per_model, counts.bin_s, options.window_s)
    windows = windows.scaled(options.rate_scale, options.cv_scale)
    return draw_windows(windows, len(model_names), options.seed, max_requests), notices


def _from_rates(
    trace: Trace,
    rates: Rates,
    model_names: Sequence[str],
    options: TraceOptions,
    cut: _Cut,
    max_requests: int,
) -> tuple[Workload, list[str]]:
    falls_in = (rates.start_s < cut.end_s) & (rates.start_s + rates.duration_s > cut.start_s) & (rates.rate_per_s > 0)
    active = np.bincount(rates.source[falls_in], minlength=len(trace.sources)) > 0
    if not active.any():
        raise _empty_window(trace, cut)
    model_of, notices = map_sources(trace.sources, active, model_names, options.map_models)
    windows, poisson = windows_of_rates(rates, model_of, cut.start_s, cut.end_s)
    if poisson:
        notices.append(f"{words.plural(poisson, 'window')} with traffic but a CV of 0 taken as Poisson (CV 1).")
    windows = windows.scaled(options.rate_scale, options.cv_scale)
    return draw_windows(windows, len(model_names), options.seed, max_requests), notices
