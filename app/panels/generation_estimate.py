"""A profile of a model that generates from its architecture and a device alone, labelled as estimated."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from app.controls.views import kept
from app.look.style import plain_text
from app.panels.generation_facts import number_columns, profiles_table
from app.panels.generation_fit import use_generating
from app.panels.keep import draw_table
from app.panels.profile_inputs import Question
from app.state.session import Session
from planner.generation.estimate import estimate_errors, estimate_profiles
from simulator import InputError
from simulator.generation.catalogue import generation_document

_NOT_SHOWN = ["Model", "Device", "Error, median (%)", "90 of 100 within (%)", "From"]


def draw(session: Session, question: Question | None) -> None:
    """The estimate of the model and device at the left, how far such estimates are off, and taking it over."""
    with st.expander("Estimate a profile from architecture and device"):
        if question is None:
            st.info("Model and device in the column at the left have to be put right first.")
            return
        model, device = question.architecture.name, question.device.name
        view, default = session.views.generation, f"{model}, estimated"[:60]
        st.markdown(
            f"**{plain_text(model)}** on **{plain_text(device)}**, both as chosen in the column at the left. Bytes "
            "over bandwidth and operations over peak, with the constants of the device; nothing is measured."
        )
        try:
            profiles = estimate_profiles(question.architecture, question.device)
        except InputError as error:
            st.warning(plain_text(str(error)))
            return
        table = profiles_table(profiles).drop(columns=_NOT_SHOWN)
        draw_table(
            table, "estimate", "Numbers of the estimated profiles by devices", column_config=number_columns(table)
        )
        st.caption(plain_text(f"{profiles[0].provenance[0].upper()}{profiles[0].provenance[1:]}:"))
        draw_table(errors_table(), "estimate-errors", "Errors of estimates, by what was measured")
        called, button, file = st.columns([3, 2, 3], vertical_alignment="bottom")
        with called:
            name = kept(session, st.text_input, "Name of the estimate", view.estimate_name[default], default,
                        max_chars=60) or default  # fmt: skip
        named = estimate_profiles(question.architecture, question.device, name)
        button.button(
            "Use this estimate", type="primary", key="estimate.use", on_click=use_generating,
            args=(session, named, question.device.weight_memory_gib),
            help="Joins the profiles of this session; models that generate are served by it.",
        )  # fmt: skip
        file.download_button(
            "Catalogue (JSON)", lambda: json.dumps(generation_document(named), indent=1), "profiles.json",
            "application/json", key="download:estimate", on_click="ignore", icon=":material/download:",
            help="In the form that a scenario's key `profiles` reads.",
        )  # fmt: skip


def errors_table() -> pd.DataFrame:
    """Median |error| of estimates, per cent, a row a device and model."""
    return pd.DataFrame({"Measured": e.case, "Error (%)": round(100 * e.error, 1)} for e in estimate_errors())
