"""Library: what is kept, its named versions, and how it is taken along or shared."""

from __future__ import annotations

import streamlit as st

from app.look.style import guarded
from app.panels import library
from app.panels.login import draw_logout
from app.state.session import current_session

st.title("What is kept?", anchor=False)
session = current_session()
guarded(library.draw_state)(session)
left, right = st.columns([3, 2], gap="large")
with left:
    guarded(library.draw_new_version)(session)
    guarded(library.draw_versions)(session)
    guarded(library.draw_comparison)(session)
with right:
    guarded(library.draw_link)(session)
    guarded(library.draw_file)(session)
    guarded(library.draw_deletion)(session)
    guarded(draw_logout)(session.owner)
