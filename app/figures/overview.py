"""The whole run as a strip to drag over, and columns that can be clicked on a figure over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import escape, line_of, new_figure
from app.look import words
from app.look.theme import LIGHT, Theme, see_through
from simulator import Timeline

_STRIP_PX = 96
_MOST_NAMED = 4
_PICKED = 0.22


def build_overview_figure(
    timeline: Timeline,
    window_s: tuple[float, float],
    theme: Theme = LIGHT,
    at_s: float | None = None,
    queues: Sequence[tuple[int, Timeline]] = (),
) -> go.Figure:
    """Arrivals per second of the whole run, with the window that is looked at; dragging over it selects a stretch.

    Args:
        timeline: of the whole run. window_s: start and end of the window. at_s: a moment to mark.
        queues: (number of the hue, timeline with the same edges) of placements whose waiting requests are drawn too,
            scaled to the highest rate, because only when they grow is to be seen.
    """
    figure = new_figure(theme, describe_overview(timeline, window_s), _STRIP_PX, "overview")
    edges_s = timeline.edges_s
    rate = timeline.arrivals / np.diff(edges_s)
    top = max(float(rate.max()), 1e-9)
    figure.add_scatter(
        x=edges_s, y=np.append(rate, rate[-1]), mode="lines", name="arrivals", fill="tozeroy", fillcolor=theme.grid,
        line={"color": theme.muted, "width": 1.2, "shape": "hv"}, hoverinfo="skip",
    )  # fmt: skip
    waiting = [(hue, t.mean_queue.sum(axis=0)) for hue, t in queues]
    longest = max([float(w.max()) for _, w in waiting if w.size], default=0.0)
    for hue, queue in waiting:
        if longest > 0:
            y = queue * top / longest
            figure.add_scatter(
                x=edges_s, y=np.append(y, y[-1]), mode="lines", line=line_of(hue, theme, 1.4) | {"shape": "hv"},
                name="waiting", hoverinfo="skip",
            )  # fmt: skip
    figure.add_bar(
        x=(edges_s[:-1] + edges_s[1:]) / 2, y=np.full(rate.size, top), width=np.diff(edges_s), name="columns",
        marker={"color": theme.text, "opacity": 0, "line": {"width": 0}}, customdata=rate,
        hovertemplate="%{x:,.1f} s: %{customdata:,.1f} req/s<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
    start_s, end_s = window_s
    line = {"color": theme.text, "width": 1.5}
    figure.add_vrect(x0=start_s, x1=end_s, fillcolor=see_through(theme.text, 0.09), line=line)
    if at_s is not None:
        mark_moment(figure, at_s, theme)
    figure.update_xaxes(title_text="time (s); drag over a stretch to look closer", tickformat=",~r",
                        range=[edges_s[0], edges_s[-1]], fixedrange=True)  # fmt: skip
    figure.update_yaxes(title_text="arrivals<br>(req/s)", range=[0, 1.04 * top], nticks=3, fixedrange=True)
    return figure.update_layout(
        dragmode="select", selectdirection="h", hovermode="closest", bargap=0, newselection_line_color=theme.text
    )


def describe_overview(timeline: Timeline, window_s: tuple[float, float]) -> str:
    """The alt text: how long the run is, and which stretch of it is shown below."""
    first_s, last_s = float(timeline.edges_s[0]), float(timeline.edges_s[-1])
    start_s, end_s = window_s
    if start_s <= first_s and end_s >= last_s:
        return f"The whole run of {words.span(last_s - first_s)} is shown below"
    return (
        f"Shown below is {words.fixed(start_s, 1)} to {words.clock(end_s)} ({words.span(end_s - start_s)}) "
        f"of {words.span(last_s - first_s)}"
    ).replace(",", words.THIN)


def add_click_columns(
    figure: go.Figure, names: Sequence[str], timelines: Sequence[Timeline], rows: Sequence[str], theme: Theme = LIGHT
) -> go.Figure:
    """Make every bin of every row of build_over_time_figure a column that can be clicked; gives the figure.

    The columns are seen only where the mouse is or was clicked. They take over the hover of what lies beneath, because
    a click goes to what is hovered.

    Args:
        names, timelines, rows: as given to build_over_time_figure.
    """
    figure.update_traces(hoverinfo="skip", hovertemplate=None)
    edges_s = timelines[0].edges_s
    centres_s, widths_s = (edges_s[:-1] + edges_s[1:]) / 2, np.diff(edges_s)
    kinds = [(kind, i) for kind in rows for i in (range(len(names)) if kind in ("queue", "utilization") else (0,))]
    for row, (kind, i) in enumerate(kinds, start=1):
        low, high = _row_span(figure, row, kind, timelines[i])
        figure.add_bar(
            x=centres_s, y=np.full(centres_s.size, high - low), base=low, width=widths_s, meta="columns",
            marker={"color": theme.text, "opacity": 0, "line": {"width": 0}}, showlegend=False,
            selected={"marker": {"opacity": _PICKED}}, unselected={"marker": {"opacity": 0}},
            hovertext=_hover_texts(kind, i, names, timelines),
            hovertemplate="%{x:,.1f} s: %{hovertext}<extra></extra>", row=row, col=1,
        )  # fmt: skip
    return figure.update_layout(hovermode="closest", clickmode="event+select", dragmode="zoom", bargap=0)


def mark_moment(figure: go.Figure, at_s: float, theme: Theme = LIGHT) -> None:
    """A dotted line at a moment, through all rows of a figure over time."""
    line = {"color": theme.text, "width": 1.5, "dash": "dot"}
    figure.add_shape(type="line", x0=at_s, x1=at_s, xref="x", y0=0, y1=1, yref="paper", line=line)


def _row_span(figure: go.Figure, row: int, kind: str, timeline: Timeline) -> tuple[float, float]:
    """From where to where a column reaches, in units of the row's axis, without stretching it."""
    if kind == "attainment":
        return -3.0, 104.0
    axis = "y" if row == 1 else f"y{row}"
    drawn = [trace for trace in figure.data if (trace.yaxis or "y") == axis]
    if any(trace.type == "heatmap" for trace in drawn):
        return -0.5, timeline.mean_queue.shape[0] - 0.5
    return 0.0, max([float(np.max(trace.y)) for trace in drawn], default=0.0) or 1.0


def _hover_texts(kind: str, i: int, names: Sequence[str], timelines: Sequence[Timeline]) -> np.ndarray:
    seconds = np.diff(timelines[0].edges_s)
    if kind == "arrivals":
        return np.array([words.rate(value) for value in timelines[0].arrivals / seconds], dtype=object)
    if kind in ("attainment", "rejected"):
        write = words.share if kind == "attainment" else words.rate
        values = [
            t.slo_attainment if kind == "attainment" else t.rejected.sum(axis=0) / seconds for t in timelines
        ]  # fmt: skip
        shown = [escape(words.shorten(name, 24)) for name in names]
        what = " met" if kind == "attainment" else " rejected"
        columns = [[f"{write(v)}{what}, {name}" for v in row] for name, row in zip(shown, values, strict=True)]
        return np.array(["<br>".join(parts) for parts in zip(*columns, strict=True)], dtype=object)
    timeline = timelines[i]
    values = timeline.mean_queue if kind == "queue" else timeline.utilization

    def write(g: int, b: int) -> str:
        if kind == "utilization":
            return f"{words.numbered('group', g)}: {words.share(values[g, b])} busy"
        waiting = f"{words.number(values[g, b])} waiting, at most {words.count(timeline.max_queue[g, b])}"
        return f"{words.numbered('group', g)}: {waiting}"

    order = np.argsort(-values, axis=0, kind="stable")[:_MOST_NAMED]
    return np.array(["<br>".join(write(g, b) for g in order[:, b]) for b in range(values.shape[1])], dtype=object)
