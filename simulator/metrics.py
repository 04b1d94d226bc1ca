"""Figures of a run: fates, attainment, goodput, latency percentiles, by model and by group."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from simulator import kernels
from simulator.errors import InputError
from simulator.result import STATUS, SimulationResult
from simulator.timeline import build_timeline, run_span_s
from simulator.workload import Workload

PERCENTILES = (50, 90, 95, 99)
# 97.5 % point of the normal distribution, for 95 % intervals.
Z95 = 1.959963984540054
BLOCKS = 20


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
    """One group: its fates, the mean share of time its stages computed, and who waited in its queue."""

    index: int
    pp: int
    tp: int
    models: tuple[str, ...]
    fates: Fates
    utilization: float
    mean_queue: float
    max_queue: int


@dataclass(frozen=True)
class Figures:
    """All figures of a run, without the warm-up.

    Attributes:
        name: of the placement.
        total: over all counted requests.
        goodput_per_s: requests finished in time, per second between the first and last counted arrival.
        half_width: half of the 95 % interval of the attainment, from blocks of consecutive requests.
        models: by model, in the order of the models.
        groups: by group. Queues and utilisation are taken from the first counted arrival to the last answer.
        utilization: busy time of all devices in groups / their time.
    """

    name: str
    total: Fates
    goodput_per_s: float
    half_width: float
    models: tuple[tuple[str, Fates], ...]
    groups: tuple[GroupFigures, ...]
    utilization: float

    def to_json(self) -> dict:
        """The document of design section 5; what is not defined (no request ran) becomes null."""
        total = asdict(self.total)
        document = {"name": self.name, "slo_attainment": total.pop("slo_attainment")}
        document |= {"slo_attainment_half_width": self.half_width, **total, "goodput_per_s": self.goodput_per_s}
        document["utilization"] = self.utilization
        document["models"] = [{"name": name, **asdict(fates)} for name, fates in self.models]
        document["groups"] = [
            {"index": g.index, "pp": g.pp, "tp": g.tp, "models": list(g.models), **asdict(g.fates)}
            | {"utilization": g.utilization, "mean_queue": g.mean_queue, "max_queue": g.max_queue}
            for g in self.groups
        ]
        return _without_nan(document)


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


def measure(result: SimulationResult, warmup_s: float = 0.0) -> Figures:
    """All figures of a run; requests inside the warm-up at both ends are left out."""
    rows = counted_rows(result.workload, warmup_s)
    status, model, group = result.status[rows], result.workload.model[rows], result.group[rows]
    latency_s = result.latency_s[rows]
    arrival_s = result.workload.arrival_s[rows]
    total = _fates(status, latency_s)
    span_s = float(arrival_s[-1] - arrival_s[0]) if arrival_s.size else 0.0
    by_model = _fates_by(model, len(result.models), status, latency_s)
    by_group = _fates_by(group, len(result.groups), status, latency_s)
    utilization, mean_queue, max_queue = _loads(result, arrival_s)
    groups = tuple(
        GroupFigures(g, placed.group.pp, placed.group.tp, placed.group.models, by_group[g],
                     float(utilization[g]), float(mean_queue[g]), int(max_queue[g]))
        for g, placed in enumerate(result.groups)
    )  # fmt: skip
    devices = np.array([placed.group.devices for placed in result.groups])
    return Figures(
        name=result.name,
        total=total,
        goodput_per_s=total.served / span_s if span_s > 0 else math.nan,
        half_width=attainment_half_width(status == kernels.SERVED),
        models=tuple((m.name, fates) for m, fates in zip(result.models, by_model, strict=True)),
        groups=groups,
        utilization=float((utilization * devices).sum() / devices.sum()) if devices.size else math.nan,
    )


def attainment_half_width(in_time: np.ndarray) -> float:
    """Half of the 95 % interval of a share, by the method of batch means.

    Neighbouring requests share their fate in a burst, so the run is cut into BLOCKS consecutive blocks and the
    spread of their shares is used. NaN with fewer than two requests a block.
    """
    if in_time.size < 2 * BLOCKS:
        return math.nan
    shares = [block.mean() for block in np.array_split(in_time, BLOCKS)]
    return float(Z95 * np.std(shares, ddof=1) / math.sqrt(BLOCKS))


def _loads(result: SimulationResult, arrival_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    zeros = np.zeros(len(result.groups))
    if not arrival_s.size:
        return zeros, zeros, zeros
    start_s = float(arrival_s[0])
    whole = arrival_s.size == len(result.workload)
    end_s = run_span_s(result)[1] if whole else float(arrival_s[-1])
    if end_s <= start_s:
        return zeros, zeros, zeros
    timeline = build_timeline(result, 1, start_s, end_s)
    lifetime_s = np.array([min(p.end_s, end_s) - max(p.start_s, start_s) for p in result.groups])
    share = np.clip(lifetime_s / (end_s - start_s), 1e-12, None)
    return timeline.utilization[:, 0] / share, timeline.mean_queue[:, 0] / share, timeline.max_queue[:, 0]


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


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
