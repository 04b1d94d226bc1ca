"""Guide: how to begin, what the words mean, what becomes of a request, how to cite, how to extend."""

from __future__ import annotations

import streamlit as st

from app.controls.sidebar import draw_sidebar
from app.controls.views import kept
from app.guides import TITLES, guide
from app.state.results import answer_of
from app.state.session import current_session

st.title("How does one use this?", anchor=False)
session = current_session()
name = kept(session, st.segmented_control, "Guide", session.views.guide.chosen, "tutorial", options=list(TITLES),
            required=True, format_func=TITLES.__getitem__)  # fmt: skip
st.header(TITLES[name], anchor=False)
with st.container(width=900):
    st.markdown(guide(name))
with st.sidebar:
    draw_sidebar(session, answer_of(session))
