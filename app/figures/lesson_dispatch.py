"""The four dispatch rules side by side, and what one of them does to every group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, reserve_left, show_legend
from app.look.theme import LIGHT, Theme, mix
from planner.lessons.dispatch import SLOW, RuleRun


def build_rules_figure(runs: Mapping[str, RuleRun], title: str, theme: Theme = LIGHT) -> go.Figure:
    """Of all requests, by rule: met, missed by the slow group, missed by the others, per cent. Names by rule."""
    figure = new_figure(theme, title, 230, "lesson-rules")
    names = list(runs)
    total = np.array([run.sent.sum() for run in runs.values()])
    slow = np.array([run.rejected[SLOW] for run in runs.values()]) / total
    met = np.array([run.attainment for run in runs.values()])
    parts = (
        ("met", met, mix(theme.muted, theme.background, 0.45), ""),
        ("rejected by the slow group", slow, theme.missed, ""),
        ("missed elsewhere", 1 - met - slow, mix(theme.missed, theme.background, 0.5), "/"),
    )
    for name, shares, colour, pattern in parts:
        figure.add_bar(x=100 * shares, y=names, orientation="h", name=name,
                       marker={"color": colour, "pattern": {"shape": pattern}},
                       hovertemplate="%{x:.1f} % " + name + "<extra></extra>")  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="of requests (%)", range=[0, 100])
    figure.update_yaxes(autorange="reversed", ticksuffix=" ", showgrid=False)
    reserve_left(figure, names)
    show_legend(figure)
    return figure


def build_groups_figure(run: RuleRun, title: str, theme: Theme = LIGHT) -> go.Figure:
    """By group: requests sent to it, those rejected, and how many it had outstanding on average."""
    figure = new_figure(theme, title, 230, "lesson-groups")
    names = [f"{g}{', slow' if g == SLOW else ''}<br>{run.outstanding[g]:.2f}" for g in range(run.sent.size)]
    accepted = run.sent - run.rejected
    figure.add_bar(x=names, y=accepted, name="accepted", marker_color=mix(theme.muted, theme.background, 0.45))
    figure.add_bar(x=names, y=run.rejected, name="rejected", marker_color=theme.missed)
    figure.update_traces(hovertemplate="%{y} %{fullData.name}<extra></extra>")
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="group, and its requests outstanding on average", type="category", tickangle=0)
    figure.update_yaxes(title_text="requests sent to it", tickformat=",~r")
    show_legend(figure)
    return figure
