"""Reads counts or rates per interval from any table: a column a series (wide) or a row a series (long)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator import words
from simulator.arrays import F64, I32
from simulator.errors import InputError
from simulator.traces.any_table import Cells, Clock
from simulator.traces.arrow import Column, encoded
from simulator.traces.cells import BadCellError, numbers
from simulator.traces.columns import RATE_SECONDS, Columns
from simulator.traces.files import TraceFile
from simulator.traces.grid import as_text
from simulator.traces.guess import holds_numbers, names_no_series
from simulator.traces.open_grid import open_grid
from simulator.traces.parts import unused_columns
from simulator.traces.table import MAX_COUNT, Labels, check_sources
from simulator.traces.trace import Counts, Rates, TraceLimits

MAX_INTERVAL_CELLS = 20_000_000
_RULE = "a number from 0 to 1e+12, or nothing,"
_MAX_VALUE = 1e12
# Times that scatter by less than this share of a step stand on a grid all the same.
_JITTER = 1e-3
# A grid may have this many times as many bins as there are rows: the others are gaps.
_MAX_GAPS = 20
# A row that comes later than this many usual steps follows a gap.
_LONGEST_STEPS = 3
_MIN_STEP_S = 1e-3


@dataclass
class IntervalPart:
    """Numbers of one file, a row a series and instant, in the order of the file.

    Attributes:
        times: as EventPart.arrival.
        series: int32, shape (n,), index into names.
        names: of the series; None where the file has one whose column says what is counted, not for whom.
        values: float64, shape (n,), NaN where a cell is empty.
        notices: what was done to the rows.
    """

    times: np.ndarray
    series: np.ndarray
    names: list[str] | None
    values: np.ndarray
    notices: list[str] = field(default_factory=list[str])


def read_intervals(file: TraceFile, columns: Columns, limits: TraceLimits) -> IntervalPart:
    """The numbers of one file, by columns with nothing left open.

    Raises InputError naming line, column, what was found and what is allowed.
    """
    grid = open_grid(file, columns, limits)
    cells, clock = Cells(file, grid, columns, limits), Clock()
    if columns.shape == "long":
        return _read_long(cells, clock, columns)
    others = [name for name in grid.names if name != columns.time]
    sample = grid.sample()
    series = [name for name in others if holds_numbers(sample[name])]
    if not series:
        raise InputError(f"{file.name} has no column of numbers beside '{columns.time}'; the wide shape needs one.")
    pieces: list[np.ndarray] = []
    size = 0
    for batch in cells.batches([columns.time or "", *series]):
        clock.add(cells, batch[columns.time])
        pieces.append(np.stack([_values(cells, name, batch[name]) for name in series], axis=1))
        size += pieces[-1].size
        _check_cells(file, size)
    times, notices = clock.arrivals(cells)
    notices = cells.left_out_notice() + notices + unused_columns([name for name in others if name not in series])
    values = np.concatenate(pieces)
    index = np.tile(np.arange(len(series), dtype=np.int32), times.size)
    names = None if len(series) == 1 and names_no_series(series[0]) else series
    return IntervalPart(np.repeat(times, len(series)), index, names, values.ravel(), notices)


def _read_long(cells: Cells, clock: Clock, columns: Columns) -> IntervalPart:
    labels = Labels()
    series: list[I32] = []
    values: list[np.ndarray] = []
    for batch in cells.batches(columns.used()):
        clock.add(cells, batch[columns.time])
        values.append(_values(cells, columns.value or "", batch[columns.value]))
        _check_cells(cells.file, sum(piece.size for piece in values))
        if columns.model is not None:
            column = batch[columns.model]
            series.append(labels.encode(encoded(column)))
            check_sources(cells.file, len(labels.names), cells.limits)
    times, notices = clock.arrivals(cells)
    used = columns.used()
    notices = cells.left_out_notice() + notices
    notices += unused_columns([name for name in cells.grid.names if name not in used])
    names = [name or "(no name)" for name in labels.names] if columns.model is not None else None
    index = np.concatenate(series) if series else np.zeros(times.size, np.int32)
    return IntervalPart(times, index, names, np.concatenate(values), notices)


def _values(cells: Cells, name: str, column: Column) -> np.ndarray:
    def convert(piece: Column) -> np.ndarray:
        values = numbers(piece, cells.columns.decimal)
        if not (np.isnan(values) | ((values >= 0) & (values <= _MAX_VALUE))).all():
            raise BadCellError
        return values

    return cells.convert(name, as_text(column), _RULE, convert)


def _check_cells(file: TraceFile, size: int) -> None:
    if size > MAX_INTERVAL_CELLS:
        raise InputError(
            f"{file.name} has more than {words.count(MAX_INTERVAL_CELLS)} numbers, the most that are allowed."
        )


def as_content(part: IntervalPart, measure: str) -> tuple[Counts | Rates, float, list[str]]:
    """Counts where whole numbers stand on a grid of equal steps, else rates; a number is of the interval that begins
    at its time.

    An interval lasts until the next of its series, the usual step where that is far away; what a file does not say is
    no request. Rates are taken as Poisson (CV 1) inside their interval.

    Args:
        part: of one file or several; times in seconds.
        measure: one of MEASURES.

    Returns:
        the content, what the clock shows at time 0 (seconds), and notices.
    """
    order = np.lexsort((part.times, part.series))
    at_s, series, values = part.times[order], part.series[order], part.values[order]
    notices: list[str] = []
    missing = int(np.isnan(values).sum())
    if missing:
        notices.append(f"{words.plural(missing, 'empty cell')} taken as no request.")
    if measure == "total":
        values, restarts = _differences(series, values)
        again = f"; it restarts {words.plural(restarts, 'time')}" if restarts else ""
        notices.append(f"The totals of a counter are read as what was added since the row before{again}.")
    at_s, series, values, summed = _added_up(at_s, series, np.nan_to_num(values))
    if summed:
        notices.append(f"{words.plural(summed, 'row')} named an interval again; the numbers have been added up.")
    zero_s = float(at_s.min())
    steps_s = _steps(at_s, series)
    num_series = int(series.max()) + 1
    if measure not in RATE_SECONDS:
        # Gaps are multiples of the shortest step.
        step_s = _rounded(steps_s[steps_s <= steps_s.min() * 1.01])
        table = _on_grid(at_s - zero_s, series, values, step_s, num_series)
        if table is not None:
            gaps = int(table.size - at_s.size)
            if gaps:
                notices.append(
                    f"{words.plural(gaps, 'interval')} of {step_s:g} s that the file leaves out: no request."
                )
            return Counts(table, step_s), zero_s, notices
    duration_s = _durations(at_s, series, _rounded(steps_s))
    rate_per_s = values / RATE_SECONDS[measure] if measure in RATE_SECONDS else values / duration_s
    notices.append("Inside each interval requests are taken as Poisson (CV 1), because the file only says how many.")
    content = Rates(series, at_s - zero_s, duration_s, rate_per_s, (rate_per_s > 0).astype(np.float64))
    return content, zero_s, notices


def _differences(series: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, int]:
    """What a counter grew by since the row before of its series, 0 in the first; a fall is a restart from 0."""
    added, known = np.zeros(totals.size), ~np.isnan(totals)
    at, own = np.flatnonzero(known), totals[known]
    grown = np.diff(own)
    is_same = series[at][1:] == series[at][:-1]
    fell = (grown < 0) & is_same
    added[at[1:]] = np.where(is_same, np.where(grown < 0, own[1:], grown), 0.0)
    return added, int(fell.sum())


def _added_up(
    at_s: np.ndarray, series: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    is_new = np.concatenate(([True], (at_s[1:] != at_s[:-1]) | (series[1:] != series[:-1])))
    if is_new.all():
        return at_s, series, values, 0
    return at_s[is_new], series[is_new], np.add.reduceat(values, np.flatnonzero(is_new)), int((~is_new).sum())


def _steps(at_s: np.ndarray, series: np.ndarray) -> np.ndarray:
    steps_s = np.diff(at_s)[series[1:] == series[:-1]]
    if not steps_s.size:
        raise InputError("Each series has one number only, so no interval has an end; at least two times are needed.")
    if steps_s.min() < _MIN_STEP_S:
        raise InputError(f"Intervals of {steps_s.min():g} s are counted; at least {_MIN_STEP_S:g} s are allowed.")
    return steps_s


def _rounded(steps_s: F64) -> float:
    return float(np.round(np.median(steps_s), 6))


def _durations(at_s: np.ndarray, series: np.ndarray, step_s: float) -> np.ndarray:
    duration_s = np.full(at_s.size, step_s)
    is_followed = np.flatnonzero(series[1:] == series[:-1])
    steps_s = np.diff(at_s)[is_followed]
    duration_s[is_followed] = np.where(steps_s <= _LONGEST_STEPS * step_s, steps_s, step_s)
    return duration_s


def _on_grid(
    at_s: np.ndarray, series: np.ndarray, values: np.ndarray, step_s: float, num_series: int
) -> np.ndarray | None:
    """int32 counts, shape (series, bins); None where times or numbers do not allow it."""
    place = at_s / step_s
    bins = np.round(place).astype(np.int64)
    if (np.abs(place - bins) > _JITTER).any() or (values != np.floor(values)).any() or (values > MAX_COUNT).any():
        return None
    width = int(bins.max()) + 1
    if width * num_series > min(MAX_INTERVAL_CELLS, _MAX_GAPS * max(at_s.size, 100)):
        return None
    flat = series.astype(np.int64) * width + bins
    return np.bincount(flat, values, num_series * width).astype(np.int32).reshape(num_series, width)
