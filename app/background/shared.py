"""The same work for several visitors at the same time, done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from app.background.jobs import Job
from planner.search import Progress
from simulator import Cancelled

POLL_S = 0.05


class SharedWork:
    """Jobs of all visitors by what they make: the first one for a key works, the others wait for its result.

    It works as long as the tab of one of them is open. Where its visitor presses Stop, another one begins anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: dict[str, Job] = {}

    def do(self, job: Job, work: Callable[[Job], Any], best_so_far: Callable[[Progress], Any]) -> Any:
        """The result of a job: of its work, or of another job for the same key.

        Args:
            job: under way; its key must name the content of all that its result follows from.
            best_so_far: a result of the progress of a search, for a visitor who stops waiting for one.

        Raises what the work raises, and Cancelled if nothing is there at a Stop.
        """
        while True:
            with self._lock:
                first = self._working.setdefault(job.key, job)
                if first.is_done:
                    # It was stopped and ends unheard.
                    first = self._working[job.key] = job
            if first is job:
                try:
                    return work(job)
                finally:
                    with self._lock:
                        if self._working[job.key] is job:
                            del self._working[job.key]
            progress = _wait(job, first)
            if job.is_stopped:
                if progress is None or progress.placement is None:
                    raise Cancelled
                return best_so_far(progress)
            # What was stopped or failed is asked for again.
            if first.result is not None and not first.is_stopped:
                return first.result


def _wait(job: Job, first: Job) -> Progress | None:
    """Wait for the end of the first job, or for a Stop, and show how far it is; gives the last progress of a search."""
    last = None
    first.join(*(job.askers or ()))
    while not first.is_done:
        first.wait(POLL_S)
        job.what, job.progress = first.what, first.progress
        last = job.progress or last
        if not job.goes_on():
            first.leave(*(job.askers or ()))
            break
    return last


# One in the life of the server, as the workers of the jobs are.
UNDER_WAY = SharedWork()
