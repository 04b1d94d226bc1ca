"""Compare: placements side by side on the same requests."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.look.style import guarded
from app.panels import compare_basket, compare_outcomes, compare_time, progress
from app.panels.compare_view import current_view, write_address
from app.panels.generation_page import refuses
from app.state.results import answer_of
from app.state.session import current_session


@st.fragment
@guarded
def draw_time(session, answer) -> None:
    """When it happened; a moment or a stretch changes only this part."""
    view = current_view(session, answer)
    st.markdown("##### When did it happen?")
    compare_time.draw_window(session, view)
    compare_time.draw_over_time(session, view)
    compare_time.draw_moment(session, view, answer)


@st.fragment
@guarded
def draw_comparison(session, answer) -> None:
    """Who gains and who loses, for all requests or those of one model or group."""
    view = current_view(session, answer)
    write_address(session)
    compare_outcomes.draw_pair(session, view)
    compare_outcomes.draw_verdict(view, answer)
    compare_outcomes.draw_filter(session, view, answer)
    left, right = st.columns(2, gap="large")
    with left:
        compare_outcomes.draw_attainment(view, answer)
        compare_outcomes.draw_latency(view, answer)
    with right:
        compare_outcomes.draw_paired(view, answer)
        compare_outcomes.draw_differences(session, view, answer)
    draw_time(session, answer)
    left, right = st.columns(2, gap="large")
    with left:
        compare_outcomes.draw_models(session, view, answer)
    with right:
        compare_outcomes.draw_groups(session, view, answer)


st.title("Who gains, who loses, and why?", anchor=False)
session = current_session()
answer = answer_of(session)
progress.draw_progress(session, answer)
is_refused = refuses(answer, "the comparison")
if answer.shown and not is_refused:
    guarded(compare_basket.draw_basket)(session, answer)
if is_refused:
    pass
elif len(answer.shown) >= 2:
    draw_comparison(session, answer)
elif answer.shown:
    st.info("One placement alone has nothing to be compared with. Add another one: the button stands beside its tile.")
else:
    progress.draw_nothing_yet(answer)
with st.sidebar:
    draw_sidebar(session, answer)
