"""Two models under traffic: how busy both devices together are over time (figure 2d)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import line_of, new_figure, show_legend
from app.figures.lesson import DEDICATED, NAMES, SHARED
from app.look import words
from app.look.theme import LIGHT, Theme

# From here on both devices count as busy.
FULL = 0.95


def build_utilization_figure(utilization: np.ndarray, bin_s: float, theme: Theme = LIGHT) -> go.Figure:
    """Share of both devices' time that is computing, over time. utilization: float64 (2, bins), by way, 0..1."""
    figure = new_figure(theme, describe_utilization(utilization), 230, "lesson-utilization")
    edges_s = bin_s * np.arange(utilization.shape[1] + 1)
    for way in (DEDICATED, SHARED):
        figure.add_scatter(
            x=np.repeat(edges_s, 2)[1:-1], y=100 * np.repeat(utilization[way], 2), mode="lines", name=NAMES[way],
            line={**line_of(way, theme, 1.5), "dash": "solid"},
            hovertemplate="%{y:.0f} % at %{x:.0f} s<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="time (s)", tickformat=",~r", range=[0, edges_s[-1]])
    figure.update_yaxes(title_text="both devices busy (%)", range=[-2, 103])
    show_legend(figure)
    return figure


def describe_utilization(utilization: np.ndarray) -> str:
    """The title: for which share of the time both devices are busy at once."""
    full = [words.share(float(np.mean(busy >= FULL))) for busy in utilization]
    return f"Both devices are busy at once for {full[SHARED]} of the time shared, for {full[DEDICATED]} dedicated"
