"""Timeline: the execution itself, stage by stage."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import progress, timeline_gantt
from app.panels.choose import choose_placement
from app.panels.timeline_view import current_gantt_view, write_gantt_address
from app.state.compute import answer as answer_of
from app.state.session import current_visit


@st.fragment
@guarded
def draw_execution(visit, answer) -> None:
    """One placement's execution in a stretch of time, and one request in it."""
    entry = choose_placement(visit, answer)
    if not entry.outcome.result.groups:
        st.info("This placement has no groups, so nothing was ever executed.")
        return
    view = current_gantt_view(visit, answer, entry)
    write_gantt_address(visit)
    timeline_gantt.draw_window(visit, view, answer)
    timeline_gantt.draw_groups(visit, view)
    timeline_gantt.draw_gantt(visit, view)
    timeline_gantt.draw_request(visit, view)
    timeline_gantt.draw_requests(view)


st.title("What was every device doing?", anchor=False)
visit = current_visit()
answer = answer_of(visit)
progress.draw_progress(visit, answer)
if answer.shown:
    draw_execution(visit, answer)
else:
    progress.draw_nothing_yet(answer)
with st.sidebar:
    draw_sidebar(visit, answer)
