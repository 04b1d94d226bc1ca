"""What a change of placement carries over: busy devices, waiting requests, and the weights to load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.arrays import State
from simulator.placement import Group, Placement
from simulator.profiles import Model
from simulator.serving import Serving


class BusyUntil(NamedTuple):
    """When each device of the cluster becomes free, by both clocks of `State`: float64 (devices,).

    Kept over all placements of a schedule, because a device that a placement leaves out is busy all the same.
    """

    predicted_s: np.ndarray
    actual_s: np.ndarray


def carry_over(
    before: tuple[Placement, State],
    after: tuple[Placement, State],
    busy_until_s: BusyUntil,
    models: Sequence[Model],
    serving: Serving,
    start_s: float,
) -> None:
    """Fill the fresh state of a new placement from the state of the one before; note in place how busy devices are.

    A device that is still busy stays busy, also where a placement in between leaves it out: each stage of a new
    group waits for all of its devices. A device that a placement leaves out keeps no weights. A group that
    stands on the same devices in the same configuration keeps its outstanding requests. A stage whose devices
    lack weights loads them at `serving.load_s_per_gib`, all devices at once, from start_s or when they are free.
    With `serving.forget_backlog` devices start idle and nothing is outstanding, as in the authors' replay
    (OSDI'23 section 6, Clockwork++).
    """
    (old_placement, old), (placement, state) = before, after
    if not serving.forget_backlog:
        for name in ("turn", "queue_head", "queue_tail", "queue_length"):
            getattr(state, name)[:] = getattr(old, name)
        _keep_devices_busy(old_placement, old, placement, state, busy_until_s)
        _keep_outstanding(old_placement, old, placement, state)
    if serving.load_s_per_gib > 0:
        _load_weights(old_placement, placement, state, models, serving.load_s_per_gib, start_s)
    for g, group in enumerate(placement.groups):
        state.last_s[g] = state.predicted_s[g, group.pp - 1]


def _keep_devices_busy(
    old_placement: Placement, old: State, placement: Placement, state: State, busy_until_s: BusyUntil
) -> None:
    for clock in BusyUntil._fields:
        busy_s = getattr(busy_until_s, clock)
        for g, group, first in _with_first_device(old_placement):
            busy_s[first : first + group.devices] = np.repeat(getattr(old, clock)[g, : group.pp], group.tp)
        for g, group, first in _with_first_device(placement):
            stages = busy_s[first : first + group.devices].reshape(group.pp, group.tp)
            getattr(state, clock)[g, : group.pp] = stages.max(axis=1)


def _keep_outstanding(old_placement: Placement, old: State, placement: Placement, state: State) -> None:
    old_groups = {(first, group.pp, group.tp): g for g, group, first in _with_first_device(old_placement)}
    lists = ("outstanding", "accepted_head", "accepted_tail", "rejected_head", "rejected_tail", "next_answer_s")
    for g, group, first in _with_first_device(placement):
        same = old_groups.get((first, group.pp, group.tp))
        if same is not None:
            for name in lists:
                getattr(state, name)[g] = getattr(old, name)[same]


def _load_weights(
    old_placement: Placement,
    placement: Placement,
    state: State,
    models: Sequence[Model],
    load_s_per_gib: float,
    start_s: float,
) -> None:
    by_name = {model.name: model for model in models}
    resident = _shards_on_devices(old_placement)
    wanted = _shards_on_devices(placement)
    one_clock = state.predicted_s is state.actual_s
    clocks = (state.predicted_s,) if one_clock else (state.predicted_s, state.actual_s)
    for g, group, first in _with_first_device(placement):
        for stage in range(group.pp):
            missing_gib = 0.0
            for device in range(first + stage * group.tp, first + (stage + 1) * group.tp):
                new = wanted[device] - resident.get(device, set())
                weights = (
                    by_name[name].profile.entry(pp, tp).stage_weight_gib[k] for name, pp, tp, k, _ in sorted(new)
                )
                missing_gib = max(missing_gib, sum(weights))
            if missing_gib > 0:
                for clock in clocks:
                    clock[g, stage] = max(start_s, clock[g, stage]) + missing_gib * load_s_per_gib


def _shards_on_devices(placement: Placement) -> dict[int, set[tuple[str, int, int, int, int]]]:
    """By device the shards it holds: (model, pp, tp, stage, rank within the stage)."""
    held: dict[int, set[tuple[str, int, int, int, int]]] = {}
    for _, group, first in _with_first_device(placement):
        for offset in range(group.devices):
            stage, rank = divmod(offset, group.tp)
            held[first + offset] = {(name, group.pp, group.tp, stage, rank) for name in group.models}
    return held


def _with_first_device(placement: Placement) -> list[tuple[int, Group, int]]:
    first = 0
    rows: list[tuple[int, Group, int]] = []
    for g, group in enumerate(placement.groups):
        rows.append((g, group, first))
        first += group.devices
    return rows
