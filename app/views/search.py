"""Search: how a placement was found, step by step."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import progress, replay, unseen
from app.state.answer import Answer
from app.state.results import answer_of
from app.state.session import current_session

st.title("How was this placement found?", anchor=False)
session = current_session()
answer = answer_of(session)
with st.sidebar:
    draw_sidebar(session, answer)
progress.draw_progress(session, answer)
chosen = guarded(replay.choose_search)(session, answer)
if chosen is not None:
    guarded(replay.draw_result)(answer, chosen)
    if chosen.is_mine and isinstance(answer, Answer):
        unseen.draw_unseen_remark(session, answer, chosen.name)
    replay.draw_replay(session, answer, chosen)
    guarded(replay.draw_downloads)(chosen)
guarded(replay.draw_upload)(session)
