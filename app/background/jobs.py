"""Work in the background that outlasts a click, with progress, stop, and a fair turn for every visitor."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from planner.search import Progress
from simulator import Cancelled, InputError
from simulator.headway import Headway

# More threads than cores: the kernels release the GIL, and a short search is not stuck behind long ones.
THREADS = 2 * (os.cpu_count() or 1)
# A tab that is gone for so long is closed.
GRACE_S = 5.0
# Linux's measure of how far the work of patient lanes stands back.
NICE = 10
OUR_FAULT = "Something went wrong on our side, not in what you entered; the earlier result is kept. Please try again."

log = logging.getLogger(__name__)
# A line of JSON for each job, without a word of what was asked or found.
jobs_log = logging.getLogger("planner.jobs")
if not jobs_log.handlers:
    jobs_log.addHandler(logging.StreamHandler())
    jobs_log.setLevel(logging.INFO)
    jobs_log.propagate = False


class Lane(Enum):
    """Whom a job waits behind: nothing quick waits behind a search. The value: how many of a visitor's run at a time.

    Searches run one after the other, so that ten visitors share the machine evenly. Searches and advice let pages and
    all that is quick go before, see PATIENT.
    """

    INPUTS = "inputs", 1
    QUICK = "quick", 2
    SEARCH = "search", 1
    ADVICE = "advice", 1


# What a machine of few cores does with what is left of it.
PATIENT = (Lane.SEARCH, Lane.ADVICE)


class Job:
    """One piece of work in the background: how far it is, a stop, and one end, with a result or a problem.

    Attributes:
        key: of what was asked, so that a result can be told from an older one. name: of it, in words.
        lane: whom it waits behind. by_itself: whether it began without being asked for.
        done, total, what: how many pieces are done, of how many (0 = not known), and what is being done in words.
        best: the best so far in words, empty before there is any; progress: of a search, None before it reports.
        partial: what is known by now, of work that gets better in place; None before anything is.
        result: the result once there is one; problem: the sentence if it could not be done; remark: one on how it was
            done, None if there is nothing to say.
        is_done, is_stopped: whether it has ended, and whether it was asked to.
        askers: who wait for it; it ends when the tabs of all of them are closed. None: somebody does in any case.
    """

    def __init__(
        self,
        key: str,
        work: Callable[[Job], Any],
        name: str = "This",
        lane: Lane = Lane.SEARCH,
        by_itself: bool = False,
    ) -> None:
        self.key, self.name, self.lane, self.by_itself = key, name, lane, by_itself
        self.done, self.total, self.what, self.best = 0, 0, "waiting for a turn", ""
        self.progress: Progress | None = None
        self.partial: Any = None
        self.result: Any = None
        self.problem: str | None = None
        self.remark: str | None = None
        self.is_stopped = False
        self.askers: tuple[Presence, ...] | None = None
        self._work = work
        self._lock = threading.Lock()
        self._has_begun = self._has_searched = False
        self._ended = threading.Event()
        self._made_s = time.monotonic()

    @property
    def is_done(self) -> bool:
        """Whether the work has ended, in whatever way."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most so long."""
        self._ended.wait(seconds)

    def stop(self) -> None:
        """Ask the work to end: what is done by then counts. What has not begun never begins.

        The making of inputs cannot be asked: it ends unheard, and only the cache keeps what it makes.
        """
        with self._lock:
            self.is_stopped = True
            if not self.is_done and (not self._has_begun or self.lane is Lane.INPUTS):
                self.problem = self._stopped_too_soon()
                self._ended.set()

    def join(self, *askers: Presence) -> None:
        """Note who waits for it too."""
        with self._lock:
            if self.askers is not None:
                self.askers += askers

    def leave(self, *askers: Presence) -> None:
        """Note who no longer waits for it; when nobody does, it is stopped."""
        with self._lock:
            self.askers = tuple(asker for asker in self.askers or () if asker not in askers)
        if not self.askers:
            self.stop()

    def say(self, remark: str) -> None:
        """Note how it is done, where that is worth a sentence."""
        self.remark = remark

    def report(self, told: Headway) -> bool:
        """Note how far the work is, for `on_progress`; False means that it is to stop."""
        self.done, self.total, self.what = told.done, told.total, told.phase
        return self.goes_on()

    def report_placement(self, told: Headway) -> bool:
        """Note how far a placement is; after a stop the best placement of a search is still simulated."""
        self.what, self.progress = told.phase, told if isinstance(told, Progress) else None
        self._has_searched |= self.progress is not None
        return self.goes_on() or (self.progress is None and self._has_searched)

    def run(self) -> None:
        """Do the work and note how it ended; nothing is raised. Work that was stopped before is not begun."""
        if not self.goes_on():
            return
        with self._lock:
            if self.is_done:
                return
            self._has_begun = True
        began_s = time.monotonic()
        result, problem, end = self._outcome()
        line = {"lane": self.lane.value[0], "waited_s": round(began_s - self._made_s, 3)}
        jobs_log.info(json.dumps(line | {"took_s": round(time.monotonic() - began_s, 3), "end": end}))
        with self._lock:
            if not self.is_done:
                self.result, self.problem = result, problem
                self._ended.set()

    def _outcome(self) -> tuple[Any, str | None, str]:
        """The result or the problem of the work, and the word for its end in the log."""
        try:
            return self._work(self), None, "stopped" if self.is_stopped else "done"
        except InputError as error:
            return None, str(error), "refused"
        except Cancelled:
            return None, self._stopped_too_soon(), "stopped"
        except Exception:
            log.exception("background work failed")
            return None, OUR_FAULT, "failed"

    def goes_on(self) -> bool:
        """Whether the work is to go on: it was not stopped, and somebody waits for it."""
        if self.askers is not None and not self.is_stopped and not any(asker.is_here() for asker in self.askers):
            self.stop()
        return not self.is_stopped

    def _stopped_too_soon(self) -> str:
        return f"{self.name} was stopped before it had a result."


class Presence:
    """Whether the browser tab of a session is open, so that its jobs can end with it."""

    def __init__(self) -> None:
        context = get_script_run_ctx(suppress_warning=True)
        self._session_id = context.session_id if context else None
        self._seen_s = time.monotonic()

    def is_here(self) -> bool:
        """Whether the tab is connected, or was a moment ago: a connection may drop for some seconds."""
        if self._session_id is None or not runtime.exists():
            return True
        if runtime.get_instance().is_active_session(self._session_id):
            self._seen_s = time.monotonic()
        return time.monotonic() - self._seen_s < GRACE_S


class Workers:
    """A bounded pool in which visitors take turns."""

    def __init__(self, threads: int = THREADS, per_visitor: int = 1, is_patient: bool = False) -> None:
        self._threads, self._per_visitor = threads, per_visitor
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="search", initializer=_give_way if is_patient else None
        )
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self._running: Counter[str] = Counter()

    def submit(self, visitor: str, job: Job) -> None:
        """Queue a job of a visitor."""
        with self._lock:
            self._waiting.setdefault(visitor, deque()).append(job)
        self._start_next()

    def _start_next(self) -> None:
        with self._lock:
            for visitor in list(self._waiting):
                if self._running.total() >= self._threads:
                    return
                if self._running[visitor] >= self._per_visitor:
                    continue
                job = self._waiting[visitor].popleft()
                if self._waiting[visitor]:
                    self._waiting.move_to_end(visitor)
                else:
                    del self._waiting[visitor]
                self._running[visitor] += 1
                self._executor.submit(self._run, visitor, job)

    def _run(self, visitor: str, job: Job) -> None:
        try:
            job.run()
        finally:
            with self._lock:
                self._running[visitor] -= 1
                self._running += Counter()
            self._start_next()


def _give_way() -> None:
    """Let pages go before the work of this thread, and of the threads that it starts."""
    if sys.platform == "linux":
        # Of the first thread: this one may have been begun by another that gives way.
        whole = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(whole + NICE, 19))


class Jobs:
    """The jobs of one session: under way, or ended and still of use.

    Attributes:
        by_key: by the key of what each makes.
    """

    def __init__(self, visitor: str, presence: Presence) -> None:
        self._visitor, self._presence = visitor, presence
        self.by_key: dict[str, Job] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.by_key

    def get(self, key: str) -> Job | None:
        """The job for a key."""
        return self.by_key.get(key)

    def all(self, *lanes: Lane) -> list[Job]:
        """The jobs of some lanes; of all without any."""
        return [job for job in self.by_key.values() if not lanes or job.lane in lanes]

    def unfinished(self) -> list[Job]:
        """The jobs that still run or wait."""
        return [job for job in self.by_key.values() if not job.is_done]

    def start(self, key: str, work: Callable[[Job], Any], name: str, lane: Lane, patience_s: float = 0.0) -> Job:
        """Queue work for a key, and wait for it at most so long."""
        job = self.by_key[key] = Job(key, work, name, lane)
        self.submit(job)
        job.wait(patience_s)
        return job

    def submit(self, job: Job) -> None:
        """Queue a job that somebody else keeps; it too ends with the session."""
        job.askers = (self._presence,)
        shared_workers(job.lane).submit(self._visitor, job)

    def wait(self, jobs: Sequence[Job], seconds: float) -> None:
        """Wait for the end of some jobs, at most so long together."""
        until_s = time.monotonic() + seconds
        for job in jobs:
            job.wait(max(until_s - time.monotonic(), 0.0))

    def keep_only(self, keys: Collection[str]) -> None:
        """Leave and forget every job but these."""
        for key in [key for key in self.by_key if key not in keys]:
            self.forget(key)

    def forget(self, key: str) -> None:
        """Leave a job, if there is one, and forget what it made; it ends where nobody else waits for it."""
        job = self.by_key.pop(key, None)
        if job is not None:
            job.leave(self._presence)


@st.cache_resource(show_spinner=False)
def shared_workers(lane: Lane) -> Workers:
    """The pool of this server for one lane."""
    return Workers(per_visitor=lane.value[1], is_patient=lane in PATIENT)
