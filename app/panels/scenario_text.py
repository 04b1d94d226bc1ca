"""The editor of the scenario, and what one may begin with."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from app.controls.fields import shown
from app.look import words
from app.look.style import plain_text
from app.report.build import MAX_REPORT_BYTES, scenario_of_report
from app.state.scenario_text import forget, write, written
from app.state.session import Session
from planner.scenario.examples import examples
from planner.scenario.file import MAX_SCENARIO_BYTES, dump_scenario
from simulator import InputError

_TEXT, _UPLOAD, _EXAMPLE = "scenario.text", "upload:scenario", "scenario.example"
_HEIGHT_PX = 620
_EDITOR = component("scenario_editor", js=Path(__file__).with_name("scenario_editor.js").read_text(encoding="utf-8"))


def draw_beginnings(session: Session) -> None:
    """Examples to load, and a scenario file to upload; undo brings back what was there before."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        shipped = {example.scenario.name: example for example in examples()}
        row, button = st.columns([4, 1], vertical_alignment="bottom")
        name = row.selectbox("Begin with an example", list(shipped), key=_EXAMPLE)
        example = shipped[name]
        button.button("Load", key="scenario.load", width="stretch", on_click=_load,
                      args=(session, example.text, example.file_name), help="Replaces the text below.")  # fmt: skip
        st.caption(plain_text(example.about))
    with right:
        st.file_uploader("or with a file (YAML or report)", key=_UPLOAD, on_change=_take_upload, args=(session,),
                         max_upload_size=MAX_REPORT_BYTES // 1024**2,
                         help="A scenario that was downloaded here or written by hand, or a report made here "
                         "(HTML).")  # fmt: skip
        if session.complaints.get(_UPLOAD):
            st.error(plain_text(session.complaints[_UPLOAD]))


def _load(session: Session, text: str, name: str) -> None:
    write(session, text, name)


def draw_editor(session: Session) -> None:
    """The text; the wrong line is marked in it."""
    now = written(session)
    with st.container(key="scenario-editor"):
        shown(
            session, st.text_area, "Scenario (YAML)", _TEXT, now.text, lambda text: write(session, text),
            height=_HEIGHT_PX,
            help="Models, cluster, traffic, serving rules and placements. Read as you type; every other page then "
            "answers this scenario.",
        )  # fmt: skip
    name = re.sub(r"\W", "-", session.control_key(_TEXT, now.text))
    _EDITOR(key="scenario.as-typed", data={"key": name, "line": now.line}, height=1)
    with st.container(horizontal=True):
        st.button("Undo", icon=":material/undo:", key="scenario.undo", on_click=_step_back, args=(session,),
                  disabled=not session.undo, help="Back to the scenario before the last change.")  # fmt: skip
        st.download_button("Download", lambda: now.text, "scenario.yaml", "text/yaml", key="scenario.download",
                           icon=":material/download:", on_click="ignore")  # fmt: skip


def draw_complaint(session: Session) -> bool:
    """Why the text is not in force, beside it, and the way back to the scenario that is. True if the text is."""
    now = written(session)
    if not now.complaint:
        return True
    st.error(plain_text(now.complaint))
    st.caption("The last good scenario stays in force until this is mended.")
    st.button("Back to the scenario in force", key="scenario.forget", on_click=forget, args=(session,))
    return False


def _step_back(session: Session) -> None:
    forget(session)
    session.step_back()


def _take_upload(session: Session) -> None:
    file = st.session_state[_UPLOAD]
    session.complaints.pop(_UPLOAD, None)
    if file is None:
        return
    try:
        text = _decoded(file.getvalue(), file.name)
    except InputError as error:
        session.complaints[_UPLOAD] = str(error)
        return
    write(session, text, file.name)


def _decoded(content: bytes, name: str) -> str:
    if content[:15].lower() == b"<!doctype html>":
        return dump_scenario(scenario_of_report(content))
    if len(content) > MAX_SCENARIO_BYTES:
        raise InputError(
            f"Scenario '{name}' has {words.count(len(content))} bytes; at most {words.count(MAX_SCENARIO_BYTES)} are "
            f"allowed."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"Scenario '{name}' is not text in UTF-8; YAML is allowed.") from None
