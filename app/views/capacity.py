"""Capacity: how many devices reach the target, at what price, and what breaks it."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import capacity, capacity_faults, capacity_sweeps
from app.state.compute import answer as answer_of
from app.state.session import current_visit

st.title("How many devices do I need?", anchor=False)
visit = current_visit()
answer = answer_of(visit)
with st.sidebar:
    draw_sidebar(visit, answer)
question = guarded(capacity.draw_question)(visit, answer)
if question is not None:
    guarded(capacity.draw_plans)(visit, answer, question)
    sizing, failures, sweeps = st.tabs(["Traffic and devices", "When something dies", "What if it changes"])
    with sizing:
        guarded(capacity_sweeps.draw_rate_map)(visit, answer, question)
    with failures:
        guarded(capacity_faults.draw_faults)(visit, answer)
    with sweeps:
        guarded(capacity_sweeps.draw_sweep)(visit, answer, question)
