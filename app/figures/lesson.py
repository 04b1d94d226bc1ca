"""Figures of the lesson on sharing: a burst as it is served, latency both ways, and where sharing loses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import label_ends, line_of, new_figure, reserve_left, thin
from app.look import words
from app.look.theme import LIGHT, Theme, placement_style
from planner.theory.queueing import largest_alpha, largest_beta
from planner.theory.two_models import TwoWays
from simulator import stage_spans

# Places in the hues: dedicated first, shared second, as in a basket of the two.
DEDICATED, SHARED = 0, 1
NAMES = ("Dedicated", "Shared")
TICK = 0.1
_FRAME_MS = 90
_ROWS = ("own device of model 1", "own device of model 2", "pipeline, first half", "pipeline, second half")
_ROW_Y = (0.0, 1.0, 2.6, 3.6)


def burst_executions(both: TwoWays) -> dict[int, np.ndarray]:
    """What every device computed, by DEDICATED and SHARED.

    Returns float64 (n, 5) each: row of the picture, number of the request (1 first), begin, end, finish of the request;
    times in units of a request's time alone.
    """
    found = {}
    for way, result in ((DEDICATED, both.dedicated), (SHARED, both.shared)):
        spans = stage_spans(result)
        rows = []
        for i, request in enumerate(spans.request.tolist()):
            # Of the shared pipeline the stage between is the hop, which keeps no device busy.
            stages = ((0, int(result.group[request])),) if way == DEDICATED else ((0, 2), (2, 3))
            rows += [
                (row, request + 1, spans.begin_s[i, k], spans.end_s[i, k], result.finish_s[request])
                for k, row in stages
            ]
        found[way] = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return found


def build_burst_figure(both: TwoWays, theme: Theme = LIGHT) -> go.Figure:
    """A burst served both ways, stage by stage; it plays, and a slider stops it at any time."""
    executions = burst_executions(both)
    end = max(float(rows[:, 3].max()) for rows in executions.values())
    ticks = np.round(np.arange(0.0, end + 1.5 * TICK, TICK), 6)
    figure = new_figure(theme, describe_burst(both), 330, "burst")
    figure.add_traces(_burst_traces(executions, ticks[-1], theme))
    figure.frames = [go.Frame(data=_burst_traces(executions, t, theme), name=f"{t:g}") for t in ticks]
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    moving = {"mode": "immediate", "frame": {"duration": _FRAME_MS, "redraw": True}, "transition": {"duration": 0}}
    colours = {"bgcolor": theme.background, "bordercolor": theme.muted, "font": {"color": theme.text}}
    figure.update_layout(
        barmode="overlay", hovermode="closest", margin_b=96,
        updatemenus=[{
            "type": "buttons", "direction": "left", "showactive": False, "x": 0, "y": -0.22, "xanchor": "left",
            "yanchor": "top", "pad": {"t": 6}, **colours,
            "buttons": [
                {"label": "Play", "method": "animate", "args": [[frame.name for frame in figure.frames], moving]},
                {"label": "Pause", "method": "animate", "args": [[None], still]},
            ],
        }],
        sliders=[{
            "active": len(ticks) - 1, "x": 0.17, "len": 0.83, "y": -0.2, "yanchor": "top", "tickcolor": theme.muted,
            "font": {"color": theme.muted, "size": 10}, "bgcolor": theme.grid, "bordercolor": theme.grid,
            "activebgcolor": theme.muted,
            "currentvalue": {"prefix": "time: ", "suffix": " y", "font": {"color": theme.text, "size": 12}},
            "steps": [{"label": f"{t:g}", "method": "animate", "args": [[f"{t:g}"], still]} for t in ticks],
        }],
    )  # fmt: skip
    for way, result in ((DEDICATED, both.dedicated), (SHARED, both.shared)):
        mean = float(result.latency_s.mean())
        figure.add_annotation(
            x=end, y=_ROW_Y[2 * way] - 0.62, text=f"{NAMES[way].lower()}: mean {mean:.2f} y", xanchor="right",
            font={"color": placement_style(way, theme).colour},
        )  # fmt: skip
    figure.update_xaxes(title_text="time (y = a request alone)", range=[0, end], dtick=0.5, showgrid=True,
                        gridcolor=theme.grid)  # fmt: skip
    figure.update_yaxes(tickvals=_ROW_Y, ticktext=_ROWS, ticksuffix=" ", range=[4.2, -0.9], showgrid=False)
    reserve_left(figure, _ROWS)
    return figure


def describe_burst(both: TwoWays) -> str:
    """The alt text: the mean latency both ways."""
    dedicated, shared = both.mean_latency_s()
    count = words.plural(len(both.dedicated.workload), "request")
    return f"{count} at once: {dedicated:.2f} y on average on dedicated devices, {shared:.2f} y in a shared pipeline"


def build_latency_curves_figure(both: TwoWays, theme: Theme = LIGHT) -> go.Figure:
    """Share of requests answered within a time, both ways."""
    figure = new_figure(theme, describe_latency_curves(both), 260, "lesson-latency")
    for way, result in ((DEDICATED, both.dedicated), (SHARED, both.shared)):
        latency_s = np.sort(result.latency_s[result.ran])
        x, y = thin(latency_s, 100 * np.arange(1, latency_s.size + 1) / max(latency_s.size, 1))
        figure.add_scatter(
            x=x, y=y, mode="lines", name=NAMES[way], line=line_of(way, theme),
            hovertemplate="%{y:.1f} % within %{x:.3~r} s<extra>" + NAMES[way] + "</extra>",
        )  # fmt: skip
    slow = max(float(np.quantile(r.latency_s[r.ran], 0.99)) for r in (both.dedicated, both.shared))
    figure.update_xaxes(title_text="answered within (s)", range=[0, 1.05 * slow], tickformat=",~r")
    figure.update_yaxes(title_text="of requests (%)", range=[-2, 103])
    figure.update_layout(showlegend=True, margin_t=figure.layout.margin.t + 26)
    return figure


def describe_latency_curves(both: TwoWays) -> str:
    """The alt text: 99 of 100 answers within so long."""
    times = [words.duration(float(np.quantile(r.latency_s[r.ran], 0.99))) for r in (both.dedicated, both.shared)]
    return f"99 of 100 answers come within {times[0]} on dedicated devices, within {times[1]} from the shared pipeline"


def build_overhead_limits_figure(load: float, alpha: float, theme: Theme = LIGHT) -> go.Figure:
    """The largest overheads with which sharing still wins, over the load, and where one stands.

    load: requests per service time of one device, 0 to 2. alpha: communication overhead as a factor.
    """
    r = np.linspace(0.01, 1.99, 199)
    figure = new_figure(theme, describe_overhead_limits(load, alpha), 260, "limits")
    lines = (("communication (alpha)", np.array([largest_alpha(v) for v in r]), "solid"),
             ("uneven stages (beta)", np.array([largest_beta(v) for v in r]), "dash"))  # fmt: skip
    for name, limit, dash in lines:
        figure.add_scatter(
            x=r, y=limit, mode="lines", name=name, line={"color": theme.text, "width": 2, "dash": dash},
            hovertemplate="load %{x:.2f}: up to %{y:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=np.array([load]), y=np.array([alpha]), mode="markers", name="your sliders", showlegend=False,
        marker={"color": placement_style(SHARED, theme).colour, "size": 12, "symbol": "diamond"},
        hovertemplate="load %{x:.2f}, alpha %{y:.2f}<extra>your sliders</extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="load: requests in the time of one (λD)", range=[0, 2])
    figure.update_yaxes(title_text="largest factor that sharing bears", range=[0.98, max(1.45, alpha + 0.05)])
    figure.update_layout(showlegend=True, margin_t=figure.layout.margin.t + 26)
    return figure


def describe_overhead_limits(load: float, alpha: float) -> str:
    """The alt text: how much overhead sharing would bear by the formula, and how much is chosen."""
    if not 0 < load < 2:
        return f"At a load of {words.number(load)} both devices together cannot keep up, however they are used"
    most, chosen = 100 * (largest_alpha(load) - 1), 100 * (alpha - 1)
    than = "no more" if chosen <= most else "more"
    return (
        f"Poisson, evenly split: at load {words.number(load)} sharing bears {words.number(most)} % of overhead; "
        f"yours, {words.number(chosen)} %, is {than}"
    )


def build_attainment_curves_figure(
    x: Sequence[float], dedicated: Sequence[float], shared: Sequence[float], title: str, axis: str, uirevision: str,
    theme: Theme = LIGHT, names: tuple[str, str] = ("replicas", "pipelines"),
) -> go.Figure:  # fmt: skip
    """Deadlines met by single-device replicas and by shared pipelines over one quantity; shares are 0..1."""
    figure = new_figure(theme, title, 250, uirevision)
    for way, y in ((DEDICATED, dedicated), (SHARED, shared)):
        style = placement_style(way, theme)
        figure.add_scatter(
            x=np.asarray(x), y=100 * np.asarray(y), mode="lines+markers", name=names[way], line=line_of(way, theme),
            marker={"color": style.colour, "symbol": style.symbol, "size": 7},
            hovertemplate="%{x:.3~r}: %{y:.2f} % met<extra>" + names[way] + "</extra>",
        )  # fmt: skip
    low = 100 * min(*dedicated, *shared) - 4
    figure.update_xaxes(title_text=axis, tickformat=",~r")
    figure.update_yaxes(title_text="deadlines met (%)", range=[low, 102])
    colours = [placement_style(way, theme).colour for way in (DEDICATED, SHARED)]
    label_ends(figure, names, colours, [100 * dedicated[-1], 100 * shared[-1]], (low, 102), 250)
    return figure


def _burst_traces(executions: dict[int, np.ndarray], at: float, theme: Theme) -> list[go.Bar]:
    """The bars as far as they have come at a time; those that have not begun have no length."""
    traces = []
    for way, rows in executions.items():
        style = placement_style(way, theme)
        length = np.clip(np.minimum(rows[:, 3], at) - rows[:, 2], 0.0, None)
        shown = length > 1e-9
        answered = rows[:, 4] <= at + 1e-9
        traces.append(go.Bar(
            x=length, y=np.array(_ROW_Y)[rows[:, 0].astype(int)], base=rows[:, 2], orientation="h", width=0.82,
            name=NAMES[way], text=np.where(shown, [f"{n:.0f}" for n in rows[:, 1]], ""), textposition="inside",
            insidetextanchor="middle", textangle=0, constraintext="none", customdata=rows[:, 1:],
            textfont={"color": theme.background},
            marker={"color": np.where(answered, style.colour, style.tint),
                    "line": {"color": theme.background, "width": 1.5}},
            hovertemplate="request %{customdata[0]:.0f}: from %{customdata[1]:.2f} y to %{customdata[2]:.2f} y<br>"
            "answered at %{customdata[3]:.2f} y<extra>" + NAMES[way] + "</extra>",
        ))  # fmt: skip
    return traces
