"""Formulas as lines over simulated points with their intervals (figure 10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import line_of, new_figure, show_legend
from app.figures.lesson import DEDICATED, NAMES, SHARED
from app.look.theme import LIGHT, Theme, placement_style

# The latest queue is beyond every picture; what is drawn ends here, in units of a request's time alone.
MOST_D = 8.0


def build_theory_figure(
    loads: np.ndarray, formulas: np.ndarray, points: Sequence[float], means: np.ndarray, half_widths: np.ndarray,
    here: float, title: str, theme: Theme = LIGHT,
) -> go.Figure:  # fmt: skip
    """Mean latency over the load, in units of a request alone.

    Args:
        loads, formulas: float64 (L,) and (2, L) by way. points, means, half_widths: of simulations, (P,) and (2, P).
        here: the chosen load.
    """
    figure = new_figure(theme, title, 290, "lesson-theory")
    for way in (DEDICATED, SHARED):
        style = placement_style(way, theme)
        figure.add_scatter(
            x=loads, y=np.where(formulas[way] <= 2 * MOST_D, formulas[way], np.nan), mode="lines",
            name=f"{NAMES[way]}, formula", line=line_of(way, theme),
            hovertemplate="load %{x:.2f}: %{y:.3f} D by formula<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=np.asarray(points), y=means[way], mode="markers", name=f"{NAMES[way]}, simulated",
            marker={"color": style.colour, "symbol": style.symbol, "size": 8},
            error_y={"type": "data", "array": half_widths[way], "thickness": 1.5, "width": 4},
            hovertemplate="load %{x:.2f}: %{y:.3f} D simulated<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=here, line={"color": theme.text, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="load: requests of both models in the time of one (λD)", range=[0, 2])
    figure.update_yaxes(title_text="mean latency (D, a request alone)", range=[0.9, MOST_D])
    show_legend(figure)
    return figure
