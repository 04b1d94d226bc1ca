"""What dies when a device or a node dies: its groups are gone, the rest serves on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.problem import Problem
from planner.targets import targets_missed
from simulator import Figures, Group, Placement, measure, simulate
from simulator.headway import OnProgress


@dataclass(frozen=True)
class Fault:
    """One failure.

    Attributes:
        what: "device" or "node". index: its number (of a device: the first of the group that dies with it).
        devices: how many devices give the same outcome; a device takes its whole group with it.
        groups: the groups that are gone.
        orphans: models that no group holds any more.
        slo_attainment: of the whole traffic without these groups, 0..1. lowest: the lower end of its 95 % interval.
        missed: models that then miss targets of their own.
    """

    what: str
    index: int
    devices: int
    groups: tuple[int, ...]
    orphans: tuple[str, ...]
    slo_attainment: float
    lowest: float = math.nan
    missed: tuple[str, ...] = ()


def fault_what_if(
    placement: Placement,
    problem: Problem,
    warmup_s: float = 0.0,
    on_progress: OnProgress | None = None,
    kinds: Collection[str] = ("device", "node"),
    targets: Mapping[str, float] | None = None,
) -> tuple[Fault, ...]:
    """Attainment when any one device, or any one node, dies before the traffic begins (nothing is moved).

    Faults of devices come first, one for each group, then those of nodes that hold a group.

    on_progress: see `simulate`; raises Cancelled if it returned False. kinds: which faults are asked for.
    targets: by model, the share of its own deadlines to be met.
    """
    first = np.cumsum([0] + [group.devices for group in placement.groups])
    per_node = problem.cluster.devices_per_node
    faults: list[tuple[str, int, int, tuple[int, ...]]]
    faults = [("device", int(first[g]), group.devices, (g,)) for g, group in enumerate(placement.groups)]
    for node in range(-(-int(first[-1]) // per_node)):
        gone = tuple(
            g
            for g in range(len(placement.groups))
            if first[g] < (node + 1) * per_node and first[g + 1] > node * per_node
        )
        faults.append(("node", node, per_node, gone))
    faults = [fault for fault in faults if fault[0] in kinds]
    left: dict[tuple[int, ...], tuple[Figures, tuple[str, ...]]] = {}
    for *_, gone in faults:
        if gone not in left:
            left[gone] = _figures_without(placement, gone, problem, warmup_s, on_progress)
    return tuple(
        Fault(
            what, index, devices, gone, orphans, figures.total.slo_attainment, figures.interval[0],
            tuple(miss.model for miss in targets_missed(figures, targets or {})),
        )
        for what, index, devices, gone in faults
        for figures, orphans in [left[gone]]
    )  # fmt: skip


def without(placement: Placement, gone: Collection[int]) -> Placement:
    """What is left of a placement without some of its groups.

    Empty groups stay where they were, so that the others keep their devices and their order.
    """
    groups = tuple(Group(g.pp, g.tp, () if i in gone else g.models) for i, g in enumerate(placement.groups))
    return Placement(groups, placement.name)


def _figures_without(
    placement: Placement,
    gone: Sequence[int],
    problem: Problem,
    warmup_s: float,
    on_progress: OnProgress | None,
) -> tuple[Figures, tuple[str, ...]]:
    left_over = without(placement, gone)
    left = {name for group in left_over.groups for name in group.models}
    held = {name for group in placement.groups for name in group.models}
    result = simulate(problem.models, left_over, problem.workload, problem.serving, on_progress)
    return measure(result, warmup_s), tuple(sorted(held - left))
