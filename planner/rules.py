"""Placement rules: where models may stand, who keeps apart, and how many replicas there are at least.

A placement breaks a rule or keeps it as it stands: group i takes the devices that follow those of group i - 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from planner.spans import groups_over_nodes
from simulator import Cluster, InputError, Model, Placement, Schedule, words
from simulator.placement import MEMORY_TOLERANCE_GIB

Devices = tuple[int, int]


@dataclass(frozen=True)
class Rules:
    """What placements keep to; by default nothing.

    Attributes:
        pins: by model, the first and the last device that may hold it: every group that holds it lies inside.
        apart: sets of models of which no group holds two.
        within_node: whether every group that holds a model lies inside one node.
        min_replicas: by model, in how many groups it stands at least.
    """

    pins: Mapping[str, Devices] = field(default_factory=dict[str, Devices])
    apart: tuple[tuple[str, ...], ...] = ()
    within_node: bool = False
    min_replicas: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def is_empty(self) -> bool:
        """Whether every placement keeps to them."""
        return self == Rules()

    def check(self, models: Sequence[Model], cluster: Cluster) -> None:
        """Raise InputError where a rule can be kept by no placement, as far as single rules tell."""
        least = {model.name: self._least_devices(model, cluster) for model in models}
        for name, (first, last) in self.pins.items():
            if last >= cluster.devices:
                raise InputError(
                    f"rules.pin: '{name}' is pinned to {_devices(first, last)}; the cluster has "
                    f"{_devices(0, cluster.devices - 1)}."
                )
        for name in (*self.pins, *self.min_replicas):
            self._check_room(name, least[name], cluster)
        for together in self.apart:
            needed = sum((least[name] or 0) * self.min_replicas.get(name, 0) for name in together)
            if needed > cluster.devices:
                raise InputError(
                    f"rules.apart: {_listed(together)} need {words.plural(needed, 'device')} for the least numbers of "
                    f"replicas, since no two of them share a group; the cluster has {cluster.devices}."
                )

    def _check_room(self, name: str, devices: int | None, cluster: Cluster) -> None:
        first, last = self.pins.get(name, (0, cluster.devices - 1))
        room = last - first + 1
        widest = min(room, cluster.devices_per_node) if self.within_node else room
        where = f" on {_devices(first, last)}, to which it is pinned" if name in self.pins else ""
        if devices is None or devices > widest:
            needs = "no configuration fits the memory" if devices is None else f"it needs {devices} devices together"
            inside = " and no group may span nodes" if self.within_node else ""
            raise InputError(f"The rules leave no place for '{name}'{where}: {needs}{inside}.")
        wanted = self.min_replicas.get(name, 0)
        if wanted * devices > room:
            raise InputError(
                f"'{name}' is to have at least {words.plural(wanted, 'replica')}{where}, each on "
                f"{words.plural(devices, 'device')}; {room} are there, so at most {room // devices} fit."
            )

    def _least_devices(self, model: Model, cluster: Cluster) -> int | None:
        fitting = (
            entry.devices
            for entry in model.profile.entries.values()
            if entry.max_weight_gib <= cluster.memory_gib + MEMORY_TOLERANCE_GIB
        )
        return min(fitting, default=None)

    def broken(self, placement: Placement, cluster: Cluster) -> tuple[str, ...]:
        """What breaks a rule, each without a full stop; none if all are kept."""
        if self.is_empty:
            return ()
        return (*self._misplaced(placement), *self._spanning(placement, cluster), *self._too_few(placement))

    def _misplaced(self, placement: Placement) -> Iterator[str]:
        """Groups outside of a model's devices, and groups of two models that keep apart."""
        at = 0
        for index, group in enumerate(placement.groups):
            called, mine, at = words.numbered("group", index), (at, at + group.devices - 1), at + group.devices
            for name in group.models:
                first, last = self.pins.get(name, mine)
                if mine[0] < first or mine[1] > last:
                    yield f"{called} on {_devices(*mine)} holds '{name}', which is pinned to {_devices(first, last)}"
            for together in self.apart:
                held = [name for name in group.models if name in together]
                if len(held) > 1:
                    yield f"{called} holds {_listed(held)}, which are kept apart"

    def _spanning(self, placement: Placement, cluster: Cluster) -> Iterator[str]:
        if self.within_node:
            for index, nodes in groups_over_nodes(placement, cluster).items():
                where = words.numbered("node", *nodes)
                yield f"{words.numbered('group', index)} lies on {where}, but groups stay inside one"

    def _too_few(self, placement: Placement) -> Iterator[str]:
        held = Counter(name for group in placement.groups for name in group.models)
        for name, least in self.min_replicas.items():
            if held[name] < least:
                yield f"'{name}' has {words.plural(held[name], 'replica')}, at least {least} are wanted"


NO_RULES = Rules()


def rule_notices(placement: Placement | Schedule, cluster: Cluster, rules: Rules) -> tuple[str, ...]:
    """One sentence where a placement, or one of a schedule, breaks rules; else none."""
    parts = [part for _, part in placement.epochs] if isinstance(placement, Schedule) else [placement]
    broken = list(dict.fromkeys(what for part in parts for what in rules.broken(part, cluster)))
    if not broken:
        return ()
    more = f"; {len(broken) - 1} more" if len(broken) > 1 else ""
    return (f"Placement '{placement.name}' breaks {'a rule' if len(broken) == 1 else 'rules'}: {broken[0]}{more}.",)


def _devices(first: int, last: int) -> str:
    return words.numbered_through("device", first, last)


def _listed(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names[:5]]
    return words.join([*shown, f"{len(names) - 5} more"] if len(names) > 5 else shown)
