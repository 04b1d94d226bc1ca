"""Deadlines met by placements of generating models while one thing varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import escape, hover_name, line_of, new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from planner.generation.what_if import TokenPoint


def build_points_figure(
    points: Sequence[TokenPoint],
    axis: str,
    label: str,
    title: str,
    target: float,
    theme: Theme = LIGHT,
    hues: Sequence[int] | None = None,
) -> go.Figure:
    """A line a placement over the axis; points without a figure are gaps.

    Args:
        axis: what varies, a name in the points' values; label: of the axis, with its unit. target: a share to mark.
        hues: numbers of the hues, one a placement in the order of their first points.
    """
    names = list(dict.fromkeys(point.name for point in points))
    figure = new_figure(theme, title, 300, f"points-{axis}")
    lowest = 100 * target
    for name, hue in zip(names, hues or range(len(names)), strict=False):
        mine = sorted((point for point in points if point.name == name), key=lambda point: dict(point.values)[axis])
        x = np.array([dict(point.values)[axis] for point in mine])
        y = np.array([np.nan if point.slo_attainment is None else 100 * point.slo_attainment for point in mine])
        lowest = min(lowest, float(np.nanmin(y, initial=100.0)))
        figure.add_scatter(
            x=x, y=y, mode="lines+markers", line=line_of(hue, theme), name=escape(words.shorten(name, 30)),
            marker={"symbol": placement_style(hue, theme).symbol, "size": 8},
            hovertemplate=f"{label} %{{x:,~r}}: %{{y:.2f}} % met<extra>{hover_name(name)}</extra>",
        )  # fmt: skip
    figure.add_hline(y=100 * target, line={"color": theme.muted, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=label, tickformat=",~r")
    figure.update_yaxes(title_text="deadlines met (%)", range=[lowest - 0.06 * (100 - lowest) - 0.1, 100.5])
    show_legend(figure)
    return figure
