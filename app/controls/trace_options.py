"""How a trace is replayed, or how arrivals are made."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.controls.fields import bound
from app.session import Visit, with_values
from planner.scenario import Scenario
from simulator.arrivals import RATE_SPLITS
from simulator.traces import DEQUANTISATIONS, MAPPINGS, RESAMPLINGS

_PLACE = "traffic"
_TRACE, _GAMMA = "workload.trace", "workload.gamma"
_MAPPINGS = {
    "stripe": "dealt out in turn (stripe)",
    "blocks": "in blocks of neighbours",
    "by_name": "by name: sources are called like models",
}
_RESAMPLINGS = {"none": "as they came", "gamma": "drawn anew from rate and burstiness"}
_DEQUANTISATIONS = {"none": "left on the clock's ticks", "even": "spread evenly", "random": "spread at random"}
_SPLITS = {"uniform": "the same for every model", "power_law": "few models get most (power law)"}


def draw_trace_options(visit: Visit) -> None:
    """Rate, window, mapping and resampling of a trace."""
    section = visit.scenario.workload.trace

    def field(widget: Any, label: str, name: str, edit=None, **options: Any) -> None:
        edit = edit or (lambda scenario, value: with_values(scenario, _TRACE, **{name: value}))
        value = options.pop("shown", getattr(section, name))
        bound(visit, _PLACE, widget, label, f"trace.{name}", value, edit, **options)

    is_drawn = section.resample == "gamma"
    left, right = st.columns(2)
    with left:
        field(
            st.number_input,
            "Rate, times the trace",
            "rate_scale",
            min_value=0.0001,
            max_value=1e6,
            step=0.1,
            format="%g",
            help="2 makes twice as many requests in the same time; bursts stay where they are.",
        )
    with right:
        field(
            st.number_input,
            "Burstiness, times (CV)",
            "cv_scale",
            min_value=0.01,
            max_value=1000.0,
            step=0.5,
            format="%g",
            disabled=not is_drawn,
            help="Only where arrivals are drawn anew, see below. Of counts per minute it is the CV itself.",
        )
    with st.expander("Which part, on which models"):
        field(
            st.number_input,
            "From (s)",
            "start_s",
            min_value=0.0,
            max_value=1e9,
            step=60.0,
            format="%g",
            help="Where in the trace the replay begins.",
        )
        field(
            st.number_input,
            "For (s, 0 = to the end)",
            "duration_s",
            _with_duration,
            shown=section.duration_s or 0.0,
            min_value=0.0,
            max_value=1e9,
            step=60.0,
            format="%g",
            help="How much of the trace is replayed.",
        )
        mapping = section.map_models if isinstance(section.map_models, str) else "as in the scenario"
        names = list(MAPPINGS) if isinstance(section.map_models, str) else [*MAPPINGS, mapping]
        field(
            st.selectbox,
            "Sources go to models",
            "map_models",
            shown=mapping,
            options=names,
            format_func=lambda m: _MAPPINGS.get(m, m),
            help="Which model serves the requests of which function, client or file of the trace.",
        )
        field(
            st.selectbox,
            "Arrivals are",
            "resample",
            _with_resampling,
            options=list(RESAMPLINGS),
            format_func=_RESAMPLINGS.get,
            help="Drawn anew: each model and window keeps its rate and CV, the instants are new. Counts need it.",
        )
        field(
            st.number_input,
            "Window of the drawing (s)",
            "window_s",
            min_value=1.0,
            max_value=1e9,
            step=60.0,
            format="%g",
            disabled=not is_drawn,
            help="Rate and burstiness are taken from windows of this length.",
        )
        field(
            st.number_input,
            "Times are stretched by",
            "time_scale",
            min_value=0.0001,
            max_value=1e6,
            step=0.1,
            format="%g",
            help="0.5 replays everything twice as fast.",
        )
        field(
            st.selectbox,
            "Requests of one tick are",
            "dequantise",
            options=list(DEQUANTISATIONS),
            format_func=_DEQUANTISATIONS.get,
            help="For traces whose clock is coarse.",
        )
        field(st.number_input, "Seed", "seed", min_value=0, max_value=2**31 - 1, step=1,
              help="The same seed draws the same arrivals again.")  # fmt: skip


def draw_gamma_options(visit: Visit) -> None:
    """Rate, burstiness and split of arrivals made here."""
    section = visit.scenario.workload.gamma

    def field(widget: Any, label: str, name: str, **options: Any) -> None:
        bound(visit, _PLACE, widget, label, f"gamma.{name}", getattr(section, name),
              lambda scenario, value: with_values(scenario, _GAMMA, **{name: value}), **options)  # fmt: skip

    left, right = st.columns(2)
    with left:
        field(
            st.number_input,
            "Requests a second",
            "total_rate_per_s",
            min_value=0.001,
            max_value=1e6,
            step=5.0,
            format="%g",
            help="Of all models together.",
        )
        field(
            st.number_input,
            "For (s)",
            "duration_s",
            min_value=1.0,
            max_value=1e7,
            step=60.0,
            format="%g",
            help="How long requests arrive.",
        )
    with right:
        field(
            st.number_input,
            "Burstiness (CV)",
            "cv",
            min_value=0.01,
            max_value=1000.0,
            step=0.5,
            format="%g",
            help="1 is Poisson; more comes in bursts.",
        )
        field(
            st.number_input,
            "Seed",
            "seed",
            min_value=0,
            max_value=2**31 - 1,
            step=1,
            help="The same seed draws the same arrivals again.",
        )
    splits = [split for split in RATE_SPLITS if split in _SPLITS or split == section.split]
    field(st.selectbox, "Popularity of the models", "split", options=splits, format_func=lambda s: _SPLITS.get(s, s),
          disabled=section.split not in _SPLITS)  # fmt: skip


def _with_duration(scenario: Scenario, value: float) -> Scenario:
    return with_values(scenario, _TRACE, duration_s=value or None)


def _with_resampling(scenario: Scenario, value: str) -> Scenario:
    changes = {"resample": value} if value == "gamma" else {"resample": value, "cv_scale": 1.0}
    return with_values(scenario, _TRACE, **changes)
