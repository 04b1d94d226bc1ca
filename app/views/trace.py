"""Trace: what arrived, and what is replayed of it."""

from __future__ import annotations

import streamlit as st

from app.controls.traffic import draw_traffic_controls
from app.look.style import guarded
from app.panels import arrivals, generation_trace, progress
from app.state.answer import TokenAnswer
from app.state.results import answer_of
from app.state.session import current_session

st.title("What arrived?", anchor=False)
session = current_session()
answer = answer_of(session)
with st.sidebar:
    guarded(draw_traffic_controls)(session, answer, answer.problems.get("traffic"))
    st.button("Undo", icon=":material/undo:", on_click=session.step_back, disabled=not session.undo, key="undo",
              help="Back to the settings before the last change.")  # fmt: skip
progress.draw_progress(session, answer)
if answer.built is None:
    arrivals.draw_nothing(answer)
elif isinstance(answer, TokenAnswer):
    guarded(generation_trace.draw)(answer)
else:
    guarded(arrivals.draw_summary)(answer)
    file, replayed = st.columns(2, gap="large")
    with file:
        guarded(arrivals.draw_file)(session, answer)
    with replayed:
        guarded(arrivals.draw_replayed)(answer)
    guarded(arrivals.draw_bursts)(session, answer)
    guarded(arrivals.draw_tables)(answer)
