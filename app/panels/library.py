"""The library of a workspace: versions, comparison of two, one file, the read-only link, deletion with a way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from app.look import words
from app.look.style import plain, plain_text
from app.state import shelf
from app.state.session import Session
from app.state.sharing import READS
from app.state.workspace import own_id, reopen, writable_id
from app.store import StoreError, Version, new_workspace_id
from app.store.contract import MAX_NAME, MAX_NOTES
from app.store.transfer import MAX_FILE_BYTES
from planner.scenario.schema import Scenario
from simulator import InputError

AREA = "library"
T = TypeVar("T")
_UPLOAD = "library.import"
NOW = 0


def draw_state(session: Session) -> None:
    """Whether this is kept, under which address, how much room there is, and what went wrong last."""
    if session.complaints.get(AREA):
        st.error(plain_text(session.complaints[AREA]))
    try:
        # What follows says that everything is kept.
        shelf.begin(session)
    except InputError as error:
        st.error(plain_text(str(error)))
        return
    if session.keeping.reads:
        st.info("This workspace is only read here; keep a copy of your own to name versions and to export it.")
        return
    if own_id(session) is None:
        st.info("Nothing is kept so far. With your first change this page gets an address of its own, and everything "
                "you do from then on is kept under it.")  # fmt: skip
        return
    usage = _told(lambda: shelf.store().usage(writable_id(session)))
    if usage is None:
        return
    used, most = usage.workspace_bytes / 1024**2, usage.limits.workspace_bytes / 1024**2
    whose = "It opens for you alone." if session.owner else "Whoever has the address can change the workspace."
    st.markdown(
        f"Everything you do is kept under the address of this page; put it among your bookmarks. {whose} "
        f"It holds {words.fixed(used, 1)} of {words.count(most)} MB."
    )
    if usage.warning:
        st.warning(plain_text(usage.warning))


def draw_new_version(session: Session) -> None:
    """A name for how things stand now."""
    st.header("Name this version", anchor=False)
    with st.form("library.version", clear_on_submit=True, border=False):
        st.text_input("Name", key="library.name", max_chars=MAX_NAME, placeholder="Before the move to 24 devices")
        st.text_area("Notes", key="library.notes", max_chars=MAX_NOTES, height=80)
        st.form_submit_button("Keep as a version", type="primary", icon=":material/bookmark_add:",
                              on_click=_add_version, args=(session,), disabled=own_id(session) is None)  # fmt: skip


def draw_versions(session: Session) -> None:
    """The versions, newest first, each with what can be done with it."""
    deleted = session.views.library.deleted
    if deleted is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"The version {plain_text(deleted.name)} is deleted; for a day it can be restored.")
            st.button("Undo", key="library.undo", icon=":material/undo:", on_click=_restore_version, args=(session,))
    versions = _versions(session)
    if not versions:
        st.caption("There are no versions yet.")
    for version in versions:
        with st.expander(f"{plain(version.name)}, {version.created_at:%Y-%m-%d %H:%M} UTC"):
            st.text(version.notes or "No notes.")
            _draw_description(session, version)
            with st.container(horizontal=True):
                st.button("Open a copy", key=f"library.open:{version.number}", icon=":material/file_copy:",
                          on_click=_open_copy, args=(session, version.number),
                          help="A workspace of its own in this tab; this one stays as it is.")  # fmt: skip
                st.button(f"Delete {plain(version.name)}", key=f"library.delete:{version.number}",
                          icon=":material/delete:", on_click=_delete_version, args=(session, version))  # fmt: skip


def _draw_description(session: Session, version: Version) -> None:
    number = version.number
    name = st.text_input("Name", version.name, key=f"library.name:{number}", max_chars=MAX_NAME)
    notes = st.text_area("Notes", version.notes, key=f"library.notes:{number}", max_chars=MAX_NOTES, height=80)
    if (name, notes) != (version.name, version.notes):
        st.button("Keep name and notes", key=f"library.describe:{number}", on_click=_describe,
                  args=(session, number, name, notes))  # fmt: skip


def draw_comparison(session: Session) -> None:
    """Two states side by side: in what they differ, and the placements of both in one comparison."""
    versions = _versions(session)
    if not versions:
        return
    st.header("Compare two", anchor=False)
    titles = {NOW: "As it is now"} | {version.number: version.name for version in versions}
    left, right = st.columns(2)
    first = left.selectbox("This", list(titles), key="library.first", format_func=titles.__getitem__)
    second = right.selectbox("with", list(titles), index=1, key="library.second", format_func=titles.__getitem__)
    pair = _told(lambda: (shelf.scenario_of(session, first), shelf.scenario_of(session, second)))
    if pair is None:
        return
    st.markdown(plain_text(shelf.difference(*pair)))
    st.button("Put the placements of both into the comparison", key="library.compare", icon=":material/compare_arrows:",
              on_click=_compare, args=(session, pair, (titles[first], titles[second])),
              help="The traffic, models and cluster are those of the first.")  # fmt: skip


def draw_link(session: Session) -> None:
    """The address that only reads."""
    st.header("Share, read only", anchor=False)
    workspace = own_id(session)
    if workspace is None:
        st.caption("There is a link once there is something to keep.")
        return
    reader = _told(lambda: shelf.store().read_only_id(workspace))
    if reader is None:
        return
    with st.popover("Get the link", icon=":material/link:"):
        st.markdown("Whoever opens this link sees this workspace with its uploads and cannot change it.")
        st.code(f"{_front()}?{READS}={reader}", language=None, wrap_lines=True)
        st.button("Take it back", key="library.revoke", icon=":material/link_off:", on_click=_replace_link,
                  args=(session,), help="Nobody can open it any more; another link takes its place.")  # fmt: skip


def draw_file(session: Session) -> None:
    """The workspace as one file, and such a file as a workspace."""
    st.header("Take along", anchor=False)
    if own_id(session) is not None:
        st.download_button("Export (zip)", lambda: shelf.export(session), "workspace.zip", "application/zip",
                           key="library.export", icon=":material/download:", on_click="ignore",
                           help="Scenario, uploads, results and versions in one file.")  # fmt: skip
    st.file_uploader("Import an exported workspace", type="zip", key=f"{_UPLOAD}{session.refused}",
                     max_upload_size=MAX_FILE_BYTES // 1024**2, on_change=_import, args=(session,))  # fmt: skip


def draw_deletion(session: Session) -> None:
    """Delete the workspace, and the way back."""
    gone = session.views.library.gone.value
    if gone is None and own_id(session) is None:
        return
    st.header("Delete", anchor=False)
    if gone is not None:
        st.info("The workspace is deleted; for a day it can be restored.")
        st.button("Restore the deleted workspace", key="library.restore", icon=":material/undo:",
                  on_click=_restore, args=(session, gone))  # fmt: skip
    if own_id(session) is not None:
        st.button("Delete this workspace", key="library.delete", icon=":material/delete:", on_click=_delete,
                  args=(session,), help="With its versions and uploads, also for those who have the link.")  # fmt: skip


def _front() -> str:
    """The address of the first page: that of this one without its name."""
    return (st.context.url or "/").rsplit("/", 1)[0] + "/"


def _told(call: Callable[[], T]) -> T | None:
    try:
        return call()
    except StoreError as error:
        st.error(plain_text(str(error)))
        return None


def _noted(session: Session, call: Callable[[], T]) -> T | None:
    session.complaints.pop(AREA, None)
    try:
        return call()
    except InputError as error:
        session.complaints[AREA] = str(error)
        return None


def _versions(session: Session) -> list[Version]:
    if own_id(session) is None:
        return []
    return _told(lambda: shelf.store().versions(writable_id(session))) or []


def _add_version(session: Session) -> None:
    name, notes = st.session_state["library.name"], st.session_state["library.notes"]
    _noted(session, lambda: shelf.add_version(session, name, notes))


def _describe(session: Session, number: int, name: str, notes: str) -> None:
    _noted(session, lambda: shelf.store().describe_version(writable_id(session), number, name, notes))


def _delete_version(session: Session, version: Version) -> None:
    _noted(session, lambda: shelf.store().delete_version(writable_id(session), version.number))
    if AREA not in session.complaints:
        session.views.library.deleted = version


def _restore_version(session: Session) -> None:
    version, session.views.library.deleted = session.views.library.deleted, None
    if version is not None:
        _noted(session, lambda: shelf.store().restore_version(writable_id(session), version.number))


def _open_copy(session: Session, number: int) -> None:
    address = _noted(
        session, lambda: shelf.store().clone(writable_id(session), number, new_workspace_id(session.owner))
    )
    if address is not None:
        reopen(session, address)


def _compare(session: Session, pair: tuple[Scenario, Scenario], titles: tuple[str, str]) -> None:
    both = _noted(session, lambda: shelf.together(*pair, *titles))
    if both is not None:
        session.replace(AREA, both)


def _import(session: Session) -> None:
    file = st.session_state[f"{_UPLOAD}{session.refused}"]
    if file is None:
        return
    address = _noted(session, lambda: shelf.take_in(session, file.getvalue(), file.name))
    session.refused += 1
    if address is not None:
        reopen(session, address)


def _replace_link(session: Session) -> None:
    _noted(session, lambda: shelf.store().replace_read_only_id(writable_id(session)))


def _delete(session: Session) -> None:
    address = own_id(session)
    _noted(session, lambda: shelf.delete(session))
    if AREA not in session.complaints:
        session.views.library.gone.value = address


def _restore(session: Session, address: str) -> None:
    _noted(session, lambda: shelf.store().restore(address))
    if AREA not in session.complaints:
        reopen(session, address)
