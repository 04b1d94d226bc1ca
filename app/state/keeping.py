"""Sessions are kept in the background: what changed goes to the store within a second, and no page waits for it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping

import streamlit as st

from app.state.kept import Keeping
from app.state.saved import NEVER_ALIKE, TOGETHER, documents, in_words, is_worth_keeping, marks
from app.state.session import Session
from app.store import Part, StoreError, WorkspaceStore, new_workspace_id, open_store
from app.store.contract import MissingBlob

LOOK_S = 0.5
# The best so far of a running search is written anew after this.
CHECKPOINT_S = 2.0
RETRY_S = 10.0
COLLECT_S = 3600.0
# How long a server that was asked to end waits for its jobs to give what they have.
FINISH_S = 5.0
# Names of the versions that hold what one of two tabs had.
ASIDE, OVERTAKEN = "Kept aside from a tab", "Before another tab took over"

_ENDING = threading.Event()
_THREADS: list[threading.Thread] = []

log = logging.getLogger(__name__)


class Keeper:
    """Keeps the open sessions of a server in its store."""

    def __init__(self, store: WorkspaceStore) -> None:
        self.store = store
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._collected_s = time.monotonic()

    def start(self) -> None:
        """Look after the sessions from now on, and once more when the server ends, which waits for that."""
        thread = threading.Thread(target=self._run, name="keeper", daemon=False)
        _THREADS.append(thread)
        thread.start()

    def watch(self, session: Session) -> None:
        """Keep a session while its tab is open."""
        with self._lock:
            self._sessions[session.name] = session

    def others(self, session: Session, address: str) -> list[Session]:
        """The other open sessions of a workspace on this server."""
        with self._lock:
            sessions = list(self._sessions.values())
        return [s for s in sessions if s is not session and s.keeping.workspace == address]

    def save(self, session: Session) -> None:
        """Write what changed in a session now; a failure is noted in its keeping."""
        keeping = session.keeping
        with keeping.lock:
            if keeping.workspace is None:
                return
            try:
                self._save(session, keeping, keeping.workspace)
                keeping.problem = None
            except StoreError as error:
                keeping.problem = str(error)
                keeping.due_s = time.monotonic() + RETRY_S

    def _save(self, session: Session, keeping: Keeping, workspace: str) -> None:
        if not keeping.is_begun:
            self.store.create(workspace)
            keeping.is_begun = True
        now = marks(session)
        is_changed = not _are_same(now, keeping.marks)
        try:
            self._write(session, keeping, workspace, is_changed)
        except MissingBlob:
            keeping.searches.files.clear()
            self._write(session, keeping, workspace, is_changed)
        keeping.marks = now
        for files in list(session.uploads.files.values()):
            for file in files:
                file.content = None if file.sha256 else file.content
        if session.jobs.unfinished():
            keeping.due_s = time.monotonic() + CHECKPOINT_S

    def _write(self, session: Session, keeping: Keeping, workspace: str, is_changed: bool) -> None:
        """Write what changed. What another tab has written meanwhile stays, and all of this one becomes a version."""
        parts = self.parts_of(session) if is_changed else {}
        # What a new session has not got need not be written, unless it was there before.
        changed = {
            key: part
            for key, part in parts.items()
            if keeping.saved.get(key) != part and (key in keeping.saved or part.document["content"])
        }
        if keeping.elsewhere.isdisjoint(changed):
            after = self.store.save(workspace, changed, keeping.seen, NEVER_ALIKE)
            keeping.seen = after.revision
            keeping.elsewhere |= set(after.elsewhere) - set(NEVER_ALIKE)
            if after.is_written:
                keeping.saved |= changed
                keeping.aside = keeping.aside if in_words(keeping.elsewhere) else None
                return
        if self._agree(keeping, workspace, parts):
            self._write(session, keeping, workspace, is_changed)
            return
        notes = f"Another tab had changed {in_words(keeping.elsewhere)} before this could be written."
        before = keeping.aside.number if keeping.aside else None
        keeping.aside = self.store.add_version(workspace, ASIDE, notes, keeping.saved | parts, before)

    def _agree(self, keeping: Keeping, workspace: str, parts: Mapping[str, Part]) -> bool:
        """Note what another tab wrote that does not contradict these parts; whether there was any."""
        theirs = self.store.load(workspace).parts
        alike = {key for key in keeping.elsewhere & theirs.keys() if key == TOGETHER or theirs[key] == parts.get(key)}
        if TOGETHER in alike:
            keeping.searches.take_others(theirs[TOGETHER])
        keeping.saved |= {key: theirs[key] for key in alike}
        keeping.elsewhere -= alike
        return bool(alike)

    def parts_of(self, session: Session) -> dict[str, Part]:
        """What a session has, its files in the store; raises StoreError."""
        return documents(session, self.store.put_blob, session.keeping.searches)

    def prefer(self, session: Session) -> None:
        """Write what a session has over what other tabs wrote, which becomes a version first; raises StoreError."""
        keeping = session.keeping
        with keeping.lock:
            if keeping.workspace is None:
                return
            theirs, aside = self.store.load(keeping.workspace), keeping.aside
            notes = f"Then {in_words(keeping.elsewhere)} of another tab took its place."
            self.store.add_version(keeping.workspace, OVERTAKEN, notes, theirs.parts)
            keeping.searches.take_others(theirs.parts.get(TOGETHER))
            keeping.saved, keeping.seen, keeping.marks = dict(theirs.parts), theirs.revision, []
            keeping.elsewhere, keeping.aside = set(), None
        self.save(session)
        if aside is not None and not (keeping.aside or keeping.problem):
            self.store.delete_version(keeping.workspace, aside.number)

    def look(self) -> None:
        """Write what is due, and let go of sessions whose tab is closed and whose work is done."""
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            if time.monotonic() >= session.keeping.due_s:
                # A page that changes a session while it is read is read again at the next look.
                with contextlib.suppress(RuntimeError):
                    self.save(session)
            if not session.presence.is_here() and not session.jobs.unfinished():
                self.save(session)
                with self._lock:
                    self._sessions.pop(session.name, None)
        if time.monotonic() - self._collected_s > COLLECT_S:
            self._collected_s = time.monotonic()
            with contextlib.suppress(StoreError):
                self.store.collect_garbage()

    def finish(self) -> None:
        """Keep the best so far of every running job, stop them all, and keep what they end with."""
        with self._lock:
            sessions = list(self._sessions.values())
        jobs = [job for session in sessions for job in session.jobs.unfinished()]
        for session in sessions:
            self.save(session)
        for job in jobs:
            job.stop()
        until_s = time.monotonic() + FINISH_S
        for job in jobs:
            job.wait(max(until_s - time.monotonic(), 0.0))
        for session in sessions if jobs else ():
            self.save(session)

    def _run(self) -> None:
        main = threading.main_thread()
        while main.is_alive() and not _ENDING.wait(LOOK_S):
            try:
                self.look()
            except Exception:
                log.exception("keeping the sessions failed")
        self.finish()


def end_keeping() -> None:
    """Let the keepers of this process keep the best so far, and wait for that; nothing is kept afterwards."""
    _ENDING.set()
    for thread in _THREADS:
        thread.join()


def _are_same(now: list[object], before: list[object]) -> bool:
    return len(now) == len(before) and all(
        a is b or (isinstance(a, str) and a == b) for a, b in zip(now, before, strict=True)
    )


@st.cache_resource(show_spinner=False)
def shared_keeper() -> Keeper:
    """The keeper of this server; raises StoreError if a variable that names its store is wrong."""
    keeper = Keeper(open_store())
    keeper.start()
    return keeper


def begin_if_worth_it(session: Session) -> None:
    """Give a session an address once there is something to keep."""
    keeping = session.keeping
    if keeping.workspace is None and keeping.reads is None and is_worth_keeping(session):
        keeping.workspace = new_workspace_id(session.owner)
