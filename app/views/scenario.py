"""Scenario: everything that was asked, as text."""

from __future__ import annotations

import streamlit as st

from app.look.style import guarded
from app.panels import scenario_facts, scenario_text
from app.state.results import answer_of
from app.state.session import current_session

st.title("What exactly was asked?", anchor=False)
session = current_session()
guarded(scenario_text.draw_beginnings)(session)
left, right = st.columns([3, 2], gap="large")
with left.container(key="wide-editor"):
    guarded(scenario_text.draw_editor)(session)
answer = answer_of(session)
with right.container(key="wide-facts"):
    if scenario_text.draw_complaint(session):
        guarded(scenario_facts.draw_state)(session, answer)
    guarded(scenario_facts.draw_summary)(session, answer)
    guarded(scenario_facts.draw_command)(session)
