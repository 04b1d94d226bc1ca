"""The step that says which column of an uploaded table is what, with what comes out, before it is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from app.look import words
from app.look.style import plain_text
from app.look.table import show_table
from app.state.importing import TableImport
from app.state.session import Session
from simulator import InputError
from simulator.traces import Columns, Preview, Trace, summarise
from simulator.traces.columns import DATES, DELIMITERS, MEASURES, PER_SECOND, SHAPES, UNITS

_NONE = "(none)"
_SHAPES = {
    "requests": "a request", "wide": "an interval, one column a model", "long": "an interval of one model",
}  # fmt: skip
_UNITS = {
    "auto": "told by the file", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "iso": "dates, year first", "day_first": "dates, day first", "month_first": "dates, month first",
    "access_log": "dates of access logs",
}  # fmt: skip
_MEASURES = {
    "counts": "requests in the interval", "total": "total of a counter", "per_s": "requests per second",
    "per_min": "requests per minute", "per_h": "requests per hour",
}  # fmt: skip
_DELIMITERS = {"auto": "told by the file"} | {word: word for word in DELIMITERS}
_HEADERS = {"auto": "told by the file", "yes": "names the columns", "no": "is data"}
_DECIMALS = {"auto": "told by the file", "point": "point", "comma": "comma"}


def draw_import(session: Session, take: Callable[[tuple[str, ...], Trace], None]) -> None:
    """The button that opens the step, and the step while it is open; nothing where the last upload is no table.

    Args:
        take: puts a trace of files with these names, of the session's uploads into the scenario.
    """
    table = session.uploads.table
    if table is None:
        return
    st.button(
        f"Set the columns of {words.shorten(table.names[0], 32)}", key="import.open", on_click=table.open,
        icon=":material/table_edit:", help="Say which column is the time, the model, the deadline; see what comes out.",
    )  # fmt: skip
    if table.is_open:
        st.dialog("Which column is what?", width="large", on_dismiss=table.close)(_draw_step)(session, table, take)


def _draw_step(session: Session, table: TableImport, take: Callable[[tuple[str, ...], Trace], None]) -> None:
    choose = _Chooser(table)
    layout = _draw_layout(choose)
    head = table.head(layout)
    if not head.names:
        st.error(plain_text(head.problem or ""))
        return
    guessed = table.columns if table.columns.time in head.names else head.guess.columns if head.guess else Columns()
    try:
        columns = _draw_columns(choose, layout, head, guessed)
    except InputError as error:
        st.error(plain_text(str(error)))
        return
    preview = table.preview(columns)
    _draw_preview(head, preview)
    if st.button("Use it", key="import.use", type="primary", disabled=preview.trace is None):
        table.columns = preview.columns or columns
        trace = session.uploads.add_trace(table.files, table.names, preview.columns)
        table.close()
        take(table.names, trace)
        st.rerun()


class _Chooser:
    """Selects of the step, each with a key of this opening."""

    def __init__(self, table: TableImport) -> None:
        self.number = table.opened

    def one(self, label: str, key: str, options: Sequence[str], value: str, said: Mapping[str, str] | None = None,
            **more: Any) -> str:  # fmt: skip
        options = list(options)
        at = options.index(value) if value in options else 0
        return st.selectbox(
            label, options, at, key=f"import.{self.number}.{key}",
            format_func=lambda option: said[option] if said and option in said else option, **more,
        )  # fmt: skip

    def column(self, label: str, key: str, names: Sequence[str], value: str | None) -> str | None:
        chosen = self.one(label, key, [_NONE, *names], value or _NONE)
        return None if chosen == _NONE else chosen


def _draw_layout(choose: _Chooser) -> Columns:
    with st.expander("How the file is laid out"):
        left, middle, right = st.columns(3)
        with left:
            delimiter = choose.one("Columns are parted by", "delimiter", list(_DELIMITERS), "auto", _DELIMITERS)
        with middle:
            header = choose.one("The first line", "header", list(_HEADERS), "auto", _HEADERS)
        with right:
            decimal = choose.one("Decimals follow a", "decimal", list(_DECIMALS), "auto", _DECIMALS)
    return Columns(delimiter=delimiter, header=header, decimal=decimal)


def _draw_columns(choose: _Chooser, layout: Columns, head: Preview, guessed: Columns) -> Columns:
    names = head.names
    left, middle, right = st.columns(3)
    with left:
        shape = choose.one("Each row is", "shape", SHAPES, guessed.shape, _SHAPES)
        time = choose.one("Column of times", "time", names, guessed.time or "")
    with middle:
        unit = choose.one("Times are", "unit", UNITS, guessed.unit, _UNITS)
        zone = "UTC"
        if unit in DATES or unit == "auto":
            zones = ["UTC", *sorted(available_timezones() - {"UTC"})]
            zone = choose.one("Dates without a zone are of", "zone", zones, guessed.zone)
    given: dict[str, Any] = {}
    rest = [name for name in names if name != time]
    if shape != "requests":
        with right:
            given["measure"] = choose.one("Numbers are", "measure", MEASURES, guessed.measure, _MEASURES)
            if shape == "long":
                given["model"] = choose.column("Column of models", "model", rest, guessed.model)
                given["value"] = choose.one("Column of numbers", "value", rest, guessed.value or "")
    else:
        with right:
            given["model"] = choose.column("Column of models", "model", rest, guessed.model)
            given["deadline"] = choose.column("Column of deadlines", "deadline", rest, guessed.deadline)
            if given["deadline"] is not None:
                given["deadline_unit"] = choose.one(
                    "Deadlines are", "deadline_unit", list(PER_SECOND), guessed.deadline_unit, _UNITS
                )
        with left:
            given["input_tokens"] = choose.column("Input tokens", "input_tokens", rest, guessed.input_tokens)
        with middle:
            given["output_tokens"] = choose.column("Output tokens", "output_tokens", rest, guessed.output_tokens)
    return Columns(
        time=time, unit=unit, zone=zone, shape=shape, delimiter=layout.delimiter, header=layout.header,
        decimal=layout.decimal, **given,
    )  # fmt: skip


def _draw_preview(head: Preview, preview: Preview) -> None:
    if head.guess is not None:
        st.caption(plain_text(f"What the file looks like ({head.guess.confidence}): {' '.join(head.guess.reasons)}"))
    shown = {name: [row[i] for row in head.rows] for i, name in enumerate(head.names[:50])}
    show_table(pd.DataFrame(shown), alt="The first rows of the file", height="content")
    if preview.trace is None:
        st.error(plain_text(preview.problem or ""))
        return
    st.success(plain_text(what_comes_out(preview.trace)))
    for notice in preview.trace.notices:
        st.caption(plain_text(notice))


def what_comes_out(trace: Trace) -> str:
    """One sentence: requests, models, span and where it begins."""
    summary = summarise(trace)
    start = f", from {trace.starts_at:%Y-%m-%d %H:%M:%S} UTC" if trace.starts_at is not None else ""
    about = "About " if trace.kind == "rates" else ""
    return (
        f"{about}{words.plural(summary.requests, 'request')} of {words.plural(len(trace.sources), 'model')} in "
        f"{words.span(summary.span_s)}{start}."
    )
