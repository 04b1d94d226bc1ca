"""Search: how a placement was found, step by step."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import progress, replay, unseen
from app.panels.generation_page import fixed_only
from app.state.results import answer_of
from app.state.session import current_session

st.title("How was this placement found?", anchor=False)
session = current_session()
answer = answer_of(session)
with st.sidebar:
    draw_sidebar(session, answer)
progress.draw_progress(session, answer)
fixed = fixed_only(answer, "the steps of searches")
chosen = None if fixed is None else guarded(replay.choose_search)(session, fixed)
if fixed is not None and chosen is not None:
    guarded(replay.draw_result)(chosen)
    if chosen.is_mine:
        unseen.draw_unseen_remark(session, fixed, chosen.name)
    replay.draw_replay(session, fixed, chosen)
    guarded(replay.draw_downloads)(chosen)
guarded(replay.draw_upload)(session)
