"""A problem as arrays: which configurations there are, who fits where, layouts and placements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from planner.executors.shared import Lent
from planner.problem import Problem
from planner.search.zones import Zone, cut_zones, in_zones, may_stand, zones_of
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


class Space(Lent):
    """What the searches of one problem share.

    Attributes:
        problem: the problem.
        zones: stretches of devices that groups stay in, one for all without rules.
        shapes: every parallel configuration (pp, tp) that some profile knows and the cluster has devices for, once for
            each zone with room for it. zone: int64 (C,), the zone of each.
        catalogue, traffic, rules: the problem as kernels take it.
        least: int64 (M,), in how many groups each model stands at least; empty where none is asked.
        requests: int64 (M,), of each model.
        load_s: float64 (M,), seconds of one device that each model's requests would keep busy, alone at batch 1.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        known = {key for model in problem.models for key in model.profile.entries}
        self.zones = cut_zones(problem.rules, problem.cluster)
        cuts = [(shape, z) for shape in sorted(known, key=_size_then_depth) for z, zone in enumerate(self.zones)
                if shape[0] * shape[1] <= zone.devices]  # fmt: skip
        self.shapes = [shape for shape, _ in cuts]
        self.zone = np.array([z for _, z in cuts], dtype=np.int64)
        if not any(model_problem(model, problem.cluster) is None for model in problem.models):
            raise InputError(
                model_problem(problem.models[0], problem.cluster) if problem.models else "No models are given."
            )
        self.catalogue = _build_catalogue(problem, cuts, self.zones)
        least = [problem.rules.min_replicas.get(model.name, 0) for model in problem.models]
        self.least = np.array(least if any(least) else [], dtype=np.int64)
        self.traffic = build_traffic(problem.workload)
        self.rules: Rules = build_rules(problem.serving)
        self.requests = problem.workload.requests_per_model()
        self.load_s = self.requests * np.array([m.profile.single_device_latency_s for m in problem.models])

    @property
    def devices(self) -> int:
        return self.problem.cluster.devices

    @property
    def room(self) -> I64:
        """int64 (Z,), the devices of each zone."""
        return np.array([zone.devices for zone in self.zones], dtype=np.int64)

    def asked(self, traffic: Traffic) -> int:
        """As how many requests those of some traffic count."""
        return int(self.catalogue.weight[traffic.model].sum()) if self.problem.weights else traffic.model.size

    @property
    def is_plain(self) -> bool:
        """Whether neither rules nor weights are given."""
        return self.problem.rules.is_empty and not self.problem.weights

    def in_zone(self, shape: int, zone: int) -> int | None:
        """The same configuration in another zone; None where that has no room for it."""
        found = np.flatnonzero((self.zone == zone) & [other == self.shapes[shape] for other in self.shapes])
        return int(found[0]) if found.size else None

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
            known = ", ".join(map(str, dict.fromkeys(self.shapes)))
            raise InputError(
                f"No model can run with pp {pp}, tp {tp} on {self.devices} devices; (pp, tp) {known} are allowed."
            )
        return self.shapes.index((pp, tp))

    def empty(self, shapes: Sequence[int] | np.ndarray) -> Layout:
        """Groups of the given configurations that hold nothing."""
        return Layout(np.array(shapes, dtype=np.int64), np.zeros((len(shapes), len(self.problem.models)), np.bool_))

    def placement(self, layout: Layout, name: str = "placement") -> Placement:
        """A layout as a placement: groups in the same order, those of one zone after those of the one before."""
        models = self.problem.models
        groups = (
            Group(*self.shapes[int(c)], tuple(models[int(m)].name for m in np.flatnonzero(row)))
            for c, row in zip(layout.shape, layout.holds, strict=True)
        )
        return Placement(in_zones([*zip(groups, self.zone[layout.shape].tolist(), strict=True)], self.zones), name)

    def layout(self, placement: Placement) -> Layout:
        """A placement as a layout, groups in the same order; raises InputError if it does not fit problem or rules."""
        placement.check(self.problem.models, self.problem.cluster)
        index_of = {model.name: m for m, model in enumerate(self.problem.models)}
        # What is missing of least replicas can still come.
        broken = replace(self.problem.rules, min_replicas={}).broken(placement, self.problem.cluster)
        if broken:
            raise InputError(f"The placement to begin with breaks a rule: {broken[0]}.")
        used: list[tuple[Group, int]] = []
        for number, (group, zone) in enumerate(zip(placement.groups, zones_of(placement, self.zones), strict=True)):
            if group.models and zone is None:
                where = words.numbered("group", number)
                raise InputError(
                    f"{where.capitalize()} of the placement to begin with lies across an edge of pinned devices, which "
                    "searches leave free."
                )
            # Idle devices between zones stand as groups that hold nothing.
            if zone is not None and (group.models or (len(self.zones) == 1 and (group.pp, group.tp) in self.shapes)):
                used.append((group, zone))
        shapes = [self.in_zone(self.shape_index(group.pp, group.tp), zone) for group, zone in used]
        layout = self.empty([shape for shape in shapes if shape is not None])
        for g, (group, _) in enumerate(used):
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


def _build_catalogue(problem: Problem, cuts: Sequence[tuple[tuple[int, int], int]], zones: Sequence[Zone]) -> Catalogue:
    """Rows of each profile; models that rules tell apart have rows of their own.

    Models that keep apart share a column in which each of them fills a device, so that two never fit one group. A model
    weighs infinitely much in zones where it may not stand.
    """
    rules, memory_gib = problem.rules, problem.cluster.memory_gib + MEMORY_TOLERANCE_GIB
    kinds: dict[tuple[int, tuple[int, int] | None, tuple[bool, ...]], int] = {}
    kind_of: list[int] = []
    for model in problem.models:
        apart = tuple(model.name in together for together in rules.apart)
        kind_of.append(kinds.setdefault((id(model.profile), rules.pins.get(model.name), apart), len(kinds)))
    stages = max(pp for (pp, _), _ in cuts)
    rows = len(kinds) * len(cuts)
    latency_s, weight_gib = np.zeros((1, rows, stages)), np.zeros((rows, stages + len(rules.apart)))
    for i in range(len(kinds)):
        model = problem.models[kind_of.index(i)]
        apart = [model.name in together for together in rules.apart]
        for c, ((pp, tp), z) in enumerate(cuts):
            row, entry = i * len(cuts) + c, model.profile.entries.get((pp, tp))
            if entry is None:
                weight_gib[row, 0] = np.inf
                continue
            latency_s[0, row, :pp] = np.multiply(entry.stage_latency_s, problem.serving.stage_factor(pp))
            weight_gib[row, :pp] = entry.stage_weight_gib
            weight_gib[row, stages:] = np.where(apart, memory_gib, 0.0)
            if not may_stand(rules, model.name, zones[z]):
                weight_gib[row, 0] = np.inf
    return Catalogue(
        slo_s=np.array([model.slo_s for model in problem.models]),
        first_row=np.array(kind_of, dtype=np.int64) * len(cuts),
        latency_s=latency_s,
        weight_gib=weight_gib,
        depth=np.array([pp for (pp, _), _ in cuts], dtype=np.int64),
        devices=np.array([pp * tp for (pp, tp), _ in cuts], dtype=np.int64),
        memory_gib=memory_gib,
        weight=np.array([problem.weights.get(model.name, 1) for model in problem.models], dtype=np.int64),
    )
