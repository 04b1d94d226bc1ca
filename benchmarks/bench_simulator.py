"""How many requests a second the scoring kernel handles, beside a streaming pass over the same arrays.

python -m benchmarks.bench_simulator
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit

from simulator import Group, Model, Placement, Profile, ProfileEntry, Serving, Workload, serving_preset, simulate
from simulator.arrays import Tally
from simulator.arrivals import gamma_arrivals
from simulator.instance import build_instance, build_rules, new_state
from simulator.kernels import serve
from simulator.serving import DISPATCH_RULES

REQUESTS = 4_000_000
REPEATS = 5
LOAD = 0.8
LATENCY_S = 0.1


@njit(cache=True, nogil=True)
def stream(arrival_s, model):
    """The least one can do with a workload: read all of it once."""
    total = 0.0
    for i in range(arrival_s.size):
        total += arrival_s[i] + model[i]
    return total


def best_of(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Seconds of the fastest of several runs, the first one left out."""
    action()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)


def make_case(models: int, groups: int, stages: int, replicas: int) -> tuple[list[Model], Placement, Workload]:
    """Models of slightly different latency, each on `replicas` random groups, under bursty traffic at LOAD."""
    random = np.random.default_rng(0)
    held: list[list[str]] = [[] for _ in range(groups)]
    served = []
    for m in range(models):
        stage_s = LATENCY_S / stages * random.uniform(0.8, 1.2)
        entry = ProfileEntry(stages, 1, (stage_s,) * stages, (1.0,) * stages)
        served.append(Model(f"m{m}", Profile("p", {(stages, 1): entry}, alone_s=LATENCY_S), 5 * LATENCY_S))
        for g in random.choice(groups, replicas, replace=False):
            held[g].append(f"m{m}")
    rate = groups * LOAD * stages / LATENCY_S
    arrival_s = gamma_arrivals(rate, 4.0, 1.02 * REQUESTS / rate, seed=0)[:REQUESTS]
    workload = Workload(arrival_s, random.integers(0, models, arrival_s.size), models)
    return served, Placement(tuple(Group(stages, 1, tuple(h)) for h in held)), workload


def score_rate(case: tuple[list[Model], Placement, Workload], serving: Serving) -> float:
    """Requests per second of the scoring kernel (nothing recorded), one thread."""
    models, placement, workload = case
    instance, rules = build_instance(models, placement, serving), build_rules(serving)
    n, empty = len(workload), np.empty(0)
    ended_s, next_request = np.empty(n), np.empty(n, dtype=np.int32)

    def run() -> None:
        tally = Tally(np.zeros(len(models), np.int64), np.zeros(len(placement.groups), np.int64), np.zeros(len(models)))
        state = new_state(instance, rules)
        serve(
            instance, rules, state, workload.arrival_s, workload.model, empty, 0, n, ended_s, next_request, None, tally
        )

    return n / best_of(run)


def main() -> None:
    cases = (
        ("8 models, 4 groups of 4 stages, 2 replicas", make_case(8, 4, 4, 2)),
        ("8 models, 4 groups of 4 stages, 4 replicas", make_case(8, 4, 4, 4)),
        ("32 models, 64 single devices, 10 replicas", make_case(32, 64, 1, 10)),
    )
    print(f"million requests per second, one thread, {REQUESTS:,} requests, best of {REPEATS}\n")
    header = f"{'':44}{'stream':>8}{'simulate':>10}"
    print(header + "".join(f"{rule:>17}" for rule in DISPATCH_RULES) + "   earliest_free / stream")
    for name, case in cases:
        models, placement, workload = case
        streaming = len(workload) / best_of(lambda w=workload: stream(w.arrival_s, w.model))
        rates = [score_rate(case, serving_preset("published", dispatch=rule)) for rule in DISPATCH_RULES]
        whole = len(workload) / best_of(
            lambda c=case: simulate(c[0], c[1], c[2], serving_preset("published")), repeats=2
        )
        print(
            f"{name:44}{streaming / 1e6:8.0f}{whole / 1e6:10.1f}"
            + "".join(f"{rate / 1e6:17.1f}" for rate in rates)
            + f"   1 / {streaming / rates[DISPATCH_RULES.index('earliest_free')]:.0f}"
        )


if __name__ == "__main__":
    main()
