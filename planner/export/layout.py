"""Where a placement stands on the nodes: what every export starts from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from planner.export.names import safe_names
from planner.generation.problem import GeneratingModel, TokenProblem
from simulator import Cluster, Group, InputError, Model, Placement, Schedule, Serving, words
from simulator.generation import EngineGroup

ModelT = TypeVar("ModelT", Model, GeneratingModel)


@dataclass(frozen=True)
class Part:
    """Devices of a group on one node. All parts of a group have the same number of devices.

    Attributes:
        node: number of the node.
        devices: numbers of the devices on that node.
    """

    node: int
    devices: tuple[int, ...]


@dataclass(frozen=True)
class GroupLayout:
    """One group that holds models.

    Attributes:
        index: its number in the placement.
        group: configuration and names of models.
        devices: (node, device on that node) of each, stage by stage: stage k has devices k * tp to (k + 1) * tp - 1.
        parts: the same devices in equal parts, each on one node; one part where the group sits on one node.
    """

    index: int
    group: Group
    devices: tuple[tuple[int, int], ...]
    parts: tuple[Part, ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes that the group touches, rising."""
        return tuple(sorted({node for node, _ in self.devices}))

    def stage_devices(self, stage: int) -> tuple[tuple[int, int], ...]:
        """(node, device on that node) of the devices of a stage, counted from 0."""
        tp = self.group.tp
        return self.devices[stage * tp : (stage + 1) * tp]


@dataclass(frozen=True)
class Layout(Generic[ModelT]):
    """A placement on its nodes.

    Attributes:
        placement, cluster: what is exported.
        models: by name, in the order of the scenario; only those that are held somewhere.
        labels: a DNS-1123 label for each of them.
        groups: the groups that hold models; empty ones have nothing to run.
        unplaced: names of models that no group holds.
    """

    placement: Placement
    cluster: Cluster
    models: dict[str, ModelT]
    labels: dict[str, str]
    groups: tuple[GroupLayout, ...]
    unplaced: tuple[str, ...]

    def groups_of(self, name: str) -> list[GroupLayout]:
        """The groups that hold a model."""
        return [placed for placed in self.groups if name in placed.group.models]


@dataclass(frozen=True)
class ClusterLayout(Layout[Model]):
    """A placement of models with fixed latencies, and the rules by which it was simulated."""

    serving: Serving


@dataclass(frozen=True)
class EngineLayout(Layout[GeneratingModel]):
    """A placement of models that generate.

    problem: as simulated. engines: the engines of every group that holds models, by its index.
    """

    problem: TokenProblem
    engines: dict[int, EngineGroup]


AnyLayout = ClusterLayout | EngineLayout


def lay_out(
    placement: Placement | Schedule, models: Sequence[Model], cluster: Cluster, serving: Serving
) -> ClusterLayout:
    """A placement on its nodes: group i takes the devices after those of group i - 1, node by node.

    Raises InputError for a schedule, a placement that does not fit, or one without a single replica.
    """
    if isinstance(placement, Schedule):
        raise InputError(
            f"Placement '{placement.name}' changes over time ({len(placement.epochs)} placements); a server is "
            "configured for one of them, so export one epoch."
        )
    placement.check(models, cluster)
    return ClusterLayout(placement, cluster, *_laid_out(placement, models, cluster), serving)


def lay_out_engines(placement: Placement, problem: TokenProblem) -> EngineLayout:
    """The same of models that generate; raises InputError as lay_out."""
    cluster = problem.cluster
    if placement.devices > cluster.devices:
        raise InputError(
            f"Placement '{placement.name}' uses {words.plural(placement.devices, 'device')}; the cluster has "
            f"{cluster.devices}."
        )
    own = {model.name for model in problem.models}
    other = next((name for group in placement.groups for name in group.models if name not in own), None)
    if other is not None:
        raise InputError(
            f"Placement '{placement.name}' holds '{other}', which does not generate token by token; an export holds "
            "models of one kind."
        )
    laid_out = _laid_out(placement, problem.models, cluster)
    engines = problem.engine_groups([placed.group for placed in laid_out[2]], placement.name)
    by_index = {placed.index: group for placed, group in zip(laid_out[2], engines, strict=True)}
    return EngineLayout(placement, cluster, *laid_out, problem, by_index)


def _laid_out(
    placement: Placement, models: Sequence[ModelT], cluster: Cluster
) -> tuple[dict[str, ModelT], dict[str, str], tuple[GroupLayout, ...], tuple[str, ...]]:
    """What a Layout holds of models, labels and groups, and the names of models that no group holds."""
    if not placement.replicas:
        raise InputError(f"Placement '{placement.name}' holds no model; at least one replica is needed for an export.")
    groups, first = [], 0
    for index, group in enumerate(placement.groups):
        if group.models:
            numbers = range(first, first + group.devices)
            devices = tuple(divmod(number, cluster.devices_per_node) for number in numbers)
            groups.append(GroupLayout(index, group, devices, _parts(devices)))
        first += group.devices
    held = {name for placed in groups for name in placed.group.models}
    known = {model.name: model for model in models if model.name in held}
    unplaced = tuple(model.name for model in models if model.name not in held)
    return known, safe_names(list(known)), tuple(groups), unplaced


def wait_s(layout: ClusterLayout, model: Model, placed: GroupLayout) -> float:
    """How long a request may wait in the queue of a group and still meet its deadline, seconds (may be negative).

    The deadline less the delays of the serving rules and the latency of the empty pipeline: the largest wait that
    admission `deadline` (docs/semantics.md section 2, step 4) accepts.
    """
    serving, group = layout.serving, placed.group
    run_s = model.profile.entry(group.pp, group.tp).latency_s * serving.stage_factor(group.pp)
    delays_s = serving.client_delay_s + serving.dispatch_delay_s + serving.response_delay_s
    return model.slo_s - run_s - delays_s - serving.admission_margin_s


def _parts(devices: tuple[tuple[int, int], ...]) -> tuple[Part, ...]:
    by_node: dict[int, list[int]] = {}
    for node, device in devices:
        by_node.setdefault(node, []).append(device)
    # Launchers want the same number of devices from every process, so 1 + 3 devices become four parts of one.
    size = math.gcd(*(len(mine) for mine in by_node.values()))
    return tuple(
        Part(node, tuple(mine[low : low + size])) for node, mine in by_node.items() for low in range(0, len(mine), size)
    )
