"""A profile from one's own log: what ran where, the fit with its error, and taking it over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.background.slots import Job, draw_job, slot_of, start_job
from app.controls.fields import draw_complaint
from app.controls.generation import with_pair
from app.controls.views import kept
from app.look.style import plain_text, verdict_html
from app.look.theme import NEUTRAL_HUE
from app.panels.keep import draw_table
from app.panels.profile import OWN_FILE, join_own
from app.state.session import Session, with_values
from planner.generation.fit_log import MeasuredOn, OwnFit, fit_measurements, measured_on
from planner.generation.request_log import read_measurements
from planner.generation.vllm_runs import PLENTY_BLOCKS
from planner.parallelise import Architecture, load_architectures
from planner.scenario.schema import Scenario
from simulator import InputError
from simulator.generation import EngineLimits, GenerationProfile
from simulator.generation.catalogue import generation_document
from simulator.generation.engine import MAX_BATCHED_TOKENS, MAX_ENGINES, MAX_SEQUENCES

AREA = "profile:fit"
_UPLOAD = "upload:log:"
# A log is kept while the session lasts; 100,000 requests take about this much.
_MOST_MIB = 20
PARTS = ("mean", "p50", "p90", "p99")
# Fields of the engines behind the log: label, default, most, help.
_NUMBERS = {
    "tp": ("Devices of an engine (tp)", 1, 64, "How many devices hold the model together."),
    "engines": ("Engines behind the log", 1, MAX_ENGINES, "Requests went to the one with the fewest."),
    "max_num_batched_tokens": ("Tokens of an iteration", 2048, MAX_BATCHED_TOKENS, "max_num_batched_tokens"),
    "max_num_seqs": ("Requests running at once", 256, MAX_SEQUENCES, "max_num_seqs"),
    "kv_blocks": ("Blocks of the cache (0: plenty)", 0, 10**9, "num_gpu_blocks, as the engine logs it at its start."),
}


def draw(session: Session) -> None:
    """Upload, questions, fit, and what came out."""
    with st.expander("Fit a profile to my own engine", expanded=session.views.fit.log is not None):
        st.markdown(
            "From a **log of requests** (prompt and output tokens, arrival, first and last token, as vLLM's and "
            "SGLang's benchmarks write them with details; JSON or CSV), or a **benchmark of closed loops** (isl, osl, "
            "concurrency, TPOT). Half of it is kept back to see how far off the profile is."
        )
        st.file_uploader(
            "Log or benchmark", key=f"{_UPLOAD}{session.refused}", on_change=_take_log, args=(session,),
            max_upload_size=_MOST_MIB, help="It stays in this session.",
        )  # fmt: skip
        question = _draw_question(session)
        if question is not None and session.views.fit.log is not None:
            name, content = session.views.fit.log
            st.button(f"Fit to {plain_text(name)}", type="primary", key="fit.go", on_click=_start,
                      args=(session, name, content, *question), disabled=slot_of(session, AREA).is_working)  # fmt: skip
        draw_job(session, AREA, "Fitting")
        draw_complaint(session, AREA)
        fit = slot_of(session, AREA).result
        if fit is not None:
            _draw_fit(session, fit)


def errors_table(fit: OwnFit) -> pd.DataFrame:
    """Simulated over measured less 1, in per cent: a row a quantity."""
    return pd.DataFrame(
        {"": name.upper(), **{f"{part} (%)": round(100 * fit.errors[f"{name}_{part}"], 1) for part in PARTS}}
        for name in ("ttft", "tpot", "e2e")
    )


def _take_log(session: Session) -> None:
    file = st.session_state[f"{_UPLOAD}{session.refused}"]
    session.complaints.pop(AREA, None)
    if file is not None and file.size > _MOST_MIB * 1024**2:
        session.refuse(
            AREA, InputError(f"{file.name} has more than the {_MOST_MIB} MiB that are allowed; give a part.")
        )
        return
    session.views.fit.log = None if file is None else (file.name, file.getvalue())


def _draw_question(session: Session) -> tuple[MeasuredOn, EngineLimits, int] | None:
    """What ran where; None while something is wrong, which is then said."""
    view, known = session.views.fit, _architectures(session)
    model, called, device = st.columns(3)
    with model:
        chosen = kept(session, st.selectbox, "Its architecture", view.model, "llama-3.1-8b", options=list(known),
                      help="Tells weights and cache. A config.json in the column at the left adds one.")  # fmt: skip
    with called:
        name = kept(session, st.text_input, "Name of the profile", view.name[chosen], f"{chosen}, own", max_chars=60)
    with device:
        where = kept(session, st.text_input, "It ran on", view.device, session.scenario.cluster.device, max_chars=60)
    numbers = {}
    for column, (field, (label, default, most, help_)) in zip(
        st.columns(len(_NUMBERS), vertical_alignment="bottom"), _NUMBERS.items(), strict=True
    ):
        with column:
            numbers[field] = kept(session, st.number_input, label, view.numbers[field], default,
                                  min_value=min(default, 1), max_value=most, step=1, help=help_)  # fmt: skip
    try:
        limits = EngineLimits(
            numbers["max_num_batched_tokens"], numbers["max_num_seqs"], numbers["kv_blocks"] or PLENTY_BLOCKS
        )
        return measured_on(known[chosen], name or chosen, where, numbers["tp"]), limits, numbers["engines"]
    except InputError as error:
        st.error(plain_text(str(error)))
        return None


def _architectures(session: Session) -> dict[str, Architecture]:
    return load_architectures() | session.views.profile.architectures


def _start(
    session: Session, name: str, content: bytes, where: MeasuredOn, limits: EngineLimits, engines: int
) -> None:  # fmt: skip
    def work(job: Job) -> OwnFit:
        return fit_measurements(read_measurements(content, name, limits, engines), where, name, job.report)

    key = hashlib.sha256(content).hexdigest() + repr((where, limits, engines))
    start_job(session, AREA, key, work)


def _draw_fit(session: Session, fit: OwnFit) -> None:
    profile = fit.profile
    st.html(verdict_html(NEUTRAL_HUE, fit.verdict))
    for notice in fit.notices:
        st.caption(f":material/info: {plain_text(notice)}")
    if fit.errors:
        st.markdown("The whole log simulated with the profile, over what was measured, less 1:")
        draw_table(errors_table(fit), "fit-errors", "Errors of the fitted profile on the log, by quantity")
    use, file = st.columns([2, 3])
    use.button("Use this profile", type="primary", key="fit.use", on_click=use_generating, args=(session, [profile]),
               help="Joins the profiles of this session; models that generate are served by it.")  # fmt: skip
    file.download_button(
        "Catalogue (JSON)", lambda: json.dumps(generation_document([profile]), indent=1), "profiles.json",
        "application/json", key="download:fit", on_click="ignore", icon=":material/download:",
        help="In the form that a scenario's key `profiles` reads.",
    )  # fmt: skip


def use_generating(
    session: Session, profiles: Sequence[GenerationProfile], memory_gib: float | None = None
) -> None:  # fmt: skip
    """Add profiles of one model to this session's own ones; where all models of the scenario generate, they are served
    by them, on their device with `memory_gib`, where that is given."""
    join_own(session, {}, profiles)
    name, device = profiles[0].name, profiles[0].device

    def change(scenario: Scenario) -> Scenario:
        changed = with_values(scenario, "", profiles=OWN_FILE)
        if any(section.generation is None for section in scenario.models):
            return changed
        served = with_pair(changed, (name, device))
        return served if memory_gib is None else with_values(served, "cluster", memory_gib=memory_gib)

    if session.edit(AREA, change):
        session.edition += 1
        st.toast(plain_text(f"{name} on {device} can be chosen as a profile on the Plan page now."))
