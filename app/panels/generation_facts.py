"""What went in for models that generate: requests and their lengths, profiles with their errors; and files to take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.look import words
from app.look.style import facts_html, plain_text
from app.look.table import show_table
from app.panels.facts import arrival_facts
from app.panels.files import draw_files
from app.state.answer import TokenAnswer
from app.state.session import Session
from planner.generation.compare import TokenComparison
from planner.generation.known_errors import NOT_MODELLED, known_generation_errors
from simulator.generation import GenerationProfile, TokenWorkload


def draw_trace(answer: TokenAnswer) -> None:
    """What is replayed, and what was done to it."""
    if answer.built is None:
        return
    st.header("What arrives", anchor=False)
    st.html(facts_html(workload_facts(answer.inputs.problem.workload)))
    if answer.inputs.fixed is not None:
        st.caption(f"And {words.plural(len(answer.inputs.fixed.workload), 'request')} to models with fixed latencies.")
    for notice in answer.notices:
        st.caption(f":material/info: {plain_text(notice)}")


def workload_facts(workload: TokenWorkload) -> list[tuple[str, str]]:
    """Requests, rate, burstiness and tokens."""
    facts = [("simulated", words.plural(len(workload), "request")), *arrival_facts(workload.arrival_s)]
    for name, tokens in (("prompt", workload.input_tokens), ("output", workload.output_tokens)):
        middle, most = np.percentile(tokens, (50, 99))
        facts.append((f"{name} tokens", f"{words.count(middle)} in the middle, 99 of 100 up to {words.count(most)}"))
    return facts


def draw_sources(answer: TokenAnswer) -> None:
    """Where the times of iterations come from, and how far off the simulation is."""
    if not answer.shown:
        return
    with st.expander("Where the numbers come from, and how far off they are", expanded=False):
        st.markdown(
            "Every iteration of every engine is simulated (continuous batching as in vLLM's V1); what one costs comes "
            "from the profiles below. ± (or both ends, near all and nothing) is the 95 % interval of this run (batch "
            "means); it says nothing about how good a profile is."
        )
        show_table(profile_table(answer.inputs.problem.models), "profiles-used")
        st.markdown("Against measured runs, ours over measured less 1, misses included:")
        show_table(error_table(), "generation-errors", height=260)
        st.caption(NOT_MODELLED)


def profile_table(models) -> pd.DataFrame:
    """The profiles of models by tensor degree: device, weights, cache, error of the fit, provenance."""
    used: dict[GenerationProfile, None] = {p: None for model in models for p in model.profiles.values()}
    return pd.DataFrame(
        {
            "Profile": p.name, "Device": p.device, "tp": p.tp, "Weights a device (GiB)": p.weight_gib,
            "KV bytes a token and device": p.kv_bytes_per_token,
            "Error of the fit, median (%)": None if p.error is None else 100 * p.error.median,
            "90 of 100 within (%)": None if p.error is None else 100 * p.error.p90,
            "From": p.provenance,
        }
        for p in used
    )  # fmt: skip


def profiles_table(profiles: Sequence[GenerationProfile]) -> pd.DataFrame:
    """One row a profile."""
    return pd.DataFrame(
        {
            "Model": p.name, "Device": p.device, "tp": p.tp, "Weights read (ms)": 1e3 * p.weight_read_s,
            "A token (µs)": 1e6 * p.token_s, "A request (µs)": 1e6 * p.sequence_s,
            "A token of context (ns)": 1e9 * p.context_token_s, "A pair of tokens (ns)": 1e9 * p.prefill_pair_s,
            "Links (ms)": 1e3 * p.link_s, "KV bytes a token": p.kv_bytes_per_token,
            "Weights a device (GiB)": p.weight_gib,
            "Error, median (%)": None if p.error is None else 100 * p.error.median,
            "90 of 100 within (%)": None if p.error is None else 100 * p.error.p90, "From": p.provenance,
        }
        for p in profiles
    )  # fmt: skip


def number_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Columns of numbers, with four digits."""
    titles = map(str, table.select_dtypes("float"))
    return {title: st.column_config.NumberColumn(title, format="%.4g") for title in titles}


def error_table() -> pd.DataFrame:
    """Every comparison with something measured."""
    return pd.DataFrame(
        {"Check": e.check, "Case": e.case, "Quantity": e.quantity, "Error (%)": round(100 * e.error, 1)}
        for e in known_generation_errors()
    )


def draw_downloads(session: Session, answer: TokenAnswer) -> None:
    """The scenario, the figures and every request as files."""
    draw_files(session, answer, _figures_json, [], _frames)


def _figures_json(answer: TokenAnswer) -> str:
    outcomes = tuple(entry.outcome for entry in answer.shown)
    return json.dumps(TokenComparison(answer.scenario, answer.inputs, outcomes).to_json(), indent=1)


def _frames(answer: TokenAnswer) -> Iterator[pd.DataFrame]:
    return (frame for entry in answer.shown for frame in entry.outcome.request_frames())
