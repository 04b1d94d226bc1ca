"""Azure Functions 2019: a row a function, a column a minute, counts that are never expanded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from simulator import words
from simulator.arrays import I64
from simulator.errors import InputError
from simulator.traces.detect import FileLayout, minute_label
from simulator.traces.files import TraceFile
from simulator.traces.grid import as_text
from simulator.traces.table import Kind, read_batches
from simulator.traces.trace import Counts, TraceLimits

MINUTE_S = 60.0
_MINUTES_PER_DAY = 1440
_KEY_COLUMNS = ("hashowner", "hashapp", "hashfunction")
_DAY = re.compile(r"\.d(\d{1,3})\.")

Key = tuple[str, ...]


@dataclass
class CountPart:
    """Counts of one file.

    Attributes:
        name: of the file.
        first_minute: the first minute on the file's clock, from 0.
        row_of: for each function (owner, app, function) its row, in order of appearance.
        counts: int32, shape (functions, minutes).
        notices: what was done to the rows.
    """

    name: str
    first_minute: int
    row_of: dict[Key, int]
    counts: np.ndarray
    notices: list[str] = field(default_factory=list[str])


def read_counts(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> CountPart:
    """The table of one file: hash columns in any order, with or without Trigger, labels `1`, `1_minute`, `minute_1`.

    Rows of one function are added up. Raises InputError for a label given twice, a count that is no whole number
    from 0 on, or a table beyond the limits.
    """
    minutes = _minute_columns(file, layout)
    keys = [name for name in _KEY_COLUMNS if name in layout.header]
    columns = dict.fromkeys(keys, Kind.LABEL) | dict.fromkeys(minutes, Kind.COUNT)
    first, last = min(minutes.values()), max(minutes.values())
    width = last - first + 1
    place = np.array(list(minutes.values())) - first
    row_of: dict[Key, int] = {}
    read = 0
    # A count takes two bytes of text at least, so there cannot be more rows; pages that stay untouched cost nothing.
    most_rows = min(file.size_bytes // (2 * len(minutes)), limits.max_cells // width) + 1
    counts = np.zeros((most_rows, width), dtype=np.int32)
    for numbers, labels in read_batches(file, layout, columns, limits):
        texts = [as_text(labels[name]).to_pylist() for name in keys]
        rows = np.array([row_of.setdefault(key, len(row_of)) for key in zip(*texts, strict=True)], dtype=np.int64)
        _check_size(file.name, len(row_of), width, limits)
        _add(file.name, counts, rows, place, np.stack([numbers[name] for name in minutes], axis=1))
        read += rows.size
    part = CountPart(file.name, first - 1 if first else 0, row_of, counts[: len(row_of)])
    if read > len(row_of):
        repeats = words.plural(read - len(row_of), "row")
        part.notices.append(f"{file.name} names a function again in {repeats}; the counts have been added up.")
    return part


def join_counts(parts: list[CountPart], limits: TraceLimits) -> tuple[list[Key], Counts, float, list[str]]:
    """One table from several files: functions joined, files that carry a day (`.d01.`) one after the other.

    Returns:
        The functions in order of appearance, their counts, what the clock shows at time 0 (seconds), and notices.
    """
    days = [day_of(part.name) for part in parts]
    follow = len(parts) > 1 and None not in days
    starts = [
        part.first_minute + (_MINUTES_PER_DAY * (day or 0) if follow else 0)
        for part, day in zip(parts, days, strict=True)
    ]
    first = min(starts)
    width = max(start + part.counts.shape[1] for start, part in zip(starts, parts, strict=True)) - first
    row_of: dict[Key, int] = {}
    rows = [np.array([row_of.setdefault(key, len(row_of)) for key in part.row_of], dtype=np.int64) for part in parts]
    notices = [notice for part in parts for notice in part.notices]
    if len(parts) == 1:
        return list(row_of), Counts(parts[0].counts, MINUTE_S), first * MINUTE_S, notices
    _check_size(parts[0].name, len(row_of), width, limits)
    counts = np.zeros((len(row_of), width), dtype=np.int32)
    for row, start, part in zip(rows, starts, _drain(parts), strict=True):
        place: I64 = np.arange(start - first, start - first + part.counts.shape[1], dtype=np.int64)
        _add(part.name, counts, row, place, part.counts)
    notices += _silent_days(starts) if follow else []
    return list(row_of), Counts(counts, MINUTE_S), first * MINUTE_S, notices


def day_of(name: str) -> int | None:
    """The day that the name of a file carries (`.d01.` is day 0); None if it carries none."""
    day = _DAY.search(name)
    return int(day[1]) - 1 if day else None


def _minute_columns(file: TraceFile, layout: FileLayout) -> dict[str, int]:
    minutes = {name: label for name in layout.header if (label := minute_label(name)) is not None}
    seen: dict[int, str] = {}
    for name in layout.header:
        label = minute_label(name)
        if label is not None and label in seen:
            raise InputError(f"{file.name} has two columns for minute {label}; one is allowed.")
        if label is not None:
            seen[label] = name
    return minutes


def _check_size(name: str, functions: int, minutes: int, limits: TraceLimits) -> None:
    if functions > limits.max_sources:
        raise InputError(
            f"{name} names more than {words.count(limits.max_sources)} functions, the most that are allowed."
        )
    if functions * minutes > limits.max_cells:
        raise InputError(
            f"{name}: {words.plural(functions, 'function')} over {words.count(minutes)} minutes make "
            f"{words.count(functions * minutes)} counts; "
            f"at most {words.count(limits.max_cells)} are allowed. Give fewer days."
        )


def _add(name: str, counts: np.ndarray, rows: np.ndarray, place: np.ndarray, block: np.ndarray) -> None:
    contiguous = place.size == place[-1] - place[0] + 1 and (np.diff(place) == 1).all()
    columns = slice(place[0], place[-1] + 1) if contiguous else place
    if contiguous and np.unique(rows).size == rows.size:
        view = counts[:, columns]
        view[rows] += block
    else:
        np.add.at(counts, (rows[:, None], place[None, :]), block)
    if (counts[rows] < 0).any():
        raise InputError(
            f"{name}: the counts of one function in one minute add up to more than {words.count(2**31 - 1)}."
        )


def _drain(items: list[CountPart]) -> Iterator[CountPart]:
    # Each piece is freed as soon as the next one is asked for, so that the table is held once and not twice.
    items.reverse()
    while items:
        yield items.pop()


def _silent_days(starts: list[int]) -> list[str]:
    days = {start // _MINUTES_PER_DAY + 1 for start in starts}
    missing = sorted(set(range(min(days), max(days) + 1)) - days)
    if not missing:
        return []
    return [
        f"No file for {words.plural(len(missing), 'day')} in between (from day {missing[0]}); nothing arrives then."
    ]
