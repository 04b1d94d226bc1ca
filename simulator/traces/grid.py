"""A table whose cells are text, read piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simulator.traces.arrow import Column, is_dictionary, texts
from simulator.traces.columns import Columns

SAMPLE_ROWS = 200

Batch = dict[str, Column]


@dataclass(frozen=True)
class Grid:
    """A table whose cells are text.

    Attributes:
        kind: "text", "json", "parquet" or "log".
        names: the columns, all different.
        batches: the wanted columns piece by piece: text without missing values, labels may be dictionaries of text.
        place: where a row stands, from its number from 0: "a.csv, line 3".
        columns: what the layout was read as: delimiter and header.
    """

    kind: str
    names: tuple[str, ...]
    batches: Callable[[Sequence[str]], Iterator[Batch]]
    place: Callable[[int], str]
    columns: Columns = Columns()

    def sample(self) -> dict[str, list[str]]:
        """The first rows of every column."""
        for batch in self.batches(self.names):
            return {name: texts(as_text(batch[name][:SAMPLE_ROWS])) for name in self.names}
        return {name: [] for name in self.names}


def as_text(column: Column) -> Column:
    """Text of a column that may be a dictionary."""
    return column.dictionary_decode() if is_dictionary(column) else column
