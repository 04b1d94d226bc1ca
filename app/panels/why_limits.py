"""The lesson's last step: when sharing loses."""

from __future__ import annotations

import math

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
from app.panels.why import Settings, simulate_settings
from app.panels.why_words import attainment_title, traffic_sentence
from app.state import results
from app.state.session import Session
from planner.explain import paired_difference
from planner.theory.queueing import most_tolerant_load
from planner.theory.two_models import LATENCY_S, serve_with_memory

MODELS = 8
_SCALES = (1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0)
_ROOM = 2
_SCALE = 5.0


def draw_limits(session: Session, settings: Settings) -> None:
    """Overhead, memory and deadlines: where dedicated devices or replicas win."""
    st.subheader("3. When sharing loses", anchor=False)
    load, alpha = most_tolerant_load()
    st.markdown(
        "**Too much overhead.** Under Poisson traffic, evenly split, sharing bears at most "
        f"{words.share(alpha - 1)} of communication, at load {load:.2f}; with little load there is no queue to share, "
        "with full load the overhead itself fills the devices. The diamond is what step 2 is set to."
    )
    draw_chart(build_overhead_limits_figure(settings.load, settings.alpha, current_theme()), "why-limits",
               describe_overhead_limits(settings.load, settings.alpha))  # fmt: skip
    st.caption(
        "The formula is that of mean latencies under Poisson traffic, evenly split. The traffic of step 2 has "
        f"CV {settings.cv:g} and {words.share(settings.share)} of it for model 1; simulated: "
        f"{traffic_sentence(simulate_settings(settings))}"
    )
    st.markdown(f"**Plenty of memory, or loose deadlines.** Now {MODELS} models on {MODELS} devices with deadlines: "
                "replicas on single devices against pipelines that hold all models.")  # fmt: skip
    rate, cv, alpha = _draw_settings(session)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_memory(rate, cv, alpha)
    with right:
        _draw_deadlines(rate, cv, alpha)
    st.caption("To win is to meet more deadlines by more than the uncertainty of the difference.")
    st.markdown("The paper's rule of thumb: sharing helps while memory is scarce, the load is not near full, traffic "
                "is bursty or skewed, or deadlines are tight.")  # fmt: skip


def _draw_settings(session: Session) -> tuple[float, float, float]:
    first, second, third = st.columns(3)
    view = session.views.why
    most = MODELS / LATENCY_S
    with first:
        rate = kept(session, st.slider, "Requests a second, all models", view.many_rate_per_s, 17.0, min_value=1.0,
                    max_value=float(int(most)), step=0.5,
                    help=f"{MODELS} devices can answer {words.number(most)} a second at most.")  # fmt: skip
    with second:
        cv = kept(session, st.slider, "Burstiness (CV)", view.many_cv, 3.0, min_value=0.25, max_value=6.0, step=0.25)
    with third:
        alpha = kept(session, st.slider, "Pipeline overhead (alpha)", view.many_alpha, 1.3, min_value=1.0,
                     max_value=1.6, step=0.05)  # fmt: skip
    return rate, cv, alpha


def _draw_memory(rate: float, cv: float, alpha: float) -> None:
    rooms = list(range(1, MODELS + 1))
    met = [_attainment(room, rate, cv, alpha, _SCALE) for room in rooms]
    replicas, pipelines, clear = zip(*met, strict=True)
    title = attainment_title(
        [sign > 0 for sign in clear], rooms, "Pipelines win",
        f"with room for {{}} of {MODELS} models on a device, deadlines at {_SCALE:g} × alone",
        f"with no memory that was tried, deadlines at {_SCALE:g} × alone",
    )  # fmt: skip
    figure = build_attainment_curves_figure(rooms, replicas, pipelines, title, "models that fit one device", "memory",
                                            current_theme())  # fmt: skip
    draw_chart(figure, "why-memory", title)
    table = pd.DataFrame({"models that fit": rooms, "replicas": replicas, "pipelines": pipelines})
    with st.expander("The numbers"):
        draw_table(table, "why-memory-table", "Deadlines met by replicas and pipelines over memory")


def _draw_deadlines(rate: float, cv: float, alpha: float) -> None:
    met = [_attainment(_ROOM, rate, cv, alpha, scale) for scale in _SCALES]
    replicas, pipelines, clear = zip(*met, strict=True)
    title = attainment_title(
        [sign < 0 for sign in clear], _SCALES, "Replicas win",
        f"with deadlines at {{}} × alone, room for {_ROOM} models on a device",
        f"with no deadline that was tried, room for {_ROOM} models on a device",
    )  # fmt: skip
    figure = build_attainment_curves_figure(_SCALES, replicas, pipelines, title, "deadline, times the latency alone",
                                            "deadlines", current_theme())  # fmt: skip
    draw_chart(figure, "why-deadlines", title)
    table = pd.DataFrame({"deadline (× alone)": _SCALES, "replicas": replicas, "pipelines": pipelines})
    with st.expander("The numbers"):
        draw_table(table, "why-deadlines-table", "Deadlines met by replicas and pipelines over the deadline")


def _attainment(room: int, rate: float, cv: float, alpha: float, scale: float) -> tuple[float, float, int]:
    """Attainment of replicas and of pipelines, and who is clearly better: 1 pipelines, -1 replicas, 0 neither."""

    def work() -> tuple[float, float, int]:
        both = serve_with_memory(room, rate, cv, alpha, scale, MODELS)
        gap = paired_difference(both.dedicated, both.shared)
        return *both.slo_attainment(), int(math.copysign(gap.is_clear, gap.difference))

    return results.kept(("memory", room, rate, cv, alpha, scale), work)
