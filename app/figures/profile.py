"""Figures of a profile: what more devices bring, where the time goes, how the layers are cut."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.drawing import empty_figure, escape, new_figure, show_legend
from app.look import words
from app.look.theme import LIGHT, Theme, mix, neutral_style
from planner.parallelise.operators import Operator
from planner.parallelise.plans import Plan
from simulator import Profile

WAYS = ("cut into stages (inter-operator)", "operators shared (intra-operator)", "replicas")
_NO_SINGLE_WAY = "There is no configuration that only cuts or only shares operators."
_PARTS = ("computing", "communication", "waiting for the slowest stage")


def scaling(profile: Profile) -> dict[str, np.ndarray]:
    """Latency, throughput and memory against devices (paper, figure 9), by the names in WAYS.

    Returns float64 (n, 4) each: devices, seconds of one request alone, requests per second, weights on all devices in
    GiB; without rows where the profile has none. Replicas are copies of the single-device entry.
    """

    def row(entry) -> tuple[float, float, float, float]:
        held_gib = sum(entry.stage_weight_gib) * entry.tp
        return entry.devices, entry.latency_s, 1 / max(entry.stage_latency_s), held_gib

    entries = profile.entries
    inter = sorted(row(e) for (_, tp), e in entries.items() if tp == 1)
    intra = sorted(row(e) for (pp, _), e in entries.items() if pp == 1)
    alone = entries.get((1, 1))
    counts = sorted({int(r[0]) for r in inter + intra})
    copies = [] if alone is None else [
        (n, alone.latency_s, n / alone.latency_s, n * alone.stage_weight_gib[0]) for n in counts
    ]  # fmt: skip
    return {
        way: np.array(rows, dtype=np.float64).reshape(-1, 4)
        for way, rows in zip(WAYS, (inter, intra, copies), strict=True)
    }


def build_scaling_figure(profile: Profile, theme: Theme = LIGHT) -> go.Figure:
    """Latency, throughput and memory against the number of devices for the three ways to use them (paper, figure 9)."""
    lines = scaling(profile)
    figure = make_subplots(1, 3, horizontal_spacing=0.11)
    new_figure(theme, describe_scaling(profile), 250, "scaling", figure)
    for k, (way, rows) in enumerate(lines.items()):
        style = neutral_style(k, theme)
        for column, (scale, unit) in enumerate(((1000, "ms"), (1, "req/s"), (1, "GiB")), start=1):
            figure.add_scatter(
                x=rows[:, 0], y=scale * rows[:, column], mode="lines+markers", name=way, legendgroup=way,
                showlegend=column == 1, line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"color": style.colour, "symbol": style.symbol, "size": 7},
                hovertemplate=f"%{{x}} devices: %{{y:,.3~r}} {unit}<extra>{way}</extra>", row=1, col=column,
            )  # fmt: skip
    devices = np.unique(np.concatenate([rows[:, 0] for rows in lines.values()]))
    figure.update_xaxes(title_text="devices", type="log", tickvals=devices, ticktext=[f"{n:.0f}" for n in devices])
    titles = ("latency alone (ms)", "throughput (req/s)", "weights on all devices (GiB)")
    for column, title in enumerate(titles, start=1):
        figure.update_yaxes(title_text=title, rangemode="tozero", nticks=5, tickformat=",~r", row=1, col=column)
    show_legend(figure)
    return figure


def describe_scaling(profile: Profile) -> str:
    """The alt text: what one device takes, where the model fits one, and what the most devices bring."""
    inter, intra, copies = scaling(profile).values()
    parts = [f"{words.duration(copies[0, 1])} on one device"] if copies.size else []
    for way, rows in (("stages", inter), ("devices that share operators", intra)):
        if rows.size and rows[-1, 0] > 1:
            parts.append(f"{words.duration(rows[-1, 1])} and {words.rate(rows[-1, 2])} with {rows[-1, 0]:.0f} {way}")
    name = words.shorten(profile.name, 24)
    return f"{name} takes {words.join(parts)}" if parts else f"{name} fits no group that only cuts or only shares"


def build_overhead_figure(plans: Mapping[tuple[int, int], Plan], theme: Theme = LIGHT) -> go.Figure:
    """Where the time of one request goes: computing, communication, uneven stages (paper, figure 8).

    plans: by (pp, tp). Left those that only cut (tp 1), right those that only share operators (pp 1).
    """
    inter = sorted(pp for pp, tp in plans if tp == 1)
    intra = sorted(tp for pp, tp in plans if pp == 1)
    if not inter and not intra:
        return empty_figure(theme, _NO_SINGLE_WAY)
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.06)
    new_figure(theme, describe_overhead(plans), 250, "overhead", figure)
    columns = [("stages (pp), tp 1", inter, [plans[pp, 1] for pp in inter]),
               ("devices that share every operator (tp), pp 1", intra, [plans[1, tp] for tp in intra])]  # fmt: skip
    for column, (title, degrees, chosen) in enumerate(columns, start=1):
        parts = 1000 * np.array([_parts_s(plan) for plan in chosen]).reshape(-1, 3)
        for k, name in enumerate(_PARTS):
            figure.add_bar(
                x=np.arange(len(degrees)), y=parts[:, k], name=name, legendgroup=name, showlegend=column == 1,
                marker={"color": _shade(k, theme)}, hovertemplate=f"{name}: %{{y:.3~r}} ms<extra></extra>", row=1,
                col=column,
            )  # fmt: skip
        figure.update_xaxes(
            title_text=title, tickvals=np.arange(len(degrees)), ticktext=[str(n) for n in degrees], row=1, col=column
        )
    figure.update_yaxes(title_text="latency (ms)", nticks=5, tickformat=",~r", row=1, col=1)
    figure.update_layout(barmode="stack")
    show_legend(figure)
    return figure


def describe_overhead(plans: Mapping[tuple[int, int], Plan]) -> str:
    """The alt text: the overhead of the deepest pipeline and of the widest sharing, against one device."""
    parts = []
    for what, keys in (
        ("stages", [k for k in plans if k[1] == 1]),
        ("shared devices", [k for k in plans if k[0] == 1]),
    ):
        key = max(keys, key=lambda k: k[0] * k[1], default=None)
        if key is not None and key != (1, 1):
            compute_s, communication_s, waiting_s = _parts_s(plans[key])
            overhead = (communication_s + waiting_s) / (compute_s + communication_s + waiting_s)
            parts.append(f"{words.share(overhead)} of the time with {key[0] * key[1]} {what}")
    if parts:
        return f"Cutting costs {words.join(parts)}"
    return "One device has no overhead" if (1, 1) in plans else _NO_SINGLE_WAY


def build_cut_comparison_figure(
    dynamic: Mapping[int, Plan], equal: Mapping[int, Plan], theme: Theme = LIGHT
) -> go.Figure:
    """Overhead of the dynamic program's cut beside equally many layers a stage (paper, figure 16).

    dynamic, equal: plans by number of stages.
    """
    stages = sorted(set(dynamic) & set(equal))
    figure = new_figure(theme, describe_cut_comparison(dynamic, equal), 240, "cut-comparison")
    for k, (name, plans) in enumerate((("equal layers", equal), ("dynamic program", dynamic))):
        overhead_ms = 1000 * np.array([sum(_parts_s(plans[n])[1:]) for n in stages])
        figure.add_bar(
            x=np.arange(len(stages)), y=overhead_ms, name=name, marker={"color": _shade(2 - 2 * k, theme)},
            hovertemplate=f"{name}: %{{y:.3~r}} ms<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.3, bargroupgap=0.05)
    show_legend(figure)
    figure.update_xaxes(title_text="stages", tickvals=np.arange(len(stages)), ticktext=[str(n) for n in stages])
    figure.update_yaxes(title_text="overhead (ms)", rangemode="tozero", nticks=5, tickformat=",~r")
    return figure


def describe_cut_comparison(dynamic: Mapping[int, Plan], equal: Mapping[int, Plan]) -> str:
    """The alt text: what the dynamic program saves at the most stages."""
    stages = sorted(set(dynamic) & set(equal))
    if not stages:
        return "No number of stages was cut both ways"
    most = stages[-1]
    ours, theirs = (sum(_parts_s(plans[most])[1:]) for plans in (dynamic, equal))
    where = f"At {words.plural(most, 'stage')} the dynamic program"
    if math.isclose(ours, theirs, rel_tol=1e-9):
        return f"{where} has the overhead of equal layers"
    if ours > theirs:
        return f"{where} has {words.duration(ours - theirs)} more overhead than equal layers"
    return f"{where} cuts the overhead of equal layers by {words.share(1 - ours / theirs)}"


def build_cut_figure(
    operators: Sequence[Operator], plans: Sequence[tuple[str, Plan]], theme: Theme = LIGHT
) -> go.Figure:
    """The stages drawn over the operators: one row a plan, bar height the work of each operator.

    Args:
        operators: the chain at batch 1. plans: (label, plan) of each row.
    """
    figure = make_subplots(len(plans), 1, shared_xaxes=True, vertical_spacing=0.16 / max(len(plans), 1))
    new_figure(theme, describe_cut(plans), 140 * len(plans) + 40, "cut", figure)
    work = np.array([operator.flops for operator in operators]) / 1e9
    kinds = np.array([operator.kind for operator in operators], dtype=object)
    for row, (label, plan) in enumerate(plans, start=1):
        stage = np.searchsorted(plan.starts, np.arange(len(operators)), side="right") - 1
        seconds = plan.stage_latency_s()
        slowest = int(np.argmax(seconds))
        colours = [theme.text if s == slowest else _shade(1 + s % 2, theme) for s in stage]
        figure.add_bar(
            x=np.arange(len(operators)), y=work, width=0.9, name=label, marker={"color": colours},
            customdata=np.column_stack(
                (kinds, [words.numbered("stage", s) for s in stage], [words.duration(seconds[s]) for s in stage])
            ),
            hovertemplate="operator %{x}, %{customdata[0]}: %{y:,.3~r} Gflop<br>%{customdata[1]}, "
            "%{customdata[2]}<extra></extra>", row=row, col=1,
        )  # fmt: skip
        ends = [*plan.starts[1:], len(operators)]
        for s, (start, end) in enumerate(zip(plan.starts, ends, strict=True)):
            figure.add_annotation(
                x=(start + end - 1) / 2, y=1, yref=f"y{row if row > 1 else ''} domain", yanchor="bottom",
                text=words.duration(seconds[s]) if plan.pp <= 8 else f"{1000 * seconds[s]:.0f}", showarrow=False,
                font_color=theme.text if s == slowest else theme.muted, row=row, col=1,
            )  # fmt: skip
            if s:
                figure.add_vline(x=start - 0.5, line={"color": theme.muted, "width": 1}, row=row, col=1)
        figure.update_yaxes(title_text=f"{escape(label)}<br>(Gflop)", nticks=3, tickformat=",~r", row=row, col=1)
    figure.update_xaxes(title_text="operators in order", row=len(plans), col=1)
    figure.update_layout(margin_t=figure.layout.margin.t + 18, height=figure.layout.height + 18)
    return figure


def describe_cut(plans: Sequence[tuple[str, Plan]]) -> str:
    """The alt text: the slowest stage of every plan."""
    parts = [
        f"{words.duration(plan.slowest_s())} with {label} ({words.plural(plan.pp, 'stage')})" for label, plan in plans
    ]
    return f"The slowest stage takes {words.join(parts)}"


def _parts_s(plan: Plan) -> tuple[float, float, float]:
    return plan.compute_s(), plan.communication_s(), plan.imbalance_s()


def _shade(k: int, theme: Theme) -> str:
    """The k-th of three greys, the first strongest."""
    return mix(*theme.models, k / 2)
