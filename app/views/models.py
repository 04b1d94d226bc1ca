"""Models: which are served, what is wanted of each, who asks for them, and where they may stand."""

from __future__ import annotations

import streamlit as st

from app.controls.model_table import draw_model_table
from app.controls.models import known_profiles
from app.controls.rule_tables import draw_rules
from app.controls.sidebar import draw_sidebar
from app.controls.source_table import draw_source_table
from app.look.style import guarded
from app.panels import generation_plan, models, progress
from app.panels.choose import choose_placement
from app.state.answer import Answer, TokenAnswer
from app.state.results import answer_of
from app.state.session import current_session

st.title("Which models, and what is wanted of each?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
if session.scenario.generates:
    st.caption("Profile, deadlines and the table of models are edited on the left, under Models and deadlines.")
    if isinstance(answer, TokenAnswer) and answer.shown:
        guarded(generation_plan.draw_models)(choose_placement(session, answer))
elif isinstance(answer, Answer):
    guarded(models.draw_summary)(session.scenario, answer)
    guarded(draw_model_table)(session, known_profiles(session), answer.problems.get("models"))
    guarded(models.draw_outcomes)(answer)
    guarded(draw_source_table)(session, answer)
    guarded(draw_rules)(session)
with st.sidebar:
    draw_sidebar(session, answer)
