"""Figures of placements of generating models: deadlines met one by one, and how long requests take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import (
    empty_figure,
    error_bars,
    escape,
    hover_name,
    line_of,
    name_rows,
    new_figure,
    show_legend,
    thin,
)
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, placement_style
from planner.generation.figures import QUANTITIES, PlacementFigures
from simulator.generation import GenerationResult, TokenSlo

# What the deadlines are on, in words, and the field's term.
DEADLINES = {
    "ttft": "first token (TTFT)",
    "tpot": "each later token (TPOT)",
    "e2e": "last token (E2E)",
    "all": "all of them",
}
_SUBJECTS = {"ttft": "first tokens (TTFT)", "tpot": "later tokens (TPOT)", "e2e": "last tokens (E2E)"}
_LATENCIES = ("ttft", "tpot", "e2e")


def asked(figures: Sequence[PlacementFigures]) -> list[str]:
    """The deadlines that some model has, and "all" where there are several."""
    found = [name for name in QUANTITIES if any(name in f.total.attainment for f in figures)]
    return found if len(found) > 2 else found[:1]


def build_deadlines_figure(
    names: Sequence[str], figures: Sequence[PlacementFigures], theme: Theme = LIGHT, hues: Sequence[int] | None = None
) -> go.Figure:
    """Each deadline apart and all together: a point a placement with its 95 % interval."""
    hues = range(len(names)) if hues is None else hues
    rows = asked(figures)
    if not rows:
        return empty_figure(theme, "No request arrives, so there is no deadline to meet.")
    step = 1 / (len(names) + 1)
    figure = new_figure(theme, describe_deadlines(names, figures), 50 + len(rows) * (26 + 18 * len(names)), "deadlines")
    lowest = 100.0
    for i, (name, f, hue) in enumerate(zip(names, figures, hues, strict=True)):
        style = placement_style(hue, theme)
        places = np.arange(len(rows)) - 0.5 + (i + 1) * step
        shares = np.array([f.total.attainment.get(row, np.nan) for row in rows])
        widths = np.array([f.half_widths.get(row, np.nan) for row in rows])
        bars = error_bars(shares, widths, style.colour, 2, 5)
        lowest = min(lowest, float(np.nanmin(100 * shares - bars["arrayminus"])))
        figure.add_scatter(
            x=100 * shares, y=places, mode="markers", name=escape(words.shorten(name, 30)), error_x=bars,
            marker={"color": style.colour, "symbol": style.symbol, "size": 9},
            text=[words.share(share) for share in shares], cliponaxis=False,
            customdata=[_interval(f, row) for row in rows],
            hovertemplate=f"%{{text}} met%{{customdata}}<extra>{hover_name(name)}</extra>",
        )  # fmt: skip
        for share, place in zip(shares, places, strict=True):
            figure.add_annotation(x=1, xref="paper", y=place, text=words.share(share), xanchor="left", xshift=6,
                                  font={"color": style.colour, "size": AXIS_SIZE}, showarrow=False)  # fmt: skip
    figure.update_layout(margin_r=64)
    lowest -= 0.08 * (100 - lowest) + 0.02
    figure.update_xaxes(title_text="requests that meet the deadline (%)", range=[lowest, 100 + 0.02 * (100 - lowest)])
    name_rows(figure, [DEADLINES[row] for row in rows], range=[len(rows) - 0.4, -0.75])
    if len(names) > 1:
        show_legend(figure)
    return figure


def _interval(figures: PlacementFigures, quantity: str) -> str:
    ends = figures.interval(quantity)
    return "" if ends is None else f"<br>95 % interval: {words.interval(*ends)}"


def describe_deadlines(names: Sequence[str], figures: Sequence[PlacementFigures]) -> str:
    """Which deadline the best placement misses most often."""
    best = max(range(len(names)), key=lambda i: figures[i].total.attainment.get("all", -1.0))
    met = {name: share for name, share in figures[best].total.attainment.items() if name != "all"}
    if not met:
        return "No request arrives"
    worst = min(met, key=lambda name: met[name])
    alike = [words.shorten(name, 30) for name, f in zip(names, figures, strict=True)
             if f.total.attainment == figures[best].total.attainment]  # fmt: skip
    name = words.join(alike)
    if met[worst] == 1:
        return f"{name} {'meets' if len(alike) == 1 else 'meet'} every deadline"
    if len(met) == 1:
        return f"With {name} {words.share(met[worst])} of requests have their {_SUBJECTS[worst]} in time"
    share = words.share(met[worst])
    return f"With {name} the {_SUBJECTS[worst]} are late most often: {share} of requests have them in time"


def build_token_latency_figure(
    names: Sequence[str],
    results: Sequence[GenerationResult],
    slos: Sequence[TokenSlo],
    theme: Theme = LIGHT,
    hues: Sequence[int] | None = None,
    rows: slice = slice(None),
) -> go.Figure:
    """TTFT, TPOT and E2E of what was served as cumulative shares, one panel each, a line a placement, deadlines marked.

    Args:
        slos: of the models. rows: the requests that count.
    """
    hues = range(len(names)) if hues is None else hues
    if not any(result.served[rows].any() for result in results):
        return empty_figure(theme, "No request was served, so there is no time to show.")
    height = 220
    figure = make_subplots(1, len(_LATENCIES), shared_yaxes=True, horizontal_spacing=0.04)
    new_figure(theme, describe_token_latency(names, results, rows), height, "token-latency", figure)
    for column, quantity in enumerate(_LATENCIES, start=1):
        values = [latencies(result, quantity, rows) for result in results]
        deadlines = [s for slo in slos if (s := getattr(slo, f"{quantity}_s")) is not None]
        # The tail of an overloaded placement would press all others to the axis.
        longest = max(*(float(np.percentile(v, 99.5)) if v.size else 0.0 for v in values), *deadlines, 1e-3)
        for name, sorted_s, hue in zip(names, values, hues, strict=True):
            x, y = thin(sorted_s, 100 * np.arange(1, sorted_s.size + 1) / max(sorted_s.size, 1), 800)
            figure.add_scatter(
                x=x, y=y, mode="lines", line=line_of(hue, theme), name=escape(words.shorten(name, 30)),
                showlegend=column == 1, row=1, col=column,
                hovertemplate="%{y:.1f} % within %{x:.3~r} s" + f"<extra>{hover_name(name)}</extra>",
            )  # fmt: skip
        figure.update_xaxes(
            title_text=f"{DEADLINES[quantity]}, s", range=[0, 1.05 * longest], nticks=5, row=1, col=column
        )
        for seconds in sorted(set(deadlines)):
            figure.add_vline(x=seconds, line={"color": theme.text, "width": 1, "dash": "dot"}, row=1, col=column)
            figure.add_annotation(x=seconds, y=0.02, yref="paper", xref=f"x{column if column > 1 else ''}",
                                  text=words.duration(seconds), xanchor="left", yanchor="bottom", xshift=4)  # fmt: skip
    figure.update_yaxes(range=[-2, 103], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(title_text="of served requests (%)", row=1, col=1)
    if len(names) > 1:
        show_legend(figure)
    return figure


def latencies(result: GenerationResult, quantity: str, rows: slice = slice(None)) -> np.ndarray:
    """Seconds of the served requests, sorted; TPOT without outputs of one token."""
    values_s = getattr(result, f"{quantity}_s")[rows]
    return np.sort(values_s[~np.isnan(values_s)])


def describe_token_latency(names: Sequence[str], results: Sequence[GenerationResult], rows: slice = slice(None)) -> str:
    """The 99th percentile of the first token of every placement."""
    parts = []
    for name, result in zip(names, results, strict=True):
        values_s = latencies(result, "ttft", rows)
        p99 = words.duration(float(np.percentile(values_s, 99))) if values_s.size else words.NOTHING
        parts.append(f"{p99} for {words.shorten(name, 30)}")
    return f"99 of 100 first tokens come within {words.join(parts)}"
