"""Why: the cluster, what happened over time, latency, and who misses. Each picture is made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
import streamlit as st

from app.figures.cluster import build_cluster_figure, describe_cluster
from app.figures.drawing import on_clock
from app.figures.over_time import build_over_time_figure, describe_over_time
from app.figures.plan import (
    build_latency_figure,
    build_missers_figure,
    describe_latency,
    describe_missers,
)
from app.look.style import current_theme, draw_figure, title_apart
from app.panels.clock import began_at
from app.panels.verdict import missed, placement_now
from app.state.answer import Answer, Answered
from app.state.results import kept, timeline


def draw_cluster(entry: Answered, answer: Answer) -> None:
    """The placement on its devices."""
    problem, placement = answer.inputs.problem, placement_now(entry)
    if not placement.groups:
        st.info("This placement has no groups, so no request is served.")
        return
    models, requests = entry.outcome.result.models, entry.outcome.result.workload.requests_per_model()
    # Of a schedule the first placement is drawn, and loads are known of its whole run.
    busy = None if placement is not entry.outcome.placement else [g.utilization for g in entry.outcome.figures.groups]
    _draw("cluster", [entry], lambda theme: (
        build_cluster_figure(placement, models, problem.cluster, theme, entry.hue, requests, busy),
        describe_cluster(placement, problem.cluster),
    ))  # fmt: skip


def draw_over_time(entry: Answered, answer: Answer) -> None:
    """Arrivals, deadlines met and queues on one time axis: this placement and the best of the others."""
    others = [other for other in answer.shown if other is not entry]
    rival = max(others, key=lambda other: other.outcome.figures.total.slo_attainment, default=None)
    drawn = sorted((e for e in (entry, rival) if e), key=lambda e: e.hue)
    names, hues = [e.section.name for e in drawn], [e.hue for e in drawn]

    def make(theme) -> tuple[go.Figure, str]:
        timelines = [timeline(e, answer) for e in drawn]
        figure = on_clock(build_over_time_figure(names, timelines, theme, hues=hues), began_at(answer))
        return figure, describe_over_time(names, timelines)

    _draw("over-time", drawn, make)


def draw_latency_and_missers(entry: Answered, answer: Answer) -> None:
    """Latency of all placements, and beside it who misses with this one; without misses latency has the whole width."""
    if not missed(entry.outcome.figures):
        _draw_latency(answer)
        return
    left, right = st.columns(2, gap="large")
    with left:
        _draw_latency(answer)
    with right:
        _draw_missers(entry)


def _draw_latency(answer: Answer) -> None:
    """Latency of what was answered, every placement on one axis."""
    results, warmup_s = [e.outcome.result for e in answer.shown], answer.inputs.warmup_s
    hues = [e.hue for e in answer.shown]
    _draw("latency", answer.shown, lambda theme: (
        build_latency_figure(results, theme, warmup_s, hues), describe_latency(results, warmup_s)
    ))  # fmt: skip


def _draw_missers(entry: Answered) -> None:
    """Models by missed deadlines."""
    figures = entry.outcome.figures
    _draw("missers", [entry], lambda theme: (
        build_missers_figure(figures, theme, entry.hue), describe_missers(figures)
    ))  # fmt: skip


def _draw(what: str, entries: Sequence[Answered], make: Callable[..., tuple[go.Figure, str]]) -> None:
    theme = current_theme()
    identity = tuple((entry.outcome_key, entry.hue, entry.section.name) for entry in entries)

    def made() -> tuple[str, go.Figure, str]:
        figure, alt = make(theme)
        return title_apart(figure), figure, alt

    title, figure, alt = kept(("figure", what, theme.name, identity), made)
    draw_figure(title, figure, what, alt)
