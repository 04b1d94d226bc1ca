"""The whole run as a strip to drag over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import line_of, new_figure
from app.look import words
from app.look.theme import LIGHT, Theme, see_through

_STRIP_PX = 96


def build_overview_figure(
    edges_s: np.ndarray,
    rate: np.ndarray,
    window_s: tuple[float, float],
    theme: Theme = LIGHT,
    waiting: Sequence[tuple[int, np.ndarray]] = (),
) -> go.Figure:
    """Arrivals per second of the whole run, with the window that is looked at; dragging over it selects a stretch.

    Args:
        edges_s: float64 (B + 1,), of equal parts of the run. rate: float64 (B,), arrivals a second.
        window_s: start and end of the window.
        waiting: (number of the hue, requests float64 (B,)) of placements whose waiting requests are drawn too, scaled
            to the highest rate, because only when they grow is to be seen.
    """
    figure = new_figure(theme, describe_overview(edges_s, window_s), _STRIP_PX, "overview")
    top = max(float(rate.max()), 1e-9)
    figure.add_scatter(
        x=edges_s, y=np.append(rate, rate[-1]), mode="lines", name="arrivals", fill="tozeroy", fillcolor=theme.grid,
        line={"color": theme.muted, "width": 1.2, "shape": "hv"}, hoverinfo="skip",
    )  # fmt: skip
    longest = max([float(w.max()) for _, w in waiting if w.size], default=0.0)
    for hue, queue in waiting:
        if longest > 0:
            y = queue * top / longest
            figure.add_scatter(
                x=edges_s, y=np.append(y, y[-1]), mode="lines", line=line_of(hue, theme, 1.4) | {"shape": "hv"},
                name="waiting", hoverinfo="skip",
            )  # fmt: skip
    figure.add_bar(
        x=(edges_s[:-1] + edges_s[1:]) / 2, y=np.full(rate.size, top), width=np.diff(edges_s), name="columns",
        marker={"color": theme.text, "opacity": 0, "line": {"width": 0}}, customdata=rate,
        hovertemplate="%{x:,.1f} s: %{customdata:,.1f} req/s<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
    start_s, end_s = window_s
    line = {"color": theme.text, "width": 1.5}
    figure.add_vrect(x0=start_s, x1=end_s, fillcolor=see_through(theme.text, 0.09), line=line)
    figure.update_xaxes(title_text="time (s); drag over a stretch to look closer", tickformat=",~r",
                        range=[edges_s[0], edges_s[-1]], fixedrange=True)  # fmt: skip
    figure.update_yaxes(title_text="arrivals<br>(req/s)", range=[0, 1.04 * top], nticks=3, fixedrange=True)
    return figure.update_layout(
        dragmode="select", selectdirection="h", hovermode="closest", bargap=0, newselection_line_color=theme.text
    )


def describe_overview(edges_s: np.ndarray, window_s: tuple[float, float]) -> str:
    """The alt text: how long the run is, and which stretch of it is shown below."""
    first_s, last_s = float(edges_s[0]), float(edges_s[-1])
    start_s, end_s = window_s
    if start_s <= first_s and end_s >= last_s:
        return f"The whole run of {words.span(last_s - first_s)} is shown below"
    return (
        f"Shown below is {words.fixed(start_s, 1)} to {words.clock(end_s)} ({words.span(end_s - start_s)}) "
        f"of {words.span(last_s - first_s)}"
    ).replace(",", words.THIN)
