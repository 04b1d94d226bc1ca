"""Figures that set placements side by side: who gains, paired outcomes, one moment of all groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import empty_figure, escape, hover_name, name_rows, new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, mix, model_colours, placement_style
from simulator import Figures, SimulationResult
from simulator.moment import GroupMoment, Moment
from simulator.pairs import PairedOutcomes

MOST_MODELS = 30
MOST_GROUPS = 32
_CELL_PX = 22


def build_differences_figure(
    first: Figures, second: Figures, theme: Theme = LIGHT, hues: tuple[int, int] = (0, 1)
) -> go.Figure:
    """Deadlines met by every model with both placements, sorted by the gain of the second; the largest differences.

    hues: numbers of both placements' hues.
    """
    shown = largest_differences(first, second)
    if not shown:
        return empty_figure(theme, "No model has a request, so there is nothing to compare.")
    before, after = (100 * np.array([row[k] for row in shown]) for k in (1, 2))
    y = np.arange(len(shown))
    figure = new_figure(theme, describe_differences(first, second), 60 + 20 * max(len(shown), 3), "differences")
    gaps = np.full(len(shown), np.nan)
    figure.add_scatter(
        x=np.column_stack((before, after, gaps)).ravel(), y=np.column_stack((y, y, gaps)).ravel(), mode="lines",
        line={"color": theme.grid, "width": 3}, hoverinfo="skip", showlegend=False, name="difference",
    )  # fmt: skip
    names = np.array([hover_name(row[0]) for row in shown], dtype=object)
    changes = np.array([words.points_difference(row[2], row[1]) for row in shown], dtype=object)
    for figures, x, hue in ((first, before, hues[0]), (second, after, hues[1])):
        style = placement_style(hue, theme)
        figure.add_scatter(
            x=x, y=y, mode="markers", marker={"color": style.colour, "symbol": style.symbol, "size": 9},
            name=escape(words.shorten(figures.name, 24)), customdata=np.column_stack((names, changes)),
            hovertemplate=f"%{{customdata[0]}}: %{{x:.1f}} % with {hover_name(figures.name)}"
            "<br>%{customdata[1]}<extra></extra>",
        )  # fmt: skip
    show_legend(figure)
    figure.update_xaxes(title_text="deadlines met (%)", range=[min(before.min(), after.min()) - 3, 103])
    name_rows(figure, [row[0] for row in shown], showgrid=True)
    return figure


def largest_differences(first: Figures, second: Figures) -> list[tuple[str, float, float]]:
    """The rows that are drawn: a model's name and its attainment (0..1) with both, the largest gain on top."""
    rows = _differences(first, second)
    largest = sorted(rows, key=lambda row: -abs(row[2] - row[1]))[:MOST_MODELS]
    return sorted(largest, key=lambda row: row[1] - row[2])


def describe_differences(first: Figures, second: Figures) -> str:
    """The alt text: how many models gain and lose, and the largest gain and loss."""
    rows = _differences(first, second)
    gains = [row for row in rows if row[2] > row[1]]
    losses = [row for row in rows if row[2] < row[1]]
    sentence = (
        f"With {words.shorten(second.name, 22)} instead of {words.shorten(first.name, 22)} "
        f"{words.plural(len(gains), 'model')} {'gains' if len(gains) == 1 else 'gain'} and "
        f"{words.count(len(losses))} {'loses' if len(losses) == 1 else 'lose'}"
    )
    if gains:
        sentence += (
            f"; most gains {words.shorten(gains[0][0], 22)}, {words.points_difference(gains[0][2], gains[0][1])}"
        )
    if losses:
        sentence += f"; most loses {words.shorten(losses[-1][0], 22)}, "
        sentence += words.points_difference(losses[-1][2], losses[-1][1])
    return sentence


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


def build_moment_figure(result: SimulationResult, now: Moment, theme: Theme = LIGHT, hue: int = 0) -> go.Figure:
    """All groups at one moment: on the left what each stage computes, on the right who waits, by model.

    Those between stages are hatched.
    At most MOST_GROUPS groups are drawn, those with the most to do. hue: the number of the placement's hue.
    """
    groups = sorted(now.groups, key=lambda g: -(len(g.queue) + g.busy))[:MOST_GROUPS]
    groups.sort(key=lambda g: g.index)
    if not groups:
        return empty_figure(theme, "No group is in use at this moment.")
    figure = make_subplots(1, 2, shared_yaxes=True, column_widths=[0.55, 0.45], horizontal_spacing=0.03)
    new_figure(theme, _moment_title(result, now), 60 + _CELL_PX * len(groups), "moment", figure)
    _draw_stages(figure, result, groups, theme, hue)
    _draw_waiting(figure, result, groups, theme)
    name_rows(figure, [words.numbered("group", g.index) for g in groups])
    if len(groups) < len(now.groups):
        figure.update_yaxes(title_text=f"the {len(groups)} busiest of {len(now.groups)} groups", row=1, col=1)
    deepest = max(len(g.stages) for g in groups)
    figure.update_xaxes(title_text="stage", range=[0.4, deepest + 0.6], dtick=-(-deepest // 16), tick0=1, row=1, col=1)
    longest = max(len(g.queue) for g in groups)
    figure.update_xaxes(
        title_text="requests waiting (hatched: between stages)"
        if any(g.between_stages for g in groups)
        else "requests waiting",
        range=[0, max(1.05 * longest, 1)],
        tick0=0,
        dtick=max(-(-longest // 6), 1),
        row=1,
        col=2,
    )
    figure.update_layout(barmode="overlay")
    return figure


def describe_moment(result: SimulationResult, now: Moment) -> str:
    """The alt text: busy stages, waiting requests, the longest queue and whom it waits for."""
    title = _moment_title(result, now)
    longest = max(now.groups, key=lambda g: len(g.queue), default=None)
    if longest is None or not longest.queue:
        return title
    return f"{title}; most at {words.numbered('group', longest.index)}: {_by_model(result, longest.queue)}"


def describe_group_moment(result: SimulationResult, group: GroupMoment) -> str:
    """One sentence on one group at a moment: what each stage computes, and who waits."""
    parts = [
        f"{words.numbered('stage', k)} computes {_by_model(result, requests)}"
        for k, requests in enumerate(group.stages)
        if requests
    ]
    does = words.join(parts) if parts else "no stage computes"
    hues = (("before stage 1", group.waiting), ("between stages", group.between_stages))
    waits = [f"waiting {where}: {_by_model(result, requests)}" for where, requests in hues if requests]
    name = words.numbered("group", group.index).capitalize()
    return f"{name}: {does}; {'; '.join(waits) or 'nobody waits'}."


def _moment_title(result: SimulationResult, now: Moment) -> str:
    stages = sum(len(g.stages) for g in now.groups)
    waiting = sum(len(g.queue) for g in now.groups)
    return (
        f"At {words.clock(now.at_s)} {words.count(sum(g.busy for g in now.groups))} of "
        f"{words.plural(stages, 'stage')} of {words.shorten(result.name, 30)} compute, "
        f"{words.plural(waiting, 'request')} {'waits' if waiting == 1 else 'wait'}"
    )


def _differences(first: Figures, second: Figures) -> list[tuple[str, float, float]]:
    """Name and both attainments of models with requests, the largest gain of the second first."""
    pairs = zip(first.models, second.models, strict=True)
    rows = [(name, a.slo_attainment, b.slo_attainment) for (name, a), (_, b) in pairs if a.requests and b.requests]
    return sorted(rows, key=lambda row: row[1] - row[2])


def _by_model(result: SimulationResult, requests: Sequence[int], most: int = 3) -> str:
    counted = Counter(result.workload.model[list(requests)].tolist()).most_common()
    names = [words.shorten(result.models[m].name, 24) for m, _ in counted[:most]]
    parts = [name if n == 1 else f"{words.count(n)} × {name}" for name, (_, n) in zip(names, counted, strict=False)]
    rest = sum(n for _, n in counted[most:])
    return words.join(parts + ([f"{words.count(rest)} of other models"] if rest else []))


def _draw_stages(figure, result, groups, theme, hue) -> None:
    x = np.array([k + 1 for g in groups for k in range(len(g.stages))])
    y = np.array([row for row, g in enumerate(groups) for _ in g.stages])
    busy = [requests for g in groups for requests in g.stages]
    style = placement_style(hue, theme)
    stages = [words.numbered("stage", k) for g in groups for k in range(len(g.stages))]
    texts = [
        f"{stage}: computes {_by_model(result, r)}" if r else f"{stage}: idle"
        for stage, r in zip(stages, busy, strict=True)
    ]
    figure.add_bar(
        x=np.full(x.size, 0.9), y=y, base=x - 0.45, orientation="h", width=0.7, name="stages",
        marker={"color": [style.colour if r else theme.background for r in busy],
                "line": {"color": mix(theme.grid, theme.text, 0.15), "width": 1}},
        hovertext=np.array([escape(text) for text in texts]),
        hovertemplate="%{y}, %{hovertext}<extra></extra>", row=1, col=1,
    )  # fmt: skip


def _draw_waiting(figure, result, groups, theme) -> None:
    requests = result.workload.requests_per_model()
    rank = np.argsort(np.argsort(-requests, kind="stable"))
    colours = model_colours(len(result.models), theme)
    x, y, base, colour, text, pattern = [], [], [], [], [], []
    for row, g in enumerate(groups):
        low = 0
        for requests, where, shape in ((g.waiting, "before stage 1", ""), (g.between_stages, "between stages", "/")):
            counted = Counter(result.workload.model[list(requests)].tolist())
            for m in sorted(counted, key=lambda m: rank[m]):
                x.append(counted[m])
                y.append(row)
                base.append(low)
                colour.append(colours[rank[m]])
                pattern.append(shape)
                text.append(f"{hover_name(result.models[m].name)}, {where}")
                low += counted[m]
    figure.add_bar(
        x=np.array(x), y=np.array(y), base=np.array(base), orientation="h", width=0.7, name="waiting",
        marker={"color": np.array(colour), "line": {"color": theme.background, "width": 1},
                "pattern": {"shape": pattern, "fgcolor": theme.background, "solidity": 0.3}},
        hovertext=np.array(text), hovertemplate="%{x} waiting for %{hovertext}<extra></extra>", row=1, col=2,
    )  # fmt: skip
