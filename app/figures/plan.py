"""Figures of the first page: deadlines met, latency, who misses, the cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import (
    empty_figure,
    error_bars,
    escape,
    hover_name,
    line_of,
    mark_deadline,
    name_rows,
    new_figure,
    show_legend,
    thin,
)
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style, see_through
from simulator import Figures, SimulationResult
from simulator.metrics import counted_rows

# As many as are as high as the latencies beside them.
MOST_MODELS = 9


def build_attainment_figure(
    figures: Sequence[Figures],
    theme: Theme = LIGHT,
    target: float | None = None,
    hues: Sequence[int] | None = None,
) -> go.Figure:
    """Deadlines met by every placement: a point with its 95 % interval.

    Args:
        target: a share 0..1 to mark. hues: numbers of the hues, if not all of the basket is drawn.
    """
    hues = range(len(figures)) if hues is None else hues
    percent = np.array([100 * f.total.slo_attainment for f in figures])
    if not np.isfinite(percent).any():
        return empty_figure(theme, "No request arrives, so there is no deadline to meet.")
    below = np.nan_to_num(np.array([f.total.slo_attainment - f.interval[0] for f in figures]))
    figure = new_figure(theme, describe_attainment(figures), 40 + 42 * len(figures), "attainment")
    for i, f in enumerate(figures):
        style = placement_style(hues[i], theme)
        figure.add_scatter(
            x=percent[i : i + 1], y=np.array([i]), mode="markers", name=escape(words.shorten(f.name)),
            marker={"color": style.colour, "symbol": style.symbol, "size": 11},
            error_x=error_bars(percent[i : i + 1] / 100, np.array([f.half_width]), style.colour, 2, 6),
            hovertemplate=f"{words.share(percent[i] / 100)} of deadlines met{_interval(f)}"
            f"<extra>{hover_name(f.name)}</extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=percent[i], y=i, text=words.share(percent[i] / 100), yshift=15, font_color=style.colour, showarrow=False
        )
    low = max(0.0, float(np.nanmin(percent - 100 * below)))
    low = low - 0.08 * (100 - low) - 0.02
    figure.update_xaxes(title_text="deadlines met (%)", range=[low, 100 + 0.04 * (100 - low)])
    name_rows(figure, [f.name for f in figures], showgrid=True, range=[len(figures) - 0.5, -0.7])
    if target is not None:
        figure.add_vline(x=100 * target, line={"color": theme.muted, "width": 1, "dash": "dot"})
    return figure


def _interval(figures: Figures) -> str:
    return f"<br>95 % interval: {words.interval(*figures.interval)}" if np.isfinite(figures.half_width) else ""


def describe_attainment(figures: Sequence[Figures]) -> str:
    """The alt text: who meets how many deadlines, best first."""
    ranked = sorted(figures, key=lambda f: -np.nan_to_num(f.total.slo_attainment))
    best, *others = ranked
    sentence = f"{words.shorten(best.name, 40)} meets {words.share(best.total.slo_attainment)} of deadlines"
    rest = words.join([f"{words.shorten(f.name, 30)} {words.share(f.total.slo_attainment)}" for f in others])
    return f"{sentence}, {rest}" if rest else sentence


def build_latency_figure(
    results: Sequence[SimulationResult],
    theme: Theme = LIGHT,
    warmup_s: float = 0.0,
    hues: Sequence[int] | None = None,
    model: int | None = None,
) -> go.Figure:
    """Latency of what was answered, as cumulative shares, one line a placement, deadlines marked.

    Args:
        warmup_s: left out at both ends. hues: numbers of the hues, if not all of the basket is drawn.
        model: index of the one model to draw.
    """
    hues = range(len(results)) if hues is None else hues
    latencies = [_answered_s(result, warmup_s, model) for result in results]
    if not any(latency_s.size for latency_s in latencies):
        return empty_figure(theme, "No request was answered, so there is no latency to show.")
    height = 260
    figure = new_figure(theme, _latency_title(results, latencies), height, "latency")
    longest = max(float(latency_s[-1]) for latency_s in latencies if latency_s.size)
    models = results[0].models if model is None else results[0].models[model : model + 1]
    slowest_s = max(m.slo_s for m in models)
    side = mark_deadline(figure, [m.slo_s for m in models], theme, max(longest, slowest_s))
    for result, latency_s, hue in zip(results, latencies, hues, strict=True):
        x, y = thin(latency_s, 100 * np.arange(1, latency_s.size + 1) / max(latency_s.size, 1))
        figure.add_scatter(
            x=x, y=y, mode="lines", line=line_of(hue, theme), name=escape(words.shorten(result.name, 30)),
            hovertemplate="%{y:.1f} % within %{x:.3~r} s" + f"<extra>{hover_name(result.name)}</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="latency (s)", range=[0, 1.05 * max(longest, slowest_s)])
    figure.update_yaxes(title_text="of answered requests (%)", range=[-2, 103], tickvals=[0, 25, 50, 75, 100])
    # All lines end at 100 %, so their names stand below them, ordered by the median: the fastest on top.
    medians = np.array([np.median(latency_s) if latency_s.size else np.inf for latency_s in latencies])
    for row, i in enumerate(np.argsort(-medians, kind="stable").tolist()):
        figure.add_annotation(
            x=slowest_s if side == "left" else 1.0, xref="x" if side == "left" else "paper", xanchor="right", y=0,
            yref="paper", yanchor="bottom", xshift=-5, yshift=20 + 15 * row, text=hover_name(results[i].name),
            font_color=placement_style(hues[i], theme).colour, bgcolor=see_through(theme.background, 0.8),
        )  # fmt: skip
    return figure


def _latency_title(results: Sequence[SimulationResult], latencies: Sequence[np.ndarray]) -> str:
    """The quickest placement and the time within which 99 of 100 of its answers come, in one line."""
    p99_s = [float(np.percentile(latency_s, 99)) if latency_s.size else np.inf for latency_s in latencies]
    best = int(np.argmin(p99_s))
    title = f"99 of 100 answers come within {words.duration(p99_s[best])}"
    return f"{title} with {words.shorten(results[best].name, 30)}" if len(results) > 1 else title


def describe_latency(results: Sequence[SimulationResult], warmup_s: float = 0.0, model: int | None = None) -> str:
    """The alt text: the 99th percentile of every placement."""
    parts = []
    for result in results:
        latency_s = _answered_s(result, warmup_s, model)
        p99 = words.duration(float(np.percentile(latency_s, 99))) if latency_s.size else words.NOTHING
        parts.append(f"{p99} for {words.shorten(result.name, 30)}")
    return f"99 of 100 answers come within {words.join(parts)}"


def build_missers_figure(figures: Figures, theme: Theme = LIGHT, hue: int = 0) -> go.Figure:
    """Who misses: models by missed deadlines, late, rejected and unplaced stacked; the first MOST_MODELS and the rest.

    hue: the number of the placement's hue.
    """
    missing = [(name, f) for name, f in figures.models if f.late + f.rejected + f.unplaced]
    if not missing:
        return empty_figure(theme, "No model misses a deadline.")
    missing.sort(key=lambda item: -_missed(item[1]))
    rows = [(name, f.late, f.rejected, f.unplaced, f.requests) for name, f in missing[:MOST_MODELS]]
    rest = [f for _, f in missing[MOST_MODELS:]]
    if rest:
        columns = [[f.late, f.rejected, f.unplaced, f.requests] for f in rest]
        rows.append((words.plural(len(rest), "other model"), *np.sum(columns, axis=0)))
    labels = [row[0] for row in rows]
    fates = np.array([row[1:4] for row in rows], dtype=np.int64)
    requests = np.array([row[4] for row in rows], dtype=np.int64)
    figure = new_figure(theme, describe_missers(figures), 52 + 22 * len(rows), "missers")
    names = np.array([hover_name(label) for label in labels], dtype=object)
    colours = (placement_style(hue, theme).tint, theme.missed, theme.unplaced)
    for fate, colour, values in zip(("late", "rejected", "unplaced"), colours, fates.T, strict=True):
        if values.any():
            figure.add_bar(
                x=values, y=np.arange(len(rows)), orientation="h", name=fate, marker={"color": colour},
                customdata=np.column_stack((names, requests)),
                hovertemplate=f"%{{customdata[0]}}: %{{x:,}} {fate} of %{{customdata[1]:,}}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(barmode="stack")
    show_legend(figure)
    figure.update_xaxes(title_text="missed deadlines (requests)", rangemode="tozero", nticks=5, tickformat=",~r")
    name_rows(figure, labels)
    return figure


def describe_missers(figures: Figures) -> str:
    """The alt text: which model misses most, and its part of all that is missed."""
    name, worst = max(figures.models, key=lambda item: _missed(item[1]))
    total = _missed(figures.total)
    if not total:
        return "No model misses a deadline"
    missed = f"{words.count(_missed(worst))} of {words.plural(total, 'missed deadline')}"
    return f"{words.shorten(name, 30)} has {missed}"


def _missed(fates) -> int:
    return fates.late + fates.rejected + fates.unplaced


def _answered_s(result: SimulationResult, warmup_s: float, model: int | None) -> np.ndarray:
    rows = counted_rows(result.workload, warmup_s)
    latency_s, counted = result.latency_s[rows], result.ran[rows]
    if model is not None:
        counted = counted & (result.workload.model[rows] == model)
    return np.sort(latency_s[counted])
