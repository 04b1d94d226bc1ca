"""Figures of the capacity page: attainment against devices, rate and price, and what a failure costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.figures.drawing import (
    attainment_range,
    colour_bar,
    empty_figure,
    error_bars,
    escape,
    hover_name,
    label_ends,
    name_rows,
    new_figure,
)
from app.look import words
from app.look.theme import LIGHT, Theme, colour_scale, placement_style
from planner.what_if.faults import Fault
from planner.what_if.plan import CapacityPlan
from planner.what_if.sweep import Sweep
from planner.what_if.variation import VARIATIONS
from simulator.intervals import share_interval

MOST_FAULTS = 40
MOST_NAMED = 4
_HEIGHT = 280
AXIS_TITLES = {
    "devices": "devices",
    "memory_gib": "memory of a device (GiB)",
    "rate_scale": "traffic, times the trace",
    "cv_scale": "burstiness, times the trace's CV",
    "slo_scale": "deadline, times the latency alone",
}
_EASY_ENDS = {
    "devices": "the most devices",
    "memory_gib": "the most memory",
    "rate_scale": "the least traffic",
    "cv_scale": "the calmest traffic",
    "slo_scale": "the loosest deadlines",
}


@dataclass(frozen=True, eq=False)
class Curve:
    """Attainment of one placement section over one varied quantity.

    Attributes:
        name: of the section.
        value: float64 (n,), ascending. attainment, half_width: float64 (n,), 0..1; NaN where not known, which leaves
            a gap in the chart.
        crossing: the value at which the target is just reached; None if it is not.
        unseen, unseen_half_width: the same on traffic that was not planned for; None where none of it is known.
    """

    name: str
    value: np.ndarray
    attainment: np.ndarray
    half_width: np.ndarray
    crossing: float | None = None
    unseen: np.ndarray | None = None
    unseen_half_width: np.ndarray | None = None


def curve_of_plan(plan: CapacityPlan) -> Curve:
    """What a capacity search tried, as a curve over devices."""
    tried = plan.tried
    return Curve(
        plan.name,
        np.array([float(t.devices) for t in tried]),
        np.array([t.slo_attainment for t in tried], dtype=np.float64),
        np.array([t.half_width for t in tried], dtype=np.float64),
        None if plan.devices is None else float(plan.devices),
    )


def curves_of_sweep(swept: Sweep, target: float) -> list[Curve]:
    """A sweep over one axis, one curve a section; of a second axis only its first value is taken."""
    axis = swept.axes[0][0]
    fixed = {name: values[0] for name, values in swept.axes[1:]}
    found: dict[str, list[tuple[float, ...]]] = {}
    for result in swept.results:
        at = dict(result.point.values)
        if all(at[name] == value for name, value in fixed.items()):
            score = swept.unseen_score(result)
            held = (score.mean, score.half_width) if score else (None, None)
            shares = (result.slo_attainment, result.half_width, *held)
            row = (at[axis], *(math.nan if share is None else share for share in shares))
            found.setdefault(result.point.section.name, []).append(row)
    return [
        Curve(name, value, attainment, half_width, swept.crossing(name, target, fixed), *_known(unseen, unseen_half))
        for name, rows in found.items()
        for value, attainment, half_width, unseen, unseen_half in [np.array(sorted(rows)).T]
    ]


def _known(unseen: np.ndarray, half_width: np.ndarray) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    return (unseen, half_width) if np.isfinite(unseen).any() else (None, None)


def build_capacity_figure(
    curves: Sequence[Curve],
    target: float,
    theme: Theme = LIGHT,
    axis: str = "devices",
    hues: Sequence[int] | None = None,
) -> go.Figure:
    """Deadlines met over devices (or another axis of AXIS_TITLES), the target as a rule, its crossings marked.

    hues: numbers of the hues, if not all of the basket is drawn. target: 0..1.
    """
    hues = range(len(curves)) if hues is None else hues
    if not any(np.isfinite(curve.attainment).any() for curve in curves):
        return empty_figure(theme, "No point could be computed, so there is nothing to draw.")
    figure = new_figure(theme, describe_capacity(curves, target, axis), _HEIGHT, "capacity")
    ends = []
    for curve, hue in zip(curves, hues, strict=True):
        style = placement_style(hue, theme)
        name = hover_name(curve.name)
        figure.add_scatter(
            x=curve.value, y=100 * curve.attainment, mode="lines+markers", name=escape(words.shorten(curve.name, 30)),
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"color": style.colour, "symbol": style.symbol, "size": 7},
            error_y=error_bars(curve.attainment, curve.half_width, style.colour, 1, 3),
            hovertemplate=f"%{{x:,.3~r}}: %{{y:.2f}} % met<extra>{name}</extra>",
        )  # fmt: skip
        if curve.unseen is not None and curve.unseen_half_width is not None:
            figure.add_scatter(
                x=curve.value, y=100 * curve.unseen, mode="lines+markers", showlegend=False, opacity=0.65,
                line={"color": style.colour, "dash": "dot", "width": 1.5},
                marker={"color": theme.background, "symbol": style.symbol, "size": 7,
                        "line": {"color": style.colour, "width": 1.5}},
                error_y=error_bars(curve.unseen, curve.unseen_half_width, style.colour, 1, 3),
                name=f"{escape(words.shorten(curve.name, 30))}, unseen traffic",
                hovertemplate=f"%{{x:,.3~r}}: %{{y:.2f}} % met on unseen traffic<extra>{name}</extra>",
            )  # fmt: skip
        known = curve.attainment[np.isfinite(curve.attainment)]
        ends.append(100 * known[-1] if known.size else math.nan)
        if curve.crossing is not None:
            figure.add_scatter(
                x=np.array([curve.crossing]), y=np.array([_at_crossing(curve, target)]), mode="markers",
                showlegend=False,
                marker={"color": theme.background, "size": 13, "symbol": "circle",
                        "line": {"color": style.colour, "width": 2.5}},
                name=f"{escape(words.shorten(curve.name, 30))} reaches the target",
                hovertemplate=f"reaches the target at %{{x:,.3~r}}<extra>{name}</extra>",
            )  # fmt: skip
    figure.add_hline(y=100 * target, line={"color": theme.text, "width": 1, "dash": "dot"})
    low = min(_lowest(curve.attainment, curve.half_width, curve.unseen, curve.unseen_half_width) for curve in curves)
    bottom, top = attainment_range(min(low, target))
    figure.update_xaxes(title_text=AXIS_TITLES[axis], tickformat=",~r", nticks=9)
    figure.update_yaxes(title_text="deadlines met (%)", range=[bottom, top])
    drawn = [
        (curve.name, placement_style(hue, theme).colour, end)
        for curve, hue, end in zip(curves, hues, ends, strict=True)
        if math.isfinite(end)
    ]
    # Among the names, where no point is.
    drawn.append((f"target {words.goal(target)}", theme.muted, 100 * target))
    label_ends(
        figure, [name for name, _, _ in drawn], [colour for _, colour, _ in drawn], [end for *_, end in drawn],
        (bottom, top), _HEIGHT,
    )  # fmt: skip
    return figure


def _lowest(*shares: np.ndarray | None) -> float:
    """The lowest end of a bar, 0..1: shares and their half widths in turn; 1 where none is known."""
    ends = [
        share_interval(share, half_width)[0]
        for known, widths in zip(shares[::2], shares[1::2], strict=True)
        if known is not None and widths is not None
        for share, half_width in zip(known.tolist(), widths.tolist(), strict=True)
    ]
    return min((end for end in ends if math.isfinite(end)), default=1.0)


def _at_crossing(curve: Curve, target: float) -> float:
    """What is met where the target is reached, per cent: of the point there, on the rule where there is none."""
    here = curve.attainment[(curve.value == curve.crossing) & np.isfinite(curve.attainment)]
    return 100 * float(here[0]) if here.size else 100 * target


def describe_capacity(curves: Sequence[Curve], target: float, axis: str = "devices") -> str:
    """The alt text: who keeps the target, from the easy end of the axis on, down or up to what."""
    reached = [(curve, curve.crossing) for curve in curves if curve.crossing is not None]
    missing = [curve for curve in curves if curve.crossing is None]
    goal = words.goal(target)
    if not reached:
        return f"None reaches {goal}{_how_missed(missing, target, axis)}"
    least = not VARIATIONS[axis][1]
    reached.sort(key=lambda pair: pair[1] if least else -pair[1])
    named, more = reached[:MOST_NAMED], len(reached[MOST_NAMED:])
    kept = f"kept {'down' if least else 'up'} to"
    verb = "reached with" if any(_reaches_beyond(curve, crossing, target, least) for curve, crossing in named) else kept
    parts = [
        f"{words.plural(round(crossing), 'device') if axis == 'devices' else words.number(crossing)} "
        f"with {words.shorten(curve.name, 24)}"
        for curve, crossing in named
    ]
    what = "" if axis == "devices" else f" ({AXIS_TITLES[axis]})"
    rest = f"; {more} more {'reaches' if more == 1 else 'reach'} it" if more else ""
    if missing:
        how = _how_missed(missing, target, axis) if _any_reaches(missing, target) else ""
        rest += f"; {words.plural(len(missing), 'other')} {'does' if len(missing) == 1 else 'do'} not reach it{how}"
    return f"{goal} is {verb} {words.join(parts)}{what}{rest}"


def _how_missed(curves: Sequence[Curve], target: float, axis: str) -> str:
    """In what sense none of these curves, all without a crossing, reaches the target: single points still may."""
    if not _any_reaches(curves, target):
        known = all(np.isfinite(curve.attainment).all() for curve in curves)
        return " in this range" if known else " where it could be computed"
    easy = 0 if VARIATIONS[axis][1] else -1
    if any(curve.attainment[easy] >= target for curve in curves if curve.value.size):
        return " with its whole interval"
    return f" from {_EASY_ENDS[axis]} on"


def _any_reaches(curves: Sequence[Curve], target: float) -> bool:
    return any((curve.attainment >= target).any() for curve in curves)


def _reaches_beyond(curve: Curve, crossing: float, target: float, least: bool) -> bool:
    """Whether a point beyond the crossing, towards the hard end, reaches the target as well: its interval does not, or
    a point between does not."""
    beyond = curve.value < crossing if least else curve.value > crossing
    return bool((curve.attainment[beyond] >= target).any())


def build_rate_map_figure(
    devices: np.ndarray, rate: np.ndarray, attainment: np.ndarray, target: float, name: str, theme: Theme = LIGHT,
    rate_title: str = AXIS_TITLES["rate_scale"],
) -> go.Figure:  # fmt: skip
    """Deadlines met by one algorithm over devices and traffic, with the line on which the target is reached.

    Args:
        devices: float64 (D,), rate: float64 (R,), both ascending. attainment: float64 (R, D), 0..1, NaN if unknown.
        name: of the placement section. rate_title: with its unit.
    """
    if not np.isfinite(attainment).any():
        return empty_figure(theme, "No point could be computed, so there is nothing to draw.")
    most = _most_rate(rate, attainment, target)
    goal = words.goal(target)
    title = f"How much traffic {words.shorten(name, 30)} bears at {goal}, by number of devices"
    figure = new_figure(theme, title, 300, "rate-map")
    figure.add_heatmap(
        x=devices, y=rate, z=100 * attainment, colorscale=colour_scale(theme), zmax=100,
        zmin=min(100 * float(np.nanmin(attainment)), 99.0), name="attainment",
        colorbar=colour_bar(theme, "deadlines met (%)"), xgap=1, ygap=1,
        hovertemplate="%{x:,} devices, %{y:,.3~r}: %{z:.1f} % met<extra></extra>",
    )  # fmt: skip
    known = np.isfinite(most)
    figure.add_scatter(
        x=devices[known], y=most[known], mode="lines+markers", name="most traffic at the target",
        # The line runs over cells at the far end of the ramp, where only the background's colour stands out.
        line={"color": theme.background, "width": 2.5},
        marker={"color": theme.background, "size": 9, "line": {"color": theme.text, "width": 1}},
        hovertemplate="%{x:,} devices bear %{y:,.3~r}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="devices", tickformat=",~r")
    figure.update_yaxes(title_text=rate_title, showgrid=False, tickformat=",~r")
    return figure


def describe_rate_map(devices: np.ndarray, rate: np.ndarray, attainment: np.ndarray, target: float) -> str:
    """The alt text: the most traffic at the fewest and at the most devices that bear any."""
    most = _most_rate(rate, attainment, target)
    known = np.flatnonzero(np.isfinite(most))
    goal = words.goal(target)
    if not known.size:
        single = (attainment >= target).any()
        return f"{goal} is {'reached, but not from the least traffic on' if single else 'nowhere reached'}"
    ends = [
        f"{words.plural(int(devices[d]), 'device')} {words.number(float(most[d]))}"
        for d in sorted({known[0], known[-1]})
    ]
    return f"Most traffic at {goal}: {words.join(ends)}"


def build_cost_figure(
    curves: Sequence[Curve], usd_per_device_hour: float, target: float, theme: Theme = LIGHT,
    hues: Sequence[int] | None = None,
) -> go.Figure:  # fmt: skip
    """What the target costs with every algorithm, USD per hour; those that do not reach it have no bar."""
    hues = range(len(curves)) if hues is None else hues
    usd = np.array([math.nan if c.crossing is None else c.crossing * usd_per_device_hour for c in curves])
    if not np.isfinite(usd).any():
        return empty_figure(theme, describe_cost(curves, usd_per_device_hour, target))
    cheapest = min((curve for curve in curves if curve.crossing is not None), key=lambda curve: curve.crossing or 0.0)
    title = describe_cost([cheapest], usd_per_device_hour, target)
    figure = new_figure(theme, title, 64 + 34 * len(curves), "cost")
    figure.add_bar(
        x=usd, y=np.arange(len(curves)), orientation="h", name="cost",
        marker={"color": [placement_style(hue, theme).colour for hue in hues]},
        text=[words.usd_per_hour(v) if math.isfinite(v) else "" for v in usd], textposition="outside",
        cliponaxis=False, hovertext=np.array([hover_name(c.name) for c in curves]),
        hovertemplate="%{hovertext}: $ %{x:,.2f} / h<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="cost (USD per hour)", range=[0, 1.2 * max(float(np.nanmax(usd)), 1e-9)])
    name_rows(figure, [curve.name for curve in curves])
    return figure


def describe_cost(curves: Sequence[Curve], usd_per_device_hour: float, target: float) -> str:
    """The alt text: the cheapest and the dearest way to the target."""
    goal = words.goal(target)
    reached = sorted(((c.crossing, c.name) for c in curves if c.crossing is not None), key=lambda pair: pair[0])
    if not reached:
        return f"No algorithm reaches {goal}, so there is no price to show."
    ends = reached[:1] if len(reached) == 1 else [reached[0], reached[-1]]
    parts = [f"{words.usd_per_hour(at * usd_per_device_hour)} with {words.shorten(name, 24)}" for at, name in ends]
    return f"{goal} costs {words.join(parts)}"


def build_faults_figure(faults: Sequence[Fault], healthy: float, theme: Theme = LIGHT, hue: int = 0) -> go.Figure:
    """Deadlines met when a device or a node dies, worst first, against the healthy cluster; the worst MOST_FAULTS.

    Args:
        healthy: attainment without a fault, 0..1. hue: the number of the placement's hue.
    """
    if not faults:
        return empty_figure(theme, "No device is in use, so none can be missed.")
    rows = _drawn_faults(faults)
    figure = new_figure(theme, describe_faults(faults, healthy), 60 + 20 * len(rows), "faults")
    style = placement_style(hue, theme)
    percent = 100 * np.array([fault.slo_attainment for fault in rows])
    gone = np.array([f"{words.numbered('group', *f.groups[:8])} gone" for f in rows])
    figure.add_bar(
        x=percent, y=np.arange(len(rows)), orientation="h", name="attainment",
        marker={"color": [style.colour if fault.what == "device" else style.tint for fault in rows]},
        hovertext=gone, customdata=np.array([words.plural(len(f.orphans), "model") for f in rows]),
        hovertemplate="%{y}: %{x:.1f} % met<br>%{hovertext}, %{customdata} without a replica<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=100 * healthy, line={"color": theme.text, "width": 1, "dash": "dot"})
    figure.add_annotation(x=100 * healthy, y=1, yref="paper", yanchor="bottom", text="all alive")
    figure.update_xaxes(title_text="deadlines met (%)", range=[0, 103])
    name_rows(figure, [_fault_name(fault) for fault in rows])
    return figure


def describe_faults(faults: Sequence[Fault], healthy: float) -> str:
    """The alt text: the worst device and the worst node."""
    parts = [f"{words.share(fault.slo_attainment)} without the worst {fault.what}" for fault in _worst_of_each(faults)]
    return f"{words.share(healthy)} of deadlines are met with all alive" + (f", {words.join(parts)}" if parts else "")


def _worst_of_each(faults: Sequence[Fault]) -> list[Fault]:
    """The worst device and the worst node, where there are such."""
    kinds = ([fault for fault in faults if fault.what == what] for what in ("device", "node"))
    return [min(kind, key=lambda fault: fault.slo_attainment) for kind in kinds if kind]


def _drawn_faults(faults: Sequence[Fault]) -> list[Fault]:
    """At most MOST_FAULTS, worst first, the worst device and node always among them, because the title names both."""
    named = _worst_of_each(faults)
    others = sorted((f for f in faults if f not in named), key=lambda fault: fault.slo_attainment)
    return sorted([*named, *others[: MOST_FAULTS - len(named)]], key=lambda fault: fault.slo_attainment)


def _fault_name(fault: Fault) -> str:
    if fault.what == "node":
        return words.numbered("node", fault.index)
    if fault.devices == 1:
        return words.numbered("device", fault.index)
    return f"a device of {words.numbered('group', fault.groups[0])}"


def _most_rate(rate: np.ndarray, attainment: np.ndarray, target: float) -> np.ndarray:
    """float64 (D,): the highest rate up to which every rate reaches the target; NaN if not even the lowest does."""
    run = np.cumprod(np.nan_to_num(attainment, nan=-1.0) >= target, axis=0).sum(axis=0)
    return np.where(run > 0, rate[np.maximum(run - 1, 0)], np.nan)
