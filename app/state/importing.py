"""An upload that is a table, while its columns are set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.state.limits import TRACE_LIMITS
from simulator import InputError
from simulator.traces import Columns, Preview, open_table, preview_table, read_trace

_KEPT_PREVIEWS = 4


@dataclass
class TableImport:
    """The files of the last upload that is a table, and what mappings make of it.

    Attributes:
        files: name and content of each.
        columns: what the visitor chose last; Columns() before, which is what the file looks like.
        is_open: whether the choice stands on the page.
        is_asked: whether no format was known, so that the choice says what the file lacks or looks like.
        opened: how often it was opened, so that each opening has controls of its own.
    """

    files: list[tuple[str, bytes]]
    columns: Columns = field(default_factory=Columns)
    is_open: bool = False
    is_asked: bool = False
    opened: int = 0
    _previews: dict[Columns, Preview] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.files)

    def open(self) -> None:
        """Puts the choice on the page."""
        self.is_open, self.opened = True, self.opened + 1

    def close(self) -> None:
        """Takes the choice from the page, and forgets what was tried."""
        self.is_open = False
        self._previews.clear()

    def head(self, layout: Columns) -> Preview:
        """The first rows in a layout, and what they look like."""
        return open_table(self.files[0], layout, TRACE_LIMITS)

    def preview(self, columns: Columns) -> Preview:
        """What comes out by these columns; the last ones that were asked are remembered."""
        if columns not in self._previews:
            while len(self._previews) >= _KEPT_PREVIEWS:
                del self._previews[next(iter(self._previews))]
            self._previews[columns] = preview_table(self.files, columns, TRACE_LIMITS)
        return self._previews[columns]


def to_be_told(files: list[tuple[str, Any]]) -> TableImport | None:
    """A refused upload as a table whose columns are to be told; None where one of several files is read as it is."""
    return None if len(files) > 1 and any(map(_is_read_alone, files)) else as_import(files)


def _is_read_alone(file: tuple[str, Any]) -> bool:
    try:
        read_trace([(file[0], _content(file[1]))], limits=TRACE_LIMITS)
    except InputError:
        return False
    return True


def as_import(files: list[tuple[str, Any]]) -> TableImport | None:
    """An upload, (name, binary file) each, as a table whose columns can be set; None where the first file is none."""
    table = TableImport([(name, _content(data)) for name, data in files])
    return table if table.head(Columns()).names else None


def _content(data: Any) -> bytes:
    return data if isinstance(data, bytes) else data.getvalue()
