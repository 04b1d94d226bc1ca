"""Figures to check: the models one by one, and everything as files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from app.look.table import show_table
from app.panels.files import draw_files
from app.panels.keep import table_csv
from app.state.answer import Answer, Answered
from app.state.session import Session
from planner.compare import outcome_json

_COLUMNS = {
    "model": "Model",
    "met": st.column_config.ProgressColumn("Deadlines met", format="%.1f %%", min_value=0, max_value=100),
    "requests": st.column_config.NumberColumn("Requests"),
    "missed": st.column_config.NumberColumn("Missed"),
    "deadline_s": st.column_config.NumberColumn("Deadline (s)", format="%.3f"),
    "p50_s": st.column_config.NumberColumn("p50 (s)", format="%.3f"),
    "p99_s": st.column_config.NumberColumn("p99 (s)", format="%.3f"),
    "late": st.column_config.NumberColumn("Late"),
    "rejected": st.column_config.NumberColumn("Rejected"),
    "unplaced": st.column_config.NumberColumn("Unplaced"),
}
_NOTE = "Latency is that of answered requests, first arrival to answer; p99 means that 99 of 100 came within it."


def draw_models(entry: Answered) -> None:
    """One row a model, the one that misses most on top."""
    st.header("Model by model", anchor=False)
    table = model_table(entry).sort_values("missed", ascending=False, kind="stable")
    show_table(
        table,
        "models-table",
        "Requests, deadlines met and latency of every model",
        _COLUMNS,
        height=min(268, 36 * len(table) + 38),
    )
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
    draw_files(session, answer, _figures_json, [("Models (CSV)", "models.csv", "text/csv", _models_csv)], _frames)


def _figures_json(answer: Answer) -> str:
    placements = [outcome_json(entry.outcome) for entry in answer.shown]
    document = {"scenario": answer.scenario.name, "notices": list(answer.notices), "placements": placements}
    return json.dumps(document, indent=1)


def _models_csv(answer: Answer) -> str:
    tables = [
        model_table(entry).assign(placement=entry.section.name, remark=entry.outcome.remark or "")
        for entry in answer.shown
    ]
    return table_csv(pd.concat(tables))


def _frames(answer: Answer) -> Iterator[pd.DataFrame]:
    return (frame for entry in answer.shown for frame in entry.outcome.result.request_frames())
