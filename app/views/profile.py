"""Profile: what a model costs on a device, for every way to cut it."""

from __future__ import annotations

import streamlit as st

from app.background.slots import draw_job
from app.look.style import guarded
from app.panels import generation_profile, profile, profile_inputs, profile_sources
from app.state.session import current_session

st.title("What does my model cost on my devices?", anchor=False)
session = current_session()
with st.sidebar:
    question = guarded(profile_inputs.draw_question)(session)
made = guarded(profile.make)(session, question) if question is not None else guarded(profile.last)(session)
draw_job(session, profile.AREA, "Cutting and sharding")
if made is not None:
    guarded(profile.draw_verdict)(made)
    guarded(profile.draw_use)(session, made)
    guarded(profile.draw_scaling)(made)
    where, cut = st.columns(2, gap="large")
    with where:
        guarded(profile.draw_overhead)(made)
    with cut:
        guarded(profile.draw_cuts)(made)
    guarded(profile.draw_stages)(session, made)
    guarded(profile.draw_configurations)(made)
guarded(profile_sources.draw_evidence)(session, made)
guarded(generation_profile.draw)(session, question)
