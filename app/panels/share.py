"""The buttons that every page has: a link to what one sees, and the comparison as a report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from app.controls.views import write_key
from app.look import words
from app.look.style import guarded, plain_text
from app.panels.answers import answers_in_report
from app.panels.missing import draw_missing
from app.state import shelf
from app.state.answer import AnyAnswer
from app.state.session import Session
from app.state.sharing import (
    AREA,
    LOOKED_AT,
    READS,
    TOKEN,
    has_uploaded_trace,
    is_link_stale,
    is_local,
    make_link,
    report_of,
    scenario_to_share,
    take_link,
)
from app.state.workspace import changed_elsewhere, own_id
from planner import dump_scenario
from simulator import InputError

# Where a complaint about the short link is noted.
_SHORT = "link.short"
_COPY = component(
    "copy_button",
    html="<button type='button'></button>",
    css="button { font: inherit; color: var(--st-background-color); background: var(--st-primary-color); border: 0; "
    "border-radius: var(--st-button-radius); padding: 0.45rem 0.9rem; cursor: pointer; }",
    js=Path(__file__).with_name("copy_button.js").read_text(encoding="utf-8"),
)
# In the bar of the pages where there is room beside them, else above the page.
_CSS = """
<style>
  @media (min-width: 1300px) {
    .st-key-share-bar { position: fixed; top: 0.6rem; right: 4rem; z-index: 999991; width: auto; }
  }
</style>
"""


def open_link(session: Session) -> None:
    """Take the link that the page was opened with, and ask for the files that it needs."""
    take_link(session, st.query_params)
    if is_link_stale(session):
        write_key(session, TOKEN, None)
        write_key(session, LOOKED_AT, None)
    if session.complaints.get(AREA):
        st.error(plain_text(session.complaints[AREA]))
    guarded(draw_missing)(session)


@st.fragment
@guarded
def draw_share_bar(session: Session) -> None:
    """Share and Report, for the page as it stands when they are clicked."""
    st.html(_CSS)
    with st.container(horizontal=True, horizontal_alignment="right", key="share-bar", gap="small"):
        if st.button("Share", icon=":material/link:", key="share", type="tertiary",
                     help="A link that shows others what you see."):  # fmt: skip
            _show_link(session)
        answer = session.answer
        make = None
        if answer is not None and answer.shown and answer.is_current and answer.scenario == session.scenario:
            make = partial(_report, session, answer)
        about = "The whole comparison as one HTML file with the scenario in it; it needs no network."
        st.download_button(
            "Report", make or "", "report.html", "text/html", key="report", type="tertiary",
            icon=":material/article:", on_click="ignore", disabled=make is None,
            help=about,
        )  # fmt: skip


def _report(session: Session, answer: AnyAnswer) -> str:
    return report_of(session, answer, answers_in_report(session, answer))


@st.dialog("Share what you see", width="medium")
def _show_link(session: Session) -> None:
    try:
        link = make_link(session, st.context.url or "", st.query_params)
    except InputError as error:
        st.warning(plain_text(str(error)))
        st.download_button(
            "Scenario (YAML)", lambda: dump_scenario(scenario_to_share(session)), "scenario.yaml", "text/yaml",
            key="share.yaml", on_click="ignore", icon=":material/download:", type="primary",
        )  # fmt: skip
        return
    st.markdown("**Link with the scenario in it:** whoever opens it sees this page with the same scenario and the same "
                "numbers, and works on with it as with one of his own.")  # fmt: skip
    for note in _notes(session):
        st.caption(note)
    _COPY(key="share.copy", data={"text": link, "label": "Copy the link"})
    with st.expander("The link as text"):
        st.code(link, language=None, wrap_lines=True)
    _draw_short(session)


def _draw_short(session: Session) -> None:
    """A link to a copy in the store: short, with uploads, only read, and only until it is taken back."""
    try:
        shelf.begin(session)
        copy = shelf.shared_copy(session)
    except InputError:
        # Without a store the link above is all that there is; the page says so elsewhere.
        return
    if own_id(session) is None:
        st.caption("There is a short link as well once you have changed something.")
        return
    st.markdown("**Short link, read only:** it leads to a copy of your work as it is now, uploads included. Who opens "
                "it cannot change that copy, only try things for himself.")  # fmt: skip
    if copy is None:
        st.button("Make a short link", key="share.short", icon=":material/link:", on_click=_noted,
                  args=(session, shelf.share_copy))  # fmt: skip
    else:
        short = f"{st.context.url or '/'}?{READS}={copy}"
        with st.container(horizontal=True):
            _COPY(key="share.copy_short", data={"text": short, "label": "Copy the short link"})
            st.button("Take it back", key="share.revoke", icon=":material/link_off:", on_click=_noted,
                      args=(session, shelf.take_back_copy), help="Nobody can open it any more.")  # fmt: skip
        st.code(short, language=None, wrap_lines=True)
    if session.complaints.get(_SHORT):
        st.warning(plain_text(session.complaints[_SHORT]))


def _noted(session: Session, call: Callable[[Session], None]) -> None:
    session.complaints.pop(_SHORT, None)
    try:
        call(session)
    except InputError as error:
        session.complaints[_SHORT] = str(error)


def _notes(session: Session) -> list[str]:
    scenario, notes = session.scenario, []
    if changed_elsewhere(session):
        notes.append("Another tab of this workspace has changed it; both links are of what this tab shows.")
    if has_uploaded_trace(scenario):
        names = plain_text(words.join(scenario.workload.replayed.paths))
        notes.append(f"Your trace is not in the link: send {names} along. The page asks for it and checks its SHA-256.")
    if scenario.profiles is not None:
        notes.append(f"Your profiles are not in the link: send {plain_text(scenario.profiles)} along.")
    if any(draft.is_changed for draft in session.drafts.values()):
        notes.append("Edits on the page Placement that are not saved are in the link, as placements of their own.")
    if is_local(st.context.url or ""):
        notes.append("The address is that of your own machine, so the link opens only there.")
    return notes
