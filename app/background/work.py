"""Work in the background: searches that outlast a click, with progress, stop, and a fair turn for every visitor."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import streamlit as st

from planner import PlacementOutcome
from planner.compare import OnProgress
from planner.search import Progress
from simulator import Cancelled, InputError

# More threads than cores: the kernels release the GIL, and a short search is not stuck behind long ones.
THREADS = 2 * (os.cpu_count() or 1)
# One visitor's searches run one after the other, so that ten visitors share the machine evenly.
RUNNING_PER_VISITOR = 1
OUR_FAULT = "Something went wrong on our side, not in what you entered; the earlier result is kept. Please try again."

log = logging.getLogger(__name__)


class Job:
    """One placement that is being searched and simulated.

    Attributes:
        name: of the placement.
        phase: what is being done, a few words; progress: of the search, None before it reports.
        outcome: the result once there is one.
        problem: the sentence if it could not be done.
        is_done, is_stopped: whether it has ended, and whether it was asked to.
    """

    def __init__(self, name: str, work: Callable[[OnProgress], PlacementOutcome]) -> None:
        self.name = name
        self.phase = "waiting for a turn"
        self.progress: Progress | None = None
        self.outcome: PlacementOutcome | None = None
        self.problem: str | None = None
        self.is_done = False
        self.is_stopped = False
        self._work = work

    def stop(self) -> None:
        """Ask the job to end; a search then gives its best so far."""
        self.is_stopped = True

    def run(self) -> None:
        """Do the work and note how it ended; nothing is raised."""
        try:
            self.outcome = self._work(self._report)
        except InputError as error:
            self.problem = str(error)
        except Cancelled:
            self.problem = f"{self.name} was stopped before it had a result."
        except Exception:
            log.exception("background work failed")
            self.problem = OUR_FAULT
        finally:
            self.is_done = True

    def _report(self, name: str, phase: str, progress: Progress | None) -> bool:
        self.phase, self.progress = phase, progress
        # After a stop the best placement so far is still simulated, so only a search is told to end.
        return not (self.is_stopped and progress is not None)


class Workers:
    """A bounded pool in which visitors take turns."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="search")
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
                if self._running[visitor] >= RUNNING_PER_VISITOR:
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


@st.cache_resource(show_spinner=False)
def shared_workers() -> Workers:
    """The pool of this server."""
    return Workers()


def unfinished(jobs: dict[str, Any]) -> list[Job]:
    """The jobs that still run or wait."""
    return [job for job in jobs.values() if not job.is_done]
