"""Placements of models that generate over one time axis: arrivals, then the same quantity in a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import hover_name, new_figure
from app.figures.generation_over_time import draw_arrivals
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, placement_style
from simulator.generation import EngineBins

_HEIGHT, _GAP = 92, 28
# By the key of what is shown: in the choice, on the axis.
QUANTITIES = {
    "met": ("Deadlines met", "met (%)"),
    "waiting": ("Waiting for admission", "requests"),
    "running": ("Running", "requests"),
    "cache": ("KV cache", "in use (%)"),
    "preemptions": ("Preempted", "requests"),
}


@dataclass(frozen=True, eq=False)
class OverTime:
    """One quantity of one placement in B stretches of time, float64 (B,), NaN where there is nothing to say."""

    name: str
    hue: int
    values: np.ndarray


def quantity_over_time(quantity: str, bins: EngineBins, arrivals_s: np.ndarray, met: np.ndarray) -> np.ndarray:
    """A quantity of QUANTITIES in each stretch: float64 (B,).

    bins: of the engines that count. arrivals_s, met: of the requests that count, and whether they meet all deadlines.
    Waiting and running are of all engines together, running while they compute; of the cache the fullest engine's.
    """
    if quantity == "met":
        arrived, kept = (np.histogram(times_s, bins.edges_s)[0] for times_s in (arrivals_s, arrivals_s[met]))
        return np.divide(100.0 * kept, arrived, out=np.full(arrived.size, np.nan), where=arrived > 0)
    if quantity == "waiting":
        return bins.most_waiting.sum(axis=0).astype(float)
    if quantity == "running":
        return np.nansum(bins.running * bins.busy, axis=0)
    if quantity == "cache":
        return 100.0 * bins.peak_cache.max(axis=0, initial=0.0)
    return bins.preemptions.sum(axis=0).astype(float)


def build_compared_over_time_figure(
    quantity: str, rows: Sequence[OverTime], edges_s: np.ndarray, arrivals_s: np.ndarray, theme: Theme = LIGHT
) -> go.Figure:
    """Arrivals on top, and a row for each placement on one scale."""
    count = len(rows) + 1
    total = count * _HEIGHT + (count - 1) * _GAP
    figure = make_subplots(count, 1, shared_xaxes=True, vertical_spacing=_GAP / total)
    new_figure(theme, describe_compared_over_time(quantity, rows, edges_s), total + 40, "compared-over-time", figure)
    draw_arrivals(figure, edges_s, arrivals_s, theme)
    highest = 100.0 if quantity in ("met", "cache") else max(float(np.nanmax(row.values, initial=0)) for row in rows)
    for number, row in enumerate(rows, start=2):
        figure.add_scatter(
            x=edges_s, y=np.append(row.values, row.values[-1]), mode="lines", name=row.name,
            connectgaps=quantity == "met", row=number, col=1,
            line={"color": placement_style(row.hue, theme).colour, "width": 2, "shape": "hv"},
            hovertemplate=f"%{{x:,.1f}} s: %{{y:,.1f}}<extra>{hover_name(row.name)}</extra>",
        )  # fmt: skip
        figure.update_yaxes(
            title_text=QUANTITIES[quantity][1], range=[-0.03 * highest, 1.05 * max(highest, 1.0)], nticks=4,
            row=number, col=1,
        )  # fmt: skip
        figure.add_annotation(
            x=0, xref="paper", y=1, yref=f"y{number} domain", yanchor="bottom", xanchor="left", yshift=1,
            text=hover_name(words.shorten(row.name, 60)), showarrow=False, font_size=AXIS_SIZE,
        )  # fmt: skip
    figure.update_layout(showlegend=False)
    figure.update_xaxes(range=[edges_s[0], edges_s[-1]], tickformat=",~r")
    figure.update_xaxes(title_text="time (s)", row=count, col=1)
    return figure


def describe_compared_over_time(quantity: str, rows: Sequence[OverTime], edges_s: np.ndarray) -> str:
    """Where the quantity is at its worst: least met, else most."""
    seek = np.nanmin if quantity == "met" else np.nanmax
    known = [row for row in rows if np.isfinite(row.values).any()]
    if not known:
        return "No request arrives in this time"
    worst = (min if quantity == "met" else max)(known, key=lambda row: seek(row.values))
    value = float(seek(worst.values))
    if quantity == "met" and value == 100 or quantity != "met" and value == 0:
        return {
            "met": "All deadlines are met at all times by every placement",
            "waiting": "No request waits for admission with any placement",
            "running": "Nothing runs with any placement",
            "cache": "No cache is in use with any placement",
            "preemptions": "No request is preempted with any placement",
        }[quantity]
    at_s = edges_s[int(np.flatnonzero(worst.values == value)[0])]
    when = f"around {words.count(at_s)}{words.SPACE}s"
    name = words.shorten(worst.name, 40)
    if quantity == "met":
        return f"{name} falls lowest, to {words.share(value / 100)} of deadlines {when}"
    if quantity == "cache":
        return f"The cache gets fullest with {name}: {words.share(value / 100)} of an engine's {when}"
    verb = {"waiting": "wait", "running": "run", "preemptions": "are preempted"}[quantity]
    return f"Most requests {verb} with {name}: {words.number(value)} {when}"
