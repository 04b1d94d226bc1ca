"""Reads requests from any table, by a mapping of its columns."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from simulator import words
from simulator.errors import InputError, UnknownFormat
from simulator.traces.arrow import Column, encoded, pc
from simulator.traces.cells import (
    DATE_RULE,
    BadCellError,
    Instants,
    first_bad,
    in_zone,
    instants,
    numbers,
    whole_nanoseconds,
    whole_numbers,
)
from simulator.traces.clock import EPOCH_S, MAX_CLOCK
from simulator.traces.columns import DATES, PER_SECOND, Columns
from simulator.traces.detect import UnknownFormatError, readable_text
from simulator.traces.files import TraceFile
from simulator.traces.grid import Batch, Grid, as_text
from simulator.traces.guess import guess_columns, plain_name, settled
from simulator.traces.open_grid import open_grid
from simulator.traces.parts import EventPart, single_source, unused_columns
from simulator.traces.table import Kind, Labels, check_sources
from simulator.traces.trace import MAX_TIME_S, MAX_TOKENS, TraceLimits

# What the first lines of a file tell without being asked.
_LAYOUT = {"delimiter": "comma", "decimal": "point"}
NO_MODEL = "(no name)"
_COLUMN_KEYS = ("time", "model", "deadline", "input_tokens", "output_tokens", "value")


def resolve_columns(file: TraceFile, columns: Columns, limits: TraceLimits) -> Columns:
    """The columns of a file with nothing left open.

    Columns are found without regard to case. Raises InputError for one that the table does not have, or no times.
    """
    check_readable(file)
    grid = open_grid(file, columns, limits)
    if columns.time is None:
        guess = guess_columns(grid)
        if guess.columns.time is None:
            raise InputError(f"{file.name}: {guess.reasons[0]} Name the column of times: --columns time=...")
        columns = columns.over(guess.columns)
    found = {
        key: _column(file, grid, getattr(columns, key)) for key in _COLUMN_KEYS if getattr(columns, key) is not None
    }
    return settled(replace(columns, **found), grid)


def check_readable(file: TraceFile) -> None:
    """Raises InputError where a file is neither text nor Parquet."""
    if not file.head(4).startswith(b"PAR1"):
        readable_text(file)


def _column(file: TraceFile, grid: Grid, wanted: str) -> str:
    if wanted in grid.names:
        return wanted
    alike = [name for name in grid.names if name.casefold() == wanted.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    numbered = [name for name in grid.names if name.startswith(f"{wanted} (")]
    if numbered:
        raise InputError(
            f"{file.name} has {len(numbered)} columns named '{wanted}'; {' or '.join(numbered)} is allowed."
        )
    near = difflib.get_close_matches(wanted, grid.names, 1, 0.6)
    hint = f" Is '{near[0]}' meant?" if near else ""
    shown = ", ".join(grid.names[:8])[:200] + (", ..." if len(grid.names) > 8 else "")
    # A header may hold line ends.
    raise InputError(" ".join(f"{file.name} has no column '{wanted}'; {shown} are allowed.{hint}".split()))


class Cells:
    """Collects the columns of a table piece by piece; a cell that is not allowed is named by its place."""

    def __init__(self, file: TraceFile, grid: Grid, columns: Columns, limits: TraceLimits) -> None:
        self.file, self.grid, self.columns, self.limits = file, grid, columns, limits
        self.rows = 0
        self.left_out = 0
        self.kept_rows = np.empty(0, np.int64)

    def batches(self, wanted: Sequence[str]) -> Any:
        """The pieces, without rows that hold nothing in all the wanted columns, or only repeat the header."""
        for batch in self.grid.batches(wanted):
            size = len(next(iter(batch.values())))
            if self.rows + size > self.limits.max_rows:
                raise InputError(
                    f"{self.file.name} has more than {words.count(self.limits.max_rows)} rows, the most that are "
                    f"allowed."
                )
            kept = _holds_something(batch)
            self.kept_rows = self.rows + np.flatnonzero(kept)
            self.left_out += int((~kept).sum())
            if self.kept_rows.size:
                yield batch if kept.all() else {name: column.filter(pa.array(kept)) for name, column in batch.items()}
            self.rows += size
        if self.rows == self.left_out:
            raise InputError(f"{self.file.name} has no rows; at least one is needed.")

    def convert(self, name: str, column: Column, rule: str, how: Callable[[Column], Any]) -> Any:
        """`how` of a piece; raises InputError with the place of the first cell that it refuses."""
        try:
            return how(column)
        except BadCellError:
            self.refuse(name, column, first_bad(column, how), rule)

    def refuse(self, name: str, column: Column, row: int, rule: str) -> None:
        """Raises InputError for a row of the piece that was given last."""
        value = as_text(column)[row].as_py()
        found = f"'{value[:60]}'" if value.strip() else "empty"
        where = self.grid.place(int(self.kept_rows[row]))
        raise InputError(f"{where}, column '{name}' is {found}; {rule} is allowed.")

    def left_out_notice(self) -> list[str]:
        if not self.left_out:
            return []
        return [f"{words.plural(self.left_out, 'row')} of {self.file.name} without any value left out."]


def _holds_something(batch: Batch) -> np.ndarray:
    kept: np.ndarray | None = None
    for column in batch.values():
        filled = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(as_text(column)), ""))
        kept = filled if kept is None else kept | filled
    return kept if kept is not None else np.empty(0, bool)


def read_requests(file: TraceFile, columns: Columns, limits: TraceLimits) -> EventPart:
    """One row a request, by columns with nothing left open; a row without a model is of the source `(no name)`.

    Raises InputError naming line (or row), column, what was found and what is allowed.
    """
    grid = open_grid(file, columns, limits)
    cells, clock, labels = Cells(file, grid, columns, limits), Clock(), Labels()
    sources: list[np.ndarray] = []
    deadlines: list[np.ndarray] = []
    tokens: dict[str, list[np.ndarray]] = {
        key: [] for key in ("input_tokens", "output_tokens") if getattr(columns, key) is not None
    }
    per_second = PER_SECOND[columns.deadline_unit]
    for batch in cells.batches(columns.used()):
        clock.add(cells, batch[columns.time])
        if columns.model is not None:
            sources.append(labels.encode(encoded(batch[columns.model])))
            check_sources(file, len(labels.names), limits)
        if columns.deadline is not None:
            deadline_s = cells.convert(
                columns.deadline, batch[columns.deadline], Kind.DEADLINE.value, lambda c: _deadlines(c, columns.decimal)
            )
            deadlines.append(deadline_s / per_second)
        for key, pieces in tokens.items():
            name = getattr(columns, key)
            rule = f"a whole number from 0 to {words.count(MAX_TOKENS)}"
            read = cells.convert(name, batch[name], rule, lambda c: whole_numbers(c, columns.decimal, 0, MAX_TOKENS))
            pieces.append(read)
    arrival, notices = clock.arrivals(cells)
    notices = cells.left_out_notice() + notices
    names = [name or NO_MODEL for name in labels.names] if columns.model is not None else None
    if names is not None and NO_MODEL in names:
        missing = int((np.concatenate(sources) == names.index(NO_MODEL)).sum())
        notices.append(f"{words.plural(missing, 'row')} of {file.name} without a model: the source '{NO_MODEL}'.")
    used = columns.used()
    notices += unused_columns([name for name in grid.names if name not in used]) if grid.kind != "log" else []
    return EventPart(
        "table",
        arrival,
        np.concatenate(sources) if sources else single_source(arrival.size),
        names,
        np.concatenate(deadlines) if deadlines else None,
        notices,
        **{key: np.concatenate(pieces) for key, pieces in tokens.items()},
    )


def _deadlines(column: Column, decimal: str) -> np.ndarray:
    values = numbers(column, decimal)
    if not (np.isnan(values) | (np.isfinite(values) & (values > 0))).all():
        raise BadCellError
    return values


class Clock:
    """Collects the column of times, in its unit, and puts it on one clock."""

    def __init__(self) -> None:
        self.pieces: list[np.ndarray] = []
        self.zoned: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []
        self.is_epoch = False

    def add(self, cells: Cells, column: Column) -> None:
        """One more piece; raises InputError for a cell that is no time in the unit."""
        columns = cells.columns
        name = columns.time or ""
        self.rows.append(cells.kept_rows)
        if columns.unit in DATES:
            found = cells.convert(name, column, f"{DATE_RULE} as {columns.unit.replace('_', ' ')}",
                                  lambda c: instants(c, columns.unit))  # fmt: skip
            self.pieces.append(found.wall_ns)
            self.zoned.append(found.is_zoned)
            return
        values = cells.convert(name, column, Kind.CLOCK.value, lambda c: _clock(c, columns.decimal))
        is_epoch = _are_epochs(values, PER_SECOND[columns.unit])
        self.is_epoch = bool(is_epoch[0]) if not self.pieces else self.is_epoch
        odd = np.flatnonzero(is_epoch != self.is_epoch)
        if odd.size:
            counts = "since 1970" if self.is_epoch else "from a start of its own"
            cells.refuse(name, column, int(odd[0]), f"a time in {columns.unit} {counts}, as in the first row,")
        if self.is_epoch:
            values = whole_nanoseconds(column, columns.decimal, PER_SECOND[columns.unit])
        self.pieces.append(values)

    def arrivals(self, cells: Cells) -> tuple[np.ndarray, list[str]]:
        """As in EventPart.arrival, and notices."""
        columns, name = cells.columns, cells.file.name
        joined = np.concatenate(self.pieces)
        if columns.unit in DATES:
            found = in_zone(Instants(joined, np.concatenate(self.zoned)), columns.zone)
            if found.skipped is not None:
                where = cells.grid.place(int(np.concatenate(self.rows)[found.skipped]))
                raise InputError(
                    f"{where}, column '{columns.time}' is a time that clocks in {columns.zone} skip (they are put "
                    "forward then); the right zone, or dates with their offset such as +02:00, are allowed."
                )
            return found.utc_ns, _repeated_notice(found.repeated, name, columns.zone)
        if self.is_epoch:
            return joined, []
        arrival_s = joined / PER_SECOND[columns.unit]
        late = np.flatnonzero(arrival_s > MAX_TIME_S)
        if late.size:
            raise InputError(
                f"{name}, request {late[0] + 1} is at {arrival_s[late[0]]:g} s; at most {MAX_TIME_S:g} s is allowed."
            )
        return arrival_s, _unit_notice(columns, name)


def _repeated_notice(repeated: int, name: str, zone: str) -> list[str]:
    if not repeated:
        return []
    return [
        f"{words.plural(repeated, 'time')} of {name} stood in an hour that clocks in {zone} show twice; the second "
        f"pass is "
        "taken from where they fall back."
    ]


def _unit_notice(columns: Columns, name: str) -> list[str]:
    plain = plain_name(columns.time or "").split()
    if columns.unit != "s" or (len(plain) > 1 and plain[-1] in ("s", "sec", "seconds")):
        return []
    return [f"The times of {name} (column '{columns.time}') are read as seconds."]


def _clock(column: Column, decimal: str) -> np.ndarray:
    values = numbers(column, decimal)
    if not ((values >= 0) & (values <= MAX_CLOCK)).all():
        raise BadCellError
    return values


def _are_epochs(values: np.ndarray, per_second: float) -> np.ndarray:
    return (values >= EPOCH_S[0] * per_second) & (values <= EPOCH_S[1] * per_second)


def recognise(file: TraceFile, complaint: UnknownFormatError, limits: TraceLimits) -> Columns:
    """The columns of a table that no reader knows, where its names and values leave no doubt.

    Raises InputError with the complaint and the nearest mapping that would work.
    """
    try:
        guess = guess_columns(open_grid(file, Columns(), limits))
    except InputError as error:
        raise UnknownFormat(f"{complaint} As a table: {error}") from None
    if guess.columns.time is None:
        raise UnknownFormat(f"{complaint} {guess.reasons[0]}")
    if guess.confidence == "clear":
        return resolve_columns(file, guess.columns, limits)
    nearest = (
        f"{complaint} {' '.join(guess.reasons)} The nearest reading, if that is meant: --columns "
        f"{short_text(guess.columns)} (in a scenario workload.trace.columns)."
    )
    raise UnknownFormat(" ".join(nearest.split()))


def short_text(columns: Columns) -> str:
    """The mapping without what every file of its layout has: `time=ts,model=route`."""
    kept = {key: value for key, value in columns.to_document().items() if _LAYOUT.get(key) != value}
    if kept.get("header") == "yes" and columns.delimiter in ("auto", "comma", "tab", "semicolon"):
        del kept["header"]
    return Columns(**kept).to_text()
