"""All controls, in the order of the questions: what arrives, for which models, on what, placed how."""

from __future__ import annotations

import streamlit as st

from app.controls.cluster import draw_cluster_controls
from app.controls.generation import draw_generating_models, draw_kind_of_models
from app.controls.models import draw_model_controls
from app.controls.placements import draw_placement_controls
from app.controls.serving import draw_serving_controls
from app.controls.traffic import draw_traffic_controls
from app.look.style import guarded
from app.state.answer import AnyAnswer
from app.state.limits import BOUNDS_IN_WORDS
from app.state.session import Session


@guarded
def draw_sidebar(session: Session, answer: AnyAnswer) -> None:
    """Every control with its complaint beside it."""
    problems = answer.problems
    draw_traffic_controls(session, answer, problems.get("traffic"))
    draw_kind_of_models(session)
    if session.scenario.generates:
        draw_generating_models(session, problems.get("models"))
    else:
        draw_model_controls(session, problems.get("models"))
    draw_cluster_controls(session, problems.get("cluster"))
    draw_placement_controls(session, answer)
    if any(section.generation is None for section in session.scenario.models):
        draw_serving_controls(session, problems.get("serving"))
    st.button("Undo", icon=":material/undo:", on_click=session.step_back, disabled=not session.undo, key="undo",
              help="Back to the settings before the last change.")  # fmt: skip
    st.caption(BOUNDS_IN_WORDS)
