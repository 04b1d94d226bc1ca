"""Figures of two models on two devices: how fast they answer, and how much overhead sharing bears."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import line_of, new_figure, thin
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from planner.theory.queueing import largest_alpha, largest_beta
from planner.theory.two_models import TwoWays

# Places in the hues: dedicated first, shared second, as in a basket of the two.
DEDICATED, SHARED = 0, 1
NAMES = ("Dedicated", "Shared")


def build_latency_curves_figure(both: TwoWays, theme: Theme = LIGHT) -> go.Figure:
    """Share of requests answered within a time, both ways."""
    figure = new_figure(theme, describe_latency_curves(both), 260, "lesson-latency")
    for way, result in ((DEDICATED, both.dedicated), (SHARED, both.shared)):
        latency_s = np.sort(result.latency_s[result.ran])
        x, y = thin(latency_s, 100 * np.arange(1, latency_s.size + 1) / max(latency_s.size, 1))
        figure.add_scatter(
            x=x, y=y, mode="lines", name=NAMES[way], line=line_of(way, theme),
            hovertemplate="%{y:.1f} % within %{x:.3~r} s<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
    slow = max(float(np.quantile(r.latency_s[r.ran], 0.99)) for r in (both.dedicated, both.shared))
    figure.update_xaxes(title_text="answered within (s)", range=[0, 1.05 * slow], tickformat=",~r")
    figure.update_yaxes(title_text="of requests (%)", range=[-2, 103])
    figure.update_layout(showlegend=True, margin_t=figure.layout.margin.t + 26)
    return figure


def describe_latency_curves(both: TwoWays) -> str:
    """The alt text: 99 of 100 answers within so long."""
    times = [words.duration(float(np.quantile(r.latency_s[r.ran], 0.99))) for r in (both.dedicated, both.shared)]
    return f"99 of 100 answers come within {times[0]} on dedicated devices, within {times[1]} from the shared pipeline"


def build_overhead_limits_figure(load: float, alpha: float, theme: Theme = LIGHT, beta: float = 1.0) -> go.Figure:
    """The largest overheads with which sharing still wins, over the load, and where one stands.

    load: requests per service time of one device, 0 to 2. alpha, beta: overheads as factors, of communication and of
    the uneven cut.
    """
    r = np.linspace(0.01, 1.99, 199)
    figure = new_figure(theme, describe_overhead_limits(load, alpha), 260, "limits")
    lines = (("communication (alpha)", np.array([largest_alpha(v) for v in r]), "solid"),
             ("uneven stages (beta)", np.array([largest_beta(v) for v in r]), "dash"))  # fmt: skip
    for name, limit, dash in lines:
        figure.add_scatter(
            x=r, y=limit, mode="lines", name=name, line={"color": theme.text, "width": 2, "dash": dash},
            hovertemplate="load %{x:.2f}: up to %{y:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
    for name, chosen, symbol in (("your alpha", alpha, "diamond"), ("your beta", beta, "diamond-open")):
        figure.add_scatter(
            x=np.array([load]), y=np.array([chosen]), mode="markers", name=name, showlegend=False,
            marker={"color": placement_style(SHARED, theme).colour, "size": 12, "symbol": symbol},
            hovertemplate="load %{x:.2f}: %{y:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="load: requests in the time of one (λD)", range=[0, 2])
    figure.update_yaxes(
        title_text="largest factor that sharing bears", range=[0.98, max(1.45, alpha + 0.05, beta + 0.05)]
    )
    figure.update_layout(showlegend=True, margin_t=figure.layout.margin.t + 26)
    return figure


def describe_overhead_limits(load: float, alpha: float) -> str:
    """The alt text: how much overhead sharing would bear by the formula, and how much is chosen."""
    if not 0 < load < 2:
        return f"At a load of {words.number(load)} both devices together cannot keep up, however they are used"
    most, chosen = 100 * (largest_alpha(load) - 1), 100 * (alpha - 1)
    than = "no more" if chosen <= most else "more"
    return (
        f"Poisson, evenly split: at load {words.number(load)} sharing bears {words.number(most)} % of communication "
        f"with "
        f"even stages; your alpha, {words.number(chosen)} %, is {than}"
    )
