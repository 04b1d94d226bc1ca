"""Figures over one shared time axis: arrivals, deadlines met, queues and utilisation of every group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import MOST_LABELLED, colour_bar, escape, hover_name, label_ends, line_of, new_figure
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, colour_scale, placement_style, see_through, tints
from simulator import Timeline

MOST_LINES = 6
MOST_SHARES = 80
ROWS = ("arrivals", "attainment", "rejected", "queue", "utilization")
_HEIGHT = {"arrivals": 110, "attainment": 130, "rejected": 110, "queue": 130, "utilization": 130}
_GAP = 34
_AXIS = {"queue": "requests<br>waiting", "utilization": "busy (%)"}
_UNIT = {"queue": "waiting", "utilization": "% busy"}


class _Row(NamedTuple):
    """One row of queues or utilisation.

    number and axis: of the subplot, from 1, and its axes' suffix. highest: where the ramp ends, the same for all
    heatmaps, so that colours can be compared.
    """

    number: int
    axis: str
    kind: str
    name: str
    timeline: Timeline
    hue: int
    as_lines: bool
    highest: float


def build_over_time_figure(
    names: Sequence[str],
    timelines: Sequence[Timeline],
    theme: Theme = LIGHT,
    rows: Sequence[str] = ("arrivals", "attainment", "queue"),
    hues: Sequence[int] | None = None,
    title: str | None = None,
    heatmaps: bool = False,
) -> go.Figure:
    """Everything over one time axis, so that one zoom moves all.

    Args:
        names, timelines: of the placements to draw, all with the same edges. rows: kinds of rows from ROWS, in order;
            "queue" and "utilization" give one row a placement: lines up to MOST_LINES groups, else a heatmap.
        hues: numbers of the hues, if not all is drawn. title: a sentence; found from the data if not given.
        heatmaps: whether few groups are a heatmap too.
    """
    hues = range(len(names)) if hues is None else hues
    kinds = [(kind, i) for kind in rows for i in (range(len(names)) if kind in ("queue", "utilization") else (0,))]
    heights = [_HEIGHT[kind] for kind, _ in kinds]
    total = sum(heights) + _GAP * (len(kinds) - 1)
    figure = make_subplots(
        len(kinds), 1, shared_xaxes=True, row_heights=heights, vertical_spacing=_GAP / total if len(kinds) > 1 else 0
    )
    new_figure(theme, title or _title(names, timelines, rows), total + 46, "over-time", figure)
    lined = [0 < t.mean_queue.shape[0] <= MOST_LINES and not heatmaps for t in timelines]
    mapped = [t.max_queue for t, is_lined in zip(timelines, lined, strict=True) if not is_lined]
    longest = max([1.0, *(float(queue.max()) for queue in mapped if queue.size)])
    for row, (kind, i) in enumerate(kinds, start=1):
        axis = "" if row == 1 else str(row)
        if kind == "arrivals":
            _draw_arrivals(figure, row, timelines[0], theme)
        elif kind == "attainment":
            _draw_attainment(figure, row, axis, names, timelines, hues, theme)
        elif kind == "rejected":
            _draw_rejected(figure, row, axis, names, timelines, hues, theme)
        else:
            highest = 100.0 if kind == "utilization" else longest
            _draw_groups(figure, _Row(row, axis, kind, names[i], timelines[i], hues[i], lined[i], highest), theme)
    figure.update_xaxes(range=[timelines[0].edges_s[0], timelines[0].edges_s[-1]], tickformat=",~r")
    figure.update_xaxes(title_text="time (s)", row=len(kinds), col=1)
    return figure


def describe_over_time(names: Sequence[str], timelines: Sequence[Timeline]) -> str:
    """The alt text: the busiest moment, and the worst moment and longest queue of every placement."""
    first = timelines[0]
    rate = first.arrivals / np.diff(first.edges_s)
    busiest = int(np.argmax(rate))
    sentences = [f"Arrivals peak at {words.rate(float(rate[busiest]))} at {_at(first, busiest)}."]
    for name, timeline in zip(names, timelines, strict=True):
        edges_s, percent = _coarse_attainment(timeline)
        if np.isnan(percent).all():
            continue
        worst = int(np.nanargmin(percent))
        sentence = (
            f"{words.shorten(name)} is worst from {_seconds(edges_s[worst])} on, with "
            f"{words.share(percent[worst] / 100)} met"
        )
        if timeline.max_queue.size:
            group, at = np.unravel_index(int(np.argmax(timeline.max_queue)), timeline.max_queue.shape)
            longest = words.count(timeline.max_queue[group, at])
            where = words.numbered("group", group)
            sentence += f"; its longest queue, {longest}, is at {where} at {_at(timeline, at)}"
        sentences.append(sentence + ".")
    return " ".join(sentences)


def _title(names: Sequence[str], timelines: Sequence[Timeline], rows: Sequence[str]) -> str:
    if "queue" in rows and any(t.max_queue.any() for t in timelines):
        worst = max(range(len(names)), key=lambda i: t.max() if (t := timelines[i].max_queue).size else -1)
        timeline = timelines[worst]
        group, at = np.unravel_index(int(np.argmax(timeline.max_queue)), timeline.max_queue.shape)
        longest = words.count(timeline.max_queue[group, at])
        where = f" of {words.shorten(names[worst], 30)}" if len(names) > 1 else ""
        return f"The queue at {words.numbered('group', group)}{where} reaches {longest} at {_at(timeline, at)}"
    first = timelines[0]
    rate = first.arrivals / np.diff(first.edges_s)
    return f"Arrivals peak at {words.rate(float(rate.max()))} at {_at(first, int(np.argmax(rate)))}"


def _at(timeline: Timeline, position: int) -> str:
    return _seconds(timeline.edges_s[position])


def _seconds(moment_s: float) -> str:
    return f"{words.count(moment_s)}{words.SPACE}s"


def _steps(timeline: Timeline, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins as a step line: the last value is repeated at the last edge."""
    return timeline.edges_s, np.append(values, values[-1])


def _coarse_attainment(timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Edges and attainment in per cent of at most MOST_SHARES bins: shares of few requests only flicker."""
    starts = np.arange(0, timeline.arrivals.size, -(-timeline.arrivals.size // MOST_SHARES))
    arrivals = np.add.reduceat(timeline.arrivals, starts)
    percent = np.full(starts.size, np.nan)
    np.divide(100.0 * np.add.reduceat(timeline.in_time, starts), arrivals, out=percent, where=arrivals > 0)
    return np.append(timeline.edges_s[starts], timeline.edges_s[-1]), percent


def _draw_arrivals(figure: go.Figure, row: int, timeline: Timeline, theme: Theme) -> None:
    x, y = _steps(timeline, timeline.arrivals / np.diff(timeline.edges_s))
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": theme.muted, "width": 1.5, "shape": "hv"}, fill="tozeroy",
        fillcolor=theme.grid, name="arrivals", hovertemplate="%{x:,.1f} s: %{y:,.1f} req/s<extra>arrivals</extra>",
        showlegend=False, row=row, col=1,
    )  # fmt: skip
    figure.update_yaxes(title_text="arrivals<br>(req/s)", rangemode="tozero", nticks=4, row=row, col=1)


def _draw_attainment(figure, row, axis, names, timelines, hues, theme) -> None:
    ends = []
    for name, timeline, hue in zip(names, timelines, hues, strict=True):
        x, percent = _coarse_attainment(timeline)
        y = np.append(percent, percent[-1])
        figure.add_scatter(
            x=x, y=y, mode="lines", line=line_of(hue, theme) | {"shape": "hv"}, name=escape(words.shorten(name, 30)),
            connectgaps=True, hovertemplate=f"%{{x:,.1f}} s: %{{y:.1f}} % met<extra>{hover_name(name)}</extra>",
            row=row, col=1,
        )  # fmt: skip
        known = percent[np.isfinite(percent)]
        ends.append(known[-1] if known.size else 0.0)
    figure.update_yaxes(title_text="deadlines<br>met (%)", range=[-3, 104], tickvals=[0, 50, 100], row=row, col=1)
    if len(names) > 1:
        colours = [placement_style(hue, theme).colour for hue in hues]
        label_ends(figure, names, colours, ends, (0, 100), _HEIGHT["attainment"], f"y{axis}")


def _draw_rejected(figure, row, axis, names, timelines, hues, theme) -> None:
    ends, highest = [], 1e-9
    for name, timeline, hue in zip(names, timelines, hues, strict=True):
        x, y = _steps(timeline, timeline.rejected.sum(axis=0) / np.diff(timeline.edges_s))
        figure.add_scatter(
            x=x, y=y, mode="lines", line=line_of(hue, theme, 1.6) | {"shape": "hv"}, meta="rejected",
            name=escape(words.shorten(name, 30)), showlegend=False, row=row, col=1,
            hovertemplate=f"%{{x:,.1f}} s: %{{y:,.1f}} rejected/s<extra>{hover_name(name)}</extra>",
        )  # fmt: skip
        ends.append(float(y[-1]))
        highest = max(highest, float(y.max()))
    figure.update_yaxes(title_text="rejected<br>(req/s)", rangemode="tozero", nticks=4, row=row, col=1)
    if len(names) > 1:
        colours = [placement_style(hue, theme).colour for hue in hues]
        # Beside more names than fit the attainment has the legend already.
        if len(names) <= MOST_LABELLED:
            label_ends(figure, names, colours, ends, (0, highest), _HEIGHT["rejected"], f"y{axis}")


def _draw_groups(figure: go.Figure, row: _Row, theme: Theme) -> None:
    """One placement's queues or utilisation; nothing but its name where it has no groups."""
    groups = row.timeline.mean_queue.shape[0]
    if groups and row.as_lines:
        _draw_group_lines(figure, row, theme)
    elif groups:
        _draw_group_heatmap(figure, row, theme)
    figure.add_annotation(
        x=0, xref="paper", y=1, yref=f"y{row.axis} domain", yanchor="bottom", xanchor="left", yshift=2,
        text=_row_name(row, theme), showarrow=False, font_size=AXIS_SIZE,
    )  # fmt: skip


def _draw_group_lines(figure: go.Figure, row: _Row, theme: Theme) -> None:
    """A line a group, the mean of each bin; for queues a band from there to the most that waited in the bin."""
    means = row.timeline.mean_queue if row.kind == "queue" else 100 * row.timeline.utilization
    groups = means.shape[0]
    colours = tints(placement_style(row.hue, theme).colour, groups, theme)
    for group in range(groups):
        x, y = _steps(row.timeline, means[group])
        name = words.numbered("group", group)
        line = {"color": colours[group], "shape": "hv"}
        figure.add_scatter(
            x=x, y=y, mode="lines", line=line | {"width": 1.6}, showlegend=False, name=name, meta=row.kind,
            hovertemplate=f"%{{x:,.1f}} s: %{{y:,.1f}} {_UNIT[row.kind]}"
            f"<extra>{hover_name(row.name)}, {name}</extra>", row=row.number, col=1,
        )  # fmt: skip
        if row.kind == "queue":
            x, most = _steps(row.timeline, row.timeline.max_queue[group])
            figure.add_scatter(
                x=x, y=most, mode="lines", line=line | {"width": 0.8, "dash": "dot"}, showlegend=False,
                fill="tonexty", fillcolor=see_through(colours[group], 0.12), name=f"{name}, most", meta="most",
                hovertemplate=f"%{{x:,.1f}} s: at most %{{y:,}} waiting"
                f"<extra>{hover_name(row.name)}, {name}</extra>", row=row.number, col=1,
            )  # fmt: skip
    figure.update_yaxes(title_text=_AXIS[row.kind], rangemode="tozero", nticks=4, row=row.number, col=1)
    if groups <= MOST_LABELLED:
        drawn = row.timeline.max_queue if row.kind == "queue" else means
        names = [words.numbered("group", group) for group in range(groups)]
        span = (0, max(float(drawn.max()), 1e-9))
        label_ends(figure, names, colours, means[:, -1], span, _HEIGHT[row.kind], f"y{row.axis}")


def _draw_group_heatmap(figure: go.Figure, row: _Row, theme: Theme) -> None:
    """A cell a group and bin: how busy it was, or the most that waited; the mean of those is in the hover."""
    low, high = figure.layout[f"yaxis{row.axis}"].domain
    edges_s, timeline = row.timeline.edges_s, row.timeline
    is_queue = row.kind == "queue"
    values = timeline.max_queue if is_queue else 100 * timeline.utilization
    tells = "at most %{z:,} waiting, %{customdata:,.1f} on average" if is_queue else f"%{{z:,.1f}} {_UNIT[row.kind]}"
    figure.add_heatmap(
        x=(edges_s[:-1] + edges_s[1:]) / 2, y=np.arange(values.shape[0]) + words.FIRST_NUMBER["group"],
        z=values, colorscale=colour_scale(theme),
        customdata=timeline.mean_queue if is_queue else None, zmin=0, zmax=row.highest, meta=row.kind,
        name=hover_name(row.name), colorbar=colour_bar(theme, _AXIS[row.kind], (low + high) / 2, high - low),
        hovertemplate=f"%{{x:,.1f}} s, group %{{y}}: {tells}<extra>{hover_name(row.name)}</extra>",
        row=row.number, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        title_text="group", showgrid=False, autorange="reversed", tickformat="d", nticks=5, row=row.number, col=1
    )
    if values.shape[0] <= 8:
        figure.update_yaxes(dtick=1, row=row.number, col=1)


def _row_name(row: _Row, theme: Theme) -> str:
    what = "How busy each group is"
    if row.kind == "queue":
        what = "Waiting at each group (line: mean, band: to the most)" if row.as_lines else "Most waiting at each group"
    colour = placement_style(row.hue, theme).colour
    return f"{what}, <span style='color:{colour}'>{escape(words.shorten(row.name, 40))}</span>"
