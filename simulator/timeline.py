"""What every group was doing, over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator import kernels, metric_kernels
from simulator.errors import InputError
from simulator.instance import build_instance
from simulator.placement import Placement
from simulator.result import SimulationResult

MAX_CELLS = 20_000_000


@dataclass(frozen=True, eq=False)
class Timeline:
    """Counts in equal bins of time. G groups, B bins; rows of stages stand group after group.

    Attributes:
        edges_s: float64 (B + 1,), seconds.
        arrivals, in_time: int64 (B,), requests that arrived in the bin, and those of them that met their deadline.
        rejected: int64 (G, B), by time of arrival.
        mean_queue, max_queue: (G, B), accepted requests that could have started but had to wait.
        in_flight: float64 (G, B), mean number of requests accepted and not yet through the last stage.
        stage_utilization: float64 (sum of stages, B), share of the bin in which the stage computed.
        first_stage: int64 (G + 1,), where each group's stages begin.
    """

    edges_s: np.ndarray
    arrivals: np.ndarray
    in_time: np.ndarray
    rejected: np.ndarray
    mean_queue: np.ndarray
    max_queue: np.ndarray
    in_flight: np.ndarray
    stage_utilization: np.ndarray
    first_stage: np.ndarray

    @property
    def slo_attainment(self) -> np.ndarray:
        """float64 (B,): share of the bin's arrivals that met their deadline; NaN where nothing arrived."""
        return np.divide(self.in_time, self.arrivals, out=np.full(self.arrivals.size, np.nan), where=self.arrivals > 0)

    @property
    def utilization(self) -> np.ndarray:
        """float64 (G, B): mean over the stages of each group."""
        sums = np.add.reduceat(self.stage_utilization, self.first_stage[:-1], axis=0)
        return sums / np.diff(self.first_stage)[:, None]


def build_timeline(
    result: SimulationResult, bins: int, start_s: float | None = None, end_s: float | None = None
) -> Timeline:
    """Count a run in `bins` equal bins from start_s to end_s (the first arrival to the last answer if not given).

    Raises InputError where there would be more than MAX_CELLS numbers, or the stretch is empty.
    """
    first_s, last_s = run_span_s(result)
    start_s = first_s if start_s is None else start_s
    end_s = last_s if end_s is None else end_s
    stages = sum(placed.group.pp for placed in result.groups)
    if not 1 <= bins * max(stages, 1) <= MAX_CELLS:
        raise InputError(f"{bins} bins for {stages} stages are asked for; at most {MAX_CELLS:,} numbers are allowed.")
    if not end_s > start_s:
        raise InputError(f"A timeline from {start_s} to {end_s} s is asked for; the end must lie behind the start.")
    width_s = (end_s - start_s) / bins
    edges_s = np.linspace(start_s, end_s, bins + 1)
    arrival_s = result.workload.arrival_s
    inside = (arrival_s >= start_s) & (arrival_s <= end_s)
    bin_of = np.minimum(((arrival_s - start_s) / width_s).astype(np.int64), bins - 1)
    rejected_here = inside & (result.status == kernels.REJECTED)
    groups = len(result.groups)
    cell = result.group[rejected_here].astype(np.int64) * bins + bin_of[rejected_here]
    mean_queue, max_queue, in_flight = _count_queues(result, bins, start_s, width_s)
    busy, first_stage, _ = _walk(result, bins, start_s, width_s, spans=False)
    return Timeline(
        edges_s=edges_s,
        arrivals=np.bincount(bin_of[inside], minlength=bins),
        in_time=np.bincount(bin_of[inside & result.in_slo], minlength=bins),
        rejected=np.bincount(cell, minlength=groups * bins).reshape(groups, bins),
        mean_queue=mean_queue,
        max_queue=max_queue,
        in_flight=in_flight,
        stage_utilization=busy / width_s,
        first_stage=first_stage,
    )


@dataclass(frozen=True, eq=False)
class StageSpans:
    """When the requests that ran were on which stage.

    Attributes:
        request: int64 (n,), their numbers, sorted by (group, start, number).
        begin_s, end_s: float64 (n, S); stages that a group does not have hold NaN.
    """

    request: np.ndarray
    begin_s: np.ndarray
    end_s: np.ndarray


def stage_spans(result: SimulationResult) -> StageSpans:
    """Every execution, stage by stage, for drawing it."""
    first_s, last_s = run_span_s(result)
    _, _, spans = _walk(result, 1, first_s, max(last_s - first_s, 1e-9), spans=True)
    return spans


def run_span_s(result: SimulationResult) -> tuple[float, float]:
    """First arrival and the last arrival or answer, whichever is later; (0, 0) without requests."""
    arrival_s = result.workload.arrival_s
    if not arrival_s.size:
        return 0.0, 0.0
    answers_s = result.finish_s[result.ran]
    last_s = max(float(arrival_s[-1]), float(answers_s.max()) if answers_s.size else -math.inf)
    return float(arrival_s[0]), last_s


def _seconds(partial_s: np.ndarray, full: np.ndarray, width_s: float) -> np.ndarray:
    return partial_s + width_s * np.cumsum(full[:, :-1], axis=1)


def _count_queues(
    result: SimulationResult, bins: int, start_s: float, width_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    serving, groups = result.serving, len(result.groups)
    ran = np.flatnonzero(result.ran)
    group = result.group[ran].astype(np.int64)
    reach_s = result.workload.arrival_s[ran] + serving.client_delay_s + serving.dispatch_delay_s
    ready_s, begin_s = reach_s + serving.start_delay_s, result.start_s[ran]
    counts = []
    for from_s, to_s in ((ready_s, begin_s), (reach_s, result.finish_s[ran] - serving.response_delay_s)):
        partial_s, full = np.zeros((groups, bins)), np.zeros((groups, bins + 1), dtype=np.int64)
        metric_kernels.add_intervals(group, from_s, to_s, start_s, width_s, partial_s, full)
        counts.append(_seconds(partial_s, full, width_s) / width_s)
    waits = np.flatnonzero(begin_s > ready_s)
    max_queue = np.zeros((groups, bins), dtype=np.int64)
    offset = np.concatenate(([0], np.cumsum(np.bincount(group[waits], minlength=groups))))
    rises = waits[np.lexsort((ready_s[waits], group[waits]))]
    falls = waits[np.lexsort((begin_s[waits], group[waits]))]
    metric_kernels.max_level(offset, ready_s[rises], begin_s[falls], start_s, width_s, max_queue)
    return counts[0], max_queue, counts[1]


def _walk(
    result: SimulationResult, bins: int, start_s: float, width_s: float, spans: bool
) -> tuple[np.ndarray, np.ndarray, StageSpans | None]:
    groups = tuple(placed.group for placed in result.groups)
    instance = build_instance(result.models, Placement(groups), result.serving)
    row_of = np.full((len(result.models), len(groups)), -1, dtype=np.int32)
    members = np.repeat(np.arange(len(groups)), np.diff(instance.member_start))
    row_of[instance.member_model, members] = instance.member_row
    stages = instance.latency_s.shape[2]
    clock_s = np.zeros((len(groups), stages))
    for g, placed in enumerate(result.groups):
        clock_s[g, : placed.group.pp] = placed.clock_s
    first_stage = np.concatenate(([0], np.cumsum(instance.depth)))
    ran = np.flatnonzero(result.ran)
    order = ran[np.lexsort((ran, result.start_s[ran], result.group[ran]))]
    batch_index = np.searchsorted(instance.batch_size, result.batch_size)
    partial_s = np.zeros((int(first_stage[-1]), bins))
    full = np.zeros((int(first_stage[-1]), bins + 1), dtype=np.int64)
    shape = (order.size, stages)
    span_begin_s, span_end_s = (np.full(shape, np.nan), np.full(shape, np.nan)) if spans else (None, None)
    metric_kernels.walk_stages(
        order, result.group, result.workload.model, batch_index, result.batch_size, result.start_s, row_of,
        instance.latency_s, instance.depth, first_stage, clock_s, start_s, width_s, partial_s, full,
        span_begin_s, span_end_s,
    )  # fmt: skip
    busy_s = _seconds(partial_s, full, width_s)
    return busy_s, first_stage, StageSpans(order, span_begin_s, span_end_s) if spans else None
