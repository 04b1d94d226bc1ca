"""Accuracy: how far all this is to be trusted."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import accuracy, progress, reproduce, robustness
from app.panels.generation_page import fixed_only
from app.state.results import answer_of
from app.state.session import current_session

st.title("How far can this be trusted?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
fixed = fixed_only(answer, "how firm a ranking is")
if fixed is not None:
    guarded(robustness.draw_robustness)(session, fixed)
guarded(accuracy.draw_published)(session)
left, right = st.columns(2, gap="large")
with left:
    guarded(accuracy.draw_real_runs)()
with right:
    guarded(accuracy.draw_closed_forms)()
if fixed is not None:
    guarded(accuracy.draw_provenance)(fixed)
guarded(accuracy.draw_assumptions)()
guarded(reproduce.draw_reproduce)(session)
with st.sidebar:
    draw_sidebar(session, answer)
