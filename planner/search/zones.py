"""Stretches of devices that groups of a search stay in: pins and nodes as parts of the cluster.

Where rules pin models to devices, or keep groups inside nodes, the devices are cut at every edge, and no group of a
search crosses one. A model may stand in the zones inside its devices; without such rules there is one zone for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.rules import Rules
from simulator import Cluster, Group, Placement


@dataclass(frozen=True)
class Zone:
    """Devices from `first` on."""

    first: int
    devices: int

    def holds(self, first: int, last: int) -> bool:
        """Whether these devices lie inside."""
        return self.first <= first and last < self.first + self.devices


def cut_zones(rules: Rules, cluster: Cluster) -> tuple[Zone, ...]:
    """The zones, in the order of the devices."""
    edges = {0, cluster.devices}
    for first, last in rules.pins.values():
        edges |= {first, last + 1}
    if rules.within_node:
        edges |= {*range(0, cluster.devices, cluster.devices_per_node)}
    starts = sorted(edge for edge in edges if edge <= cluster.devices)
    return tuple(Zone(a, b - a) for a, b in zip(starts, starts[1:], strict=False))


def may_stand(rules: Rules, name: str, zone: Zone) -> bool:
    """Whether a model may stand in a zone."""
    if name not in rules.pins:
        return True
    first, last = rules.pins[name]
    return first <= zone.first and zone.first + zone.devices - 1 <= last


def in_zones(groups: Sequence[tuple[Group, int]], zones: Sequence[Zone]) -> tuple[Group, ...]:
    """Groups, each with the number of its zone, in such an order that every group lies in its zone.

    Devices that are idle before the last group become groups of one device that hold nothing.
    """
    if len(zones) == 1:
        return tuple(group for group, _ in groups)
    placed: list[Group] = []
    idle = 0
    for number, zone in enumerate(zones):
        own = [group for group, at in groups if at == number]
        if own:
            placed += [Group(1, 1)] * idle + own
            idle = 0
        idle += zone.devices - sum(group.devices for group in own)
    return tuple(placed)


def zones_of(placement: Placement, zones: Sequence[Zone]) -> list[int | None]:
    """The number of the zone of each group; None for one that crosses an edge."""
    found: list[int | None] = []
    first = 0
    for group in placement.groups:
        last = first + group.devices - 1
        found.append(next((i for i, zone in enumerate(zones) if zone.holds(first, last)), None))
        first = last + 1
    return found
