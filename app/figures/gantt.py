"""The execution itself: stages over time, rejected requests, and the life of one request in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import empty_figure, hover_name, new_figure, reserve_left, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from simulator import STATUS, InputError, SimulationResult
from simulator.loads import StageSpans

MOST_BARS = 5_000
MOST_REJECTED = 2_000
MOST_NAMED_STAGES = 70


def build_gantt_figure(
    result: SimulationResult,
    spans: StageSpans,
    start_s: float,
    end_s: float,
    theme: Theme = LIGHT,
    hue: int = 0,
    groups: Sequence[int] | None = None,
) -> go.Figure:
    """What every stage computed from start_s to end_s, one bar an execution; rejected requests at their arrival.

    A window with more than MOST_BARS bars is not drawn: the figure says so and names a window that fits.

    Args:
        spans: stage_spans(result). hue: the number of the placement's hue. groups: numbers of those to draw.
    """
    groups = list(range(len(result.groups))) if groups is None else list(groups)
    if not groups:
        return empty_figure(theme, "There is no group to draw.")
    row, stage = _executions(result, spans, start_s, end_s, groups)
    if row.size > MOST_BARS:
        fits = (end_s - start_s) * MOST_BARS / row.size
        return empty_figure(
            theme,
            f"This window holds {words.count(row.size)} executions of stages; at most {words.count(MOST_BARS)} can be "
            f"drawn. Choose a window of about {words.span(0.8 * fits)} or fewer groups.",
        )
    depths = np.array([result.groups[g].group.pp for g in groups])
    first_row = dict(zip(groups, np.cumsum(np.concatenate(([0], depths[:-1] + 1))).tolist(), strict=True))
    rows = int(depths.sum() + len(groups) - 1)
    height = int(np.clip(16 * rows, 120, 1100)) + 50
    title = describe_gantt(result, spans, start_s, end_s, groups)
    figure = new_figure(theme, title, height, "gantt")
    _draw_executions(figure, result, spans, row, stage, first_row, theme, hue)
    _draw_rejected(figure, result, start_s, end_s, first_row, theme)
    figure.update_xaxes(title_text="time (s)", range=[start_s, end_s], tickformat=",~r")
    ticks = [(first_row[g], words.numbered("group", g)) for g in groups]
    if rows <= MOST_NAMED_STAGES:
        ticks = [(at, f"{text}, {words.numbered('stage', 0)}") for at, text in ticks]
        ticks += [
            (first_row[g] + k, words.numbered("stage", k)) for g in groups for k in range(1, result.groups[g].group.pp)
        ]
    figure.update_yaxes(
        tickvals=[at for at, _ in ticks], ticktext=[text for _, text in ticks], range=[rows - 0.3, -1.0],
        showgrid=False, ticksuffix=" ",
    )  # fmt: skip
    figure.update_layout(barmode="overlay", hovermode="closest")
    show_legend(figure)
    reserve_left(figure, [text for _, text in ticks])
    return figure


def describe_gantt(
    result: SimulationResult, spans: StageSpans, start_s: float, end_s: float, groups: Sequence[int] | None = None
) -> str:
    """The alt text: requests that ran, late and rejected ones in the window."""
    groups = range(len(result.groups)) if groups is None else groups
    row, _ = _executions(result, spans, start_s, end_s, groups)
    ran = np.unique(spans.request[row])
    late = int(np.sum(result.status[ran] == STATUS.index("late")))
    rejected = _rejected(result, start_s, end_s, groups).size
    return (
        f"From {words.fixed(start_s, 1)} to {words.clock(end_s)} {words.plural(ran.size, 'request')} "
        f"{'runs' if ran.size == 1 else 'run'}, {words.count(late)} of them late; {words.count(rejected)} "
        f"{'is' if rejected == 1 else 'are'} rejected"
    )


def describe_request(result: SimulationResult, request: int) -> str:
    """The life of one request in plain words.

    Args:
        request: its number in the workload, 0 first. Raises InputError if there is none of this number.
    """
    total = len(result.workload)
    if not 0 <= request < total:
        raise InputError(f"Request {request} is asked for; numbers from 0 to {total - 1} are allowed.")
    arrival_s = float(result.workload.arrival_s[request])
    model = result.models[int(result.workload.model[request])]
    slo_s = model.slo_s
    if result.workload.slo_s is not None and np.isfinite(result.workload.slo_s[request]):
        slo_s = float(result.workload.slo_s[request])
    head = f"Request {words.count(request)} for {words.shorten(model.name)} arrived at {words.clock(arrival_s, 3)}"
    fate = STATUS[result.status[request]]
    group = int(result.group[request])
    if fate == "unplaced":
        return f"{head}; no group holds this model, so it was not served (unplaced)."
    where = words.numbered("group", group)
    if fate == "rejected":
        return f"{head}; {where} was predicted to miss the deadline of {words.duration(slo_s)}: rejected."
    latency_s = float(result.finish_s[request]) - arrival_s
    serving = result.serving
    ready_s = arrival_s + serving.client_delay_s + serving.dispatch_delay_s + serving.start_delay_s
    start_s = float(result.start_s[request])
    waited_s = max(start_s - ready_s, 0.0)
    waited = f"waited {words.duration(waited_s)} in the queue of {where}" if waited_s > 1e-9 else f"found {where} free"
    pp = result.groups[group].group.pp
    ran_s = float(result.finish_s[request]) - serving.response_delay_s - start_s
    batch = int(result.batch_size[request])
    company = f" in a batch of {batch}" if batch > 1 else ""
    gap = words.duration(abs(slo_s - latency_s))
    outcome = f"missed by {gap}" if fate == "late" else f"met with {gap} to spare"
    return (
        f"{head}, {waited}, ran on {words.plural(pp, 'stage')} for {words.duration(ran_s)}{company}, and was answered "
        f"{words.duration(latency_s)} after its arrival; deadline {words.duration(slo_s)}: {outcome}."
    )


def _executions(result, spans, start_s, end_s, groups) -> tuple[np.ndarray, np.ndarray]:
    """Row of spans and stage of every execution that touches the window."""
    wanted = np.zeros(len(result.groups) + 1, dtype=bool)
    wanted[list(groups)] = True
    touches = (spans.begin_s < end_s) & (spans.end_s > start_s) & wanted[result.group[spans.request]][:, None]
    return np.nonzero(touches)


def _rejected(result, start_s, end_s, groups) -> np.ndarray:
    arrival_s = result.workload.arrival_s
    low, high = np.searchsorted(arrival_s, (start_s, end_s))
    inside = np.arange(low, high)
    inside = inside[result.status[low:high] == STATUS.index("rejected")]
    return inside[np.isin(result.group[inside], list(groups))]


def _draw_executions(figure, result, spans, row, stage, first_row, theme, hue) -> None:
    style = placement_style(hue, theme)
    request = spans.request[row]
    y = np.array([first_row[g] for g in result.group[request].tolist()], dtype=np.int64) + stage
    names = np.array([hover_name(model.name) for model in result.models], dtype=object)
    for fate, colour in (("served", style.colour), ("late", style.tint)):
        mine = result.status[request] == STATUS.index(fate)
        if not mine.any():
            continue
        begin_s, end_s = spans.begin_s[row[mine], stage[mine]], spans.end_s[row[mine], stage[mine]]
        where = [
            f"{words.numbered('group', g)}, {words.numbered('stage', k)}"
            for g, k in zip(result.group[request[mine]].tolist(), stage[mine].tolist(), strict=True)
        ]
        data = np.column_stack(
            (request[mine], names[result.workload.model[request[mine]]], where, 1000 * (end_s - begin_s))
        )
        figure.add_bar(
            x=end_s - begin_s, y=y[mine], base=begin_s, orientation="h", width=0.86, name=fate, customdata=data,
            marker={"color": colour, "line": {"color": theme.background, "width": 1}},
            hovertemplate="request %{customdata[0]:,}, %{customdata[1]}<br>%{customdata[2]}: from %{base:.3f} s for "
            "%{customdata[3]:.1f} ms<extra>" + fate + "</extra>",
        )  # fmt: skip


def _draw_rejected(figure, result, start_s, end_s, first_row, theme) -> None:
    rejected = _rejected(result, start_s, end_s, first_row)
    if not rejected.size:
        return
    keep = rejected[np.linspace(0, rejected.size - 1, min(rejected.size, MOST_REJECTED)).astype(np.int64)]
    names = np.array([hover_name(model.name) for model in result.models], dtype=object)
    y = np.array([first_row[g] for g in result.group[keep].tolist()]) - 0.72
    figure.add_scatter(
        x=result.workload.arrival_s[keep], y=y, mode="markers", name="rejected",
        marker={"color": theme.missed, "symbol": "x-thin", "size": 7, "line": {"color": theme.missed, "width": 1.6}},
        customdata=np.column_stack((keep, names[result.workload.model[keep]])),
        hovertemplate="request %{customdata[0]:,}, %{customdata[1]}: rejected at %{x:.3f} s<extra></extra>",
    )  # fmt: skip
