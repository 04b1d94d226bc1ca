"""Timeline: the execution itself, stage by stage."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import progress, timeline_gantt
from app.panels.choose import choose_placement
from app.panels.generation_page import fixed_only
from app.panels.timeline_view import current_gantt_view, write_gantt_address
from app.state.answer import Answer
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
    timeline_gantt.draw_gantt(session, view)
    timeline_gantt.draw_request(session, view)
    timeline_gantt.draw_requests(view)


st.title("What was every device doing?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
fixed = fixed_only(answer, "the execution")
if fixed is None:
    pass
elif fixed.shown:
    draw_execution(session, fixed)
else:
    progress.draw_nothing_yet(answer)
with st.sidebar:
    draw_sidebar(session, answer)
