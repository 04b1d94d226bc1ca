"""The lesson's last step: when sharing loses."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.controls.views import kept
from app.figures.lesson import (
    build_attainment_curves_figure,
    build_overhead_limits_figure,
    describe_overhead_limits,
)
from app.look import words
from app.look.style import current_theme
from app.panels.keep import draw_chart, draw_table
from app.panels.why import Settings
from app.state import compute
from app.state.session import Visit
from planner.theory.queueing import most_tolerant_load
from planner.theory.two_models import LATENCY_S, serve_with_memory

MODELS = 8
_SCALES = (1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0)
_ROOM = 2
_SCALE = 5.0


def draw_limits(visit: Visit, settings: Settings) -> None:
    """Overhead, memory and deadlines: where dedicated devices or replicas win."""
    st.subheader("3. When sharing loses", anchor=False)
    load, alpha = most_tolerant_load()
    st.markdown(
        "**Too much overhead.** Under Poisson traffic, evenly split, sharing bears at most "
        f"{100 * (alpha - 1):.1f} % of communication, at load {load:.2f}; with little load there is no queue to share, "
        "with full load the overhead itself fills the devices. The diamond is what step 2 is set to."
    )
    draw_chart(build_overhead_limits_figure(settings.load, settings.alpha, current_theme()), "why-limits",
               describe_overhead_limits(settings.load, settings.alpha))  # fmt: skip
    st.markdown(f"**Plenty of memory, or loose deadlines.** Now {MODELS} models on {MODELS} devices with deadlines: "
                "replicas on single devices against pipelines that hold all models.")  # fmt: skip
    rate, cv, alpha = _draw_settings(visit)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_memory(rate, cv, alpha)
    with right:
        _draw_deadlines(rate, cv, alpha)
    st.markdown("Rule of thumb: sharing helps while memory is scarce, the load is not near full, traffic is bursty or "
                "skewed, or deadlines are tight.")  # fmt: skip


def _draw_settings(visit: Visit) -> tuple[float, float, float]:
    first, second, third = st.columns(3)
    most = MODELS / LATENCY_S
    with first:
        rate = kept(visit, st.slider, "Requests a second, all models", "why8_rate", 17.0, min_value=1.0,
                    max_value=float(int(most)), step=0.5,
                    help=f"{MODELS} devices can answer {words.number(most)} a second at most.")  # fmt: skip
    with second:
        cv = kept(visit, st.slider, "Burstiness (CV)", "why8_cv", 3.0, min_value=0.25, max_value=6.0, step=0.25)
    with third:
        alpha = kept(visit, st.slider, "Pipeline overhead (alpha)", "why8_alpha", 1.3, min_value=1.0, max_value=1.6,
                     step=0.05)  # fmt: skip
    return rate, cv, alpha


def _draw_memory(rate: float, cv: float, alpha: float) -> None:
    rooms = list(range(1, MODELS + 1))
    met = [_attainment(room, rate, cv, alpha, _SCALE) for room in rooms]
    replicas, pipelines = zip(*met, strict=True)
    last = next((room for room, (r, p) in zip(rooms, met, strict=True) if r >= p), None)
    title = (
        f"With room for {last} of {MODELS} models on a device replicas are as good, deadlines at {_SCALE:g} × alone"
        if last
        else f"Pipelines meet more deadlines at any memory, deadlines at {_SCALE:g} × alone"
    )
    figure = build_attainment_curves_figure(rooms, replicas, pipelines, title, "models that fit one device", "memory",
                                            current_theme())  # fmt: skip
    draw_chart(figure, "why-memory", title)
    table = pd.DataFrame({"models that fit": rooms, "replicas": replicas, "pipelines": pipelines})
    with st.expander("The numbers"):
        draw_table(table, "why-memory-table", "Deadlines met by replicas and pipelines over memory")


def _draw_deadlines(rate: float, cv: float, alpha: float) -> None:
    met = [_attainment(_ROOM, rate, cv, alpha, scale) for scale in _SCALES]
    replicas, pipelines = zip(*met, strict=True)
    wins = [scale for scale, (r, p) in zip(_SCALES, met, strict=True) if r > p]
    title = (
        f"Replicas win with deadlines from {words.number(wins[0])} × alone on, room for {_ROOM} models on a device"
        if wins
        else f"Pipelines meet at least as many deadlines up to {_SCALES[-1]:g} × alone, room for {_ROOM} models"
    )
    figure = build_attainment_curves_figure(_SCALES, replicas, pipelines, title, "deadline, times the latency alone",
                                            "deadlines", current_theme())  # fmt: skip
    draw_chart(figure, "why-deadlines", title)
    table = pd.DataFrame({"deadline (× alone)": _SCALES, "replicas": replicas, "pipelines": pipelines})
    with st.expander("The numbers"):
        draw_table(table, "why-deadlines-table", "Deadlines met by replicas and pipelines over the deadline")


def _attainment(room: int, rate: float, cv: float, alpha: float, scale: float) -> tuple[float, float]:
    key = ("memory", room, rate, cv, alpha, scale)
    return compute.kept(key, lambda: serve_with_memory(room, rate, cv, alpha, scale, MODELS))
