"""Figures of the lengths of requests: how they are spread, how they go together, and tokens over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import colour_bar, escape, hover_name, new_figure, show_legend, thin
from app.look import words
from app.look.theme import LIGHT, Theme, colour_scale, neutral_style
from simulator.generation import TokenWorkload
from simulator.intervals import student_t_95

MOST_MODELS = 4
_CELLS, _BINS = 40, 240
# Rank correlations up to this say nothing that matters.
NEARLY_NONE = 0.1
_OUTPUTS = {1: "longer", -1: "shorter"}
_SIDES = {"input_tokens": "prompt", "output_tokens": "output"}


def build_lengths_figure(workload: TokenWorkload, theme: Theme = LIGHT) -> go.Figure:
    """Prompt and output tokens as cumulative shares, a line a model; the largest MOST_MODELS and all together."""
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05)
    new_figure(theme, describe_lengths(workload), 230, "lengths", figure)
    counts = np.bincount(workload.model, minlength=len(workload.models))
    drawn = [m for m in np.argsort(-counts, kind="stable")[:MOST_MODELS] if counts[m]]
    lines = [("all", np.arange(len(workload)))] if len(drawn) > 1 else []
    lines += [(workload.models[m], np.flatnonzero(workload.model == m)) for m in drawn]
    for column, (side, title) in enumerate(_SIDES.items(), start=1):
        for number, (name, rows) in enumerate(lines):
            tokens = np.sort(getattr(workload, side)[rows])
            style = neutral_style(number, theme, len(lines))
            x, y = thin(tokens, 100 * np.arange(1, tokens.size + 1) / tokens.size, 800)
            figure.add_scatter(
                x=x, y=y, mode="lines", line={"color": style.colour, "dash": style.dash, "width": 2}, row=1, col=column,
                name=escape(words.shorten(name, 30)), showlegend=column == 1,
                hovertemplate=f"%{{y:.1f}} % up to %{{x:,}} tokens<extra>{hover_name(name)}</extra>",
            )  # fmt: skip
        figure.update_xaxes(title_text=f"{title} tokens", type="log", dtick=1, tickformat=",~r", row=1, col=column)
    figure.update_yaxes(title_text="of requests (%)", range=[-2, 103], row=1, col=1)
    if len(lines) > 1:
        show_legend(figure)
    return figure


def describe_lengths(workload: TokenWorkload) -> str:
    """The medians of both lengths."""
    middle = [words.count(float(np.median(getattr(workload, side)))) for side in _SIDES]
    return f"Half of the prompts have up to {middle[0]} tokens, half of the outputs up to {middle[1]}"


def rank_correlation(workload: TokenWorkload, rows: np.ndarray | None = None) -> float:
    """Spearman's rank correlation of prompt and output tokens, ties at their mean rank; NaN where one is constant.

    rows: bool (n,), the requests that count; all where it is not given.
    """
    ranks = []
    for side in _SIDES:
        tokens = getattr(workload, side) if rows is None else getattr(workload, side)[rows]
        _, inverse, counts = np.unique(tokens, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[inverse])
    if any(rank.size == 0 or np.ptp(rank) == 0 for rank in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def way_of(correlation: float, requests: int) -> int:
    """1 or -1 where the 95 % interval of a rank correlation lies beyond NEARLY_NONE on that side, else 0."""
    if requests <= 3 or not np.isfinite(correlation):
        return 0
    # Fisher's transform, with the larger standard error that ranks have (Fieller).
    half = student_t_95(requests - 1) * 1.06 / np.sqrt(requests - 3)
    nearest = np.tanh(np.arctanh(min(abs(correlation), 1 - 1e-12)) - half)
    return int(np.sign(correlation)) if nearest > NEARLY_NONE else 0


def build_pairs_figure(workload: TokenWorkload, theme: Theme = LIGHT) -> go.Figure:
    """Prompt against output tokens: how many requests in each cell, both on a log scale."""
    edges = [_log_edges(getattr(workload, side)) for side in _SIDES]
    counts, _, _ = np.histogram2d(workload.input_tokens, workload.output_tokens, edges)
    figure = new_figure(theme, describe_pairs(workload), 230, "pairs")
    middles = [np.sqrt(e[:-1] * e[1:]) for e in edges]
    figure.add_heatmap(
        x=middles[0], y=middles[1], z=np.where(counts.T > 0, counts.T, np.nan), colorscale=colour_scale(theme), zmin=0,
        colorbar=colour_bar(theme, "requests"),
        hovertemplate="prompt %{x:,.0f}, output %{y:,.0f} tokens: %{z:,} requests<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="prompt tokens", type="log", dtick=1, tickformat=",~r")
    figure.update_yaxes(title_text="output tokens", type="log", dtick=1, tickformat=",~r")
    return figure


def describe_pairs(workload: TokenWorkload) -> str:
    """Whether long prompts come with long outputs, within the models as over all; a difference of models is none."""
    correlation = rank_correlation(workload)
    if not np.isfinite(correlation):
        return "One of the lengths is always the same, so they do not go together"
    over_all = way_of(correlation, len(workload))
    requests = np.bincount(workload.model, minlength=len(workload.models))
    own = {m: rank_correlation(workload, workload.model == m) for m in np.flatnonzero(requests)}
    ways = {m: way_of(known, int(requests[m])) for m, known in own.items()}
    if over_all and all(way == over_all for way in ways.values()):
        more = ", within each model too" if len(ways) > 1 else ""
        return (
            f"Longer prompts have {_OUTPUTS[over_all]} outputs (rank correlation {words.signed(correlation, 2)}{more})"
        )
    if over_all:
        said = f"Over all models longer prompts have {_OUTPUTS[over_all]} outputs"
        return f"{said} (rank correlation {words.signed(correlation, 2)}), but not within each of them"
    apart = [m for m, way in ways.items() if way]
    if apart:
        most = max(apart, key=lambda m: requests[m])
        said = f"With {words.shorten(workload.models[most], 30)} longer prompts have {_OUTPUTS[ways[most]]} outputs"
        return f"{said} (rank correlation {words.signed(own[most], 2)}), over all models they do not"
    return f"The length of a prompt says little of that of its output (rank correlation {words.signed(correlation, 2)})"


def build_tokens_over_time_figure(workload: TokenWorkload, theme: Theme = LIGHT) -> go.Figure:
    """Prompt and output tokens of the requests that arrive, a second."""
    edges_s = np.linspace(workload.arrival_s[0], max(workload.arrival_s[-1], workload.arrival_s[0] + 1e-3), _BINS + 1)
    rates = token_rates(workload, edges_s)
    figure = new_figure(theme, describe_tokens_over_time(workload), 200, "tokens-over-time")
    for number, (title, rate) in enumerate(zip(_SIDES.values(), rates, strict=True)):
        style = neutral_style(number, theme, 2)
        figure.add_scatter(
            x=edges_s, y=np.append(rate, rate[-1]), mode="lines", name=f"{title} tokens",
            line={"color": style.colour, "dash": style.dash, "width": 1.6, "shape": "hv"},
            hovertemplate=f"%{{x:,.1f}} s: %{{y:,.0f}} {title} tokens/s<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="time (s)", tickformat=",~r")
    figure.update_yaxes(title_text="tokens arriving (1/s)", rangemode="tozero", tickformat=",~r")
    show_legend(figure)
    return figure


def token_rates(workload: TokenWorkload, edges_s: np.ndarray) -> Sequence[np.ndarray]:
    """Prompt and output tokens a second of the requests that arrive between the edges: float64 (B,) each."""
    return [
        np.histogram(workload.arrival_s, edges_s, weights=getattr(workload, side))[0] / np.diff(edges_s)
        for side in _SIDES
    ]


def describe_tokens_over_time(workload: TokenWorkload) -> str:
    """The mean of both rates."""
    span_s = float(workload.arrival_s[-1] - workload.arrival_s[0])
    if span_s <= 0:
        return "All requests arrive at once"
    rates = [words.count(float(getattr(workload, side).sum()) / span_s) for side in _SIDES]
    return f"On average {rates[0]} prompt tokens arrive a second, and {rates[1]} are asked for"


def _log_edges(tokens: np.ndarray) -> np.ndarray:
    low, high = float(tokens.min()), float(tokens.max())
    return np.geomspace(low / 1.05, high * 1.05, _CELLS + 1)
