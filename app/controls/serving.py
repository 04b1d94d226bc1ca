"""Controls of the serving system's rules."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.state.session import Session, with_values
from planner.scenario.inputs import build_serving
from simulator import PRESETS
from simulator.schema import MAX_BATCH_SIZE
from simulator.serving import ADMISSION_RULES, DISPATCH_RULES

_AREA = "serving"
_PRESETS = {"testbed": "as on a real cluster (testbed)", "published": "as in the published simulations"}
DISPATCH = {
    "shortest_queue": "the shortest queue",
    "earliest_free": "the one that is free first",
    "earliest_finish": "the one that finishes it first",
    "round_robin": "each in turn",
}
ADMISSION = {"deadline": "turned away at once", "none": "served all the same"}
_DELAYS = {
    "client_delay_s": "Client to controller (s)",
    "dispatch_delay_s": "Controller to group (s)",
    "start_delay_s": "Start of a request (s)",
    "response_delay_s": "Way of the answer (s)",
    "admission_margin_s": "Safety margin of admission (s)",
    "stage_overhead": "Slow-down for each stage (share)",
    "load_s_per_gib": "Loading of a GiB of weights (s)",
}


def draw_serving_controls(session: Session, problem: str | None) -> None:
    """Preset, dispatch, admission, batching and delays."""
    with st.expander("Serving details"):
        section = session.scenario.serving
        bound(session, _AREA, st.selectbox, "Rules", "serving.preset", section.preset,
              lambda scenario, value: with_values(scenario, "", serving={"preset": value}),
              options=list(PRESETS), format_func=lambda p: _PRESETS.get(p, p),
              help="A set of delays and rules; choosing one puts the fields below back to it.")  # fmt: skip
        rules = build_serving(session.scenario) if problem is None else PRESETS[section.preset]

        def field(widget, label: str, name: str, **options) -> None:
            bound(session, _AREA, widget, label, f"serving.{name}", getattr(rules, name),
                  lambda scenario, value: with_values(scenario, "serving", **{name: value}), **options)  # fmt: skip

        field(st.selectbox, "A request goes to", "dispatch", options=list(DISPATCH_RULES),
              format_func=DISPATCH.get, help="Which of the groups that hold its model gets a request.")  # fmt: skip
        field(
            st.selectbox,
            "What would be late is",
            "admission",
            options=list(ADMISSION_RULES),
            format_func=ADMISSION.get,
            help="Turning away what is predicted to be late leaves room for others.",
        )
        field(st.number_input, "Largest batch", "max_batch_size", min_value=1, max_value=MAX_BATCH_SIZE, step=1,
              help="1 serves requests one by one; larger batches need profiles with batch sizes.")  # fmt: skip
        for name, label in _DELAYS.items():
            field(st.number_input, label, name, min_value=0.0, max_value=3600.0, step=0.001, format="%g")
        draw_complaint(session, _AREA, problem)
