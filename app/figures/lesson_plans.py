"""Batches over the deadline (figure 15), and plans of yesterday on other days (figure 14)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, show_legend
from app.figures.lesson import DEDICATED, SHARED
from app.figures.lesson_regions import PIPELINES, REPLICAS
from app.look.theme import DASHES, LIGHT, Theme, placement_style

# Clockwork++ stands between the two in the order of the hues.
HUES = (DEDICATED, 2, SHARED)


def build_batches_figure(
    scales: Sequence[float], met: np.ndarray, batches: Sequence[int], here: float | None, title: str,
    theme: Theme = LIGHT, ways: Sequence[tuple[int, str]] = ((DEDICATED, REPLICAS), (SHARED, PIPELINES)),
) -> go.Figure:  # fmt: skip
    """Deadlines met over the deadline, a line for each way and largest batch: met float64 (scales, ways, batches).

    ways: the hue and the name of each.
    """
    figure = new_figure(theme, title, 290, "lesson-batches")
    for row, (way, name) in enumerate(ways):
        for i, most in enumerate(batches):
            figure.add_scatter(
                x=np.asarray(scales), y=100 * met[:, row, i], mode="lines+markers",
                name=f"{name}, batches of up to {most}",
                line={"color": placement_style(way, theme).colour, "dash": DASHES[i], "width": 2},
                marker={"symbol": placement_style(way, theme).symbol, "size": 6},
                hovertemplate="%{x} × alone: %{y:.1f} %<extra>" + f"{name}, up to {most}" + "</extra>",
            )  # fmt: skip
    if here is not None:
        figure.add_vline(x=here, line={"color": theme.text, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="deadline, times a request alone")
    figure.update_yaxes(title_text="deadlines met (%)", range=[-2, 103])
    show_legend(figure)
    return figure


def build_hours_figure(
    hours: Sequence[str], plans: Sequence[str], met: np.ndarray, title: str, theme: Theme = LIGHT, what: str = "hour"
) -> go.Figure:
    """Deadlines met by every plan on every hour, float64 (plans, hours); the first hour is the one planned for.

    what: the hours are called.
    """
    figure = new_figure(theme, title, 280, "lesson-hours")
    names = [f"{what} {hour}" + (", planned for" if i == 0 else ", unseen") for i, hour in enumerate(hours)]
    for hue, plan, shares in zip(HUES, plans, met, strict=True):
        style = placement_style(hue, theme)
        figure.add_bar(
            x=names, y=100 * shares, name=plan, text=[f"{100 * share:.1f}" for share in shares],
            marker_color=style.colour,
            textposition="outside", hovertemplate="%{x}: %{y:.1f} %<extra>" + plan + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group")
    figure.update_yaxes(title_text="deadlines met (%)", range=[0, 112], tickvals=[0, 25, 50, 75, 100])
    show_legend(figure)
    return figure
