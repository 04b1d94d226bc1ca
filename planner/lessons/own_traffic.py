"""The lessons on batches and on yesterday's plan, with requests, models and devices that somebody brings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planner.lessons.batching import BATCHES, SCALES
from planner.lessons.yesterday import HOURS, SERVING, WINDOWS, Tested, try_plans
from planner.problem import Problem
from planner.search import search
from simulator import InputError, Model, Placement, simulate, words

# An answer comes within a second or two: so many requests are taken, and fewer of many models on many devices.
MOST_REQUESTS, MOST_WORK = 50_000, 100_000_000
# Below this a stretch says nothing about a plan.
LEAST_REQUESTS = 50
# Placements for batches are made for deadlines of so many times a request alone.
PLANNED_SCALE = 5.0


@dataclass(frozen=True, eq=False)
class Brought:
    """What a lesson takes of a problem.

    Attributes:
        problem: the first requests of it, under the lessons' rules; deadlines are set by scale, see `at_scale`.
        of: how many requests there were.
    """

    problem: Problem
    of: int

    def at_scale(self, slo_scale: float) -> Problem:
        """The problem with deadlines of so many times each model alone."""
        models = tuple(Model.with_slo_scale(m.name, m.profile, slo_scale) for m in self.problem.models)
        return replace(self.problem, models=models)


@dataclass(frozen=True, eq=False)
class OwnBatches:
    """Deadlines met with batches.

    Attributes:
        here: at the deadline, float64 (2, batches): by replicas and pipelines, and by the most that a batch may hold.
        lines: over SCALES, float64 (scales, 2, batches). stages: of the pipelines.
        alone: models whose profiles hold no batches.
    """

    brought: Brought
    here: np.ndarray
    lines: np.ndarray
    stages: int
    alone: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OwnStretches:
    """A plan for the first third of the requests' time, tested on all three thirds of `stretch_s` each."""

    brought: Brought
    tested: Tested
    stretch_s: float


def bring(problem: Problem) -> Brought:
    """The first requests of a problem, under the lessons' rules; raises InputError where there are none."""
    if not len(problem.workload):
        raise InputError("No request arrives in your scenario, so there is nothing to try.")
    # What the searches take grows with all three.
    size = len(problem.models) * problem.cluster.devices
    most = min(MOST_REQUESTS, MOST_WORK // size)
    # Deadlines are those of the lesson, whatever the requests bring.
    workload = replace(problem.workload.rows(slice(0, most)), slo_s=None)
    return Brought(Problem(problem.models, problem.cluster, workload, SERVING), len(problem.workload))


def own_batches(brought: Brought, slo_scale: float) -> OwnBatches:
    """Replicas on single devices and pipelines, filled greedily, with every largest batch; raises InputError."""
    models = brought.problem.models
    stages = _stages(brought.problem)
    used = ((1, 1), (stages, 1))
    alone = tuple(
        m.name for m in models if not any(m.profile.entries[at].batches for at in used if at in m.profile.entries)
    )
    if len(alone) == len(models):
        raise InputError("The profiles of your models do not say how long a batch takes, so none can be tried.")
    planned = brought.at_scale(PLANNED_SCALE)
    ways = [_found(planned, "fast_greedy", pp=pp, tp=1) for pp in (1, stages)]

    def met(scale: float) -> np.ndarray:
        at = brought.at_scale(scale)
        return np.array([
            [simulate(at.models, way, at.workload, replace(SERVING, max_batch_size=most)).slo_attainment
             for most in BATCHES]
            for way in ways
        ])  # fmt: skip

    return OwnBatches(brought, met(slo_scale), np.array([met(scale) for scale in SCALES]), stages, alone)


def own_stretches(brought: Brought, slo_scale: float) -> OwnStretches:
    """Plan on the first third, test on all three, as the lesson does with its hours; raises InputError."""
    at = brought.at_scale(slo_scale)
    begin_s, end_s = at.workload.arrival_s[0], np.nextafter(at.workload.arrival_s[-1], np.inf)
    edges_s = np.linspace(begin_s, end_s, len(HOURS) + 1)
    thirds = [at.workload.window(low, high) for low, high in zip(edges_s[:-1], edges_s[1:], strict=True)]
    # A plan's clock begins with its stretch.
    thirds = [third.moved(third.arrival_s - low) for third, low in zip(thirds, edges_s[:-1], strict=True)]
    for name, third in zip(HOURS, thirds, strict=True):
        if len(third) < LEAST_REQUESTS:
            raise InputError(
                f"Third {name} of your traffic has {words.plural(len(third), 'request')}; at least {LEAST_REQUESTS} "
                "are needed to test a plan on it."
            )
    stretch_s = float(edges_s[1] - edges_s[0])
    tested = try_plans([replace(at, workload=third) for third in thirds], stretch_s / WINDOWS, _stages(at))
    return OwnStretches(brought, tested, stretch_s)


def _stages(problem: Problem) -> int:
    """The most stages up to the lesson's four that all models can be cut into and that devices are there for."""
    for stages in (4, 2):
        if stages <= problem.cluster.devices and all((stages, 1) in m.profile.entries for m in problem.models):
            return stages
    raise InputError(
        f"No pipeline can be tried: your cluster has {words.plural(problem.cluster.devices, 'device')}, and a profile "
        "that all of your models have is needed for 2 or 4 stages."
    )


def _found(problem: Problem, algorithm: str, **options: Any) -> Placement:
    found = search(problem, algorithm, **options).placement
    assert isinstance(found, Placement), "only Clockwork++ gives placements over time"
    return found
