"""Who sits where: clusters, groups, placements, and placements over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator import words
from simulator.errors import InputError
from simulator.profiles import Model
from simulator.schema import MAX_STAGES, MAX_TENSOR_DEGREE, DeviceCount, Label, MemoryGib, UsdPerHour, checked

# Published placements fill 13 GiB to the last byte; the sum of rounded weights may exceed it in the last digit.
MEMORY_TOLERANCE_GIB = 1e-6


@dataclass(frozen=True)
class Cluster:
    """Devices of one kind.

    Attributes:
        devices: how many.
        memory_gib: what one may spend on weights, GiB (V100 16 GB: 13).
        devices_per_node: how many share a node.
        device: their name.
        usd_per_device_hour: price, USD.
    """

    devices: DeviceCount
    memory_gib: MemoryGib = 13.0
    devices_per_node: DeviceCount = 8
    device: Label = "v100-16gb"
    usd_per_device_hour: UsdPerHour = 0.0

    def __post_init__(self) -> None:
        checked(self, "cluster")

    @property
    def usd_per_hour(self) -> float:
        """Price of the whole cluster, USD per hour."""
        return self.devices * self.usd_per_device_hour


@dataclass(frozen=True)
class Group:
    """Disjoint devices that run one parallel configuration and one FCFS queue.

    Attributes:
        pp, tp: the parallel configuration; the group has pp * tp devices.
        models: names of the models it holds a replica of, each once.
        role: of a group of generating models, what it computes: "prefill", "decode", or None for both.
    """

    pp: int
    tp: int
    models: tuple[str, ...] = ()
    role: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(self.models))
        # Not `checked`: a search makes hundreds of thousands of groups.
        if not (1 <= self.pp <= MAX_STAGES and 1 <= self.tp <= MAX_TENSOR_DEGREE):
            raise InputError(
                f"A group has pp {self.pp} and tp {self.tp}; whole numbers from 1 to {MAX_STAGES} and from 1 to "
                f"{MAX_TENSOR_DEGREE} are allowed."
            )
        if len(set(self.models)) != len(self.models):
            twice = next(name for name in self.models if self.models.count(name) > 1)
            raise InputError(f"A group holds model '{twice}' twice; one replica of a model per group is allowed.")

    @property
    def devices(self) -> int:
        return self.pp * self.tp


@dataclass(frozen=True)
class Placement:
    """All groups. Group i takes the devices that follow those of group i - 1."""

    groups: tuple[Group, ...]
    name: str = "placement"

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))

    @property
    def devices(self) -> int:
        return sum(group.devices for group in self.groups)

    @property
    def replicas(self) -> int:
        return sum(len(group.models) for group in self.groups)

    def check(self, models: Sequence[Model], cluster: Cluster) -> None:
        """Raise InputError unless the placement fits: devices, known models, profile entries, memory."""
        if self.devices > cluster.devices:
            raise InputError(f"Placement '{self.name}' uses {self.devices} devices; the cluster has {cluster.devices}.")
        by_name = {model.name: model for model in models}
        for index, group in enumerate(self.groups):
            where = f"Placement '{self.name}', {words.numbered('group', index)}"
            for name in group.models:
                if name not in by_name:
                    raise InputError(f"{where}: model '{name}' is not known; known are {_some(list(by_name))}.")
                if (group.pp, group.tp) not in by_name[name].profile.entries:
                    profile = by_name[name].profile
                    raise InputError(
                        f"{where} runs pp {group.pp}, tp {group.tp}, for which profile '{profile.name}' of model "
                        f"'{name}' has no entry; it has (pp, tp) {profile.configurations()}."
                    )
            used_gib = max(group_weight_gib(group, by_name), default=0.0)
            if used_gib > cluster.memory_gib + MEMORY_TOLERANCE_GIB:
                raise InputError(
                    f"{where} holds {words.fixed(used_gib, 2)} GiB of weights on a device; "
                    f"{cluster.memory_gib:g} GiB are allowed."
                )


@dataclass(frozen=True)
class Schedule:
    """Placements over time: each holds from its start until the next one starts.

    Attributes:
        epochs: (start_s, placement) pairs, start times rising; the first also serves what came before it.
        name: what the comparison calls it.
    """

    epochs: tuple[tuple[float, Placement], ...]
    name: str = "schedule"

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", tuple((float(start_s), p) for start_s, p in self.epochs))
        starts = [start_s for start_s, _ in self.epochs]
        if not starts:
            raise InputError(f"Schedule '{self.name}' has no placements; at least one is needed.")
        if any(not math.isfinite(s) or s < 0 for s in starts) or any(
            b <= a for a, b in zip(starts, starts[1:], strict=False)
        ):
            raise InputError(f"Schedule '{self.name}' starts at {starts} s; rising times from 0 on are allowed.")

    @property
    def devices(self) -> int:
        return max(placement.devices for _, placement in self.epochs)

    def check(self, models: Sequence[Model], cluster: Cluster) -> None:
        """Raise InputError unless every placement fits."""
        for _, placement in self.epochs:
            placement.check(models, cluster)


def group_weight_gib(group: Group, by_name: dict[str, Model]) -> list[float]:
    """Weights on a device of each stage of a group, GiB, length pp (0 everywhere for an empty group)."""
    total = [0.0] * group.pp
    for name in group.models:
        for stage, weight_gib in enumerate(by_name[name].profile.entry(group.pp, group.tp).stage_weight_gib):
            total[stage] += weight_gib
    return total


def _some(names: list[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more if names else "none"
