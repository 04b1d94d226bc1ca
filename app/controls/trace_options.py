"""How a trace is replayed, or how arrivals are made."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.controls.fields import Edit, bound
from app.state.session import Session, with_values
from planner.scenario.schema import Scenario
from simulator.arrivals import RATE_SPLITS
from simulator.traces import DEQUANTISATIONS, MAPPINGS, RESAMPLINGS

_AREA = "traffic"
_TRACE, _GAMMA = "workload.trace", "workload.gamma"
_MAPPINGS = {
    "stripe": "dealt out in turn (stripe)",
    "blocks": "in blocks of neighbours",
    "by_name": "by name: sources are called like models",
}
_AS_GIVEN = "as in the scenario"
_RESAMPLINGS = {"none": "as they came", "gamma": "drawn anew from rate and burstiness"}
_DEQUANTISATIONS = {"none": "left on the clock's ticks", "even": "spread evenly", "random": "spread at random"}
_SPLITS = {"uniform": "the same for every model", "power_law": "few get most (power law)"}
_FACTOR: dict[str, Any] = {"min_value": 0.0001, "max_value": 1e6, "step": 0.1, "format": "%g"}
_SECONDS: dict[str, Any] = {"min_value": 0.0, "max_value": 1e9, "step": 60.0, "format": "%g"}
_WINDOW: dict[str, Any] = _SECONDS | {"min_value": 1.0}
_SEED = {"min_value": 0, "max_value": 2**31 - 1, "step": 1, "help": "The same seed draws the same arrivals again."}
_CV = {"min_value": 0.01, "max_value": 1000.0, "step": 0.5, "format": "%g"}


def draw_trace_options(session: Session) -> None:
    """Rate and burstiness of a trace, and behind a fold its window, mapping and resampling."""
    section = session.scenario.workload.replayed
    left, right = st.columns(2)
    with left:
        help_ = "2 makes twice as many requests in the same time; bursts stay where they are."
        _field(session, st.number_input, "Rate, times", "rate_scale", section.rate_scale, **_FACTOR, help=help_)
    with right:
        help_ = "Burstiness. Only where arrivals are drawn anew, see below. Of counts per minute it is the CV itself."
        is_fixed = section.resample != "gamma"
        _field(
            session, st.number_input, "CV, times", "cv_scale", section.cv_scale, **_CV, disabled=is_fixed, help=help_
        )
    with st.expander("Which part, on which models"):
        _draw_part(session)
        _draw_arrivals(session)


def draw_gamma_options(session: Session) -> None:
    """Rate, burstiness and split of arrivals made here."""
    section = session.scenario.workload.gamma
    if section is None:
        return

    def field(widget: Any, label: str, name: str, **options: Any) -> None:
        def edit(scenario: Scenario, value: Any) -> Scenario:
            return with_values(scenario, _GAMMA, **{name: value})

        bound(session, _AREA, widget, label, f"gamma.{name}", getattr(section, name), edit, **options)

    left, right = st.columns(2)
    with left:
        rate = {"min_value": 0.001, "max_value": 1e6, "step": 5.0, "format": "%g"}
        field(st.number_input, "Requests per second", "total_rate_per_s", **rate, help="Of all models together.")
        span = {"min_value": 1.0, "max_value": 1e7, "step": 60.0, "format": "%g"}
        field(st.number_input, "For (s)", "duration_s", **span, help="How long requests arrive.")
    with right:
        field(st.number_input, "Burstiness (CV)", "cv", **_CV, help="1 is Poisson; more comes in bursts.")
        field(st.number_input, "Seed", "seed", **_SEED)
    splits = [split for split in RATE_SPLITS if split in _SPLITS or split == section.split]
    field(
        st.selectbox, "Popularity of the models", "split", options=splits,
        format_func=lambda split: _SPLITS.get(split, split), disabled=section.split not in _SPLITS,
    )  # fmt: skip


def _field(
    session: Session, widget: Any, label: str, name: str, value: Any, edit: Edit | None = None, **options: Any
) -> None:
    def edit_this(scenario: Scenario, changed: Any) -> Scenario:
        return with_values(scenario, _TRACE, **{name: changed})

    bound(session, _AREA, widget, label, f"trace.{name}", value, edit or edit_this, **options)


def _draw_part(session: Session) -> None:
    section = session.scenario.workload.replayed
    help_ = "Where in the trace the replay begins."
    _field(session, st.number_input, "From (s)", "start_s", section.start_s, **_SECONDS, help=help_)
    _field(
        session, st.number_input, "For (s, 0 = to the end)", "duration_s", section.duration_s or 0.0, _with_duration,
        **_SECONDS, help="How much of the trace is replayed.",
    )  # fmt: skip
    is_named = isinstance(section.map_models, str)
    _field(
        session, st.selectbox, "Sources go to models", "map_models", section.map_models if is_named else _AS_GIVEN,
        _with_mapping, options=[*MAPPINGS, *([] if is_named else [_AS_GIVEN])],
        format_func=lambda mapping: _MAPPINGS.get(mapping, mapping),
        help="Which model serves the requests of which function, client or file of the trace.",
    )  # fmt: skip


def _draw_arrivals(session: Session) -> None:
    section = session.scenario.workload.replayed
    _field(
        session, st.selectbox, "Arrivals are", "resample", section.resample, _with_resampling,
        options=list(RESAMPLINGS), format_func=_RESAMPLINGS.get,
        help="Drawn anew: each model and window keeps its rate and CV, the instants are new. Counts need it.",
    )  # fmt: skip
    _field(
        session, st.number_input, "Window of the drawing (s)", "window_s", section.window_s,
        **_WINDOW, disabled=section.resample != "gamma",
        help="Rate and burstiness are taken from windows of this length.",
    )  # fmt: skip
    help_ = "0.5 replays everything twice as fast."
    _field(session, st.number_input, "Times are stretched by", "time_scale", section.time_scale, **_FACTOR, help=help_)
    _field(
        session, st.selectbox, "Requests of one tick are", "dequantise", section.dequantise,
        options=list(DEQUANTISATIONS), format_func=_DEQUANTISATIONS.get, help="For traces whose clock is coarse.",
    )  # fmt: skip
    _field(session, st.number_input, "Seed", "seed", section.seed, **_SEED)


def _with_duration(scenario: Scenario, value: float) -> Scenario:
    return with_values(scenario, _TRACE, duration_s=value or None)


def _with_mapping(scenario: Scenario, value: str) -> Scenario:
    return scenario if value == _AS_GIVEN else with_values(scenario, _TRACE, map_models=value)


def _with_resampling(scenario: Scenario, value: str) -> Scenario:
    changes = {"resample": value} if value == "gamma" else {"resample": value, "cv_scale": 1.0}
    return with_values(scenario, _TRACE, **changes)
