"""Reads columns of a CSV file into arrays: fast with Arrow, and a slow walk that names the first bad value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from simulator import words
from simulator.errors import InputError
from simulator.traces.arrow import Column, DictionaryColumn, nanoseconds, pc, python_file, texts
from simulator.traces.clock import CLOCK_RULE, MAX_CLOCK
from simulator.traces.detect import FileLayout, split_line
from simulator.traces.files import TraceFile
from simulator.traces.trace import MAX_TIME_S, MAX_TOKENS, TraceLimits

_BLOCK_BYTES = 8 << 20
MAX_COUNT = 2**31 - 1


class Kind(Enum):
    """What a column may hold; the value is the sentence's end."""

    CLOCK = CLOCK_RULE
    TIME = f"a number from 0 to {MAX_TIME_S:g}"
    NUMBER = "a finite number"
    DEADLINE = "a positive number or nothing"
    INSTANT = "a date and time such as 2024-05-10 00:00:00.009930"
    COUNT = f"a whole number from 0 to {words.count(MAX_COUNT)}"
    TOKENS = f"a whole number from 0 to {words.count(MAX_TOKENS)}"
    LABEL = "text"


_ARROW_TYPES = {
    Kind.CLOCK: pa.float64(),
    Kind.TIME: pa.float64(),
    Kind.NUMBER: pa.float64(),
    Kind.DEADLINE: pa.float64(),
    Kind.INSTANT: pa.string(),
    Kind.COUNT: pa.int32(),
    Kind.TOKENS: pa.float64(),
    Kind.LABEL: pa.dictionary(pa.int32(), pa.string()),
}
_RANGES = {
    Kind.CLOCK: (0.0, MAX_CLOCK),
    Kind.TIME: (0.0, MAX_TIME_S),
    Kind.NUMBER: (-np.finfo(np.float64).max, np.finfo(np.float64).max),
    Kind.COUNT: (0, MAX_COUNT),
    Kind.TOKENS: (0, MAX_TOKENS),
}
_INSTANT_PATTERN = r"^\d{4}-\d\d-\d\d"


@dataclass
class Labels:
    """Text values as numbers, in order of appearance.

    Attributes:
        names: the distinct values.
        codes: int32, shape (n,), index of each row's value in names.
    """

    names: list[str] = field(default_factory=list[str])
    codes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    _index: dict[str, int] = field(default_factory=dict[str, int], repr=False)

    def encode(self, column: DictionaryColumn) -> np.ndarray:
        """The codes of one more piece of the column: int32."""
        codes = np.array(
            [self._index.setdefault(name, len(self._index)) for name in map(str.strip, texts(column.dictionary))],
            dtype=np.int32,
        )
        self.names = list(self._index) if len(self.names) != len(self._index) else self.names
        indices = np.asarray(column.indices)
        return codes[indices] if codes.size else np.empty(0, np.int32)


def read_columns(
    file: TraceFile, layout: FileLayout, columns: Mapping[str, Kind], limits: TraceLimits
) -> tuple[dict[str, np.ndarray], dict[str, Labels]]:
    """The wanted columns of a CSV file: those of numbers as one array each, and those of text.

    CLOCK, TIME, NUMBER and DEADLINE come as float64, COUNT as int32, TOKENS as int64,
    INSTANT as int64 nanoseconds since 1970 UTC (text
    without a zone is read as UTC), LABEL as Labels. Raises InputError naming line, column and value of the first
    that is not allowed.
    """
    labels = {name: Labels() for name, kind in columns.items() if kind is Kind.LABEL}
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in columns}
    for numbers, labelled in read_batches(file, layout, columns, limits):
        for name, text in labelled.items():
            pieces[name].append(labels[name].encode(text))
            check_sources(file, len(labels[name].names), limits)
        for name, values in numbers.items():
            pieces[name].append(values)
    # One column after the other, so that no more than one is there twice.
    arrays = {name: np.concatenate(pieces.pop(name)) for name in columns}
    for name, column in labels.items():
        column.codes = arrays.pop(name)
    return arrays, labels


def read_batches(
    file: TraceFile, layout: FileLayout, columns: Mapping[str, Kind], limits: TraceLimits
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, DictionaryColumn]]]:
    """The wanted columns piece by piece, checked: numbers as arrays, and LABEL columns as Arrow dictionaries."""
    _check_header(file, layout, columns)
    position = {name: f"c{layout.header.index(name)}" for name in columns}
    rows = 0
    try:
        for batch in _arrow_batches(file, layout, columns, position):
            if rows + batch.num_rows > limits.max_rows:
                raise InputError(
                    f"{file.name} has more than {words.count(limits.max_rows)} rows, the most that are allowed."
                )
            arrays: dict[str, Any] = {name: batch[position[name]] for name in columns}
            labelled = {name: arrays.pop(name) for name, kind in columns.items() if kind is Kind.LABEL}
            numbers = {name: _checked(array, columns[name]) for name, array in arrays.items()}
            rows += batch.num_rows
            yield numbers, labelled
    except (pa.ArrowInvalid, pa.ArrowKeyError, _BadValue) as error:
        _diagnose(file, layout, columns, rows)
        raise InputError(f"{file.name} cannot be read as {layout.format}: {_first_sentence(error)}.") from None
    if not rows:
        raise _no_rows(file)


def check_sources(file: TraceFile, count: int, limits: TraceLimits) -> None:
    """Raises InputError if a trace names too many models, functions or clients."""
    if count > limits.max_sources:
        raise InputError(
            f"{file.name} names more than {words.count(limits.max_sources)} models or functions, the most that are "
            f"allowed."
        )


def _no_rows(file: TraceFile) -> InputError:
    return InputError(f"{file.name} has a header but no rows; at least one request is needed.")


class _BadValue(Exception):
    """The fast path met a value that is not allowed; the slow path says which."""


def _check_header(file: TraceFile, layout: FileLayout, columns: Mapping[str, Kind]) -> None:
    for name in columns:
        if layout.header.count(name) > 1:
            raise InputError(f"{file.name} has {layout.header.count(name)} columns named '{name}'; one is allowed.")


def _arrow_batches(
    file: TraceFile, layout: FileLayout, columns: Mapping[str, Kind], position: Mapping[str, str]
) -> Iterator[Any]:
    reader = pa_csv.open_csv(
        python_file(file.apart()),
        read_options=pa_csv.ReadOptions(
            column_names=[f"c{i}" for i in range(len(layout.header))],
            skip_rows=layout.skip_lines,
            block_size=_BLOCK_BYTES,
        ),
        convert_options=pa_csv.ConvertOptions(
            include_columns=[position[name] for name in columns],
            column_types={position[name]: _ARROW_TYPES[kind] for name, kind in columns.items()},
            null_values=[""],
            strings_can_be_null=False,
        ),
    )
    yield from reader


def _checked(column: Column, kind: Kind) -> np.ndarray:
    if kind is Kind.INSTANT:
        return _nanoseconds(column)
    if kind is Kind.DEADLINE:
        values = np.asarray(column.fill_null(float("nan")))
        if not (np.isnan(values) | (np.isfinite(values) & (values > 0))).all():
            raise _BadValue
        return values
    if column.null_count:
        raise _BadValue
    values = np.asarray(column)
    low, high = _RANGES[kind]
    # Written this way round so that NaN fails.
    if not ((values >= low) & (values <= high)).all():
        raise _BadValue
    if kind is Kind.TOKENS:
        if (values != np.floor(values)).any():
            raise _BadValue
        return values.astype(np.int64)
    return values


def _nanoseconds(column: Column) -> np.ndarray:
    # The pattern keeps out words such as "now" that pandas would also take.
    if not pc.all(pc.match_substring_regex(column, _INSTANT_PATTERN)).as_py():
        raise _BadValue
    try:
        return nanoseconds(column, "ISO8601")
    except (ValueError, OverflowError) as error:
        raise _BadValue from error


def _diagnose(file: TraceFile, layout: FileLayout, columns: Mapping[str, Kind], good_rows: int) -> None:
    """Walks the file line by line, behind the rows known to be good, and raises InputError for the first bad value.

    Returns if it finds none.
    """
    wanted = [(layout.header.index(name), name, kind) for name, kind in columns.items()]
    rows = 0
    for where, line in itertools.islice(file.lines(), layout.skip_lines, None):
        if not line.strip(b"\r\n"):
            continue
        rows += 1
        if rows <= good_rows:
            continue
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{where}: byte 0x{line[error.start]:02x} is not valid UTF-8; text in UTF-8 is allowed."
            ) from None
        fields = split_line(text, where)
        if len(fields) != len(layout.header):
            raise InputError(f"{where} has {words.plural(len(fields), 'field')}; {len(layout.header)} are needed.")
        for position, name, kind in wanted:
            value = fields[position]
            if not _is_allowed(value, kind):
                shown = f"'{value[:60]}'" if value else "empty"
                raise InputError(f"{where}, column '{name}' is {shown}; {kind.value} is allowed.")
    if not rows:
        raise _no_rows(file)


def _is_allowed(text: str, kind: Kind) -> bool:
    text = text.strip()
    if kind is Kind.LABEL:
        return True
    if kind is Kind.INSTANT:
        return _is_instant(text)
    if kind is Kind.COUNT:
        return text.isascii() and text.isdigit() and int(text[:20]) <= MAX_COUNT
    if kind is Kind.DEADLINE and not text:
        return True
    # Python reads 1_000 as a number, Arrow does not.
    try:
        value = float(text.replace("_", "?"))
    except ValueError:
        return False
    if kind is Kind.DEADLINE:
        return math.isnan(value) or (math.isfinite(value) and value > 0)
    low, high = _RANGES[kind]
    return bool(low <= value <= high) and (kind is not Kind.TOKENS or value == math.floor(value))


def _is_instant(text: str) -> bool:
    try:
        _nanoseconds(pa.array([text]))
    except _BadValue:
        return False
    return True


def _first_sentence(error: Exception) -> str:
    return str(error).split("\n")[0].strip().rstrip(".")[:200] or "a value is not allowed"
