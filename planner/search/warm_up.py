"""Compiles the search kernels before they are needed."""

from __future__ import annotations

import numpy as np

from planner.problem import Problem
from planner.search.search import search
from simulator import Cluster, Model, Profile, ProfileEntry, Serving, Workload


def warm_up() -> None:
    """Run every search kernel once, on a case that takes no time: about half a minute of one processor the first
    time on a machine, a fraction of a second after that."""
    entries = {(pp, 1): ProfileEntry(pp, 1, (1.0 / pp,) * pp, (6.0 / pp,) * pp) for pp in (1, 2)}
    models = [Model(f"m{i}", Profile("p", entries), 2.0) for i in range(3)]
    workload = Workload(np.arange(60) * 0.2, np.arange(60) % 3, 3)
    problem = Problem(models, Cluster(2), workload, Serving())
    for algorithm in ("greedy", "exhaustive", "alpaserve"):
        options = {"pp": 1} if algorithm == "greedy" else {}
        search(problem, algorithm, max_evaluations=2_000, **options)
