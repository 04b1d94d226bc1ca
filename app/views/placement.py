"""Placement: who sits where, and what changes when somebody is moved."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import (
    generation_placement,
    placement,
    placement_edit,
    placement_export,
    placement_suggest,
    progress,
)
from app.panels.choose import choose_placement
from app.state.answer import Answer, TokenAnswer
from app.state.results import answer_of
from app.state.session import Session, current_session


@st.fragment
@guarded
def draw_bench(session: Session, answer: Answer) -> None:
    """The draft, what can be done with it, and what comes of it."""
    placement.draw_start(session, answer)
    bench = placement.bench_of(answer)
    draft = placement.draw_steps(session, answer)
    tried = placement.try_draft(session, answer, draft)
    placement.draw_verdict(session, answer, draft, tried)
    placement.draw_picture(session, answer, draft, bench, tried)
    left, right = st.columns([1, 1], gap="large")
    with left.container(key="wide-edit"):
        placement_edit.draw_edits(session, draft, bench, tried)
    with right.container(key="wide-suggest"):
        placement_suggest.draw_suggestions(session, answer, draft)
    placement.draw_differences(answer, draft, tried)
    placement.draw_groups(draft, bench, tried)
    placement_export.draw_exports(answer, draft)


@st.fragment
@guarded
def draw_engines(session: Session, answer: TokenAnswer) -> None:
    """Engines that generate: which models, how much cache, and their files."""
    generation_placement.draw(answer, choose_placement(session, answer))


st.title("Who sits where, and what if I move them?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
if not answer.shown:
    progress.draw_nothing_yet(answer)
elif isinstance(answer, TokenAnswer):
    draw_engines(session, answer)
else:
    draw_bench(session, answer)
with st.sidebar:
    draw_sidebar(session, answer)
