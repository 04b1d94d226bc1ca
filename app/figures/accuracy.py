"""How far predictions are to be trusted: published runs against ours, and rankings under errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from planner.evidence.replays import SEVERAL, Replayed
from planner.reproduce.run import ReproducedPoint
from planner.what_if.robustness import COMMON, DAY, EACH, GIVEN, SEED, Robustness, Variant

_HEIGHT = 380


def build_published_figure(runs: Sequence[Replayed], theme: Theme = LIGHT) -> go.Figure:
    """Predicted against published attainment, a point a run, by configuration; the diagonal is no error.

    The points carry the index of their run as customdata.
    """
    figure = new_figure(theme, published_title(runs), _HEIGHT, "published")
    figure.add_scatter(x=[0, 100], y=[0, 100], mode="lines", line={"color": theme.grid, "width": 1}, hoverinfo="skip",
                       name="no error", showlegend=False)  # fmt: skip
    kinds = list(dict.fromkeys(run.configuration for run in sorted(runs, key=lambda r: (r.order, r.configuration))))
    shades = theme.ramp[3:]
    for place, kind in enumerate(kinds):
        mine = [(i, run) for i, run in enumerate(runs) if run.configuration == kind]
        real = [run.is_real for _, run in mine]
        colour = theme.muted if kind == SEVERAL else shades[round(place * (len(shades) - 1) / len(kinds))]
        figure.add_scatter(
            x=[100 * run.published for _, run in mine], y=[100 * run.predicted for _, run in mine], mode="markers",
            name=kind, customdata=[i for i, _ in mine],
            marker={"color": colour, "size": [11 if r else 7 for r in real], "symbol": mine[0][1].symbol,
                    "line": {"color": [theme.text if r else theme.background for r in real],
                             "width": [1.5 if r else 0.5 for r in real]}},
            text=[run.about for _, run in mine],
            hovertemplate="%{text}<br>published %{x:.1f} %, here %{y:.2f} %<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="published: deadlines met (%)", range=[-2, 102])
    figure.update_yaxes(title_text="predicted here: deadlines met (%)", range=[-2, 102])
    show_legend(figure)
    return figure


def published_title(runs: Sequence[Replayed]) -> str:
    """How far off the predictions are on average and at most; those of runs on real devices by the testbed's rules."""
    real = [run for run in runs if run.is_real and run.preset == "testbed"]
    parts = []
    for kind, mine in (("simulated runs", [run for run in runs if not run.is_real]), ("on real devices", real)):
        if mine:
            gaps = 100 * np.abs([run.error for run in mine])
            mean, most = (words.fixed(float(value), 2) for value in (gaps.mean(), gaps.max()))
            off = f"{mean} points off on average" if not parts else mean
            parts.append(f"{words.count(len(mine))} {kind} {off} ({most} at most)")
    return "; ".join(parts) + (", with the rules of their testbed" if real else "")


def build_robustness_figure(found: Robustness, hues: Sequence[int], theme: Theme = LIGHT) -> go.Figure:
    """What every placement meets in every case, side by side by what was otherwise; a point a case."""
    columns = robustness_columns(found)
    figure = new_figure(theme, robustness_title(found), 300, "robustness")
    count = len(found.names)
    for index, (name, hue) in enumerate(zip(found.names, hues, strict=True)):
        style = placement_style(hue, theme)
        offset = 0.12 * (index - (count - 1) / 2)
        points = [(at + offset, variant) for at, (_, variants) in enumerate(columns) for variant in variants]
        figure.add_scatter(
            x=[x for x, _ in points], y=[100 * v.attainments[index] for _, v in points], mode="markers",
            name=words.shorten(name, 26), text=[v.label for _, v in points],
            marker={"color": style.colour, "symbol": style.symbol, "size": 8, "opacity": 0.75},
            hovertemplate="%{text}: %{y:.2f} %<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(tickvals=list(range(len(columns))), ticktext=[title for title, _ in columns], showgrid=False,
                        range=[-0.6, len(columns) - 0.4])  # fmt: skip
    figure.update_yaxes(title_text="deadlines met (%)")
    show_legend(figure)
    return figure


def robustness_columns(found: Robustness) -> list[tuple[str, list[Variant]]]:
    """The cases by what is otherwise, each kind and size of error a column with its title."""
    columns: dict[str, list[Variant]] = {}
    for variant in sorted((found.given, *found.variants), key=_place):
        columns.setdefault(_title(variant), []).append(variant)
    return list(columns.items())


def robustness_title(found: Robustness) -> str:
    """In how many cases the first placement stays first."""
    total, lost = len(found.variants), len(found.overtaken)
    first = words.shorten(found.names[found.first], 30)
    return f"{first} stays first in {total - lost} of {words.plural(total, 'other case')}"


def describe_robustness(found: Robustness) -> str:
    """The alt text."""
    return f"Deadlines met by {words.join(list(found.names))} in each case. {robustness_title(found)}"


def build_reproduced_figure(points: Sequence[ReproducedPoint], theme: Theme = LIGHT) -> go.Figure:
    """One panel: our curves as lines, the published points as open marks of the same hue."""
    panel = points[0].panel
    figure = new_figure(theme, f"{panel.name}: ours as lines, published as open points", 320, f"panel {panel.name}")
    for hue, curve in enumerate(panel.curves):
        mine = [p for p in points if p.curve.name == curve.name]
        style = placement_style(hue, theme)
        known = [p for p in mine if p.slo_attainment is not None]
        figure.add_scatter(x=[p.value for p in known], y=[100 * (p.slo_attainment or 0.0) for p in known],
                           mode="lines+markers", name=words.shorten(curve.name, 30),
                           line={"color": style.colour, "dash": style.dash}, marker={"size": 5})  # fmt: skip
        theirs = [p for p in mine if p.published is not None]
        if theirs:
            figure.add_scatter(x=[p.value for p in theirs], y=[100 * (p.published or 0.0) for p in theirs],
                               mode="markers", name=f"{curve.name}, published", showlegend=False,
                               marker={"color": style.colour, "size": 10, "symbol": f"{style.symbol}-open"},
            )  # fmt: skip
    figure.update_xaxes(title_text=panel.axis.title)
    figure.update_yaxes(title_text="deadlines met (%)")
    show_legend(figure)
    return figure


def _place(variant: Variant) -> tuple[int, float]:
    order = (GIVEN, COMMON, EACH, SEED, DAY)
    return order.index(variant.kind), variant.error or 0.0


def _title(variant: Variant) -> str:
    percent = words.goal(abs(variant.error or 0))
    if variant.kind == COMMON:
        return f"latencies<br>{'+' if (variant.error or 0) > 0 else words.MINUS}{percent}"
    if variant.kind == EACH:
        return f"each model<br>±{percent}"
    return {GIVEN: "as<br>given", SEED: "other<br>seeds", DAY: "another<br>day"}[variant.kind]
