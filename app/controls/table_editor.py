"""Tables whose cells are edited, one after the other, without losing the place where one types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.look import words
from app.state.session import Session
from app.state.views import EditedTable

Row = dict[str, Any]
_ROW_PX, _MOST_PX = 36, 620


def draw_editor(
    session: Session,
    key: str,
    rows: Sequence[Row],
    shows: Callable[[], object],
    take: Callable[[list[Row]], object],
    columns: Mapping[str, Any],
    alt: str,
    is_fixed: bool = False,
) -> None:
    """A table of rows that edits something of the scenario, cell by cell, by paste, or with rows more or less.

    The editor keeps its own cells while nothing but itself changes what it shows, so the keyboard stays where it is;
    a cell that is refused stays too, to be mended. Whatever else changes it (undo, a file) makes another editor.

    Args:
        rows: what it begins with, by the keys of `columns`. shows: what of the scenario it shows, compared by value.
        take: gets all rows after an edit and changes the scenario, or notes a complaint.
        columns: of st.column_config, by key. is_fixed: no rows more or less.
    """
    table = session.views.models.tables.get(key)
    now = shows()
    if table is None or table.shown != now or _name(key, table) not in st.session_state:
        table = EditedTable(list(rows), now, table.number + 1 if table is not None else 0)
        session.views.models.tables[key] = table
    kinds = {name: float for name, config in columns.items() if config["type_config"]["type"] == "number"}
    frame = pd.DataFrame(table.rows, columns=list(columns)).astype(kinds)
    st.data_editor(
        frame,
        key=_name(key, table),
        num_rows="fixed" if is_fixed else "dynamic",
        hide_index=True,
        on_change=_take,
        args=(session, key, _name(key, table), shows, take),
        column_config=dict(columns),
        height=min((len(table.rows) + (2 if is_fixed else 3)) * _ROW_PX, _MOST_PX),
        placeholder=words.NOTHING,
        alt=alt,
    )


def edited_rows(rows: Sequence[Row], edits: Mapping[str, Any]) -> list[Row]:
    """The rows after an edit, as st.data_editor tells it: those that stay, with their new cells, then new ones."""
    cells = {int(i): changed for i, changed in edits["edited_rows"].items()}
    kept = [dict(row) | cells.get(i, {}) for i, row in enumerate(rows) if i not in edits["deleted_rows"]]
    return kept + [dict(row) for row in edits["added_rows"]]


def _take(
    session: Session, key: str, name: str, shows: Callable[[], object], take: Callable[[list[Row]], object]
) -> None:
    table = session.views.models.tables[key]
    if name != _name(key, table):
        # The browser may still send the edits of a table that has been replaced, see Session.brought.
        return
    take(edited_rows(table.rows, st.session_state[name]))
    table.shown = shows()


def _name(key: str, table: EditedTable) -> str:
    return f"{key}~{table.number}"
