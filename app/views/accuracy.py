"""Accuracy: how far all this is to be trusted, first of the kind of models that is in force."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import accuracy, generation_accuracy, progress, reproduce, robustness
from app.state.answer import Answer
from app.state.results import answer_of
from app.state.session import current_session

st.title("How far can this be trusted?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
if isinstance(answer, Answer):
    guarded(robustness.draw_robustness)(session, answer)
elif answer.built is not None:
    guarded(generation_accuracy.draw)(answer)
    st.divider()
    st.caption(generation_accuracy.OTHER_KIND)
guarded(accuracy.draw_published)(session)
left, right = st.columns(2, gap="large")
with left:
    guarded(accuracy.draw_real_runs)()
with right:
    guarded(accuracy.draw_closed_forms)()
if isinstance(answer, Answer):
    guarded(accuracy.draw_provenance)(answer)
if isinstance(answer, Answer) or (answer.built is not None and answer.built.fixed is not None):
    guarded(accuracy.draw_assumptions)()
guarded(reproduce.draw_reproduce)(session)
with st.sidebar:
    draw_sidebar(session, answer)
