"""Long work that is no placement of the basket: capacity plans, sweeps, profiles. It outlasts a change of page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.background.work import OUR_FAULT, shared_workers
from app.look.style import guarded, plain_text
from simulator import Cancelled, InputError

POLL_S = 0.25
# Work that is done this soon appears at once, without a progress bar.
PATIENCE_S = 1.0

log = logging.getLogger(__name__)


class Task:
    """One piece of work in the background.

    Attributes:
        key: of what was asked, so that a result can be told from an older one.
        done, total, what: how many pieces are done, of how many (0 = not known), and the last one in words.
        best: the best so far in words, empty before there is any.
        result: the result once there is one; problem: the sentence if it could not be done.
        is_done, is_stopped: whether it has ended, and whether it was asked to.
    """

    def __init__(self, key: str, work: Callable[[Task], Any]) -> None:
        self.key = key
        self.done, self.total, self.what, self.best = 0, 0, "waiting for a turn", ""
        self.result: Any = None
        self.problem: str | None = None
        self.is_stopped = False
        self._ended = threading.Event()
        self._work = work

    @property
    def is_done(self) -> bool:
        """Whether the work has ended, in whatever way."""
        return self._ended.is_set()

    def stop(self) -> None:
        """Ask the work to end; what is done by then counts."""
        self.is_stopped = True

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most so long."""
        self._ended.wait(seconds)

    def report(self, done: int, total: int, what: str) -> bool:
        """Note how far the work is; False means that it is to stop. For `on_point` of sweeps and capacity plans."""
        self.done, self.total, self.what = done, total, what
        return not self.is_stopped

    def run(self) -> None:
        """Do the work and note how it ended; nothing is raised."""
        try:
            if self.is_stopped:
                raise Cancelled
            self.result = self._work(self)
        except InputError as error:
            self.problem = str(error)
        except Cancelled:
            self.problem = "This was stopped before it had a result."
        except Exception:
            log.exception("background work failed")
            self.problem = OUR_FAULT
        finally:
            self._ended.set()


@dataclass
class Desk:
    """What is worked on at one area of the page, and the last result there."""

    task: Task | None = None
    last: Task | None = None

    def refresh(self) -> None:
        """Take over the result of a task that has ended."""
        if self.task is not None and self.task.is_done and self.task.result is not None:
            self.last = self.task

    @property
    def result(self) -> Any:
        """The last result, None before there is one."""
        return self.last.result if self.last else None

    @property
    def is_working(self) -> bool:
        """Whether a task waits or runs."""
        return self.task is not None and not self.task.is_done


def desk_of(session: Any, area: str) -> Desk:
    """The desk at a area, up to date."""
    desk = session.desks.setdefault(area, Desk())
    desk.refresh()
    return desk


def start_task(session: Any, area: str, key: str, work: Callable[[Task], Any]) -> Desk:
    """Put new work on a desk; what was worked on there is stopped, its last result stays until there is a new one."""
    desk = desk_of(session, area)
    if desk.task is not None:
        desk.task.stop()
    desk.task = Task(key, work)
    shared_workers().submit(session.name, desk.task)
    desk.task.wait(PATIENCE_S)
    desk.refresh()
    return desk


def draw_task(session: Any, area: str, doing: str) -> None:
    """Progress with Stop while there is work, and the sentence if it could not be done. doing: a few words."""
    desk = desk_of(session, area)
    if desk.is_working:
        _watch(session, area, doing)
    elif desk.task is not None and desk.task.problem:
        st.error(plain_text(desk.task.problem))


@st.fragment(run_every=POLL_S)
@guarded
def _watch(session: Any, area: str, doing: str) -> None:
    desk = desk_of(session, area)
    if not desk.is_working:
        st.rerun()
    task = desk.task
    left, right = st.columns([5, 1], vertical_alignment="center")
    count = f"{task.done} of {task.total}, " if task.total else ""
    best = f"; best so far: {task.best}" if task.best else ""
    state = "stopping" if task.is_stopped else f"{count}{task.what}{best}"
    share = min(task.done / task.total, 1.0) if task.total else 0.0
    with left:
        st.progress(share, text=plain_text(f"{doing}: {state}"))
    right.button("Stop", key=f"stop-task:{area}", on_click=task.stop, disabled=task.is_stopped)
