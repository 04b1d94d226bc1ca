"""Figures that set two placements against each other: which models gain and lose, and paired outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import empty_figure, escape, hover_name, name_rows, new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, mix, placement_style
from planner.explain import ModelDifference
from simulator.pairs import PairedOutcomes

MOST_MODELS = 30
_ROW_PX = 20
_NAME_CHARACTERS = 44


def build_differences_figure(
    differences: Sequence[ModelDifference], names: tuple[str, str], theme: Theme = LIGHT, hues: tuple[int, int] = (0, 1)
) -> go.Figure:
    """By how many points each model does better with the second placement (right) or the first (left), sorted.

    A bar has the hue of the placement that is better for the model, lightly where the difference is within its 95 %
    interval. A line between gains and losses says how many models are not drawn, because they do not differ or are
    beyond the largest MOST_MODELS.

    Args:
        differences: of planner.explain.model_differences, the largest gain first. names, hues: of first and second.
    """
    if not differences:
        return empty_figure(theme, "No model has a request, so there is nothing to compare.")
    gains, losses = extremes(differences)
    left_out = len(differences) - len(gains) - len(losses)
    rows = [*gains, *([None] if left_out else []), *losses]
    figure = new_figure(theme, describe_gains(differences, names), 62 + _ROW_PX * max(len(rows), 4), "differences")
    drawn = [(place, row) for place, row in enumerate(rows) if row is not None]
    points = np.array([100 * row.gap.difference for _, row in drawn])
    widths = np.array([100 * row.gap.half_width for _, row in drawn])
    styles = [placement_style(hues[int(row.gap.difference > 0)], theme) for _, row in drawn]
    figure.add_bar(
        x=points, y=np.array([place for place, _ in drawn]), orientation="h", width=0.7, name="difference",
        marker={"color": [style.colour if row.gap.is_clear else style.tint
                          for style, (_, row) in zip(styles, drawn, strict=True)]},
        error_x={"type": "data", "array": np.nan_to_num(widths), "color": theme.muted, "thickness": 1, "width": 2},
        customdata=[[hover_name(row.name), *_told(row)] for _, row in drawn],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    name_rows(figure, ["" if row is None else row.name for row in rows], _NAME_CHARACTERS)
    if left_out:
        figure.add_annotation(x=0, y=len(gains), showarrow=False, bgcolor=theme.background,
                              text=f"{words.plural(left_out, 'model')} with less or no difference")  # fmt: skip
    low, high = (1.08 * float(np.max(side * points + np.nan_to_num(widths), initial=0)) for side in (-1, 1))
    span = max(low + high, 0.1)
    figure.add_vline(x=0, line={"color": theme.muted, "width": 1})
    for side, name, hue, shift in (("left", names[0], hues[0], 16), ("right", names[1], hues[1], 0)):
        figure.add_annotation(
            x=0.0 if side == "left" else 1.0, xref="paper", xanchor=side, y=1, yref="paper", yanchor="bottom",
            text=f"better with {escape(words.shorten(name, 40))}", font_color=placement_style(hue, theme).colour,
            yshift=shift, showarrow=False,
        )  # fmt: skip
    figure.update_xaxes(
        title_text="difference in deadlines met (points; line: 95 % interval)",
        range=[-low - 0.04 * span, high + 0.04 * span],
    )
    return figure.update_layout(margin_t=figure.layout.margin.t + 34, height=figure.layout.height + 34)


def extremes(differences: Sequence[ModelDifference]) -> tuple[list[ModelDifference], list[ModelDifference]]:
    """The gains and the losses that are drawn, at most MOST_MODELS, the largest of both.

    Either side has room for half of them, and for more where the other needs less.
    """
    gains = [row for row in differences if row.gap.difference > 0]
    losses = [row for row in differences if row.gap.difference < 0]
    half = MOST_MODELS // 2
    lose = min(len(losses), max(half, MOST_MODELS - len(gains)))
    return gains[: MOST_MODELS - lose], losses[len(losses) - lose :]


def describe_gains(differences: Sequence[ModelDifference], names: tuple[str, str]) -> str:
    """How many models clearly gain and lose with the second placement instead of the first."""
    gains = sum(row.gap.difference > 0 and row.gap.is_clear for row in differences)
    losses = sum(row.gap.difference < 0 and row.gap.is_clear for row in differences)
    second = words.shorten(names[1], 30)
    if not gains and not losses:
        return f"No model clearly differs between {second} and {words.shorten(names[0], 30)}"
    gain, lose = "gains" if gains == 1 else "gain", "loses" if losses == 1 else "lose"
    total = words.plural(len(differences), "model")
    return f"{words.count(gains)} of {total} clearly {gain} with {second}, {words.count(losses)} {lose}"


def describe_differences(differences: Sequence[ModelDifference], names: tuple[str, str]) -> str:
    """The alt text: how many gain and lose, the largest gain and loss, and how many this run cannot tell apart."""
    sentence = describe_gains(differences, names)
    for what, row in (("most gains", differences[:1]), ("most loses", differences[-1:])):
        if row and (row[0].gap.difference > 0) == (what == "most gains") and row[0].gap.difference:
            sentence += (
                f"; {what} {words.shorten(row[0].name, 30)}, {words.points_difference(row[0].gap.difference, 0)}"
            )
    unclear = sum(not row.gap.is_clear for row in differences)
    if unclear:
        sentence += f"; of {words.count(unclear)} this run cannot tell"
    return sentence


def _told(row: ModelDifference) -> tuple[str, str]:
    """The difference and both attainments in words, for the hover."""
    width = words.half_width(row.gap.half_width) or "too few requests to tell"
    sure = "" if row.gap.is_clear or not words.half_width(row.gap.half_width) else ", within its uncertainty"
    return (
        f"{words.points_difference(row.gap.difference, 0)} ({width}){sure}",
        f"{words.share(row.first)} → {words.share(row.second)} of {words.plural(row.requests, 'request')}",
    )


def build_paired_figure(
    paired: PairedOutcomes, names: tuple[str, str], theme: Theme = LIGHT, hues: tuple[int, int] = (0, 1)
) -> go.Figure:
    """Every request counted once: met by both placements, by one alone, by none, as one stacked bar."""
    total = paired.both + paired.only_first + paired.only_second + paired.neither
    figure = new_figure(theme, describe_paired(paired, names), 140, "paired")
    first, second = (placement_style(hue, theme) for hue in hues)
    pieces = (
        ("both", paired.both, mix(theme.background, theme.text, 0.22)),
        (f"only {words.shorten(names[0], 20)}", paired.only_first, first.colour),
        (f"only {words.shorten(names[1], 20)}", paired.only_second, second.colour),
        ("none", paired.neither, theme.missed),
    )
    for label, number, colour in pieces:
        figure.add_bar(
            x=np.array([number]), y=np.array([0]), orientation="h", marker={"color": colour}, width=0.8,
            name=f"{escape(label)} {words.count(number)}",
            hovertemplate=f"{escape(label)}: {words.count(number)} of {words.count(total)}<extra></extra>",
        )  # fmt: skip
    show_legend(figure)
    # Where the page is narrow the legend takes two lines.
    figure.update_layout(barmode="stack", margin_t=figure.layout.margin.t + 34)
    figure.update_xaxes(title_text="requests", range=[0, max(total, 1)], tickformat=",~r")
    figure.update_yaxes(visible=False, range=[-0.5, 0.5])
    return figure


def describe_paired(paired: PairedOutcomes, names: tuple[str, str]) -> str:
    """The alt text: all four counts."""
    return (
        f"{words.count(paired.both)} deadlines are met by both, {words.count(paired.only_first)} only by "
        f"{words.shorten(names[0], 30)}, {words.count(paired.only_second)} only by {words.shorten(names[1], 30)}, "
        f"{words.count(paired.neither)} by none"
    )
