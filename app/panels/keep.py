"""Charts and tables that one can take along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.figures.drawing import on_clock
from app.look.style import draw_figure, plain_text, title_apart
from app.look.table import show_table

# Room for words just above the plot.
_LEAST_TOP_PX = 24


def draw_chart(figure: go.Figure, key: str, alt: str, began: datetime | None = None) -> None:
    """A chart, and beneath it a button for the chart as a page of its own, with which one can zoom and save pictures.

    figure: one that nobody else has; its title is taken out of it. began: when time 0 was, for time axes.
    """
    written, height, top = figure.layout.title.text, figure.layout.height, figure.layout.margin.t
    legend = {"yref": "paper", "y": 1, "yanchor": "bottom"} if figure.layout.legend.y is None else figure.layout.legend

    def page() -> str:
        whole = go.Figure(figure).update_layout(title_text=written, height=height, margin_t=top, legend=legend)
        return whole.to_html(include_plotlyjs=True, full_html=True)

    title = title_apart(on_clock(figure, began))
    more = max(_LEAST_TOP_PX - figure.layout.margin.t, 0)
    figure.update_layout(height=figure.layout.height + more, margin_t=figure.layout.margin.t + more)
    draw_figure(title, figure, key, alt)
    st.download_button(
        "Chart (HTML)", page, f"{key}.html", "text/html", key=f"html:{key}", on_click="ignore", type="tertiary",
        icon=":material/download:", help="This chart as a page of its own, which can be zoomed and saved as a picture.",
    )  # fmt: skip


def draw_table(table: pd.DataFrame, key: str, alt: str, **options: Any) -> None:
    """A table, and beneath it a button for it as CSV. options: of show_table."""
    show_table(table, key, alt, **options)
    draw_download(table, key)


def draw_wrapped(table: pd.DataFrame, key: str) -> None:
    """A table of sentences, which wrap instead of being cut, and beneath it a button for it as CSV."""
    st.table(table.map(lambda cell: plain_text(str(cell))).set_index(table.columns[0]))
    draw_download(table, key)


def draw_download(table: pd.DataFrame, key: str) -> None:
    """A button for a table as CSV."""
    st.download_button(
        "Table (CSV)", lambda: table.to_csv(index=False), f"{key}.csv", "text/csv", key=f"csv:{key}",
        on_click="ignore", type="tertiary", icon=":material/download:", help="This table as a file.",
    )  # fmt: skip
