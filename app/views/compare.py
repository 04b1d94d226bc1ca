"""Compare: placements side by side on the same requests."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import compare_basket, compare_outcomes, compare_time, progress
from app.panels.compare_view import current_view, write_address
from app.state.compute import answer as answer_of
from app.state.session import current_visit


@st.fragment
@guarded
def draw_time(visit, answer) -> None:
    """When it happened; a moment or a stretch changes only this part."""
    view = current_view(visit, answer)
    st.markdown("##### When did it happen?")
    compare_time.draw_window(visit, view)
    compare_time.draw_over_time(visit, view)
    compare_time.draw_moment(visit, view, answer)


@st.fragment
@guarded
def draw_comparison(visit, answer) -> None:
    """Who gains and who loses, for all requests or those of one model or group."""
    view = current_view(visit, answer)
    write_address(visit)
    compare_outcomes.draw_pair(visit, view)
    compare_outcomes.draw_verdict(view, answer)
    compare_outcomes.draw_filter(visit, view, answer)
    left, right = st.columns(2, gap="large")
    with left:
        compare_outcomes.draw_attainment(view, answer)
        compare_outcomes.draw_latency(view, answer)
    with right:
        compare_outcomes.draw_paired(view, answer)
        compare_outcomes.draw_differences(visit, view, answer)
    draw_time(visit, answer)
    left, right = st.columns(2, gap="large")
    with left:
        compare_outcomes.draw_models(visit, view, answer)
    with right:
        compare_outcomes.draw_groups(visit, view, answer)


st.title("Who gains, who loses, and why?", anchor=False)
visit = current_visit()
answer = answer_of(visit)
progress.draw_progress(visit, answer)
if answer.shown:
    guarded(compare_basket.draw_basket)(visit, answer)
if len(answer.shown) >= 2:
    draw_comparison(visit, answer)
elif answer.shown:
    st.info("One placement alone has nothing to be compared with. Add another one: the button stands beside its tile.")
else:
    progress.draw_nothing_yet(answer)
with st.sidebar:
    draw_sidebar(visit, answer)
