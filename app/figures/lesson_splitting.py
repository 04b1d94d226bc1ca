"""Where the time of a split model goes (figure 8), and what splitting does to latency, throughput, memory (figure "
"9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, reserve_left, show_legend
from app.look.theme import LIGHT, Theme, neutral_style
from planner.lessons.splitting import Overhead


def build_overhead_figure(overheads: Mapping[str, Overhead], title: str, theme: Theme = LIGHT) -> go.Figure:
    """Device time of one request by what it is spent on, a bar for each way of splitting, ms."""
    figure = new_figure(theme, title, 60 + 46 * len(overheads), "lesson-overhead")
    names = list(overheads)
    parts = (
        ("work", [o.alone_s for o in overheads.values()]),
        ("communication", [o.communication_s for o in overheads.values()]),
        ("uneven stages", [o.imbalance_s for o in overheads.values()]),
    )
    for i, (name, seconds) in enumerate(parts):
        figure.add_bar(
            x=1e3 * np.array(seconds), y=names, orientation="h", name=name,
            marker={"color": neutral_style(2 - i, theme).colour, "pattern": {"shape": ("", "/", "x")[i]}},
            hovertemplate="%{x:.1f} ms<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="device time of a request (ms)")
    figure.update_yaxes(autorange="reversed", ticksuffix=" ", showgrid=False)
    reserve_left(figure, names)
    show_legend(figure)
    return figure


def build_ways_figure(
    devices: Sequence[int], lines: Mapping[str, Sequence[float]], title: str, axis: str, key: str, theme: Theme = LIGHT
) -> go.Figure:
    """One quantity over the number of devices, a line for each way of using them."""
    figure = new_figure(theme, title, 230, key)
    for i, (name, values) in enumerate(lines.items()):
        style = neutral_style(i, theme)
        figure.add_scatter(
            x=np.asarray(devices), y=np.asarray(values), mode="lines+markers", name=name,
            line={"color": style.colour, "dash": style.dash, "width": 2}, marker={"symbol": style.symbol, "size": 8},
            hovertemplate="%{x} devices: %{y:.3~r}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="devices", tickvals=list(devices))
    figure.update_yaxes(title_text=axis, rangemode="tozero")
    show_legend(figure)
    return figure
