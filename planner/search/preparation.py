"""Compiling, or loading, the kernels of the searches before any time limit begins."""

from __future__ import annotations

from concurrent.futures import Executor, Future

from planner.problem import Problem
from simulator import Cluster, Serving
from simulator.preparation import SIMULATING, Preparation, tiny_case


class _Here(Executor):
    """Does the work in the calling thread, so that no other one outlives it."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _search_once() -> None:
    from planner.search.search import find

    SIMULATING.wait()
    models, workload = tiny_case()
    problem = Problem(models, Cluster(2), workload, Serving())
    for algorithm in ("greedy", "exhaustive", "alpaserve"):
        options = {"pp": 1} if algorithm == "greedy" else {}
        find(problem, algorithm, max_evaluations=2_000, executor=_Here(), **options)


SEARCHING = Preparation(_search_once, "preparing, once on this machine, about 20 s")
