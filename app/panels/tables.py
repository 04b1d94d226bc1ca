"""Figures to check: the models one by one, and everything as files."""

from __future__ import annotations

import io
import json

import pandas as pd
import streamlit as st

from app.state.answer import Answer, Answered
from app.state.session import Session
from planner import dump_scenario
from planner.compare import outcome_json, placement_section

_COLUMNS = {
    "model": st.column_config.TextColumn("Model", width="medium"),
    "met": st.column_config.ProgressColumn("Deadlines met", format="%.1f %%", min_value=0, max_value=100),
    "requests": st.column_config.NumberColumn("Requests", format="localized"),
    "missed": st.column_config.NumberColumn("Missed", format="localized"),
    "deadline_s": st.column_config.NumberColumn("Deadline (s)", format="%.3f"),
    "p50_s": st.column_config.NumberColumn("p50 (s)", format="%.3f"),
    "p99_s": st.column_config.NumberColumn("p99 (s)", format="%.3f"),
    "late": st.column_config.NumberColumn("Late", format="localized"),
    "rejected": st.column_config.NumberColumn("Rejected", format="localized"),
    "unplaced": st.column_config.NumberColumn("Unplaced", format="localized"),
}
_NOTE = "Latency is that of answered requests, first arrival to answer; p99 means that 99 of 100 came within it."


def draw_models(entry: Answered) -> None:
    """One row a model, the one that misses most on top."""
    st.markdown("##### Model by model")
    table = model_table(entry).sort_values("missed", ascending=False, kind="stable")
    st.dataframe(
        table, hide_index=True, column_config=_COLUMNS, height=268, key="models-table",
        alt="Requests, deadlines met and latency of every model",
    )  # fmt: skip
    st.caption(_NOTE)


def model_table(entry: Answered) -> pd.DataFrame:
    """The figures of each model of a placement, in the order of the models."""
    deadline_s = {model.name: model.slo_s for model in entry.outcome.result.models}
    return pd.DataFrame(
        {
            "model": name,
            "met": 100 * fates.slo_attainment,
            "requests": fates.requests,
            "missed": fates.requests - fates.served,
            "deadline_s": deadline_s[name],
            "p50_s": fates.latency_s.p50,
            "p99_s": fates.latency_s.p99,
            "late": fates.late,
            "rejected": fates.rejected,
            "unplaced": fates.unplaced,
        }
        for name, fates in entry.outcome.figures.models
    )


def draw_downloads(session: Session, answer: Answer) -> None:
    """The scenario, the figures and every request as files."""
    st.markdown("##### Take it with you")
    st.caption(
        "`python -m planner simulate scenario.yaml --json` prints the same figures; put an uploaded trace beside it."
    )
    files = [("Scenario (YAML)", "scenario.yaml", "text/yaml", lambda: dump_scenario(session.scenario))]
    if answer.shown and answer.is_current:
        files += [
            ("Scenario with found placements", "scenario-found.yaml", "text/yaml", lambda: _found_yaml(answer)),
            ("Figures (JSON)", "figures.json", "application/json", lambda: _figures_json(answer)),
            ("Models (CSV)", "models.csv", "text/csv", lambda: _models_csv(answer)),
            ("Requests (CSV)", "requests.csv", "text/csv", lambda: _requests_csv(answer)),
            ("Requests (Parquet)", "requests.parquet", "application/octet-stream", lambda: _requests_parquet(answer)),
        ]
    with st.container(horizontal=True):
        for label, name, mime, make in files:
            st.download_button(label, make, name, mime, key=f"download:{name}", on_click="ignore")


def _figures_json(answer: Answer) -> str:
    placements = [outcome_json(entry.outcome) for entry in answer.shown]
    document = {"scenario": answer.scenario.name, "notices": list(answer.notices), "placements": placements}
    return json.dumps(document, indent=1)


def _found_yaml(answer: Answer) -> str:
    sections = [placement_section(entry.outcome.placement) for entry in answer.shown]
    named = [s.model_copy(update={"name": e.section.name}) for s, e in zip(sections, answer.shown, strict=True)]
    return dump_scenario(answer.scenario.model_copy(update={"placements": named}))


def _models_csv(answer: Answer) -> str:
    tables = [
        model_table(entry).assign(placement=entry.section.name, remark=entry.outcome.remark or "")
        for entry in answer.shown
    ]
    return pd.concat(tables).to_csv(index=False)


def _requests_csv(answer: Answer) -> bytes:
    out = io.StringIO()
    frames = (frame for entry in answer.shown for frame in entry.outcome.result.request_frames())
    for index, frame in enumerate(frames):
        frame.to_csv(out, index=False, header=index == 0)
    return out.getvalue().encode()


def _requests_parquet(answer: Answer) -> bytes:
    frames = [frame for entry in answer.shown for frame in entry.outcome.result.request_frames()]
    out = io.BytesIO()
    pd.concat(frames).to_parquet(out, index=False)
    return out.getvalue()
