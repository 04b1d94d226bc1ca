"""Figures of a run: fates, attainment, goodput, latency percentiles, by model and by group."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simulator import kernels
from simulator.errors import InputError
from simulator.files import is_list, is_object
from simulator.intervals import share_half_width, share_interval
from simulator.loads import measure_loads
from simulator.result import STATUS, SimulationResult
from simulator.timeline import run_span_s
from simulator.workload import Workload

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class Latency:
    """Seconds from arrival to answer, over requests that ran; NaN if none did."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Fates:
    """How requests ended. slo_attainment counts rejected and unplaced ones; NaN without requests."""

    requests: int
    served: int
    late: int
    rejected: int
    unplaced: int
    slo_attainment: float
    latency_s: Latency


@dataclass(frozen=True)
class GroupFigures:
    """One group: its fates, and what it did while its placement held (without the warm-up).

    Attributes:
        utilization: 0..1, mean share of that time in which its stages computed; NaN where it never held.
        mean_queue, max_queue: requests that waited at the group, before stage 1 or between stages.
        mean_queue_between_stages: the part of mean_queue that was through stage 1.
    """

    index: int
    pp: int
    tp: int
    models: tuple[str, ...]
    fates: Fates
    utilization: float
    mean_queue: float
    max_queue: int
    mean_queue_between_stages: float


@dataclass(frozen=True)
class Figures:
    """All figures of a run, without the warm-up.

    Attributes:
        name: of the placement.
        total: over all counted requests.
        goodput_per_s: requests finished in time, per second between the first and last counted arrival.
        half_width: half of the 95 % interval of the attainment, from blocks of consecutive requests (Student's t).
        models: by model, in the order of the models.
        groups: by group. Queues and utilisation are taken over counted_span_s.
        utilization: 0..1, device-seconds that compute / device-seconds of all groups while their placements hold; NaN
            without any.
    """

    name: str
    total: Fates
    goodput_per_s: float
    half_width: float
    models: tuple[tuple[str, Fates], ...]
    groups: tuple[GroupFigures, ...]
    utilization: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval of the attainment, within 0..1; NaN where it is not known."""
        return share_interval(self.total.slo_attainment, self.half_width)

    def to_json(self) -> dict[str, Any]:
        """The figures as `simulate --json` prints them; what is not defined (no request ran) becomes null."""
        total = asdict(self.total)
        document = {"name": self.name, "slo_attainment": total.pop("slo_attainment")}
        document |= {"slo_attainment_half_width": self.half_width, "slo_attainment_interval": list(self.interval)}
        document |= {**total, "goodput_per_s": self.goodput_per_s}
        document["utilization"] = self.utilization
        document["models"] = [{"name": name, **asdict(fates)} for name, fates in self.models]
        document["groups"] = [
            {"index": g.index, "pp": g.pp, "tp": g.tp, "models": list(g.models), **asdict(g.fates)}
            | {"utilization": g.utilization, "mean_queue": g.mean_queue, "max_queue": g.max_queue}
            | {"mean_queue_between_stages": g.mean_queue_between_stages}
            for g in self.groups
        ]
        return {key: _without_nan(value) for key, value in document.items()}


def counted_rows(workload: Workload, warmup_s: float) -> slice:
    """Rows that count: int(warmup_s / span * n) requests are left out at each end, as the authors do.

    Raises InputError if nothing would be left.
    """
    n = len(workload)
    if warmup_s <= 0 or workload.span_s == 0:
        return slice(0, n)
    cut = int(warmup_s / workload.span_s * n)
    if 2 * cut >= n:
        raise InputError(
            f"warmup_s is {warmup_s:g} at each end, but the workload spans {workload.span_s:g} s; "
            f"less than half of that is allowed."
        )
    return slice(cut, n - cut)


def counted_arrivals_s(workload: Workload, warmup_s: float) -> tuple[float, float]:
    """First and last counted arrival, the stretch that is drawn over time; at least a millisecond wide.

    (0, 0.001) without requests. Raises InputError if nothing would be counted.
    """
    arrival_s = workload.arrival_s[counted_rows(workload, warmup_s)]
    first_s, last_s = (float(arrival_s[0]), float(arrival_s[-1])) if arrival_s.size else (0.0, 0.0)
    return first_s, max(last_s, first_s + 1e-3)


def counted_span_s(result: SimulationResult, warmup_s: float) -> tuple[float, float]:
    """From the first counted arrival to the last one, or to the last answer where there is no warm-up.

    Queues and utilisation are measured over this stretch. (0, 0) without requests.
    """
    if counted_rows(result.workload, warmup_s) == slice(0, len(result.workload)):
        return run_span_s(result)
    return counted_arrivals_s(result.workload, warmup_s)


def measure(result: SimulationResult, warmup_s: float = 0.0, counted: np.ndarray | None = None) -> Figures:
    """All figures of a run; requests inside the warm-up at both ends are left out.

    Args:
        counted: bool (n,), the only requests that count; all if not given. Stages are busy with every request.
    """
    whole = counted_rows(result.workload, warmup_s)
    rows = whole if counted is None else np.arange(int(whole.start), int(whole.stop))[counted[whole]]
    status, model, group = result.status[rows], result.workload.model[rows], result.group[rows]
    latency_s = result.latency_s[rows]
    arrival_s = result.workload.arrival_s[rows]
    total = _fates(status, latency_s)
    span_s = float(arrival_s[-1] - arrival_s[0]) if arrival_s.size else 0.0
    by_model = _fates_by(model, len(result.models), status, latency_s)
    by_group = _fates_by(group, len(result.groups), status, latency_s)
    groups, utilization = _group_figures(result, warmup_s, counted, by_group)
    return Figures(
        name=result.name,
        total=total,
        goodput_per_s=total.served / span_s if span_s > 0 else math.nan,
        half_width=share_half_width(status == kernels.SERVED),
        models=tuple((m.name, fates) for m, fates in zip(result.models, by_model, strict=True)),
        groups=groups,
        utilization=utilization,
    )


def _group_figures(
    result: SimulationResult, warmup_s: float, counted: np.ndarray | None, fates: list[Fates]
) -> tuple[tuple[GroupFigures, ...], float]:
    """Every group while its placement holds, and the utilisation of all; what is done after a change is not counted."""
    start_s, end_s = counted_span_s(result, warmup_s)
    open_s = np.array([max(placed.start_s, start_s) for placed in result.groups])
    close_s = np.array([min(placed.end_s, end_s) for placed in result.groups])
    held_s = np.maximum(close_s - open_s, 0.0)
    length_s = end_s - start_s
    if not (held_s > 0).any():
        none = [GroupFigures(g, p.group.pp, p.group.tp, p.group.models, fates[g], math.nan, math.nan, 0, math.nan)
                for g, p in enumerate(result.groups)]  # fmt: skip
        return tuple(none), math.nan
    loads = measure_loads(result, 1, start_s, length_s, counted, open_s, close_s)
    weight = np.divide(length_s, held_s, out=np.full(held_s.size, math.nan), where=held_s > 0)
    stages = np.diff(loads.first_stage)
    busy = np.add.reduceat(loads.stage_utilization[:, 0], loads.first_stage[:-1]) / stages
    groups = tuple(
        GroupFigures(g, placed.group.pp, placed.group.tp, placed.group.models, fates[g],
                     min(float(busy[g] * weight[g]), 1.0), float(loads.mean_queue[g, 0] * weight[g]),
                     int(loads.max_queue[g, 0]), float(loads.mean_queue_between_stages[g, 0] * weight[g]))
        for g, placed in enumerate(result.groups)
    )  # fmt: skip
    device_s = held_s * [placed.group.devices for placed in result.groups]
    shares = np.nan_to_num([group.utilization for group in groups])
    return groups, float((shares * device_s).sum() / device_s.sum())


def _fates(status: np.ndarray, latency_s: np.ndarray) -> Fates:
    counts = np.bincount(status, minlength=len(STATUS))
    ran_s = latency_s[status <= kernels.LATE]
    latency = Latency(*([math.nan] * 5))
    if ran_s.size:
        latency = Latency(float(ran_s.mean()), *map(float, np.percentile(ran_s, PERCENTILES)))
    attainment = float(counts[kernels.SERVED] / status.size) if status.size else math.nan
    return Fates(status.size, *map(int, counts), slo_attainment=attainment, latency_s=latency)


def _fates_by(key: np.ndarray, count: int, status: np.ndarray, latency_s: np.ndarray) -> list[Fates]:
    order = np.argsort(key, kind="stable")
    bounds = np.searchsorted(key[order], np.arange(count + 1))
    status, latency_s = status[order], latency_s[order]
    return [_fates(status[low:high], latency_s[low:high]) for low, high in zip(bounds, bounds[1:], strict=False)]


def _without_nan(value: Any) -> Any:
    if is_object(value):
        return {key: _without_nan(item) for key, item in value.items()}
    if is_list(value):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
