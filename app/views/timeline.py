"""Timeline: the execution itself, stage by stage."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import generation_timeline, progress, timeline_gantt
from app.panels.choose import choose_placement
from app.panels.generation_timeline_view import current_engine_view
from app.panels.timeline_view import current_gantt_view, write_gantt_address
from app.state.answer import Answer, TokenAnswer
from app.state.results import answer_of
from app.state.session import Session, current_session


@st.fragment
@guarded
def draw_execution(session: Session, answer: Answer) -> None:
    """One placement's execution in a stretch of time, and one request in it."""
    entry = choose_placement(session, answer)
    if not entry.outcome.result.groups:
        st.info("This placement has no groups, so nothing was ever executed.")
        return
    view = current_gantt_view(session, answer, entry)
    write_gantt_address(session)
    timeline_gantt.draw_window(session, view, answer)
    timeline_gantt.draw_groups(session, view)
    timeline_gantt.draw_gantt(session, view, answer)
    timeline_gantt.draw_request(session, view)
    timeline_gantt.draw_requests(view)


@st.fragment
@guarded
def draw_engines(session: Session, answer: TokenAnswer) -> None:
    """The same of engines that generate: iterations, and one request token by token."""
    entry = choose_placement(session, answer)
    if not entry.outcome.figures.engines:
        st.info("This placement has no engines, so nothing was ever generated.")
        return
    view = current_engine_view(session, answer, entry)
    write_gantt_address(session)
    generation_timeline.draw_window(session, view, answer)
    generation_timeline.draw_group(session, view)
    series = generation_timeline.draw_iterations(session, view, answer)
    generation_timeline.draw_lives(session, view, series, answer)
    generation_timeline.draw_request(session, view, answer)
    generation_timeline.draw_requests(view)


st.title("What was every device doing?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
if not answer.shown:
    progress.draw_nothing_yet(answer)
elif isinstance(answer, TokenAnswer):
    draw_engines(session, answer)
else:
    draw_execution(session, answer)
with st.sidebar:
    draw_sidebar(session, answer)
