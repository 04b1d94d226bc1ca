"""Small multiples over one time axis: one row a placement, for missed deadlines, queues or busy groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import colour_bar, escape, new_figure, step_outline
from app.look import words
from app.look.theme import AXIS_SIZE, LIGHT, Theme, colour_scale, placement_style
from simulator import Timeline

KINDS = ("missed", "queue", "busy")
# Of a row, and of the gap above it in which its name stands; the page aligns what stands beside the rows by them.
ROW_PX, GAP_PX = 54, 30
# Of the axis beneath the rows.
AXIS_PX = 44
_STEP = 1 + GAP_PX / ROW_PX
_SCALES = {"queue": "requests<br>waiting", "busy": "busy (%)"}
_NAME_CHARACTERS = 40
# How dark the column of a moment is that was clicked.
_PICKED = 0.22


class _Row(NamedTuple):
    """One row: what it shows of which placement, and where it stands; rows are one unit of the y axis high."""

    kind: str
    name: str
    timeline: Timeline
    hue: int
    base: float


def build_over_time_figure(
    names: Sequence[str],
    timelines: Sequence[Timeline],
    theme: Theme = LIGHT,
    rows: Sequence[str] = ("missed", "queue"),
    hues: Sequence[int] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Every placement in rows of one height, one scale and one encoding, over one time axis.

    "missed": arrivals a second, and those of them that missed their deadline. "queue", "busy": a line a group, the
    most that waited in each bin or how busy its stages were; groups of a schedule's placements share lines
    (Timeline.lane). All rows are drawn on one pair of axes, so that one cursor, with the numbers of every placement,
    and one zoom go through all of them.

    Args:
        names, timelines: of the placements to draw, all with the same edges. rows: kinds of rows, in order.
        hues: numbers of the hues, if not all is drawn. title: a sentence; found from the data if not given.
    """
    hues = range(len(names)) if hues is None else hues
    count = len(rows) * len(names)
    drawn = [
        _Row(kind, name, timeline, hue, (count - 1 - k * len(names) - i) * _STEP)
        for k, kind in enumerate(rows)
        for i, (name, timeline, hue) in enumerate(zip(names, timelines, hues, strict=True))
    ]
    figure = new_figure(
        theme, title or _title(names, timelines, rows[0]), count * (ROW_PX + GAP_PX) + AXIS_PX, "over-time"
    )
    missed = [row for row in drawn if row.kind == "missed"]
    if missed:
        _draw_missed(figure, missed, theme)
    for kind in _SCALES:
        of_kind = [row for row in drawn if row.kind == kind and row.timeline.lane.size]
        if of_kind:
            _draw_groups(figure, of_kind, kind, (of_kind[0].base + 1 + of_kind[-1].base) / 2 / (count * _STEP), theme)
    _name_rows(figure, drawn, theme)
    _draw_columns(figure, drawn, theme)
    edges_s = timelines[0].edges_s
    figure.update_xaxes(
        title_text="time (s)", range=[edges_s[0], edges_s[-1]], tickformat=",~r", hoverformat=",.1f",
        showspikes=True, spikemode="across", spikesnap="hovered data", spikethickness=1, spikedash="solid",
        spikecolor=theme.muted,
    )  # fmt: skip
    figure.update_yaxes(range=[0, count * _STEP], fixedrange=True)
    return figure.update_layout(
        hovermode="x", clickmode="event+select", dragmode="zoom", bargap=0,
    )  # fmt: skip


def mark_moment(figure: go.Figure, at_s: float, theme: Theme = LIGHT) -> None:
    """A dotted line at a moment, through all rows of a figure over time."""
    line = {"color": theme.text, "width": 1.5, "dash": "dot"}
    figure.add_shape(type="line", x0=at_s, x1=at_s, xref="x", y0=0, y1=1, yref="paper", line=line)


def describe_over_time(names: Sequence[str], timelines: Sequence[Timeline]) -> str:
    """The alt text: the busiest moment, and of every placement when it misses most and its longest queue."""
    first = timelines[0]
    rate = _per_second(first.arrivals, first)
    sentences = [f"Arrivals peak at {words.rate(float(rate.max()))} at {_at(first, int(np.argmax(rate)))}."]
    for name, timeline in zip(names, timelines, strict=True):
        sentence = f"{words.shorten(name)} misses {words.count(timeline.missed.sum())}"
        if timeline.missed.any():
            sentence += f", most {_most_missed(timeline)}"
        if timeline.max_queue.any():
            sentence += f"; its longest queue, {_longest_queue(timeline)}"
        sentences.append(sentence + ".")
    return " ".join(sentences)


def _title(names: Sequence[str], timelines: Sequence[Timeline], kind: str) -> str:
    if kind == "missed" and any(t.missed.any() for t in timelines):
        worst = max(range(len(names)), key=lambda i: timelines[i].missed.max())
        return f"{words.shorten(names[worst], 40)} misses most {_most_missed(timelines[worst])}"
    if kind == "queue" and any(t.max_queue.any() for t in timelines):
        worst = max(range(len(names)), key=lambda i: timelines[i].max_queue.max(initial=-1))
        where = f" of {words.shorten(names[worst], 40)}" if len(names) > 1 else ""
        return f"The longest queue{where}, {_longest_queue(timelines[worst])}"
    rate = _per_second(timelines[0].arrivals, timelines[0])
    return f"Arrivals peak at {words.rate(float(rate.max()))} at {_at(timelines[0], int(np.argmax(rate)))}"


def _most_missed(timeline: Timeline) -> str:
    rate = _per_second(timeline.missed, timeline)
    return f"at {_at(timeline, int(np.argmax(rate)))}, {words.rate(float(rate.max()))}"


def _longest_queue(timeline: Timeline) -> str:
    group, at = np.unravel_index(int(np.argmax(timeline.max_queue)), timeline.max_queue.shape)
    where = words.numbered("group", int(group))
    return f"{words.count(timeline.max_queue[group, at])}, is at {where} at {_at(timeline, int(at))}"


def _at(timeline: Timeline, position: int) -> str:
    return f"{words.count(timeline.edges_s[position])}{words.SPACE}s"


def _per_second(counts: np.ndarray, timeline: Timeline) -> np.ndarray:
    return counts / np.diff(timeline.edges_s)


def _draw_missed(figure: go.Figure, rows: Sequence[_Row], theme: Theme) -> None:
    """Arrivals as grey areas and those that missed as red ones in front, all of each in one trace."""
    highest = _highest_rate(rows)
    for name, values, colour in (
        ("arrivals", [row.timeline.arrivals for row in rows], theme.grid),
        ("missed", [row.timeline.missed for row in rows], theme.missed),
    ):
        outlines = [
            step_outline(row.timeline.edges_s, row.base, _per_second(counts, row.timeline) / highest)
            for row, counts in zip(rows, values, strict=True)
        ]
        x, y = (np.concatenate([outline[k] for outline in outlines]) for k in (0, 1))
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"width": 0}, fill="toself", fillcolor=colour, hoverinfo="skip", name=name
        )  # fmt: skip


def _highest_rate(rows: Sequence[_Row]) -> float:
    return max(1e-9, *(float(_per_second(row.timeline.arrivals, row.timeline).max()) for row in rows))


def _draw_groups(figure: go.Figure, rows: Sequence[_Row], kind: str, middle: float, theme: Theme) -> None:
    """A line a group in every row, on one ramp; middle: of all the rows, as a share of the height."""
    lines = [_lanes(row.timeline, kind) for row in rows]
    axis = f"coloraxis{2 if kind == 'busy' else ''}"
    for row, values in zip(rows, lines, strict=True):
        figure.add_heatmap(
            x=row.timeline.edges_s, y=np.linspace(row.base + 1, row.base, values.shape[0] + 1), z=values,
            coloraxis=axis, hoverinfo="skip", name=escape(words.shorten(row.name)), meta=kind,
        )  # fmt: skip
    highest = 100 if kind == "busy" else max(1, *(int(values.max()) for values in lines))
    bar = colour_bar(theme, _SCALES[kind], middle) | {"lenmode": "pixels", "len": max(ROW_PX * len(rows), 90)}
    figure.update_layout({axis: {"colorscale": colour_scale(theme), "cmin": 0, "cmax": highest, "colorbar": bar}})


def _lanes(timeline: Timeline, kind: str) -> np.ndarray:
    """Lines by bins: most that waited, or busy in per cent, in whole numbers, which are sent quickly."""
    if kind == "queue":
        return np.minimum(timeline.by_lane(timeline.max_queue), np.iinfo(np.uint16).max).astype(np.uint16)
    return np.rint(100 * timeline.by_lane(timeline.utilization)).astype(np.uint8)


def _name_rows(figure: go.Figure, rows: Sequence[_Row], theme: Theme) -> None:
    """Names above the rows in their hues, and on the axis what their height stands for."""
    ticks = []
    for before, row in zip((None, *rows), rows, strict=False):
        colour = placement_style(row.hue, theme).colour
        text = f"<span style='color:{colour}'>{escape(words.shorten(row.name, _NAME_CHARACTERS))}</span>"
        if before is None or before.kind != row.kind:
            text += {"missed": " (grey: arrivals, red: missed)", "queue": " (a line a group: most that waited)",
                     "busy": " (a line a group: stages that compute)"}[row.kind]  # fmt: skip
        figure.add_annotation(
            x=0, xref="paper", y=row.base + 1, yanchor="bottom", xanchor="left", yshift=1, text=text, showarrow=False,
            font_size=AXIS_SIZE,
        )  # fmt: skip
        if row.kind == "missed":
            highest = _highest_rate([other for other in rows if other.kind == "missed"])
            ticks += [(row.base, "0"), (row.base + 1, words.rate(highest))]
        else:
            ticks.append((row.base + 0.5, words.plural(int(row.timeline.lane.max(initial=-1)) + 1, "group")))
    figure.update_yaxes(tickvals=[at for at, _ in ticks], ticktext=[text for _, text in ticks], ticksuffix=" ")


def _draw_columns(figure: go.Figure, rows: Sequence[_Row], theme: Theme) -> None:
    """A column a bin through all rows, seen only once it is clicked: it says what every row shows there."""
    edges_s = rows[0].timeline.edges_s
    columns, lines = [_per_second(rows[0].timeline.arrivals, rows[0].timeline)], []
    for row in rows:
        dot = f"<span style='color:{placement_style(row.hue, theme).colour}'>●</span> "
        k, name = len(columns), escape(words.shorten(row.name, 24))
        if row.kind == "missed":
            columns += [row.timeline.missed, row.timeline.arrivals]
            lines.append(f"{dot}{name}: %{{customdata[{k}]:,}} of %{{customdata[{k + 1}]:,}} missed")
        elif not row.timeline.lane.size:
            lines.append(f"{dot}{name}: no groups")
        elif row.kind == "queue":
            columns.append(row.timeline.max_queue.max(axis=0))
            lines.append(f"{dot}{name}: at most %{{customdata[{k}]:,}} wait at one group")
        else:
            columns.append(100 * row.timeline.by_lane(row.timeline.utilization).mean(axis=0))
            lines.append(f"{dot}{name}: groups are %{{customdata[{k}]:.0f}} % busy on average")
    figure.add_bar(
        x=(edges_s[:-1] + edges_s[1:]) / 2, y=np.full(edges_s.size - 1, len(rows) * _STEP), width=np.diff(edges_s),
        customdata=np.column_stack(columns), marker={"color": theme.text, "opacity": 0, "line": {"width": 0}},
        selected={"marker": {"opacity": _PICKED}}, unselected={"marker": {"opacity": 0}}, name="columns",
        hovertemplate="<br>".join(["%{x:,.1f} s: %{customdata[0]:,.1f} req/s arrive", *lines]) + "<extra></extra>",
    )  # fmt: skip
