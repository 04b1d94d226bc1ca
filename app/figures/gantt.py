"""The execution itself: stages over time, rejected requests, and the life of one request in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import (
    empty_figure,
    hover_name,
    model_ramp,
    new_figure,
    reserve_left,
    show_legend,
    step_outline,
)
from app.look import words
from app.look.theme import LIGHT, Theme, mix, placement_style
from simulator import STATUS, InputError, SimulationResult
from simulator.loads import StageSpans, Waits

MOST_BARS = 5_000
MOST_REJECTED = 2_000
MOST_NAMED_ROWS = 70


class _Lane(NamedTuple):
    """Where those are drawn who wait at a group, before its first stage or between stages."""

    group: int
    kind: str
    row: int


def build_gantt_figure(
    result: SimulationResult,
    spans: StageSpans,
    start_s: float,
    end_s: float,
    theme: Theme = LIGHT,
    hue: int = 0,
    groups: Sequence[int] | None = None,
    waits: Waits | None = None,
    request: int | None = None,
) -> go.Figure:
    """What every stage computed from start_s to end_s, one bar an execution; who missed the deadline is marked in red.

    Bars are grey by model, the more requests it has the stronger; those of one request have the placement's hue. A lane
    above the stages of a group shows how many waited for its first stage, one below how many between stages.
    A window with more than MOST_BARS bars is not drawn: the figure says so and names a window that fits.

    Args:
        spans: stage_spans(result). hue: the number of the placement's hue. groups: numbers of those to draw.
        waits: list_waits(result), for the lanes. request: the number of the one to highlight.
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
    first_row: dict[int, int] = {}
    rows, lanes, ticks = 0, [], []
    for g in groups:
        pp, name, kinds = result.groups[g].group.pp, words.numbered("group", g), ()
        if waits is not None:
            kinds = lane_kinds(result.groups[g].group.pp)
        first_row[g] = rows + bool(kinds)
        lanes += [_Lane(g, kind, rows if kind == "before" else first_row[g] + pp) for kind in kinds]
        texts = [*(["waiting"] if kinds else []), *(words.numbered("stage", k) for k in range(pp)),
                 *(["waiting between stages"] if len(kinds) > 1 else [])]  # fmt: skip
        ticks += [(rows + i, f"{name}, {text}" if not i else text, "" if i else name) for i, text in enumerate(texts)]
        rows += len(texts) + 1
    rows -= 1
    named = rows <= MOST_NAMED_ROWS
    ticks = [(at, long if named else short) for at, long, short in ticks if named or short]
    height = int(np.clip(16 * rows, 120, 1100)) + 50
    figure = new_figure(theme, describe_gantt(result, spans, start_s, end_s, groups), height, "gantt")
    if waits is not None:
        _draw_waits(figure, waits, lanes, start_s, end_s, theme)
    _draw_executions(figure, result, spans, row, stage, first_row, theme, hue, request)
    _draw_late(figure, result, spans, row, first_row, theme)
    _draw_rejected(figure, result, start_s, end_s, first_row, theme)
    figure.update_xaxes(title_text="time (s)", range=[start_s, end_s], tickformat=",~r")
    figure.update_yaxes(
        tickvals=[at for at, _ in ticks], ticktext=[text for _, text in ticks], range=[rows - 0.3, -1.0],
        showgrid=False, ticksuffix=" ",
    )  # fmt: skip
    figure.update_layout(barmode="overlay", hovermode="closest")
    show_legend(figure)
    reserve_left(figure, [text for _, text in ticks])
    return figure


def lane_kinds(pp: int) -> tuple[str, ...]:
    """The lanes for those who wait at a group of so many stages."""
    return ("before", "between") if pp > 1 else ("before",)


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
    rows, stages = np.nonzero(touches)
    return rows, stages


def _rejected(result, start_s, end_s, groups) -> np.ndarray:
    arrival_s = result.workload.arrival_s
    low, high = np.searchsorted(arrival_s, (start_s, end_s))
    inside = np.arange(low, high)
    inside = inside[result.status[low:high] == STATUS.index("rejected")]
    return inside[np.isin(result.group[inside], list(groups))]


def _draw_executions(figure, result, spans, row, stage, first_row, theme, hue, chosen) -> None:
    request = spans.request[row]
    group, model = result.group[request], result.workload.model[request]
    y = np.array([first_row[g] for g in group.tolist()], dtype=np.int64) + stage
    names = np.array([hover_name(model.name) for model in result.models], dtype=object)
    begin_s, end_s = spans.begin_s[row, stage], spans.end_s[row, stage]
    where = np.array([
        f"{words.numbered('group', g)}, {words.numbered('stage', k)}"
        for g, k in zip(group.tolist(), stage.tolist(), strict=True)
    ], dtype=object)  # fmt: skip
    fates = np.array(STATUS, dtype=object)[result.status[request]]
    data = np.column_stack((request, names[model], where, 1000 * (end_s - begin_s), fates))
    rank = np.argsort(np.argsort(-result.workload.requests_per_model(), kind="stable"))
    tints = np.array(model_ramp(theme, len(result.models)))[rank[model]]
    others, mine = request != chosen, request == chosen
    # The ramp begins with what stands out from the page.
    tone = "darker" if theme.models[0] < theme.models[1] else "lighter"
    for name, drawn, colour in (
        (f"other requests ({tone}: model with more)", others, tints[others]),
        (f"request {chosen}", mine, placement_style(hue, theme).colour),
    ):
        if drawn.any():
            figure.add_bar(
                x=(end_s - begin_s)[drawn], y=y[drawn], base=begin_s[drawn], orientation="h", width=0.86, name=name,
                customdata=data[drawn], marker={"color": colour, "line": {"color": theme.background, "width": 1}},
                hovertemplate="request %{customdata[0]:,}, %{customdata[1]}<br>%{customdata[2]}: from %{base:.3f} s "
                "for %{customdata[3]:.1f} ms<extra>%{customdata[4]}</extra>",
            )  # fmt: skip


def _draw_late(figure, result, spans, row, first_row, theme) -> None:
    """A red stroke where a request left its last stage too late for its deadline."""
    rows = np.unique(row)
    rows = rows[result.status[spans.request[rows]] == STATUS.index("late")]
    if not rows.size:
        return
    request = spans.request[rows]
    last = np.array([result.groups[g].group.pp - 1 for g in result.group[request].tolist()])
    y = np.array([first_row[g] for g in result.group[request].tolist()]) + last
    figure.add_scatter(
        x=spans.end_s[rows, last], y=y, mode="markers", name="late", customdata=request[:, None],
        marker={"color": theme.missed, "symbol": "line-ns", "size": 13, "line": {"color": theme.missed, "width": 2}},
        hovertemplate="request %{customdata[0]:,} is late<extra></extra>",
    )  # fmt: skip


def _draw_waits(figure, waits, lanes, start_s, end_s, theme) -> None:
    """How many wait, as an area above the foot of each lane, all lanes on one scale."""
    levels = [_level(waits, lane, start_s, end_s) for lane in lanes]
    most = max([1, *(int(level.max()) for _, level in levels)])
    outlines = [
        step_outline(np.append(at_s, end_s), lane.row + 0.43, -0.86 * level / most)
        for lane, (at_s, level) in zip(lanes, levels, strict=True)
    ]
    x, y = (np.concatenate([outline[k] for outline in outlines]) for k in (0, 1))
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"width": 0}, fill="toself", fillcolor=mix(theme.background, theme.text, 0.35),
        name=f"waiting (full lane: {words.count(most)})", hoverinfo="skip",
    )  # fmt: skip


def _level(waits, lane, start_s, end_s) -> tuple[np.ndarray, np.ndarray]:
    """Moments from start_s on at which the number of those who wait in a lane changes, and the number from then on."""
    part = slice(None, waits.before_first) if lane.kind == "before" else slice(waits.before_first, None)
    mine = waits.group[part] == lane.group
    from_s, to_s = waits.from_s[part][mine], waits.to_s[part][mine]
    inside = (from_s < end_s) & (to_s > start_s)
    from_s, to_s = from_s[inside], to_s[inside]
    at_s = np.unique(np.concatenate(([start_s], from_s[from_s > start_s], to_s[to_s < end_s])))
    level = np.searchsorted(np.sort(from_s), at_s, side="right") - np.searchsorted(np.sort(to_s), at_s, side="right")
    return at_s, level


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
