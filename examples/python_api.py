"""The Python API in one go: make traffic, search a placement, compare it with dedicated devices, look at the misses.

python examples/python_api.py
"""

from __future__ import annotations

import numpy as np

from planner import Problem, search
from simulator import Cluster, Group, Model, Placement, measure, serving_preset, simulate
from simulator.arrivals import gamma_workload, split_rate
from simulator.catalogue import builtin_catalogue


def main() -> None:
    """Plan for eight models on eight devices and print who misses deadlines."""
    profile = builtin_catalogue()["bert-2.6b"]
    models = tuple(Model.with_slo_scale(f"bert-{i}", profile, 5.0) for i in range(8))
    workload = gamma_workload(split_rate(20.0, 8, "power_law", 0.5), 4.0, 300.0, 0)
    problem = Problem(models, Cluster(8), workload, serving_preset("testbed"))

    dedicated = Placement(tuple(Group(1, 1, (model.name,)) for model in models), "dedicated")
    found = search(problem, "alpaserve", seed=0, max_evaluations=2_000)
    for placement in (dedicated, found.placement):
        result = simulate(models, placement, workload, problem.serving)
        total = measure(result).total
        print(f"{placement.name}: {total.slo_attainment:.1%} of {total.requests:,} deadlines met")
        missed = np.bincount(workload.model[~result.in_slo], minlength=len(models))
        print("  missed by model:", ", ".join(f"{m.name} {n}" for m, n in zip(models, missed, strict=True)))


if __name__ == "__main__":
    main()
