"""Pictures of a comparison: made once, kept, with their title above and a file beneath."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.figures.drawing import on_clock
from app.look.style import current_theme, draw_figure, title_apart
from app.look.theme import Theme
from app.state.results import kept


def draw_kept(
    key: str, identity: tuple, make: Callable[[Theme], tuple[go.Figure, str]], began: datetime | None = None,
    **options: Any,
) -> go.Figure:  # fmt: skip
    """Draw a picture; gives it, which is not to be changed.

    Args:
        key: of the chart. identity: names everything it shows but the theme. make: gives figure and alt text.
        began: when time 0 was, for time axes.
        options: of st.plotly_chart.
    """
    theme = current_theme()

    def made() -> tuple[str, go.Figure, str]:
        figure, alt = make(theme)
        return title_apart(on_clock(figure, began)), figure, alt

    title, figure, alt = kept(("picture", key, theme.name, identity), made)
    draw_figure(title, figure, key, alt, **options)
    return figure


def clicked_points(key: str) -> list[dict]:
    """The points of a chart that were clicked last; empty if the click went beside all of them."""
    return list((st.session_state.get(key) or {}).get("selection", {}).get("points", []))


def dragged_stretch(key: str) -> tuple[float, float] | None:
    """The stretch of the horizontal axis that was dragged over; None if nothing was."""
    boxes = (st.session_state.get(key) or {}).get("selection", {}).get("box", [])
    if not boxes:
        return None
    low, high = sorted(float(x) for x in boxes[0]["x"])
    return low, high
