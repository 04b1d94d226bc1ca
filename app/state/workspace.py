"""The workspace of a tab: opened from the address, taken over from a tab that was open before, and kept."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.state.keeping import OVERTAKEN, Keeper, begin_if_worth_it, shared_keeper
from app.state.kept import Keeping
from app.state.saved import in_words, restore
from app.state.session import Session
from app.state.sharing import READS, WRITES
from app.store import StoreError, may_write, new_workspace_id

AREA = "workspace"
SOMEBODY_ELSES = "This workspace is somebody else's. Ask for its read-only link."


def open_workspace(session: Session, parameters: Mapping[str, str]) -> None:
    """Bring the workspace that the address names into a session, once; what fails leaves its sentence at AREA."""
    if session.keeping.is_opened:
        return
    session.keeping = Keeping()
    try:
        keeper = shared_keeper()
    except StoreError as error:
        session.keeping.problem = str(error)
        return
    address = parameters.get(WRITES) or parameters.get(READS)
    if address:
        try:
            _load(session, keeper, address)
        except StoreError as error:
            session.complaints[AREA] = str(error)
    keeper.watch(session)


def _load(session: Session, keeper: Keeper, address: str) -> None:
    others = keeper.others(session, address)
    for other in others:
        keeper.save(other)
    loaded = keeper.store.load(address)
    if loaded.is_writable and not may_write(address, session.owner):
        raise StoreError(SOMEBODY_ELSES)
    keeping = session.keeping
    if loaded.is_writable:
        keeping.workspace, keeping.is_begun = address, True
    else:
        keeping.reads = address
    keeping.seen, keeping.saved = loaded.revision, dict(loaded.parts)
    for other in others:
        _take_over(session, other)
    keeping.unreadable = restore(session, loaded.parts, lambda digest: keeper.store.get_blob(address, digest))


def _take_over(session: Session, other: Session) -> None:
    """What another tab of the workspace has in memory: uploads as read, and work under way, which ends with both."""
    session.uploads.take_over(other.uploads)
    for key, job in list(other.jobs.by_key.items()):
        if not job.is_done:
            job.join(session.presence)
            session.jobs.by_key[key] = job
    for area, slot in list(other.slots.items()):
        if slot.job is not None and slot.is_working:
            slot.job.join(session.presence)
            session.slots.setdefault(area, type(slot)()).job = slot.job


def keep_workspace(session: Session) -> None:
    """At the end of a page: give the session an address where it is due, and let the page's address say it."""
    keeping = session.keeping
    begin_if_worth_it(session)
    if keeping.problem is None:
        # A tab whose connection was lost for long is no longer looked after.
        shared_keeper().watch(session)
    for key, value in ((WRITES, keeping.workspace), (READS, keeping.reads)):
        if value is None:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value


def own_id(session: Session) -> str | None:
    """The address that writes the workspace of a session; None where there is none yet, or it is only read."""
    return session.keeping.workspace if session.keeping.is_begun else None


def writable_id(session: Session) -> str:
    """As own_id; raises StoreError where there is none."""
    workspace = own_id(session)
    if workspace is None:
        raise StoreError("Nothing is kept of this page so far; change something first.")
    return workspace


def own_copy(session: Session) -> None:
    """From now on what a session shows is kept in a workspace of its own."""
    reads = session.keeping.reads
    if reads is None:
        return
    workspace, keeper = new_workspace_id(session.owner), shared_keeper()
    try:
        # Not what is kept by now: its owner may have changed it since.
        parts = {**session.keeping.saved, **keeper.parts_of(session)}
        keeper.store.begin_with(workspace, parts)
    except StoreError as error:
        session.complaints[AREA] = str(error)
        return
    session.keeping = Keeping(workspace, None, is_begun=True, seen=1, saved=parts)


def reopen(session: Session, address: str) -> None:
    """Show what the store has of a workspace in this tab, in place of what the tab has, which is kept first."""
    keeper = shared_keeper()
    keeper.save(session)
    if session.keeping.problem:
        session.complaints[AREA] = session.keeping.problem
        return
    fresh = Session(name=session.name, presence=session.presence, owner=session.owner)
    fresh.keeping = Keeping()
    try:
        _load(fresh, keeper, address)
    except StoreError as error:
        session.complaints[AREA] = str(error)
        return
    for job in session.jobs.unfinished():
        if job not in fresh.jobs.all():
            job.leave(session.presence)
    aside = session.keeping.aside
    if aside is not None:
        fresh.keeping.note = f"What this tab had is the version '{aside.name}' on the page Library."
    controls, refused, edition = session.controls, session.refused, session.edition
    vars(session).update(vars(fresh))
    session.controls, session.refused, session.edition = controls, refused + 1, edition + 1


def keep_mine(session: Session) -> None:
    """Let what this tab has count from now on; what the other tab had becomes a version."""
    try:
        shared_keeper().prefer(session)
    except StoreError as error:
        session.complaints[AREA] = str(error)
        return
    session.keeping.note = f"What the other tab had is the version '{OVERTAKEN}' on the page Library."


def changed_elsewhere(session: Session) -> str | None:
    """The sentence that another tab changed something, None if none did."""
    keeping = session.keeping
    said = in_words(keeping.elsewhere)
    if not said:
        return None
    mine = "" if keeping.aside is None else (
        f" and keeps it aside as the version '{keeping.aside.name}' on the page Library until you choose"
    )  # fmt: skip
    return f"Another tab of this workspace changed {said}; this tab still shows its own{mine}."
