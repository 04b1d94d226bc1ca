"""Proposes which column of a table is what, from the names of its columns and its first rows, with reasons in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from simulator.arrays import F64
from simulator.traces.cells import BadCellError, in_zone, instants, is_date, numbers
from simulator.traces.clock import epoch_unit
from simulator.traces.columns import DATES, PER_SECOND, Columns
from simulator.traces.grid import Grid
from simulator.traces.json_rows import PROMETHEUS_COLUMNS
from simulator.traces.open_grid import looks_like_number

CONFIDENCE = ("clear", "likely", "unsure")
# Best first: when a request arrived, then when it was noted.
_TIMES = (
    "arrival", "arrivals", "arrival time", "arrived at", "arrived", "request time", "request start", "received at",
    "received", "submitted at", "submit time", "start time", "start times", "started at", "start", "request timestamp",
    "timestamp", "event time", "created at", "created", "datetime", "date time", "time", "ts", "t", "date", "epoch",
)  # fmt: skip
_MODELS = (
    "model", "model name", "model id", "models", "route", "endpoint", "deployment", "deployment name", "function",
    "func", "service", "path", "uri", "url path", "app", "lora", "adapter",
)  # fmt: skip
# Text that repeats and is no model.
_NO_MODELS = (
    "method", "status", "finish reason", "level", "user", "host", "ip", "region", "type", "log type", "error",
    "message", "stream", "protocol", "client", "identity", "zone", "date",
)  # fmt: skip
_DEADLINES = ("slo", "deadline", "slo target", "latency slo", "timeout")
_INPUTS = (
    "input tokens", "prompt tokens", "input toks", "input length", "input len", "input lens", "prompt len",
    "prompt length", "context tokens", "contexttokens", "num prefill tokens", "isl", "n prompt tokens",
)  # fmt: skip
_OUTPUTS = (
    "output tokens", "completion tokens", "output toks", "output length", "output len", "output lens",
    "generated tokens", "generatedtokens", "generation tokens", "num decode tokens", "osl", "response tokens",
)  # fmt: skip
_COUNTS = ("count", "counts", "requests", "request count", "hits", "invocations", "calls", "num requests", "n requests")
_RATES = {
    "per_s": r"(per s(ec(ond)?)?|/ ?s(ec)?|rps|qps|req/s|reqps|requests/s|hz)$",
    "per_min": r"(per min(ute)?|/ ?min|rpm|qpm)$",
    "per_h": r"(per h(our)?|/ ?h(our)?|rph)$",
}
_VALUES = ("value", "rate", "values", *_COUNTS)
_SERIES = ("series", "metric", "name", *_MODELS)
_UNIT_WORDS = {
    "s": "s", "sec": "s", "secs": "s", "seconds": "s", "ms": "ms", "millis": "ms", "msec": "ms", "milliseconds": "ms",
    "us": "us", "micros": "us", "microseconds": "us", "ns": "ns", "nanos": "ns", "nanoseconds": "ns",
}  # fmt: skip
_MIN_INTERVALS = 3


@dataclass(frozen=True)
class Guess:
    """What a table seems to hold.

    Attributes:
        columns: the proposal; `time` is None where no column can be one.
        confidence: "clear" (names and values leave no doubt), "likely" or "unsure".
        reasons: one sentence for each decision.
    """

    columns: Columns
    confidence: str
    reasons: tuple[str, ...]


def guess_columns(grid: Grid) -> Guess:
    """What the columns of a table are, told by their names and first rows."""
    sample = {name: cells for name, cells in grid.sample().items() if any(cell.strip() for cell in cells)}
    decimal = _decimal(sample, grid)
    base = replace(grid.columns, decimal=decimal)
    time = _time_column(sample)
    if time is None:
        return Guess(base, "unsure", ("No column holds times: numbers from 0 on, or dates, in every row.",))
    name, how_named = time
    unit, unit_reason, is_sure = _unit(name, sample[name], decimal)
    columns = replace(base, time=name, unit=unit)
    reasons = [f"'{name}' is the time: {how_named}."]
    if unit_reason.lower() != f"{how_named}.":
        reasons.append(unit_reason)
    rest = {other: cells for other, cells in sample.items() if other != name}
    intervals = _intervals(columns, sample[name], rest)
    if intervals is not None:
        found, confidence, why = intervals
        return Guess(found, _least(confidence, "clear" if is_sure else "likely"), (*reasons, *why))
    found, confidence, why = _requests(columns, rest, grid)
    is_named = how_named.startswith("its name")
    return Guess(found, _least(confidence, "clear" if is_named and is_sure else "likely"), (*reasons, *why))


def names_no_series(name: str) -> bool:
    """Whether a column's name says what its numbers are, such as `value` or `req/s`, not whose."""
    return plain_name(name) in _VALUES or _measure_of(name) is not None


def _least(*confidences: str) -> str:
    return max(confidences, key=CONFIDENCE.index)


def plain_name(name: str) -> str:
    """A column's name as words without case, signs and numbering: `Start_Time (2)` is `start time`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rsplit(".", 1)[-1])
    return re.sub(r"[^a-z0-9/]+", " ", re.sub(r" \(\d+\)$", "", spaced).casefold()).strip()


def _without_unit(name: str) -> tuple[str, str | None]:
    words = plain_name(name).split()
    if len(words) > 1 and words[-1] in _UNIT_WORDS:
        return " ".join(words[:-1]), _UNIT_WORDS[words[-1]]
    if len(words) > 2 and words[-2] == "unix" or len(words) > 1 and words[-1] in ("utc", "unix"):
        return " ".join(words[:-1]), None
    return " ".join(words), None


def _decimal(sample: Mapping[str, Sequence[str]], grid: Grid) -> str:
    if grid.kind != "text" or grid.columns.delimiter == "comma":
        return "point"
    cells = [cell.strip() for column in sample.values() for cell in column]
    commas = sum(bool(re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})*,\d+|[-+]?\d+,\d+", cell)) for cell in cells)
    points = sum(bool(re.fullmatch(r"[-+]?\d+\.\d+", cell)) for cell in cells)
    return "comma" if commas > points else "point"


def _time_column(sample: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """The column of times and why; None where none can be one."""
    # A column that is called so may have a cell that is wrong; the reader names it.
    able = [name for name, cells in sample.items() if _share_of_times(cells) > (0.5 if _is_named_time(name) else 0.999)]
    named = [(_TIMES.index(_without_unit(name)[0]), name) for name in able if _is_named_time(name)]
    if named:
        return min(named)[1], "its name says so"
    dates = [name for name in able if is_date(sample[name][0])]
    epochs = [name for name in able if name not in dates and _is_epoch(sample[name])]
    rising = [name for name in able if _rises(sample[name])]
    only = able if len(able) == 1 else []
    for found, why in (
        (dates, "it holds dates"),
        (epochs, "it holds times since 1970"),
        (rising, "its numbers rise"),
        (only, "no other column holds numbers"),
    ):
        if found:
            return found[0], why
    return None


def _is_named_time(name: str) -> bool:
    return _without_unit(name)[0] in _TIMES


def _share_of_times(cells: Sequence[str]) -> float:
    filled = [cell for cell in cells if cell.strip()]
    dates = sum(is_date(cell) is not None for cell in filled)
    positive = sum(looks_like_number(cell) and cell[:1] != "-" for cell in filled)
    return max(dates, positive) / max(len(filled), 1)


def _floats(cells: Sequence[str], decimal: str = "point") -> np.ndarray | None:
    try:
        return numbers(pa.array(cells, pa.string()), decimal)
    except BadCellError:
        return None


def _is_epoch(cells: Sequence[str]) -> bool:
    values = _floats(cells)
    return values is not None and not np.isnan(values).any() and epoch_unit(float(values.min())) is not None


def _rises(cells: Sequence[str]) -> bool:
    values = _floats(cells)
    return values is not None and values.size > 1 and bool((np.diff(values) >= 0).all()) and values[-1] > values[0]


def _unit(name: str, cells: Sequence[str], decimal: str) -> tuple[str, str, bool]:
    """The unit, why, and whether that is sure."""
    dates = [cell.strip() for cell in cells if is_date(cell)]
    cells = dates or [cell for cell in cells if looks_like_number(cell)]
    kinds = {is_date(cell) for cell in dates}
    if kinds:
        if kinds >= {"month_first"} and kinds <= {"month_first", "day_first"}:
            return "month_first", "Its dates put the month first, because a number in second place is above 12.", True
        kind = next(iter(kinds))
        if kind == "day_first":
            is_sure = any(int(re.split(r"[./-]", cell)[0]) > 12 for cell in dates)
            is_sure = is_sure or all("." in cell[:3] for cell in dates)
            why = "" if is_sure else ", which is a guess: no number in them is above 12"
            return "day_first", f"Its dates put the day first{why}.", is_sure
        return str(kind), "It holds dates.", True
    values = _floats(cells, decimal)
    if values is None or np.isnan(values).all():
        return "auto", "Its unit cannot be told.", False
    epoch, (_, named) = epoch_unit(float(np.nanmin(values))), _without_unit(name)
    if epoch is not None:
        unit = next(unit for unit, scale in PER_SECOND.items() if scale == epoch[1])
        is_sure = named in (None, unit)
        doubt = "" if is_sure else f", although its name ends in {named}"
        return unit, f"Its numbers are {epoch[0]} since 1970, told by their size{doubt}.", is_sure
    if named is not None:
        return named, f"Its name ends in the unit {named}.", True
    return "s", f"Nothing tells the unit of '{name}'; seconds are taken, unit=ms (us, ns) reads it otherwise.", True


def _named(names: Iterable[str], words: Sequence[str]) -> list[str]:
    found = [(words.index(plain_name(name)), name) for name in names if plain_name(name) in words]
    return [name for _, name in sorted(found)]


def holds_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells are numbers or empty."""
    blanks = ("", "nan", "null", "undefined")
    return all(looks_like_number(cell) or cell.strip().casefold() in blanks for cell in cells)


def _requests(columns: Columns, rest: Mapping[str, Sequence[str]], grid: Grid) -> tuple[Columns, str, list[str]]:
    confidence = "clear"
    reasons: list[str] = []
    words = {name: cells for name, cells in rest.items() if not holds_numbers(cells) and not _is_no_model(name)}
    if grid.kind == "log":
        words = {"route": rest["route"]}
    models = _named(words, _MODELS) or _named(rest, _MODELS[:4])
    if models:
        columns = replace(columns, model=models[0])
        reasons.append(f"'{models[0]}' is the model: its name says so.")
        if re.search(r" \(1\)$", models[0]):
            confidence = "likely"
            reasons.append("More than one column is called so.")
    else:
        # Text that repeats names something; text that differs in every row is an identifier.
        repeating = [
            name for name, cells in words.items() if len(set(cells)) < max(len(cells), 2) and not _dates(cells)
        ]
        if repeating:
            confidence = "likely"
            columns = replace(columns, model=repeating[0])
            reasons.append(f"'{repeating[0]}' could be the model: it is text that repeats.")
        elif words and len(next(iter(rest.values()))) < _MIN_INTERVALS:
            confidence = "likely"
            name = next(iter(words))
            columns = replace(columns, model=name)
            reasons.append(f"'{name}' could be the model: it is text.")
        else:
            reasons.append("No column names models, so the file is one.")
    for key, known in (("input_tokens", _INPUTS), ("output_tokens", _OUTPUTS)):
        found = [name for name in _named(rest, known) if _are_tokens(rest[name], columns.decimal)]
        if found:
            columns = replace(columns, **{key: found[0]})
            reasons.append(f"'{found[0]}' are the {key.replace('_', ' ')}: its name says so.")
    for name in rest:
        bare, unit = _without_unit(name)
        if bare in _DEADLINES and unit and holds_numbers(rest[name]) and columns.deadline is None:
            columns = replace(columns, deadline=name, deadline_unit=unit)
            reasons.append(f"'{name}' is the deadline in {unit}: its name says so.")
    return columns, confidence, reasons


def _is_no_model(name: str) -> bool:
    plain = plain_name(name)
    return plain in _NO_MODELS or (plain.split()[-1:] in (["id"], ["uuid"]) and plain not in _MODELS)


def _dates(cells: Sequence[str]) -> bool:
    return all(is_date(cell) for cell in cells if cell.strip())


def _are_tokens(cells: Sequence[str], decimal: str) -> bool:
    values = _floats(cells, decimal)
    return values is not None and bool(((values >= 0) & (values == np.floor(values))).all())


def sample_seconds(columns: Columns, cells: Sequence[str]) -> np.ndarray | None:
    """Times of the first rows in seconds, None where they are none."""
    try:
        if columns.unit in DATES:
            found = instants(pa.array(cells, pa.string()), columns.unit)
            return in_zone(found, columns.zone).utc_ns / 1e9
        values = numbers(pa.array(cells, pa.string()), columns.decimal)
    except BadCellError:
        return None
    return values / PER_SECOND.get(columns.unit, 1.0)


def _intervals(
    columns: Columns, times: Sequence[str], rest: Mapping[str, Sequence[str]]
) -> tuple[Columns, str, list[str]] | None:
    """Counts or rates per interval, where the table looks like them."""
    at_s = sample_seconds(columns, times)
    words = [name for name, cells in rest.items() if not holds_numbers(cells)]
    figures = [name for name in rest if name not in words and plain_name(name) not in (*_INPUTS, *_OUTPUTS)]
    if at_s is None or len(set(at_s)) < 2 or len(figures) < 1 or len(figures) + len(words) != len(rest):
        return None
    if len(words) == 0:
        steps = np.diff(at_s)
        is_regular = len(at_s) >= _MIN_INTERVALS and bool((steps > 0).all()) and _are_multiples(steps)
        is_named = all(names_no_series(name) for name in figures)
        if not is_regular and not (is_named and (steps > 0).all()):
            return None
        measure, is_sure, why = _measure(figures, [rest[name] for name in figures], columns.decimal)
        listed = ", ".join(f"'{name}'" for name in figures[:4]) + (", ..." if len(figures) > 4 else "")
        how = "the times step regularly and all other columns are numbers" if is_regular else "their names say so"
        reasons = [f"{listed} {'is a series' if len(figures) == 1 else 'are series'} per interval: {how}.", why]
        return replace(columns, shape="wide", measure=measure), "clear" if is_sure else "likely", reasons
    values = _named(figures, _VALUES) + [name for name in figures if _measure_of(name)]
    series = _named(words, _SERIES) or words
    if (
        len(figures) != 1
        or not values
        or len(words) != 1
        or len(set(zip(times, rest[series[0]], strict=True))) < len(times)
    ):
        return None
    measure, is_sure, why = _measure(values[:1], [rest[values[0]]], columns.decimal, rest[series[0]])
    # What Prometheus answers with fractions are rates.
    is_sure = is_sure or (
        measure == "per_s" and set(rest) | {columns.time} == set(PROMETHEUS_COLUMNS) and columns.delimiter == "auto"
    )
    found = replace(columns, shape="long", model=series[0], value=values[0], measure=measure)
    reasons = [f"Each row is the number '{values[0]}' of the series '{series[0]}' in an interval.", why]
    return found, "clear" if is_sure else "likely", reasons


def _are_multiples(steps: F64) -> bool:
    ratio: F64 = steps / float(steps.min())
    nearest: F64 = np.round(ratio)
    return bool(np.mean(np.abs(ratio - nearest) < 1e-3) >= 0.9 and np.mean(np.equal(nearest, 1.0)) >= 0.5)


def _measure_of(name: str) -> str | None:
    plain = plain_name(name)
    return next((measure for measure, ending in _RATES.items() if re.search(ending, plain)), None)


def _measure(
    names: Sequence[str], columns: Sequence[Sequence[str]], decimal: str, series: Sequence[str] | None = None
) -> tuple[str, bool, str]:
    """What the numbers of intervals are, whether that is sure, and why."""
    told = {_measure_of(name) for name in names}
    measure = told.pop() if len(told) == 1 else None
    if measure is not None:
        return measure, True, f"The numbers are rates {measure.replace('_', ' ')}: the name says so."
    values = [column for cells in columns for column in _series_values(cells, decimal, series)]
    if values and all(_is_total(column) for column in values):
        is_named = all(plain_name(name).endswith("total") for name in names)
        return "total", is_named, "The numbers never fall, so they are totals of a counter; the differences are read."
    if any((column != np.floor(column)).any() for column in values):
        return "per_s", "rate" in {plain_name(name) for name in names}, "The numbers are not whole: rates per second."
    is_named = all(plain_name(name) in _COUNTS for name in names)
    return "counts", is_named, "The numbers are whole: requests in each interval."


def _series_values(cells: Sequence[str], decimal: str, series: Sequence[str] | None) -> list[np.ndarray]:
    values = _floats(cells, decimal)
    if values is None:
        return []
    groups = [np.ones(values.size, bool)] if series is None else [np.array(series) == one for one in set(series)]
    return [values[group & ~np.isnan(values)] for group in groups]


def _is_total(values: np.ndarray) -> bool:
    # A few rows may rise by chance, and a counter that is hardly older than its first step is no evidence.
    return values.size >= 8 and bool((np.diff(values) >= 0).all()) and values[-1] > values[0] > 0


def settled(columns: Columns, grid: Grid) -> Columns:
    """The columns with all that is left to be told by the file ("auto") told; `time` must be given."""
    assert columns.time is not None, "guessed before where it was not given"
    sample = grid.sample()
    decimal = columns.decimal if columns.decimal != "auto" else _decimal(sample, grid)
    unit = columns.unit if columns.unit != "auto" else _unit(columns.time, sample[columns.time], decimal)[0]
    return replace(columns.over(grid.columns), decimal=decimal, unit=unit)
