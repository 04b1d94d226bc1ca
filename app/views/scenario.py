"""Scenario: everything that was asked, as text."""

from __future__ import annotations

import streamlit as st

from app.look.style import guarded
from app.panels import scenario_facts, scenario_text
from app.state.compute import answer as answer_of
from app.state.session import current_visit

st.title("What exactly was asked?", anchor=False)
visit = current_visit()
guarded(scenario_text.draw_beginnings)(visit)
left, right = st.columns([3, 2], gap="large")
with left.container(key="wide-editor"):
    guarded(scenario_text.draw_editor)(visit)
answer = answer_of(visit)
with right.container(key="wide-facts"):
    if scenario_text.draw_complaint(visit):
        guarded(scenario_facts.draw_state)(visit, answer)
    guarded(scenario_facts.draw_summary)(visit, answer)
    guarded(scenario_facts.draw_command)(visit)
