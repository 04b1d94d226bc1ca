"""Profiles of models that generate: what an iteration costs, how much the cache holds, and how far off it is."""

from __future__ import annotations

import streamlit as st

from app.controls.generation import known_profiles
from app.controls.views import kept
from app.figures.generation_profile import build_iterations_figure, describe_iterations
from app.look import words
from app.look.style import current_theme, facts_html, plain_text
from app.panels import generation_estimate, generation_fit
from app.panels.generation_facts import error_table, number_columns, profiles_table
from app.panels.keep import draw_chart, draw_table
from app.panels.profile_inputs import Question
from app.state.session import Session
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.profiles import DEVICE_MEMORY_GIB
from simulator.generation import GenerationProfile

_BLOCK = 16


def draw(session: Session, question: Question | None) -> None:
    """One profile in pictures, all of them in a table, estimates, one's own, and what measured runs say."""
    st.header("Models that generate token by token", anchor=False)
    known = known_profiles(session)
    names = {title_of(profile): profile for profile in known}
    view = session.views.generation
    left, right = st.columns([3, 1])
    with left:
        title = kept(session, st.selectbox, "Profile", view.profile, next(iter(names)), options=list(names))
    profile = names[title]
    with right:
        memory_gib = kept(session, st.number_input, "GiB of a device", view.memory_gib[profile.device],
                          DEVICE_MEMORY_GIB.get(profile.device, 80.0), min_value=1.0, max_value=10_000.0, format="%g",
                          help="What weights and cache may take.")  # fmt: skip
    draw_chart(build_iterations_figure(profile, current_theme()), "iterations", describe_iterations(profile))
    st.html(facts_html(cache_facts(profile, memory_gib)))
    error = profile.error
    fit = "" if error is None else (
        f" Of {words.count(error.points)} points it was fitted to, half are met within {words.share(error.median)}, "
        f"90 of 100 within {words.share(error.p90)}."
    )  # fmt: skip
    st.caption(plain_text(f"From: {profile.provenance}.{fit}"))
    table = profiles_table(known)
    draw_table(
        table, "token-profiles", "All profiles of models that generate, with their numbers and errors",
        column_config=number_columns(table),
    )  # fmt: skip
    generation_estimate.draw(session, question)
    generation_fit.draw(session)
    with st.expander("Against measured runs: ours over measured less 1, misses included"):
        draw_table(error_table(), "token-errors", "Errors against measured runs")
    st.caption(NOT_MODELLED)


def title_of(profile: GenerationProfile) -> str:
    """`Llama-3.1-8B on H100, tp 2`."""
    return f"{profile.name} on {profile.device}, tp {profile.tp}"


def cache_facts(profile: GenerationProfile, memory_gib: float) -> list[tuple[str, str]]:
    """How many tokens the cache holds beside the weights."""
    weights_gib = profile.weight_gib or 0.0
    left_gib = memory_gib - weights_gib
    facts = [("weights on each device", words.gib(weights_gib) if profile.weight_gib else words.NOTHING)]
    if left_gib <= 0:
        return [*facts, ("left for the cache", "nothing: the weights do not fit")]
    blocks = int(left_gib * 2**30 // round(profile.kv_bytes_per_token * _BLOCK))
    return [
        *facts,
        ("left for the KV cache", words.gib(left_gib)),
        ("a token takes", f"{words.count(profile.kv_bytes_per_token / 1024)} KiB on each device"),
        ("holds", f"{words.count(blocks)} blocks of {_BLOCK}, {words.count(blocks * _BLOCK)} tokens"),
    ]
