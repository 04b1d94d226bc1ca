"""What made one placement miss deadlines that another one met: each cause is measured by taking it away.

The requests that only the better placement met are counted again after one thing was changed at the worse one: its
overhead of cutting models is gone, every group holds every model, or the same requests come evenly spaced. How many of
them then meet their deadline is what that cause accounts for. Two causes may account for the same request, so the
counts do not add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simulator import Cluster, Group, Model, Placement, Profile, ProfileEntry, SimulationResult, Workload, simulate
from simulator.placement import MEMORY_TOLERANCE_GIB, group_weight_gib

# Above this every replay would take seconds.
MOST_REPLAYED = 2_000_000


@dataclass(frozen=True)
class Cause:
    """One cause and what it accounts for.

    Attributes:
        kind: "too slow alone" (no group of the worse placement answers in time even when idle), "replicas" (not every
            group holds the model, or none does), "overhead" (of cutting models over devices), or "uneven arrivals".
        requests: how many of the requests that only the better placement met are in time without it; for "too slow
            alone" how many are, counted from the profile.
        is_difference: whether the worse placement has more of it than the better one. Arrivals are the same for both,
            so they are never the difference.
    """

    kind: str
    requests: int
    is_difference: bool


def measure_causes(
    better: SimulationResult, worse: SimulationResult, lost: np.ndarray, hopeless: np.ndarray
) -> tuple[Cause, ...]:
    """Every cause that could be measured, the one that accounts for most first.

    Schedules and runs of more than MOST_REPLAYED requests are not replayed; of them only "too slow alone" is known.

    Args:
        lost: int (k,), the requests that only the better run met. hopeless: bool (n,), see `hopeless_requests`.
    """
    found = [Cause("too slow alone", int(hopeless[lost].sum()), True)]
    placement = placement_of(worse)
    if lost.size and placement is not None and len(worse.workload) <= MOST_REPLAYED:
        model = worse.workload.model[lost]
        holding = [holding_devices(run)[model].mean() for run in (better, worse)]
        overheads = [mean_overhead(run, lost) for run in (better, worse)]
        differs = {
            "replicas": bool(holding[1] < holding[0]),
            "overhead": bool(overheads[1] > overheads[0]),
            "uneven arrivals": False,
        }
        for kind, without in REPLAYS.items():
            found.append(Cause(kind, int(without(worse, placement)[lost].sum()), differs[kind]))
    return tuple(sorted(found, key=lambda cause: -cause.requests))


def main_cause(causes: tuple[Cause, ...], requests: int) -> Cause | None:
    """The difference of the two placements that accounts for most, if it accounts for at least half of them."""
    differences = [cause for cause in causes if cause.is_difference]
    most = max(differences, key=lambda cause: cause.requests, default=None)
    return most if most is not None and most.requests and 2 * most.requests >= requests else None


def placement_of(result: SimulationResult) -> Placement | None:
    """The placement of a run; None of a schedule."""
    if any(placed.start_s > 0 or np.isfinite(placed.end_s) for placed in result.groups):
        return None
    return Placement(tuple(placed.group for placed in result.groups), result.name)


def met_with_every_replica(result: SimulationResult, placement: Placement) -> np.ndarray:
    """bool (n,): in time if every group held every model that its configuration is profiled for."""
    groups = tuple(
        Group(group.pp, group.tp, tuple(m.name for m in result.models if (group.pp, group.tp) in m.profile.entries))
        for group in placement.groups
    )
    return simulate(result.models, Placement(groups, result.name), result.workload, result.serving).in_slo


def met_without_overhead(result: SimulationResult, placement: Placement) -> np.ndarray:
    """bool (n,): in time if n devices computed a request n times as fast, in even stages."""
    models = [replace(model, profile=_without_overhead(model.profile)) for model in result.models]
    serving = replace(result.serving, stage_overhead=0.0)
    return simulate(models, placement, result.workload, serving).in_slo


def met_with_even_arrivals(result: SimulationResult, placement: Placement) -> np.ndarray:
    """bool (n,): in time if the requests of each model came evenly spaced over the same time."""
    workload, order = evenly_spaced(result.workload)
    met = np.empty(order.size, dtype=bool)
    met[order] = simulate(result.models, placement, workload, result.serving).in_slo
    return met


# Each with a run and its placement.
REPLAYS: dict[str, Callable[[SimulationResult, Placement], np.ndarray]] = {
    "replicas": met_with_every_replica,
    "overhead": met_without_overhead,
    "uneven arrivals": met_with_even_arrivals,
}


def evenly_spaced(workload: Workload) -> tuple[Workload, np.ndarray]:
    """The same requests, those of each model evenly spaced from the first to the last arrival of all.

    The k-th of n requests of a model comes at the share (k + 1/2) / n of the span.

    Returns the workload, and int (n,): the number that each of its requests has in the old one.
    """
    first_s = float(workload.arrival_s[0]) if len(workload) else 0.0
    arrival_s = np.empty(len(workload))
    for m in range(workload.num_models):
        mine = np.flatnonzero(workload.model == m)
        arrival_s[mine] = first_s + (np.arange(mine.size) + 0.5) / max(mine.size, 1) * workload.span_s
    order = np.argsort(arrival_s, kind="stable")
    slo_s = None if workload.slo_s is None else workload.slo_s[order]
    return Workload(arrival_s[order], workload.model[order], workload.num_models, slo_s), order


def holding_devices(result: SimulationResult) -> np.ndarray:
    """float64 (num_models,): devices of the groups that hold each model."""
    number = {model.name: m for m, model in enumerate(result.models)}
    devices = np.zeros(len(result.models))
    for placed in result.groups:
        for name in placed.group.models:
            devices[number[name]] += placed.group.devices
    return devices


def mean_overhead(result: SimulationResult, rows: np.ndarray) -> float:
    """How many times longer the devices were taken than one device alone would be, over requests with a group; or 1.

    A group of n devices is taken for n times its slowest stage before the next request can follow at full rate.
    """
    of_group = {
        (g, m): placed.group.devices * max(entry.stage_latency_s) * result.serving.stage_factor(placed.group.pp)
        / model.profile.single_device_latency_s
        for g, placed in enumerate(result.groups)
        for m, model in enumerate(result.models)
        if model.name in placed.group.models and (entry := model.profile.entry(placed.group.pp, placed.group.tp))
    }  # fmt: skip
    pairs = zip(result.group[rows].tolist(), result.workload.model[rows].tolist(), strict=True)
    factors = [of_group[pair] for pair in pairs if pair in of_group]
    return float(np.mean(factors)) if factors else 1.0


def models_without_room(result: SimulationResult, cluster: Cluster) -> tuple[str, ...]:
    """Models that no group holds, and that neither a group nor the spare devices have the memory for."""
    placement = placement_of(result)
    if placement is None:
        return ()
    by_name = {model.name: model for model in result.models}
    held = {name for group in placement.groups for name in group.models}
    limit_gib = cluster.memory_gib + MEMORY_TOLERANCE_GIB
    used_gib = [np.asarray(group_weight_gib(group, by_name)) for group in placement.groups]
    spare = cluster.devices - placement.devices

    def fits(model: Model) -> bool:
        entries = model.profile.entries
        beside = any(
            (used + np.asarray(entry.stage_weight_gib)).max() <= limit_gib
            for group, used in zip(placement.groups, used_gib, strict=True)
            if (entry := entries.get((group.pp, group.tp))) is not None
        )
        return beside or any(e.devices <= spare and e.max_weight_gib <= limit_gib for e in entries.values())

    return tuple(m.name for m in result.models if m.name not in held and not fits(m))


def _without_overhead(profile: Profile) -> Profile:
    entries = {}
    for (pp, tp), entry in profile.entries.items():
        even_s = profile.single_device_latency_s / (pp * tp)
        # Some models gain more than n times from n devices; nothing is taken from them.
        if max(entry.stage_latency_s) > even_s:
            ratio = pp * even_s / entry.latency_s
            batches = {b: (sum(stages) * min(ratio, 1.0) / pp,) * pp for b, stages in entry.batches.items()}
            even = min(even_s, entry.latency_s / pp)
            entry = ProfileEntry(pp, tp, (even,) * pp, entry.stage_weight_gib, entry.source, batches)
        entries[pp, tp] = entry
    return replace(profile, entries=entries)
