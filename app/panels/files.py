"""What an answer can be taken along as."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import pandas as pd
import streamlit as st

from app.state.answer import Answer, AnyAnswer, TokenAnswer
from app.state.session import Session
from planner import dump_scenario
from planner.compare import filled

AnswerT = TypeVar("AnswerT", Answer, TokenAnswer)
# Label, name, MIME type, and what makes the content when it is asked for.
File = tuple[str, str, str, Callable[[AnswerT], str | bytes]]


def draw_files(
    session: Session,
    answer: AnswerT,
    figures: Callable[[AnswerT], str],
    more: Sequence[File[AnswerT]],
    frames: Callable[[AnswerT], Iterable[pd.DataFrame]],
) -> None:
    """Buttons for the scenario, its found placements, the figures and every request.

    Args:
        figures: the JSON document. more: files of this kind of models. frames: tables of the requests, one at a time.
    """
    st.header("Take it with you", anchor=False)
    st.caption(
        "`python -m planner simulate scenario.yaml --json` prints the same figures; put an uploaded trace beside it."
    )
    files: list[File[AnswerT]] = [
        ("Scenario (YAML)", "scenario.yaml", "text/yaml", lambda _: dump_scenario(session.scenario))
    ]
    if answer.shown and answer.is_current:
        files += [
            ("Scenario with found placements", "scenario-found.yaml", "text/yaml", _found_yaml),
            ("Figures (JSON)", "figures.json", "application/json", figures),
            *more,
            ("Requests (CSV)", "requests.csv", "text/csv", lambda a: _csv(frames(a))),
            ("Requests (Parquet)", "requests.parquet", "application/octet-stream", lambda a: _parquet(frames(a))),
        ]
    with st.container(horizontal=True):
        for label, name, mime, make in files:
            content = _of(make, answer)
            st.download_button(label, content, name, mime, key=f"download:{name}", on_click="ignore")


def _of(make: Callable[[AnswerT], str | bytes], answer: AnswerT) -> Callable[[], str | bytes]:
    return lambda: make(answer)


def _found_yaml(answer: AnyAnswer) -> str:
    sections = [filled(entry.section, entry.outcome.placement) for entry in answer.shown]
    return dump_scenario(answer.scenario.model_copy(update={"placements": sections}))


def _csv(frames: Iterable[pd.DataFrame]) -> bytes:
    out = io.StringIO()
    for index, frame in enumerate(frames):
        frame.to_csv(out, index=False, header=index == 0)
    return out.getvalue().encode()


def _parquet(frames: Iterable[pd.DataFrame]) -> bytes:
    out = io.BytesIO()
    pd.concat(list(frames), ignore_index=True).to_parquet(out, index=False)
    return out.getvalue()
