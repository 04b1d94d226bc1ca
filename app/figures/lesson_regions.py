"""The region of settings where each way wins, and families of curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import label_ends, line_of, new_figure, show_legend
from app.figures.lesson import DEDICATED, SHARED
from app.look.theme import DASHES, LIGHT, Theme, mix, placement_style

REPLICAS, PIPELINES = "replicas", "pipelines"


def build_region_figure(
    signs: np.ndarray, rates_per_s: Sequence[float], cvs: Sequence[float], title: str, here: tuple[float, float],
    trail: Sequence[tuple[float, float, int]] = (), theme: Theme = LIGHT,
) -> go.Figure:  # fmt: skip
    """A map of who is ahead: signs int64 (CVs, rates), 1 pipelines, -1 replicas, 0 no run can tell.

    Args:
        here: rate and CV that are chosen. trail: rate, CV and sign of settings that were tried, in order.
    """
    figure = new_figure(theme, title, 300, "lesson-regions")
    shared, dedicated = placement_style(SHARED, theme), placement_style(DEDICATED, theme)
    neutral = mix(theme.muted, theme.background, 0.8)
    colours = [dedicated.tint, dedicated.tint, neutral, neutral, shared.tint, shared.tint]
    steps = [0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1]
    wins = np.array(["replicas win", "no run can tell", "pipelines win"])[signs + 1]
    said = [[f"{rate:g} req/s, CV {cv:g}: {win}" for rate, win in zip(rates_per_s, row, strict=True)]
            for cv, row in zip(cvs, wins, strict=True)]  # fmt: skip
    figure.add_heatmap(
        x=np.arange(len(rates_per_s)), y=np.arange(len(cvs)), z=signs, zmin=-1, zmax=1,
        colorscale=[list(pair) for pair in zip(steps, colours, strict=True)], showscale=False, xgap=2, ygap=2,
        text=np.array(["R", "·", "P"])[signs + 1], texttemplate="%{text}", customdata=said,
        textfont={"color": theme.text, "size": 12},
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    for number, (rate, cv, sign) in enumerate(trail, 1):
        colour = {1: shared.colour, -1: dedicated.colour, 0: theme.muted}[sign]
        figure.add_scatter(
            x=[_place(rate, rates_per_s)], y=[_place(cv, cvs)], mode="markers+text", text=[str(number)],
            textposition="top center", marker={"color": colour, "size": 9, "symbol": "circle"}, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=[_place(here[0], rates_per_s)], y=[_place(here[1], cvs)], mode="markers", name="your sliders",
        marker={"color": theme.text, "size": 14, "symbol": "diamond-open", "line": {"width": 3}},
        hovertemplate="your sliders<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(
        title_text="requests a second (P pipelines, R replicas, · neither)", zeroline=False,
        tickvals=np.arange(len(rates_per_s)), ticktext=[f"{rate:g}" for rate in rates_per_s], showgrid=False,
    )  # fmt: skip
    figure.update_yaxes(title_text="burstiness (CV)", tickvals=np.arange(len(cvs)), ticktext=[f"{cv:g}" for cv in cvs],
                        showgrid=False)  # fmt: skip
    return figure


def build_family_figure(
    x: Sequence[float], replicas: np.ndarray, pipelines: np.ndarray, alphas: Sequence[float], title: str, axis: str,
    key: str, theme: Theme = LIGHT,
) -> go.Figure:  # fmt: skip
    """Deadlines met over one quantity, by replicas and by pipelines of every overhead: float64 (X,), (A, X), 0..1."""
    figure = new_figure(theme, title, 270, key)
    shared = placement_style(SHARED, theme)
    figure.add_scatter(x=np.asarray(x), y=100 * replicas, mode="lines+markers", name=REPLICAS,
                       line={**line_of(DEDICATED, theme, 3), "dash": "solid"})  # fmt: skip
    for i, alpha in enumerate(alphas):
        colour = mix(shared.colour, theme.background, 0.6 * i / max(len(alphas) - 1, 1))
        figure.add_scatter(
            x=np.asarray(x), y=100 * pipelines[i], mode="lines", name=f"{PIPELINES}, alpha {alpha:g}",
            line={"color": colour, "width": 2, "dash": DASHES[i % len(DASHES)]},
        )  # fmt: skip
    figure.update_traces(hovertemplate="%{x:.3~r}: %{y:.1f} % met<extra>%{fullData.name}</extra>")
    figure.update_xaxes(title_text=axis, tickformat=",~r")
    figure.update_yaxes(title_text="deadlines met (%)", range=[-2, 103])
    show_legend(figure)
    return figure


def build_latency_lines_figure(
    x: Sequence[float], means_s: np.ndarray, title: str, axis: str, key: str, theme: Theme = LIGHT,
    here: float | None = None,
) -> go.Figure:  # fmt: skip
    """Mean latency of replicas and pipelines over one quantity: float64 (2, X), seconds. here: what is chosen."""
    figure = new_figure(theme, title, 270, key)
    colours = [placement_style(way, theme).colour for way in (DEDICATED, SHARED)]
    for way, name in ((DEDICATED, REPLICAS), (SHARED, PIPELINES)):
        figure.add_scatter(
            x=np.asarray(x), y=means_s[way], mode="lines+markers", name=name, line=line_of(way, theme),
            marker={"symbol": placement_style(way, theme).symbol, "size": 7},
            hovertemplate="%{x:.3~r}: %{y:.3~r} s<extra>" + name + "</extra>",
        )  # fmt: skip
    top = 1.05 * float(np.nanmax(means_s))
    if here is not None:
        figure.add_vline(x=here, line={"color": theme.text, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=axis, tickformat=",~r")
    figure.update_yaxes(title_text="mean latency (s)", range=[0, top], tickformat=",~r")
    label_ends(figure, (REPLICAS, PIPELINES), colours, means_s[:, -1], (0, top), 270)
    return figure


def _place(value: float, ticks: Sequence[float]) -> float:
    """Where a value lies on an axis with these ticks, one apart."""
    return float(np.interp(value, ticks, np.arange(len(ticks))))
