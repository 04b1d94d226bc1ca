"""Why share: the paper's example of two models on two devices, in three steps."""

from __future__ import annotations

import streamlit as st

from app.look.style import guarded
from app.panels import progress, why, why_limits
from app.state.session import current_session

st.title("Why does sharing beat dedicating?", anchor=False)
session = current_session()
st.markdown(
    "Two models, two devices. Give each model a device of its own, or cut both models in half and let every request "
    "pass through both devices (a pipeline of two stages). Three steps show when which is better; every number is "
    "simulated now, or comes from the formula named beside it."
)
if progress.draw_preparing():
    guarded(why.draw_burst)(session)
    settings = guarded(why.draw_traffic)(session)
    if settings is not None:
        guarded(why_limits.draw_limits)(session, settings)
