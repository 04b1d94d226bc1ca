"""Plan: which placement meets the deadlines, and why."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.controls.traffic import dealt_sources
from app.look.style import guarded, plain_text
from app.panels import facts, generation_facts, generation_plan, pictures, progress, recommend, tables, unseen, verdict
from app.panels.choose import choose_placement
from app.panels.reasons import draw_reasons
from app.state.answer import Answer, TokenAnswer
from app.state.results import answer_of
from app.state.session import Session, current_session


@st.fragment
@guarded
def draw_answer(session: Session, answer: Answer) -> None:
    """Everything about the placement one looks at."""
    entry = choose_placement(session, answer)
    verdict.draw_tiles(entry, answer, unseen.unseen_of(session, answer))
    reason = st.container()
    pictures.draw_cluster(entry, answer)
    pictures.draw_over_time(entry, answer)
    pictures.draw_latency_and_missers(entry, answer)
    tables.draw_models(entry)
    # The longest to compute, so it is filled in when the pictures are there.
    with reason:
        draw_reasons(entry, answer)


@st.fragment
@guarded
def draw_generation(session: Session, answer: TokenAnswer) -> None:
    """The same for models that generate token by token."""
    found = unseen.unseen_of(session, answer)
    generation_plan.draw_verdict(answer, found)
    if why := unseen.left_out(session, answer):
        st.caption(why)
    # No plan is recommended here: its searches of language models would take many minutes; each question has its own.
    if st.button("Find the number of devices", type="primary", icon=":material/stacked_line_chart:", key="to-capacity",
                 help="Page Capacity answers how many devices, for how long, and what a loss takes."):  # fmt: skip
        st.switch_page("views/capacity.py")
    entry = choose_placement(session, answer)
    generation_plan.draw_tiles(entry, answer, found)
    generation_plan.draw_causes(entry, answer)
    left, right = st.columns([2, 3], gap="large")
    with left:
        generation_plan.draw_deadlines(answer)
    with right:
        generation_plan.draw_latency(answer)
    generation_plan.draw_placements(answer)
    generation_plan.draw_over_time(entry, answer)
    generation_plan.draw_models(entry)
    generation_plan.draw_engines(entry)


session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
if dealt := dealt_sources(session.scenario, answer, elsewhere=True):
    st.caption(plain_text(dealt))
if answer.shown and isinstance(answer, Answer):
    guarded(verdict.draw_verdict)(answer, unseen.unseen_of(session, answer))
    unseen.draw_unseen_job(session)
    if why := unseen.left_out(session, answer):
        st.caption(why)
    guarded(facts.draw_part)(answer)
    guarded(recommend.draw_recommendation)(session, answer)
if isinstance(answer, TokenAnswer):
    unseen.unseen_of(session, answer)
    unseen.draw_unseen_job(session)
if not answer.shown:
    progress.draw_nothing_yet(answer)
elif isinstance(answer, TokenAnswer):
    draw_generation(session, answer)
else:
    draw_answer(session, answer)
if isinstance(answer, TokenAnswer):
    generation_facts.draw_trace(answer)
    generation_facts.draw_sources(answer)
    generation_facts.draw_downloads(session, answer)
else:
    facts.draw_trace(answer)
    facts.draw_sources(answer)
    tables.draw_downloads(session, answer)
# The controls already show what was entered, so the answer goes first.
with st.sidebar:
    draw_sidebar(session, answer)
