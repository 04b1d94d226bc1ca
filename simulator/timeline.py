"""What every group was doing, over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator import kernels, words
from simulator.errors import InputError
from simulator.loads import mean_level, measure_loads
from simulator.result import SimulationResult

MAX_CELLS = 20_000_000


@dataclass(frozen=True, eq=False)
class Timeline:
    """Counts in equal bins of time. G groups, B bins; rows of stages stand group after group.

    Attributes:
        edges_s: float64 (B + 1,), seconds.
        arrivals, good: int64 (B,), requests that arrived in the bin, and those of them that met their deadline.
        rejected: int64 (G, B), by time of arrival.
        mean_queue, max_queue: (G, B), accepted requests that waited at the group, before stage 1 or between stages.
        mean_queue_between_stages: float64 (G, B), the part of mean_queue that was through stage 1.
        in_flight: float64 (G, B), mean number of requests accepted and not yet through the last stage.
        stage_utilization: float64 (sum of stages, B), share of the bin in which the stage computed.
        first_stage: int64 (G + 1,), where each group's stages begin.
        lane: int64 (G,), the number of the group within the placement that held at its time. Without a schedule it is
            that of the group; with one the groups of its placements share as many lanes as one placement has groups.
    """

    edges_s: np.ndarray
    arrivals: np.ndarray
    good: np.ndarray
    rejected: np.ndarray
    mean_queue: np.ndarray
    max_queue: np.ndarray
    mean_queue_between_stages: np.ndarray
    in_flight: np.ndarray
    stage_utilization: np.ndarray
    first_stage: np.ndarray
    lane: np.ndarray

    @property
    def missed(self) -> np.ndarray:
        """int64 (B,): requests that arrived in the bin and did not meet their deadline."""
        return self.arrivals - self.good

    @property
    def slo_attainment(self) -> np.ndarray:
        """float64 (B,): share of the bin's arrivals that met their deadline; NaN where nothing arrived."""
        return np.divide(self.good, self.arrivals, out=np.full(self.arrivals.size, np.nan), where=self.arrivals > 0)

    @property
    def utilization(self) -> np.ndarray:
        """float64 (G, B): mean over the stages of each group."""
        sums = np.add.reduceat(self.stage_utilization, self.first_stage[:-1], axis=0)
        return sums / np.diff(self.first_stage)[:, None]

    def by_lane(self, values: np.ndarray) -> np.ndarray:
        """(lanes, B): the largest of the groups that share a lane; values: (G, B) and not negative."""
        lanes = np.zeros((int(self.lane.max(initial=-1)) + 1, values.shape[1]), dtype=values.dtype)
        np.maximum.at(lanes, self.lane, values)
        return lanes


def build_timeline(
    result: SimulationResult,
    bins: int,
    start_s: float | None = None,
    end_s: float | None = None,
    counted: np.ndarray | None = None,
) -> Timeline:
    """Count a run in `bins` equal bins from start_s to end_s (the first arrival to the last answer if not given).

    Args:
        counted: bool (n,), the requests that count; all if not given. Stages are busy with every request.

    Raises InputError where there would be more than MAX_CELLS numbers, or the stretch is empty.
    """
    first_s, last_s = run_span_s(result)
    start_s = first_s if start_s is None else start_s
    end_s = last_s if end_s is None else end_s
    stages = sum(placed.group.pp for placed in result.groups)
    if not 1 <= bins * max(stages, 1) <= MAX_CELLS:
        raise InputError(
            f"{bins} bins for {stages} stages are asked for; at most {words.count(MAX_CELLS)} numbers are allowed."
        )
    if not end_s > start_s:
        raise InputError(f"A timeline from {start_s} to {end_s} s is asked for; the end must lie behind the start.")
    width_s = (end_s - start_s) / bins
    edges_s = np.linspace(start_s, end_s, bins + 1)
    arrival_s = result.workload.arrival_s
    inside = (arrival_s >= start_s) & (arrival_s <= end_s)
    if counted is not None:
        inside &= counted
    bin_of = np.minimum(((arrival_s - start_s) / width_s).astype(np.int64), bins - 1)
    rejected_here = inside & (result.status == kernels.REJECTED)
    groups = len(result.groups)
    cell = result.group[rejected_here].astype(np.int64) * bins + bin_of[rejected_here]
    loads = measure_loads(result, bins, start_s, width_s, counted)
    return Timeline(
        edges_s=edges_s,
        arrivals=np.bincount(bin_of[inside], minlength=bins),
        good=np.bincount(bin_of[inside & result.in_slo], minlength=bins),
        rejected=np.bincount(cell, minlength=groups * bins).reshape(groups, bins),
        mean_queue=loads.mean_queue,
        max_queue=loads.max_queue,
        mean_queue_between_stages=loads.mean_queue_between_stages,
        in_flight=_in_flight(result, counted, bins, start_s, width_s),
        stage_utilization=loads.stage_utilization,
        first_stage=loads.first_stage,
        lane=np.array([placed.index for placed in result.groups], dtype=np.int64),
    )


def run_span_s(result: SimulationResult) -> tuple[float, float]:
    """First arrival and the last arrival or answer, whichever is later; (0, 0) without requests."""
    arrival_s = result.workload.arrival_s
    if not arrival_s.size:
        return 0.0, 0.0
    answers_s = result.finish_s[result.ran]
    last_s = max(float(arrival_s[-1]), float(answers_s.max()) if answers_s.size else -math.inf)
    return float(arrival_s[0]), last_s


def _in_flight(
    result: SimulationResult, counted: np.ndarray | None, bins: int, start_s: float, width_s: float
) -> np.ndarray:
    serving = result.serving
    ran = np.flatnonzero(result.ran if counted is None else result.ran & counted)
    reach_s = result.workload.arrival_s[ran] + serving.client_delay_s + serving.dispatch_delay_s
    through_s = result.finish_s[ran] - serving.response_delay_s
    group = result.group[ran].astype(np.int64)
    return mean_level(group, reach_s, through_s, len(result.groups), bins, start_s, width_s)
