"""Placement: who sits where, and what changes when somebody is moved."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import placement, placement_edit, placement_export, placement_suggest, progress
from app.state.compute import answer as answer_of
from app.state.session import current_visit


@st.fragment
@guarded
def draw_bench(visit, answer) -> None:
    """The draft, what can be done with it, and what comes of it."""
    placement.draw_start(visit, answer)
    bench = placement.bench_of(answer)
    draft = placement.draw_steps(visit, answer)
    tried = placement.try_draft(visit, answer, draft)
    placement.draw_verdict(visit, answer, draft, tried)
    placement.draw_picture(visit, answer, draft, bench)
    left, right = st.columns([1, 1], gap="large")
    with left.container(key="wide-edit"):
        placement_edit.draw_edits(visit, draft, bench, tried)
    with right.container(key="wide-suggest"):
        placement_suggest.draw_suggestions(visit, answer, draft)
    placement.draw_differences(answer, draft, tried)
    placement.draw_groups(draft, bench, tried)
    placement_export.draw_exports(answer, draft)


st.title("Who sits where, and what if I move them?", anchor=False)
visit = current_visit()
answer = answer_of(visit)
progress.draw_progress(visit, answer)
if answer.shown:
    draw_bench(visit, answer)
else:
    progress.draw_nothing_yet(answer)
with st.sidebar:
    draw_sidebar(visit, answer)
