"""Charts and tables that one can take along."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pandas.api.types import is_numeric_dtype

from app.figures.drawing import on_clock
from app.look.style import draw_figure, plain_text, title_apart
from app.look.table import show_table

# What a spreadsheet takes for a formula; a number with its sign, or a sign alone, is none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.]+\s*%?$|$)")
# Room for words just above the plot.
_LEAST_TOP_PX = 24


def draw_chart(figure: go.Figure, key: str, alt: str, began: datetime | None = None) -> None:
    """A chart, with the clock on its time axes.

    figure: one that nobody else has; its title is taken out of it. began: when time 0 was, for time axes.
    """
    title = title_apart(on_clock(figure, began))
    more = max(_LEAST_TOP_PX - figure.layout.margin.t, 0)
    figure.update_layout(height=figure.layout.height + more, margin_t=figure.layout.margin.t + more)
    draw_figure(title, figure, key, alt)


def draw_table(table: pd.DataFrame, key: str, alt: str, **options: Any) -> None:
    """A table, and beneath it a button for it as CSV. options: of show_table."""
    show_table(table, key, alt, **options)
    draw_download(table, key)


def draw_wrapped(table: pd.DataFrame, key: str) -> None:
    """A table of sentences, which wrap instead of being cut, and beneath it a button for it as CSV."""
    said = table.map(lambda cell: plain_text(str(cell)))
    st.table(said.iloc[:, 1:].set_axis(pd.Index(said.iloc[:, 0], name=table.columns[0])))
    draw_download(table, key)


def draw_download(table: pd.DataFrame, key: str) -> None:
    """A button for a table as CSV."""
    st.download_button(
        "Table (CSV)", lambda: table_csv(table), f"{key}.csv", "text/csv", key=f"csv:{key}",
        on_click="ignore", type="tertiary", icon=":material/download:", help="This table as a file.",
    )  # fmt: skip


def table_csv(table: pd.DataFrame) -> str:
    """A table as CSV, numbers as far as they are known: none of them to more than six digits behind the point.

    A name that a spreadsheet would run as a formula has a quote before it.
    """
    named = table.apply(lambda column: column if is_numeric_dtype(column) else column.map(_as_text))
    named = named.rename(columns=_as_text)
    return named.to_csv(index=False, float_format=_written)


def _as_text(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _written(value: Any) -> str:
    return f"{round(value, 6):.15g}"
