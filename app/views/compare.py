"""Compare: placements side by side on the same requests."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded, plain_text
from app.panels import compare_outcomes, compare_table, compare_time, generation_compare, progress, unseen
from app.panels.clock import began_at
from app.panels.compare_view import current_view, write_address
from app.panels.workspace import hear_other_tabs
from app.state.answer import Answer, AnyAnswer, TokenAnswer
from app.state.results import answer_of
from app.state.session import Session, current_session
from planner.what_if.unseen_words import calmer_sentence, changed_sentence


@st.fragment
@guarded
def draw_time(session: Session, answer: Answer) -> None:
    """When it happened; a moment or a stretch changes only this part."""
    st.header("When did it happen?", anchor=False)
    compare_time.draw_time(session, current_view(session, answer), began_at(answer))


@st.fragment
@guarded
def draw_comparison(session: Session, answer: AnyAnswer) -> None:
    """Who gains and who loses, for all requests or those of one model or group."""
    hear_other_tabs(session)
    found = unseen.unseen_of(session, answer)
    with st.container():
        if found is not None and (said := changed_sentence(found) or calmer_sentence(found)):
            st.warning(plain_text(said))
    if isinstance(answer, TokenAnswer):
        generation_compare.draw_comparison(session, answer, found)
        return
    view = current_view(session, answer)
    write_address(session)
    compare_outcomes.draw_verdict(view, answer)
    compare_table.draw_choices(session, view, answer)
    compare_table.draw_table(view, answer, found)
    compare_outcomes.draw_reasons(view, answer)
    draw_time(session, answer)
    st.header("Which models gain, which lose?", anchor=False)
    compare_outcomes.draw_models(session, view, answer)
    compare_outcomes.draw_latency(view, answer)
    compare_outcomes.draw_groups(session, view, answer)


st.title("Who gains, who loses, and why?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
unseen.unseen_of(session, answer)
unseen.draw_unseen_job(session)
if len(answer.shown) >= 2:
    draw_comparison(session, answer)
elif answer.shown:
    st.info("One placement alone has nothing to be compared with. Add another one on the left.")
else:
    progress.draw_nothing_yet(answer)
with st.sidebar:
    draw_sidebar(session, answer)
