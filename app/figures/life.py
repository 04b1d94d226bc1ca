"""The life of one request as a picture: its delays, its wait, its stages, its deadline."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import new_figure
from app.look import words
from app.look.theme import LIGHT, Theme, mix, placement_style
from simulator import STATUS, SimulationResult
from simulator.loads import StageSpans

_ROW_PX = 22


def build_life_figure(
    result: SimulationResult, spans: StageSpans, request: int, theme: Theme = LIGHT, hue: int = 0
) -> go.Figure:
    """What happened to one request after its arrival, one row a step, against its deadline; only if it ran.

    Args:
        spans: stage_spans(result). request: its number in the workload. hue: the number of the placement's hue.
    """
    steps = request_steps(result, spans, request)
    if not steps:
        raise LookupError(f"request {request} never ran")
    deadline_s = deadline_after_s(result, request)
    late = STATUS[result.status[request]] == "late"
    height = 40 + _ROW_PX * len(steps)
    figure = new_figure(theme, _title(result, request, deadline_s), height, "life")
    colours = [
        placement_style(hue, theme).colour if is_stage else mix(theme.background, theme.text, 0.3)
        for _, _, _, is_stage in steps
    ]
    figure.add_bar(
        x=np.array([1000 * (end - begin) for _, begin, end, _ in steps]), y=np.arange(len(steps)),
        base=np.array([1000 * begin for _, begin, _, _ in steps]), orientation="h", width=0.7,
        marker={"color": colours}, hovertext=np.array([name for name, *_ in steps], dtype=object),
        hovertemplate="%{hovertext}: from %{base:,.1f} ms for %{x:,.1f} ms<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=1000 * deadline_s, line={"color": theme.missed if late else theme.text, "width": 1.5})
    figure.add_annotation(
        x=1000 * deadline_s, y=1, yref="paper", yanchor="bottom", text=f"deadline {words.duration(deadline_s)}",
        font_color=theme.missed if late else theme.muted,
    )  # fmt: skip
    end_ms = 1000 * max(steps[-1][2], deadline_s)
    figure.update_xaxes(title_text="after its arrival (ms)", range=[0, 1.06 * end_ms], tickformat=",~r")
    figure.update_yaxes(
        tickvals=np.arange(len(steps)), ticktext=[name for name, *_ in steps], range=[len(steps) - 0.4, -0.6],
        showgrid=False, ticksuffix=" ",
    )  # fmt: skip
    return figure.update_layout(margin_l=150, margin_t=figure.layout.margin.t + 18, bargap=0)


def request_steps(result: SimulationResult, spans: StageSpans, request: int) -> list[tuple[str, float, float, bool]]:
    """The steps of a request that ran: (what, begin, end, whether a stage computes), seconds after its arrival."""
    rows = np.flatnonzero(spans.request == request)
    if not rows.size:
        return []
    row, serving = int(rows[0]), result.serving
    arrival_s = float(result.workload.arrival_s[request])
    reach_s = serving.client_delay_s + serving.dispatch_delay_s
    begins_s, ends_s = spans.begin_s[row] - arrival_s, spans.end_s[row] - arrival_s
    stages = int(np.isfinite(begins_s).sum())
    ready_s = min(reach_s + serving.start_delay_s, float(begins_s[0]))
    steps = [("way to the group", 0.0, ready_s, False), ("waits in the queue", ready_s, float(begins_s[0]), False)]
    for k in range(stages):
        steps.append((words.numbered("stage", k), float(begins_s[k]), float(ends_s[k]), True))
        if k + 1 < stages:
            following = words.numbered("stage", k + 1)
            steps.append((f"waits for {following}", float(ends_s[k]), float(begins_s[k + 1]), False))
    steps.append(("way back", float(ends_s[stages - 1]), float(result.finish_s[request]) - arrival_s, False))
    # A microsecond is nothing to be seen, and often rounding.
    return [step for step in steps if step[2] - step[1] > 1e-6]


def deadline_after_s(result: SimulationResult, request: int) -> float:
    """The deadline of a request, seconds after its arrival."""
    own_s = result.workload.slo_s
    if own_s is not None and np.isfinite(own_s[request]):
        return float(own_s[request])
    return result.models[int(result.workload.model[request])].slo_s


def _title(result: SimulationResult, request: int, deadline_s: float) -> str:
    latency_s = float(result.finish_s[request] - result.workload.arrival_s[request])
    gap = words.duration(abs(deadline_s - latency_s))
    late = STATUS[result.status[request]] == "late"
    return f"Request {words.count(request)} is answered after {words.duration(latency_s)}, " + (
        f"{gap} too late" if late else f"{gap} before its deadline"
    )
