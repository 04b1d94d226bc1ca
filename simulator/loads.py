"""Who waited and which stages computed, group by group: a run walked again, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import metric_kernels
from simulator.instance import build_instance
from simulator.placement import Placement
from simulator.result import SimulationResult

# Of waits: group, from_s, to_s.
_Stretches = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Waits:
    """Stretches in which a request was at a group and no stage computed it; w of them.

    Stretches of up to a nanosecond are rounding and left out. Those before the first stage come first.

    Attributes:
        group: int64 (w,). from_s, to_s: float64 (w,), seconds.
        before_first: how many of them are before the first stage; the others are between stages.
    """

    group: np.ndarray
    from_s: np.ndarray
    to_s: np.ndarray
    before_first: int


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


@dataclass(frozen=True, eq=False)
class Loads:
    """What the groups were doing in B equal bins of time; G groups, rows of stages stand group after group.

    Attributes:
        mean_queue: float64 (G, B), mean number of accepted requests that waited, before stage 1 or between stages.
        mean_queue_between_stages: float64 (G, B), the part of it that was through stage 1.
        max_queue: int64 (G, B), most that waited at once, anywhere in the group.
        stage_utilization: float64 (sum of stages, B), share of the bin in which the stage computed.
        first_stage: int64 (G + 1,), where each group's stages begin.
    """

    mean_queue: np.ndarray
    mean_queue_between_stages: np.ndarray
    max_queue: np.ndarray
    stage_utilization: np.ndarray
    first_stage: np.ndarray


def measure_loads(
    result: SimulationResult,
    bins: int,
    start_s: float,
    width_s: float,
    counted: np.ndarray | None = None,
    open_s: np.ndarray | None = None,
    close_s: np.ndarray | None = None,
) -> Loads:
    """Count queues and busy stages in `bins` bins of width_s from start_s on.

    Args:
        counted: bool (n,), the requests whose waiting counts; all if not given. Stages compute for all.
        open_s, close_s: float64 (G,), only what happens at a group between the two counts; everything if not given.
    """
    groups = len(result.groups)
    ends_s = np.full(groups, start_s), np.full(groups, start_s + bins * width_s)
    open_s = ends_s[0] if open_s is None else np.maximum(open_s, ends_s[0])
    close_s = ends_s[1] if close_s is None else np.minimum(close_s, ends_s[1])
    partial_s, full, first_stage = _stage_bins(result, bins)
    holds = _walk(result, counted, open_s, close_s, start_s, width_s, partial_s, full)
    waits = _join(_before_first(result, counted, open_s, close_s), holds)
    mean_queue = mean_level(waits.group, waits.from_s, waits.to_s, groups, bins, start_s, width_s)
    group, from_s, to_s = (part[waits.before_first :] for part in (waits.group, waits.from_s, waits.to_s))
    return Loads(
        mean_queue=mean_queue,
        mean_queue_between_stages=mean_level(group, from_s, to_s, groups, bins, start_s, width_s),
        max_queue=_max_queue(waits, groups, bins, start_s, width_s),
        stage_utilization=_seconds(partial_s, full, width_s) / width_s,
        first_stage=first_stage,
    )


def list_waits(result: SimulationResult, counted: np.ndarray | None = None) -> Waits:
    """Every stretch of waiting in the run. counted: bool (n,), whose; everybody's if not given."""
    groups = len(result.groups)
    open_s, close_s = np.full(groups, -np.inf), np.full(groups, np.inf)
    partial_s, full, _ = _stage_bins(result, 1)
    holds = _walk(result, counted, open_s, close_s, 0.0, 1.0, partial_s, full)
    return _join(_before_first(result, counted, open_s, close_s), holds)


def stage_spans(result: SimulationResult) -> StageSpans:
    """Every execution, stage by stage, for drawing it."""
    groups, ran = len(result.groups), int(result.ran.sum())
    shape = (ran, max((placed.group.pp for placed in result.groups), default=1))
    spans = np.full(shape, np.nan), np.full(shape, np.nan)
    partial_s, full, _ = _stage_bins(result, 1)
    never = np.zeros(len(result.workload), dtype=np.bool_)
    limits_s = np.full(groups, -np.inf), np.full(groups, np.inf)
    _walk(result, never, *limits_s, 0.0, 1.0, partial_s, full, spans)
    return StageSpans(_execution_order(result), *spans)


def mean_level(
    group: np.ndarray, from_s: np.ndarray, to_s: np.ndarray, groups: int, bins: int, start_s: float, width_s: float
) -> np.ndarray:
    """float64 (groups, bins): mean number of stretches that are open; group: int64 (w,), from_s, to_s: float64 (w,)."""
    partial_s, full = np.zeros((groups, bins)), np.zeros((groups, bins + 1), dtype=np.int64)
    metric_kernels.add_intervals(group, from_s, to_s, start_s, width_s, partial_s, full)
    return _seconds(partial_s, full, width_s) / width_s


def _seconds(partial_s: np.ndarray, full: np.ndarray, width_s: float) -> np.ndarray:
    return partial_s + width_s * np.cumsum(full[:, :-1], axis=1)


def _max_queue(waits: Waits, groups: int, bins: int, start_s: float, width_s: float) -> np.ndarray:
    highest = np.zeros((groups, bins), dtype=np.int64)
    offset = np.concatenate(([0], np.cumsum(np.bincount(waits.group, minlength=groups))))
    rises = waits.from_s[np.lexsort((waits.from_s, waits.group))]
    falls = waits.to_s[np.lexsort((waits.to_s, waits.group))]
    metric_kernels.max_level(offset, rises, falls, start_s, width_s, highest)
    return highest


def _before_first(
    result: SimulationResult, counted: np.ndarray | None, open_s: np.ndarray, close_s: np.ndarray
) -> _Stretches:
    serving = result.serving
    ran = np.flatnonzero(result.ran if counted is None else result.ran & counted)
    group = result.group[ran].astype(np.int64)
    delay_s = serving.client_delay_s + serving.dispatch_delay_s + serving.start_delay_s
    ready_s, begin_s = result.workload.arrival_s[ran] + delay_s, result.start_s[ran]
    from_s, to_s = np.maximum(ready_s, open_s[group]), np.minimum(begin_s, close_s[group])
    kept = (begin_s - ready_s > metric_kernels.ROUNDING_S) & (to_s > from_s)
    return group[kept], from_s[kept], to_s[kept]


def _join(first: _Stretches, then: _Stretches) -> Waits:
    return Waits(*(np.concatenate(parts) for parts in zip(first, then, strict=True)), before_first=first[0].size)


def _stage_bins(result: SimulationResult, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first_stage = np.concatenate(([0], np.cumsum([placed.group.pp for placed in result.groups]))).astype(np.int64)
    stages = int(first_stage[-1])
    return np.zeros((stages, bins)), np.zeros((stages, bins + 1), dtype=np.int64), first_stage


def _execution_order(result: SimulationResult) -> np.ndarray:
    ran = np.flatnonzero(result.ran)
    return ran[np.lexsort((ran, result.start_s[ran], result.group[ran]))]


def _walk(
    result: SimulationResult, counted: np.ndarray | None, open_s: np.ndarray, close_s: np.ndarray, start_s: float,
    width_s: float, partial_s: np.ndarray, full: np.ndarray, spans: tuple[np.ndarray, np.ndarray] | None = None,
) -> _Stretches:  # fmt: skip
    """Walk all executions; fills the bins and the spans, returns the waits between stages (group, from_s, to_s)."""
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
    order = _execution_order(result)
    counted = np.ones(len(result.workload), dtype=np.bool_) if counted is None else counted
    if spans is None:
        spans = np.empty((0, stages)), np.empty((0, stages))
    arguments = (
        order, result.group, result.workload.model, np.searchsorted(instance.batch_size, result.batch_size),
        result.batch_size, result.start_s, counted, row_of, instance.latency_s, instance.depth, first_stage,
        open_s, close_s, start_s, width_s,
    )  # fmt: skip
    # How many waits there are is known only after the walk, so one that finds more than fit is repeated.
    room = order.size
    while True:
        holds = np.empty(room, dtype=np.int64), np.empty(room), np.empty(room)
        partial_s[:], full[:] = 0, 0
        found = metric_kernels.walk_stages(*arguments, clock_s.copy(), partial_s, full, *holds, *spans)
        if found <= room:
            group, from_s, to_s = holds
            return group[:found], from_s[:found], to_s[:found]
        room = found
