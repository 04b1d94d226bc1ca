"""Capacity: how many devices reach the target, at what price, and what breaks it."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.controls.views import kept_tabs
from app.look.style import guarded
from app.panels import (
    capacity,
    capacity_faults,
    capacity_growth,
    capacity_spare,
    capacity_sweeps,
    generation_capacity,
    progress,
)
from app.state.answer import TokenAnswer
from app.state.results import answer_of
from app.state.session import current_session

TABS = {
    "grows": "When traffic grows",
    "dies": "When something dies",
    "sizes": "Traffic and devices",
    "changes": "What if it changes",
}

st.title("How many devices do I need?", anchor=False)
session = current_session()
answer = answer_of(session)
with st.sidebar:
    draw_sidebar(session, answer)
if answer.built is None or answer.is_earlier:
    progress.draw_progress(session, answer)
if isinstance(answer, TokenAnswer):
    guarded(generation_capacity.draw)(session, answer)
elif (question := guarded(capacity.draw_question)(session, answer)) is not None:
    guarded(capacity.draw_plans)(session, answer, question)
    growth, failures, sizing, sweeps = kept_tabs(session, session.views.capacity.tab, TABS)
    with growth:
        guarded(capacity_growth.draw_growth)(session, question)
    with failures:
        guarded(capacity_spare.draw_spare)(session, question)
        guarded(capacity_faults.draw_faults)(session, answer)
    with sizing:
        guarded(capacity_sweeps.draw_rate_map)(session, answer, question)
    with sweeps:
        guarded(capacity_sweeps.draw_sweep)(session, answer, question)
