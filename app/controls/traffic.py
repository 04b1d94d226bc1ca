"""Controls of what arrives: a sample, uploaded files, or arrivals made here."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.controls.import_table import draw_import
from app.controls.lengths import draw_length_controls, has_lengths, lengths_for, sample_trace
from app.controls.trace_options import draw_gamma_options, draw_trace_options
from app.look import words
from app.look.style import plain_text
from app.state.answer import AnyAnswer
from app.state.first_scenario import sample_section
from app.state.importing import as_import, to_be_told
from app.state.limits import MAX_MODELS, MAX_UPLOAD_BYTES
from app.state.session import Session, with_values
from planner.scenario.inputs import SAMPLE_PREFIX
from planner.scenario.schema import ARRIVALS, Scenario
from sample_traces import SAMPLES
from simulator import InputError
from simulator.errors import UnknownFormat
from simulator.traces import Counts, Events, Trace
from simulator.traces.options import DEALT

_AREA = "traffic"
_UPLOAD = "upload:trace:"
_UPLOADED = "upload:"
_MADE = {"gamma": "Arrivals made here (gamma)"}
_GAMMA = {"total_rate_per_s": 40.0, "cv": 4.0, "duration_s": 600.0}
# A long trace begins with its first part, so that the first answer comes at once; the window can be widened.
FIRST_REQUESTS = 200_000


def draw_traffic_controls(session: Session, answer: AnyAnswer, problem: str | None) -> None:
    """The choice of the traffic, the upload, and how it is replayed."""
    st.header("Traffic", anchor=False)
    titles = {f"{SAMPLE_PREFIX}{sample.key}": f"Sample: {sample.title}" for sample in SAMPLES}
    titles |= {_UPLOADED + ", ".join(names): f"Yours: {', '.join(names)}" for names in session.uploads.traces} | _MADE
    chosen = _chosen(session.scenario)
    titles.setdefault(chosen, f"As in the scenario: {chosen.removeprefix(_UPLOADED)}")
    sample = next((s for s in SAMPLES if chosen == f"{SAMPLE_PREFIX}{s.key}"), None)
    bound(session, _AREA, st.selectbox, "What arrives", "traffic.source", chosen,
          lambda scenario, value: _with_source(session, scenario, value),
          options=list(titles), format_func=lambda value: words.shorten(titles[value], 48),
          help=sample.description if sample else None)  # fmt: skip
    with st.expander("Upload your own", expanded=_AREA in session.complaints):
        st.file_uploader(
            "Trace files", key=f"{_UPLOAD}{session.refused}", accept_multiple_files=True,
            on_change=_take_upload, args=(session,), max_upload_size=MAX_UPLOAD_BYTES // 1024**2,
            help="CSV with arrival_s and model, Azure Functions and LLM traces, BurstGPT, Mooncake, Qwen, ServeGen and "
            "others; recognised by content. Several files at once are one model each.",
        )  # fmt: skip
        if len(together := _together(session.scenario)) > 1:
            st.caption(plain_text(f"{_first(together)} make this trace together. To read one alone, take the "
                                  "others off the list."))  # fmt: skip
        draw_import(session, lambda names, trace: _take_trace(session, names, trace))
        dealt = dealt_sources(session.scenario, answer)
        if not dealt:
            _draw_model_per_source(session, answer)
    if dealt:
        st.caption(plain_text(dealt))
        _draw_model_per_source(session, answer)
    table = session.uploads.table
    if table is None or not (table.is_open and table.is_asked):
        # Otherwise the open step says what is wrong, or has all filled in.
        draw_complaint(session, _AREA, problem)
    if session.scenario.workload.trace is not None:
        draw_trace_options(session)
    elif session.scenario.workload.gamma is not None:
        draw_gamma_options(session)
    if session.scenario.generates:
        draw_length_controls(session)


def upload_section(names: tuple[str, ...], trace: Trace, model_names: list[str]) -> dict:
    """The `workload.trace` of an upload: from its beginning, at most about FIRST_REQUESTS requests."""
    return {
        "path": names[0] if len(names) == 1 else list(names),
        "sha256": trace.digest,
        "columns": None if trace.columns is None else trace.columns.to_document(),
        "duration_s": _first_part_s(trace),
        "resample": "none" if isinstance(trace.content, Events) else "gamma",
        "map_models": "by_name" if set(trace.sources) <= set(model_names) else "stripe",
    }


def _first_part_s(trace: Trace) -> float | None:
    content = trace.content
    if isinstance(content, Events):
        if content.arrival_s.size <= FIRST_REQUESTS:
            return None
        end_s = float(content.arrival_s[FIRST_REQUESTS])
        return max(end_s - end_s % 60, 60.0)
    if isinstance(content, Counts):
        upto = content.counts.sum(axis=0).cumsum()
        bins = max(int((upto <= FIRST_REQUESTS).sum()), 1)
        return None if bins == upto.size else bins * content.bin_s
    expected = float((content.rate_per_s * content.duration_s).sum())
    return None if expected <= FIRST_REQUESTS else max(60.0 * int(trace.end_s * FIRST_REQUESTS / expected / 60), 60.0)


def _chosen(scenario: Scenario) -> str:
    section = scenario.workload.trace
    if section is None:
        return next(name for name in ARRIVALS if getattr(scenario.workload, name) is not None)
    if len(section.paths) == 1 and section.paths[0].startswith(SAMPLE_PREFIX):
        return section.paths[0]
    return _UPLOADED + ", ".join(section.paths)


def _together(scenario: Scenario) -> list[str]:
    """The files of an upload that is in force; a sample has none."""
    section = scenario.workload.trace
    return [] if section is None or not _chosen(scenario).startswith(_UPLOADED) else section.paths


def _with_source(session: Session, scenario: Scenario, value: str) -> Scenario:
    workload: dict = {"warmup_s": scenario.workload.warmup_s}
    if scenario.generates:
        workload["tokens"] = lengths_for(scenario, _has_lengths(session, value))
    if value == _chosen(scenario):
        return scenario
    if value.startswith(SAMPLE_PREFIX):
        workload["trace"] = sample_section(next(s for s in SAMPLES if f"{SAMPLE_PREFIX}{s.key}" == value))
    elif value.startswith(_UPLOADED):
        names = next(names for names in session.uploads.traces if _UPLOADED + ", ".join(names) == value)
        workload["trace"] = upload_section(names, session.uploads.traces[names], _model_names(scenario))
    else:
        workload["gamma"] = _GAMMA
    return with_values(scenario, "", workload=workload)


def _has_lengths(session: Session, value: str) -> bool:
    """Whether the requests of a choice of traffic bring lengths."""
    if value.startswith(_UPLOADED):
        return has_lengths(
            next(t for names, t in session.uploads.traces.items() if _UPLOADED + ", ".join(names) == value)
        )
    return value.startswith(SAMPLE_PREFIX) and has_lengths(sample_trace(value))


def _take_upload(session: Session) -> None:
    files = st.session_state[f"{_UPLOAD}{session.refused}"]
    if not files:
        return
    named = [(file.name, file) for file in files]
    session.uploads.table = None
    try:
        trace = session.uploads.add_trace(named)
    except InputError as error:
        session.refuse(_AREA, error)
        session.uploads.table = table = to_be_told(named)
        if table is not None:
            table.is_asked = isinstance(error, UnknownFormat)
            table.open()
        return
    if trace.columns is not None:
        session.uploads.table = as_import(named)
    _take_trace(session, tuple(file.name for file in files), trace)


def _take_trace(session: Session, names: tuple[str, ...], trace: Trace) -> None:
    waiting_for = session.scenario.workload.trace
    if waiting_for is not None and waiting_for.sha256 == trace.digest and waiting_for.columns == trace.columns:
        return  # The scenario came without its trace; its window and mapping stay.
    section = upload_section(names, trace, _model_names(session.scenario))
    warmup_s = session.scenario.workload.warmup_s
    workload = {"trace": section, "warmup_s": warmup_s}
    if session.scenario.generates:
        workload["tokens"] = lengths_for(session.scenario, has_lengths(trace))
    session.edit(_AREA, lambda s: with_values(s, "", workload=workload))


def dealt_sources(scenario: Scenario, answer: AnyAnswer, elsewhere: bool = False) -> str:
    """The sentence that an upload's sources are dealt out to models of other names; empty where they are not.

    elsewhere: whether it is said away from the button that makes a model of each.
    """
    trace = answer.inputs.trace if answer.built is not None and not answer.is_earlier else None
    if trace is None or scenario.workload.trace is None or not _chosen(scenario).startswith(_UPLOADED):
        return ""
    if scenario.workload.trace.map_models not in DEALT:
        return ""
    models = words.plural(len(_model_names(scenario)), "model")
    said = f"The requests of {_first(trace.sources)} in your trace are dealt out to {models} of other names."
    if len(trace.sources) > MAX_MODELS:
        return f"{said} {words.count(MAX_MODELS)} models are the most on this page, so there is none for each."
    return f"{said} Under Traffic, on the left, each can become a model of its own." if elsewhere else said


def _first(names: Sequence[str]) -> str:
    more = len(names) - 3
    return words.join([words.shorten(name, 24) for name in names[:3]] + ([f"{words.count(more)} more"] * (more > 0)))


def _draw_model_per_source(session: Session, answer: AnyAnswer) -> None:
    trace = answer.inputs.trace if answer.built is not None and not answer.problems else None
    if trace is None or len(trace.sources) > MAX_MODELS or list(trace.sources) == _model_names(session.scenario):
        return
    st.button(
        f"Serve one model for each of {words.plural(len(trace.sources), 'source')}", key="traffic.per_source",
        on_click=_serve_per_source, args=(session, trace),
        help="Makes the models anew: one for each source of the trace, all of the first model's kind and deadline.",
    )  # fmt: skip


def _serve_per_source(session: Session, trace: Trace) -> None:
    session.edit(_AREA, lambda scenario: _with_model_per_source(scenario, trace))


def _with_model_per_source(scenario: Scenario, trace: Trace) -> Scenario:
    first = scenario.models[0].model_dump(exclude={"name", "count"})
    named = with_values(scenario, "workload.trace", map_models="by_name")
    return with_values(named, "", models=[{"name": name, **first} for name in trace.sources])


def _model_names(scenario: Scenario) -> list[str]:
    return [name for section in scenario.models for name in section.names()]
