"""What engines do over one shared time axis: requests running and waiting, cache, batches, preemptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import MOST_LABELLED, colour_bar, escape, hover_name, label_ends, new_figure
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, colour_scale, placement_style, tints
from planner.generation.figures import EngineFigures
from simulator.generation import EngineBins

MOST_SHARES = 80
_HEIGHT, _GAP = 96, 30


@dataclass(frozen=True)
class _Row:
    """One quantity of engines: the name of its values in EngineBins, its axis, what it says, and a factor."""

    values: str
    axis: str
    what: str
    factor: float = 1.0
    highest: float | None = None


ROWS = (
    _Row("running", "requests", "Running: requests in the batch while the engine computes"),
    _Row("most_waiting", "requests", "Waiting for admission, the most in each stretch"),
    _Row("peak_cache", "%", "KV cache in use, the most in each stretch", 100.0, 100.0),
    _Row("tokens", "tokens", "Batch: new tokens of an iteration"),
    _Row("preemptions", "requests", "Preempted: lost their cache and are computed again"),
)


def build_engines_figure(
    name: str,
    engines: Sequence[EngineFigures],
    bins: EngineBins,
    arrivals_s: np.ndarray,
    met: np.ndarray,
    theme: Theme = LIGHT,
    hue: int = 0,
) -> go.Figure:
    """Arrivals and deadlines met, and below them one row a quantity: a line an engine, or a heatmap of many.

    Args:
        engines: those of `bins`, in its order. arrivals_s: of the requests that count, sorted; met: bool, all their
            deadlines.
    """
    rows = [row for row in ROWS if row.values != "preemptions" or bins.preemptions.any()]
    count = len(rows) + 2
    total = count * _HEIGHT + (count - 1) * _GAP
    figure = make_subplots(count, 1, shared_xaxes=True, vertical_spacing=_GAP / total)
    new_figure(theme, describe_engines(name, engines, bins), total + 40, "engines", figure)
    draw_arrivals(figure, bins.edges_s, arrivals_s, theme)
    _draw_met(figure, name, bins.edges_s, arrivals_s, met, theme, hue)
    labels = [engine_name(engine) for engine in engines]
    for number, row in enumerate(rows, start=3):
        values = row.factor * getattr(bins, row.values)
        draw = _draw_lines if len(engines) <= MOST_LABELLED else _draw_heatmap
        draw(figure, number, row, values, labels, bins.edges_s, theme, hue)
        figure.add_annotation(
            x=0, xref="paper", y=1, yref=f"y{number} domain", yanchor="bottom", xanchor="left", yshift=1,
            text=row.what, showarrow=False, font_size=AXIS_SIZE,
        )  # fmt: skip
    figure.update_xaxes(range=[bins.edges_s[0], bins.edges_s[-1]], tickformat=",~r")
    figure.update_xaxes(title_text="time (s)", row=count, col=1)
    return figure


def engine_name(engine: EngineFigures) -> str:
    """`3: chat`, with the tensor degree where it is not 1, and the role where it has one."""
    parts = [f"{engine.engine}: {engine.model}", f"tp {engine.tp}" if engine.tp > 1 else None, engine.role]
    return ", ".join(filter(None, parts))


def describe_engines(name: str, engines: Sequence[EngineFigures], bins: EngineBins) -> str:
    """Where most requests wait, or, if none ever does, how large the batches get."""
    if not engines:
        return f"{words.shorten(name, 30)} has no engines"
    waiting = bins.most_waiting
    if waiting.any():
        engine, at = divmod(int(np.argmax(waiting)), waiting.shape[1])
        return (
            f"Up to {words.plural(int(waiting[engine, at]), 'request')} wait for admission at engine "
            f"{engine_name(engines[engine])} of {words.shorten(name, 30)}, most at {_seconds(bins.edges_s[at])}"
        )
    running = np.nan_to_num(bins.running)
    engine, at = divmod(int(np.argmax(running)), running.shape[1])
    return (
        f"No request waits for admission; engine {engine_name(engines[engine])} runs most, "
        f"{words.number(float(running[engine, at]))} on average at {_seconds(bins.edges_s[at])}"
    )


def _seconds(moment_s: float) -> str:
    return f"{words.count(moment_s)}{words.SPACE}s"


def draw_arrivals(figure: go.Figure, edges_s: np.ndarray, arrivals_s: np.ndarray, theme: Theme) -> None:
    """Requests a second over time, in the first row of a figure."""
    rate = np.histogram(arrivals_s, edges_s)[0] / np.diff(edges_s)
    figure.add_scatter(
        x=edges_s, y=np.append(rate, rate[-1]), mode="lines", fill="tozeroy", fillcolor=theme.grid, name="arrivals",
        line={"color": theme.muted, "width": 1.5, "shape": "hv"}, row=1, col=1,
        hovertemplate="%{x:,.1f} s: %{y:,.1f} req/s<extra>arrivals</extra>",
    )  # fmt: skip
    figure.update_yaxes(title_text="arrivals<br>(req/s)", rangemode="tozero", nticks=4, row=1, col=1)


def _draw_met(figure, name, edges_s, arrivals_s, met, theme, hue) -> None:
    coarse = edges_s[:: -(-(edges_s.size - 1) // MOST_SHARES)]
    coarse = coarse if coarse[-1] == edges_s[-1] else np.append(coarse, edges_s[-1])
    arrived, kept = (np.histogram(times_s, coarse)[0] for times_s in (arrivals_s, arrivals_s[met]))
    percent = np.divide(100.0 * kept, arrived, out=np.full(arrived.size, np.nan), where=arrived > 0)
    figure.add_scatter(
        x=coarse, y=np.append(percent, percent[-1]), mode="lines", connectgaps=True, name="met",
        line={"color": placement_style(hue, theme).colour, "width": 2, "shape": "hv"}, row=2, col=1,
        hovertemplate=f"%{{x:,.1f}} s: %{{y:.1f}} % met<extra>{hover_name(name)}</extra>",
    )  # fmt: skip
    figure.update_yaxes(title_text="deadlines<br>met (%)", range=[-3, 104], tickvals=[0, 50, 100], row=2, col=1)


def _draw_lines(figure, number, row, values, labels, edges_s, theme, hue) -> None:
    colours = tints(placement_style(hue, theme).colour, len(labels), theme)
    for label, colour, line in zip(labels, colours, values, strict=True):
        figure.add_scatter(
            x=edges_s, y=np.append(line, line[-1]), mode="lines", name=hover_name(label), meta=row.values,
            line={"color": colour, "width": 1.4, "shape": "hv"}, row=number, col=1,
            hovertemplate=f"%{{x:,.1f}} s: %{{y:,.1f}} {row.axis}<extra>engine {hover_name(label)}</extra>",
        )  # fmt: skip
    limits = (0.0, max(float(np.nanmax(values, initial=0.0)), 1e-9))
    figure.update_yaxes(title_text=row.axis, rangemode="tozero", nticks=4, row=number, col=1)
    if labels:
        ends = [float(known[-1]) if (known := line[~np.isnan(line)]).size else 0.0 for line in values]
        label_ends(figure, labels, colours, ends, limits, _HEIGHT, f"y{number}")


def _draw_heatmap(figure, number, row, values, labels, edges_s, theme, hue) -> None:
    low, high = figure.layout[f"yaxis{number}"].domain
    figure.add_heatmap(
        x=(edges_s[:-1] + edges_s[1:]) / 2, y=np.arange(len(labels)), z=values, colorscale=colour_scale(theme), zmin=0,
        zmax=row.highest, meta=row.values, colorbar=colour_bar(theme, row.axis, (low + high) / 2, high - low),
        customdata=np.repeat(np.array([escape(words.shorten(label)) for label in labels])[:, None], values.shape[1], 1),
        hovertemplate=f"%{{x:,.1f}} s, engine %{{customdata}}: %{{z:,.1f}} {row.axis}<extra></extra>",
        row=number, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        title_text="engine", showgrid=False, autorange="reversed", tickformat="d", nticks=5, row=number, col=1
    )
