"""Compiling, or loading, the kernels of the searches before any time limit begins.

Where they were never compiled on this machine and it has two cores or more, a second process compiles the largest
kernel, and what only that one calls, while this one compiles the others. They meet in numba's cache: each kernel has
an index file of its own there, which is replaced as a whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from planner.executors.cluster import Machines
from planner.problem import Problem
from planner.search.refine_kernels import improve
from simulator import Cluster, Serving, kernel_stamps
from simulator.headway import Headway, OnProgress, tell
from simulator.kernel_stamps import is_compiled
from simulator.preparation import POLL_S, SIMULATING, Preparation, tiny_case

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


class _Here(Executor):
    """Does the work in the calling thread, so that no other one outlives it."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _tiny_problem() -> Problem:
    models, workload = tiny_case()
    return Problem(tuple(models), Cluster(2), workload, Serving())


def _search_once() -> None:
    from planner.search.bound import upper_bound
    from planner.search.search import find

    helper = _start_helper() if not is_compiled(improve) and (os.cpu_count() or 1) > 1 else None
    SIMULATING.wait()
    problem = _tiny_problem()
    for algorithm in ("greedy", "exhaustive", "alpaserve"):
        if algorithm == "alpaserve":
            upper_bound(problem)
            if helper is not None:
                # What it could not do, for whatever reason, is compiled here.
                helper.wait()
        options: dict[str, Any] = {"pp": 1} if algorithm == "greedy" else {}
        find(problem, algorithm, max_evaluations=2_000, executor=_Here(), **options)


def _start_helper() -> subprocess.Popen[bytes] | None:
    """Another process that compiles the largest kernel; it ends by itself within seconds."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    code = f"from {__name__} import compile_improvement; compile_improvement()"
    with suppress(OSError):
        return subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | kernel_stamps.cache_environment() | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return None


def compile_improvement() -> None:
    """Compile the local improvement, and run none of it."""
    from planner.search.budget import Stopped
    from planner.search.refine import Improvement
    from planner.search.run import begin_run
    from planner.search.scoring import Scored
    from planner.search.space import Space

    with begin_run(Space(_tiny_problem()), executor=_Here()) as run:
        layout = run.space.empty([0])
        cuts, models = run.traffic.cuts.size - 1, layout.holds.shape[1]
        start = Scored(layout, np.zeros((cuts, models), np.int64), np.zeros(models))
        run.workers.control[0] = 1
        with suppress(Stopped):
            Improvement(run, [0], [start]).round()


def _begin_here() -> bool:
    """Begin to prepare this process; whether it is prepared."""
    return begin(SEARCHING)


def begin(preparation: Preparation) -> bool:
    """Begin to prepare this process; whether it is prepared."""
    preparation.start()
    return preparation.is_ready


def prepare_everywhere(
    machines: Machines, on_progress: OnProgress | None = None, begin_here: Callable[[], bool] = _begin_here
) -> None:
    """The same in every worker that there is; raises Cancelled if `on_progress` returned False."""
    while not all(machines.everywhere(begin_here)):
        tell(on_progress, Headway("preparing other machines"))
        time.sleep(POLL_S)


SEARCHING = Preparation(_search_once, 10, is_compiled(improve))
