"""A problem as arrays: which configurations there are, who fits where, layouts and placements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.problem import Problem
from simulator import Cluster, Group, InputError, Model, Placement, Workload, words
from simulator.arrays import I64, Bools, Rules
from simulator.instance import build_rules
from simulator.placement import MEMORY_TOLERANCE_GIB
from simulator.score_kernels import Catalogue, Traffic

# A run is looked at this often: to give up a hopeless one, and to stop at once however long the trace.
CUTS = 32
CUTS_POWER = 1.5
MIN_REQUESTS_PER_CUT = 64
MAX_REQUESTS_PER_CUT = 200_000


@dataclass(frozen=True, eq=False)
class Layout:
    """A placement as arrays.

    Attributes:
        shape: int64 (G,), index of each group's configuration in `Space.shapes`.
        holds: bool (G, M), which models each group holds.
    """

    shape: I64
    holds: Bools

    def copy(self) -> Layout:
        return Layout(self.shape.copy(), self.holds.copy())

    def key(self) -> bytes:
        """The same for layouts that differ only in the order of their groups."""
        rows = sorted(bytes([c]) + np.packbits(row).tobytes() for c, row in zip(self.shape, self.holds, strict=True))
        return b"".join(rows)


class Space:
    """What the searches of one problem share.

    Attributes:
        problem: the problem.
        shapes: every parallel configuration (pp, tp) that some profile knows and the cluster has devices for.
        catalogue, traffic, rules: the problem as kernels take it.
        requests: int64 (M,), of each model.
        load_s: float64 (M,), seconds of one device that each model's requests would keep busy, alone at batch 1.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        known = {key for model in problem.models for key in model.profile.entries}
        self.shapes = sorted((s for s in known if s[0] * s[1] <= problem.cluster.devices), key=_size_then_depth)
        if not any(model_problem(model, problem.cluster) is None for model in problem.models):
            raise InputError(
                model_problem(problem.models[0], problem.cluster) if problem.models else "No models are given."
            )
        self.catalogue = _build_catalogue(problem, self.shapes)
        self.traffic = build_traffic(problem.workload)
        self.rules: Rules = build_rules(problem.serving)
        self.requests = problem.workload.requests_per_model()
        self.load_s = self.requests * np.array([m.profile.single_device_latency_s for m in problem.models])

    @property
    def devices(self) -> int:
        return self.problem.cluster.devices

    @cached_property
    def fits_alone(self) -> np.ndarray:
        """bool (M, C): whether an empty group of the configuration has room for the model."""
        rows = self.catalogue.first_row[:, None] + np.arange(len(self.shapes))
        return np.all(self.catalogue.weight_gib[rows] <= self.catalogue.memory_gib, axis=2)

    def notes(self) -> tuple[str, ...]:
        """A sentence for each model that no group on this cluster can hold."""
        reasons = (model_problem(model, self.problem.cluster) for model in self.problem.models)
        return tuple(reason for reason in reasons if reason is not None)

    def shape_index(self, pp: int, tp: int) -> int:
        """Index of a configuration; raises InputError naming those that exist."""
        if (pp, tp) not in self.shapes:
            known = ", ".join(map(str, self.shapes))
            raise InputError(
                f"No model can run with pp {pp}, tp {tp} on {self.devices} devices; (pp, tp) {known} are allowed."
            )
        return self.shapes.index((pp, tp))

    def empty(self, shapes: Sequence[int] | np.ndarray) -> Layout:
        """Groups of the given configurations that hold nothing."""
        return Layout(np.array(shapes, dtype=np.int64), np.zeros((len(shapes), len(self.problem.models)), np.bool_))

    def placement(self, layout: Layout, name: str = "placement") -> Placement:
        """A layout as a placement, groups in the same order."""
        models = self.problem.models
        groups = (
            Group(*self.shapes[int(c)], tuple(models[int(m)].name for m in np.flatnonzero(row)))
            for c, row in zip(layout.shape, layout.holds, strict=True)
        )
        return Placement(tuple(groups), name)

    def layout(self, placement: Placement) -> Layout:
        """A placement as a layout, groups in the same order; raises InputError if it does not fit the problem."""
        placement.check(self.problem.models, self.problem.cluster)
        index_of = {model.name: m for m, model in enumerate(self.problem.models)}
        used = [group for group in placement.groups if group.models or (group.pp, group.tp) in self.shapes]
        layout = self.empty([self.shape_index(group.pp, group.tp) for group in used])
        for g, group in enumerate(used):
            layout.holds[g, [index_of[name] for name in group.models]] = True
        return layout


def model_problem(model: Model, cluster: Cluster) -> str | None:
    """None if some parallel configuration of the model fits the cluster, else the sentence that says why not."""
    memory_gib = cluster.memory_gib + MEMORY_TOLERANCE_GIB
    possible = [e for e in model.profile.entries.values() if e.max_weight_gib <= memory_gib]
    who = model.name if model.name == model.profile.name else f"{model.profile.name} (model '{model.name}')"
    needed = min((e.devices for e in possible), default=None)
    if needed is None:
        least_gib = min(e.max_weight_gib for e in model.profile.entries.values())
        return (
            f"{who} needs at least {words.fixed(least_gib, 2)} GiB on a device in every configuration of its profile; "
            f"the devices have {cluster.memory_gib:g} GiB."
        )
    if needed > cluster.devices:
        return f"{who} needs {needed} devices at {cluster.memory_gib:g} GiB; the cluster has {cluster.devices}."
    return None


def build_traffic(workload: Workload) -> Traffic:
    """A workload as kernels take it, with the places where a run is looked at."""
    n = len(workload)
    slo_s = np.empty(0) if workload.slo_s is None else workload.slo_s
    # Kernels are compiled for read-only requests, which those of a workload are.
    slo_s.flags.writeable = False
    return Traffic(workload.arrival_s, workload.model, slo_s, _cuts(n))


def _cuts(n: int) -> np.ndarray:
    """Denser at the beginning, where most hopeless runs end; never more than MAX_REQUESTS_PER_CUT apart."""
    if not n:
        return np.zeros(2, np.int64)
    count = max(min(CUTS, n // MIN_REQUESTS_PER_CUT), 1)
    early = (n * np.linspace(0, 1, count + 1) ** CUTS_POWER).astype(np.int64)
    return np.unique(np.concatenate([early, np.arange(0, n, MAX_REQUESTS_PER_CUT), [0, n]]))


def _size_then_depth(shape: tuple[int, int]) -> tuple[int, int]:
    return shape[0] * shape[1], shape[0]


def _build_catalogue(problem: Problem, shapes: Sequence[tuple[int, int]]) -> Catalogue:
    profiles = list({id(model.profile): model.profile for model in problem.models}.values())
    place_of = {id(profile): i for i, profile in enumerate(profiles)}
    stages = max(pp for pp, _ in shapes)
    rows = len(profiles) * len(shapes)
    latency_s, weight_gib = np.zeros((1, rows, stages)), np.zeros((rows, stages))
    for i, profile in enumerate(profiles):
        for c, (pp, tp) in enumerate(shapes):
            row, entry = i * len(shapes) + c, profile.entries.get((pp, tp))
            if entry is None:
                weight_gib[row, 0] = np.inf
                continue
            latency_s[0, row, :pp] = np.multiply(entry.stage_latency_s, problem.serving.stage_factor(pp))
            weight_gib[row, :pp] = entry.stage_weight_gib
    return Catalogue(
        slo_s=np.array([model.slo_s for model in problem.models]),
        first_row=np.array([place_of[id(m.profile)] * len(shapes) for m in problem.models], dtype=np.int64),
        latency_s=latency_s,
        weight_gib=weight_gib,
        depth=np.array([pp for pp, _ in shapes], dtype=np.int64),
        devices=np.array([pp * tp for pp, tp in shapes], dtype=np.int64),
        memory_gib=problem.cluster.memory_gib + MEMORY_TOLERANCE_GIB,
    )
