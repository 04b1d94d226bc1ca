"""What comes out of a file by a mapping, before it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.errors import InputError
from simulator.traces.any_table import check_readable, resolve_columns
from simulator.traces.columns import Columns
from simulator.traces.files import TraceInput, as_inputs, open_files
from simulator.traces.guess import Guess, guess_columns
from simulator.traces.open_grid import open_grid
from simulator.traces.read import read_trace
from simulator.traces.trace import Trace, TraceLimits

PREVIEW_ROWS = 8


@dataclass(frozen=True)
class Preview:
    """The first file as a table, and what all files give.

    Attributes:
        names: its columns.
        rows: the first PREVIEW_ROWS rows, cell by cell as text.
        guess: what its columns look like; None where it is no table.
        columns: how it is read, with nothing left open; None where that fails.
        trace: what comes out, None where a problem is in the way.
        problem: the sentence that says what is wrong, or None.
    """

    names: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    guess: Guess | None = None
    columns: Columns | None = None
    trace: Trace | None = None
    problem: str | None = None


def open_table(file: TraceInput, columns: Columns | None = None, limits: TraceLimits | None = None) -> Preview:
    """The first rows of a file and the mapping, by default the guessed one, without what comes out.

    What is wrong is in the answer, not raised.
    """
    limits, columns = limits or TraceLimits(), columns or Columns()
    names: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    guess = None
    try:
        with open_files([file], limits) as files:
            check_readable(files[0])
            # The layout alone, so that the table is shown even where a column is not found.
            grid = open_grid(files[0], columns, limits)
            sample = grid.sample()
            names = grid.names
            rows = tuple(zip(*(sample[name][:PREVIEW_ROWS] for name in names), strict=True))
            guess = guess_columns(grid)
            return Preview(names, rows, guess, resolve_columns(files[0], columns, limits))
    except InputError as error:
        return Preview(names, rows, guess, problem=str(error))


def preview_table(
    paths_or_buffers: TraceInput | Sequence[TraceInput],
    columns: Columns | None = None,
    limits: TraceLimits | None = None,
) -> Preview:
    """Tries a mapping, by default the guessed one, on all the files."""
    inputs = as_inputs(paths_or_buffers)
    opened = open_table(inputs[0], columns, limits)
    if opened.problem is not None:
        return opened
    try:
        return replace(opened, trace=read_trace(inputs, limits=limits, columns=opened.columns))
    except InputError as error:
        return replace(opened, problem=str(error))
