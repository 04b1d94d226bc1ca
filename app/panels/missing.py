"""Files that the scenario names and this session does not have: asked for, checked, and put where they belong."""

from __future__ import annotations

import re

import streamlit as st

from app.look import words
from app.look.style import plain_text
from app.state.limits import MAX_UPLOAD_BYTES
from app.state.session import Session
from planner.scenario.inputs import SAMPLE_PREFIX
from simulator import InputError

_AREA = "missing"
_TRACE, _PROFILES = "upload:missing-trace", "upload:missing-profiles"


def draw_missing(session: Session) -> None:
    """What the scenario waits for, each with its uploader; nothing where nothing is missing."""
    trace, profiles = missing_trace(session), missing_profiles(session)
    if not (trace or profiles):
        session.complaints.pop(_AREA, None)
        return
    with st.container(border=True):
        if trace:
            sha256 = session.scenario.workload.replayed.sha256
            check = f" It is checked: its SHA-256 begins {sha256[:12]}." if sha256 else ""
            st.markdown(
                f"**This scenario was made with {plain_text(words.join(trace))}**, which is not part of it.{check}"
            )
            st.file_uploader(
                f"Upload {words.join(trace)}", key=_TRACE, accept_multiple_files=len(trace) > 1, on_change=_take_trace,
                args=(session,), max_upload_size=MAX_UPLOAD_BYTES // 1024**2,
            )  # fmt: skip
        if profiles:
            st.markdown(f"**This scenario needs the profiles file {plain_text(profiles)}**, which is not part of it.")
            st.file_uploader(f"Upload {profiles}", key=_PROFILES, on_change=_take_profiles, args=(session,),
                             max_upload_size=20)  # fmt: skip
        if session.complaints.get(_AREA):
            st.error(plain_text(session.complaints[_AREA]))


def missing_trace(session: Session) -> list[str]:
    """Names of the trace files that the scenario needs and the session lacks."""
    section = session.scenario.workload.trace
    if section is None or all(path.startswith(SAMPLE_PREFIX) for path in section.paths):
        return []
    try:
        session.uploads.read_trace(session.scenario)
    except InputError:
        return section.paths
    return []


def missing_profiles(session: Session) -> str | None:
    """The name of the profiles file that the scenario needs and the session lacks."""
    name = session.scenario.profiles
    return name if name is not None and name not in session.uploads.profiles else None


def _take_trace(session: Session) -> None:
    given = st.session_state[_TRACE]
    files = [] if given is None else given if isinstance(given, list) else [given]
    section = session.scenario.workload.replayed
    session.complaints.pop(_AREA, None)
    if not files:
        return
    paths = section.paths
    if len(files) != len(paths):
        session.complaints[_AREA] = (
            f"{len(files)} files were given; these {len(paths)} are needed: {words.join(paths)}."
        )
        return
    # The order of files is that of the scenario, whatever order they were chosen in.
    rank = {re.split(r"[/\\]", path)[-1]: i for i, path in enumerate(paths)}
    files = sorted(files, key=lambda file: rank.get(file.name, len(paths)))
    try:
        trace = session.uploads.add_trace([(file.name, file) for file in files], tuple(paths), section.columns)
    except InputError as error:
        session.complaints[_AREA] = str(error)
        return
    if section.sha256 is not None and trace.digest != section.sha256:
        session.complaints[_AREA] = (
            f"{words.join([file.name for file in files])} is another file: its SHA-256 begins {trace.digest[:12]}, the "
            f"scenario was made with one that begins {section.sha256[:12]}; bring the same file."
        )


def _take_profiles(session: Session) -> None:
    file = st.session_state[_PROFILES]
    session.complaints.pop(_AREA, None)
    name = session.scenario.profiles
    if file is None or name is None:
        return
    try:
        session.uploads.add_profiles(name, file.getvalue())
    except InputError as error:
        session.complaints[_AREA] = str(error)
