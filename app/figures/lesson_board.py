"""The board of Algorithm 1: scores of every replica that could be next, and how far each way has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure, show_legend
from app.look.theme import LIGHT, Theme, colour_scale, neutral_style
from simulator import words


def build_board_figure(
    models: Sequence[str], devices: int, scores: Mapping[tuple[int, int], float], held: Sequence[Sequence[int]],
    yours: tuple[int, int] | None, greedy: tuple[int, int] | None, title: str, theme: Theme = LIGHT,
) -> go.Figure:  # fmt: skip
    """Models by devices: the score of a replica there in per cent, if it was possible.

    Args:
        scores: by (model, device). held: models on each device before the step. yours, greedy: what was taken.
    """
    figure = new_figure(theme, title, 250, "lesson-board")
    z = np.full((len(models), devices), np.nan)
    for (model, device), score in scores.items():
        z[model, device] = 100 * score
    text = [[_cell(model, device, z, held) for device in range(devices)] for model in range(len(models))]
    known = z[np.isfinite(z)]
    # Half of the ramp, so that the writing stands out from every cell.
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    figure.add_heatmap(
        z=z, text=text, texttemplate="%{text}", colorscale=colour_scale(theme), zmin=low - 0.1,
        zmax=low + 2.2 * max(high - low, 0.1), showscale=False, xgap=3, ygap=3, hoverinfo="skip",
        textfont={"color": theme.text, "size": 13},
    )  # fmt: skip
    for device, model in np.ndindex(devices, len(models)):
        figure.add_shape(type="rect", x0=device - 0.48, x1=device + 0.48, y0=model - 0.46, y1=model + 0.46,
                         line={"color": theme.grid, "width": 1}, layer="below")  # fmt: skip
    for move, name, size in ((greedy, "greedy", 0.46), (yours, "yours", 0.4)):
        if move is not None:
            model, device = move
            dash = "dot" if name == "greedy" else "solid"
            figure.add_shape(type="rect", x0=device - size, x1=device + size, y0=model - size, y1=model + size,
                             line={"color": theme.text, "width": 3, "dash": dash})  # fmt: skip
    # The ranges too, because an empty board has nothing to find them by.
    figure.update_xaxes(tickvals=np.arange(devices), ticktext=[words.numbered("device", d) for d in range(devices)],
                        side="top", tickangle=0, range=[-0.5, devices - 0.5])  # fmt: skip
    figure.update_yaxes(tickvals=np.arange(len(models)), ticktext=list(models), ticksuffix=" ", showgrid=False,
                        range=[len(models) - 0.5, -0.5])  # fmt: skip
    figure.update_layout(margin_t=figure.layout.margin.t + 24, margin_l=60)
    return figure


def build_progress_figure(
    yours: Sequence[float], greedy: Sequence[float], best: float | None, title: str, theme: Theme = LIGHT
) -> go.Figure:
    """Deadlines met after each replica, yours and the greedy's; the optimum as a rule where it is known. 0..1.

    Without `yours` greedy is drawn alone.
    """
    figure = new_figure(theme, title, 250, "lesson-progress")
    for i, (name, values) in enumerate((("yours", yours), ("greedy, from the empty board", greedy))):
        if name == "yours" and not yours and greedy:
            continue
        style = neutral_style(2 * i, theme)
        figure.add_scatter(
            x=np.arange(len(values) + 1), y=100 * np.array([0.0, *values]), mode="lines+markers", name=name,
            line={"color": style.colour, "width": 2, "dash": ("solid", "dot")[i]}, marker={"symbol": style.symbol},
            hovertemplate="%{x} replicas: %{y:.2f} %<extra>" + name + "</extra>",
        )  # fmt: skip
    if best is not None:
        figure.add_hline(y=100 * best, line={"color": theme.text, "width": 1, "dash": "dash"},
                         annotation_text=f"optimum {words.fixed(100 * best, 2)} %",
                         annotation_position="top left")  # fmt: skip
    figure.update_xaxes(title_text="replicas placed", dtick=1, rangemode="tozero")
    figure.update_yaxes(title_text="deadlines met (%)", range=[-2, 103])
    show_legend(figure)
    return figure


def _cell(model: int, device: int, z: np.ndarray, held: Sequence[Sequence[int]]) -> str:
    if model in held[device]:
        return "is there"
    return f"{words.fixed(z[model, device], 2)} %" if np.isfinite(z[model, device]) else "no room"
