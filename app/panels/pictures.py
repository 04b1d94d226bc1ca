"""Why: the cluster, what happened over time, latency, and who misses."""

from __future__ import annotations

import streamlit as st

from app.compute import Answer, Entry, timeline
from app.figures.cluster import build_cluster_figure, describe_cluster
from app.figures.over_time import build_over_time_figure, describe_over_time
from app.figures.plan import (
    build_attainment_figure,
    build_latency_figure,
    build_missers_figure,
    describe_attainment,
    describe_latency,
    describe_missers,
)
from app.panels.verdict import placement_now
from app.style import current_theme, draw_figure


def draw_attainment(answer: Answer) -> None:
    """Deadlines met by every placement, with intervals."""
    figures = [entry.outcome.figures for entry in answer.entries if entry.outcome]
    draw_figure(build_attainment_figure(figures, current_theme()), "attainment", describe_attainment(figures))


def draw_cluster(entry: Entry, answer: Answer) -> None:
    """The placement on its devices."""
    problem, placement = answer.inputs.problem, placement_now(entry)
    if not placement.groups:
        st.info("This placement has no groups, so no request is served.")
        return
    figure = build_cluster_figure(
        placement, entry.outcome.result.models, problem.cluster, current_theme(), entry.place,
        entry.outcome.result.workload.requests_per_model(),
    )  # fmt: skip
    draw_figure(figure, "cluster", describe_cluster(placement, problem.cluster))


def draw_over_time(entry: Entry, answer: Answer) -> None:
    """Arrivals, deadlines met and queues on one time axis: this placement and the best of the others."""
    others = [other for other in answer.shown if other is not entry]
    rival = max(others, key=lambda other: other.outcome.figures.total.slo_attainment, default=None)
    drawn = sorted((e for e in (entry, rival) if e), key=lambda e: e.place)
    names = [e.section.name for e in drawn]
    timelines = [timeline(e, answer) for e in drawn]
    figure = build_over_time_figure(names, timelines, current_theme(), places=[e.place for e in drawn])
    draw_figure(figure, "over-time", describe_over_time(names, timelines))


def draw_latency(answer: Answer) -> None:
    """Latency of what was answered, every placement on one axis."""
    results, warmup_s = [e.outcome.result for e in answer.shown], answer.inputs.warmup_s
    places = [e.place for e in answer.shown]
    figure = build_latency_figure(results, current_theme(), warmup_s, places)
    draw_figure(figure, "latency", describe_latency(results, warmup_s))


def draw_missers(entry: Entry) -> None:
    """Models by missed deadlines."""
    figures = entry.outcome.figures
    draw_figure(build_missers_figure(figures, current_theme(), entry.place), "missers", describe_missers(figures))
