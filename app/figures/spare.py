"""Figure of what bears a loss: deadlines met without the worst node or device, over the number of devices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import attainment_range, empty_figure, label_ends, new_figure
from app.look import words
from app.look.theme import LIGHT, Theme, neutral_style
from planner.what_if.spare import KINDS, SparePlan

_HEIGHT = 280


def build_spare_figure(plans: Sequence[SparePlan], theme: Theme = LIGHT) -> go.Figure:
    """Deadlines met without the worst node, and without the worst device, over devices; the answers are ringed.

    The best placement of several algorithms is drawn, so the lines have no placement's hue.
    """
    drawn = [plan for plan in plans if plan.tried]
    if not drawn:
        return empty_figure(theme, "No number of devices was tried, so there is nothing to draw.")
    figure = new_figure(theme, describe_spares(plans), _HEIGHT, "spare")
    target = 100 * drawn[0].target
    names, colours, ends = [], [], []
    for plan in drawn:
        style = neutral_style(KINDS.index(plan.what), theme, len(KINDS))
        devices, met = np.array(plan.tried, dtype=np.float64).T
        name = f"worst {plan.what} lost"
        figure.add_scatter(
            x=devices, y=100 * met, mode="lines+markers", name=name,
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"color": style.colour, "size": 7, "symbol": style.symbol},
            hovertemplate=f"%{{x:,}} devices: %{{y:.2f}} % met<extra>{name}</extra>",
        )  # fmt: skip
        if plan.devices is not None and plan.worst is not None:
            figure.add_scatter(
                x=[plan.devices], y=[100 * plan.worst.slo_attainment], mode="markers", showlegend=False,
                marker={"color": theme.background, "size": 13, "line": {"color": style.colour, "width": 2.5}},
                name=f"{name}, the answer", hovertemplate="%{x:,} devices keep the target<extra></extra>",
            )  # fmt: skip
        names, colours, ends = [*names, name], [*colours, style.colour], [*ends, 100 * float(met[-1])]
    limits = attainment_range(min(target / 100, *(met for plan in drawn for _, met in plan.tried)))
    figure.add_hline(y=target, line={"color": theme.text, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="devices", tickformat=",~r", nticks=9)
    figure.update_yaxes(title_text="deadlines met after the loss (%)", range=limits)
    said = f"target {words.goal(drawn[0].target)}"
    label_ends(figure, [*names, said], [*colours, theme.muted], [*ends, target], limits, _HEIGHT)
    return figure


def describe_spares(plans: Sequence[SparePlan]) -> str:
    """The alt text: how many devices keep the target whatever is lost."""
    goal = words.goal(plans[0].target)
    known = [f"{words.plural(p.devices, 'device')} after any {p.what} is lost" for p in plans if p.devices is not None]
    if not known:
        return f"No number of devices that was tried keeps {goal} after a loss"
    return f"{goal} is kept by {words.join(known)}"
