"""What every group was doing at one moment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.errors import InputError
from simulator.loads import StageSpans, stage_spans
from simulator.result import SimulationResult


@dataclass(frozen=True)
class GroupMoment:
    """One group at one moment; requests by their number in the workload.

    Attributes:
        index: of the group in the result.
        stages: length pp, the requests that each stage was computing (several in a batch).
        held: length pp, the requests that were through the stage before and waited for this one; none at the first.
        waiting: the requests that had reached the group and waited for its first stage, in order of arrival.
            Both waited; queue is all of them.
    """

    index: int
    stages: tuple[tuple[int, ...], ...]
    held: tuple[tuple[int, ...], ...]
    waiting: tuple[int, ...]

    @property
    def between_stages(self) -> tuple[int, ...]:
        """The requests that were through a stage and waited for the next."""
        return tuple(request for requests in self.held for request in requests)

    @property
    def queue(self) -> tuple[int, ...]:
        """All requests that waited at the group, before stage 1 or between stages."""
        return self.waiting + self.between_stages

    @property
    def busy(self) -> int:
        """How many stages were computing."""
        return sum(bool(requests) for requests in self.stages)


@dataclass(frozen=True)
class Moment:
    """All groups whose placement held at a moment, at_s on the workload's clock."""

    at_s: float
    groups: tuple[GroupMoment, ...]


def moment(result: SimulationResult, at_s: float, spans: StageSpans | None = None) -> Moment:
    """What every group was doing at `at_s`, seconds on the workload's clock.

    A stage computes a request from begin to end, the end excluded. Groups of a schedule's other placements are left
    out unless they were still working.

    Args:
        spans: stage_spans(result), if at hand, because they take a pass over the whole run.

    Raises InputError if at_s is not a finite number.
    """
    if not math.isfinite(at_s):
        raise InputError(f"The moment {at_s} s is asked for; a finite number of seconds is allowed.")
    spans = stage_spans(result) if spans is None else spans
    number = spans.request
    serving = result.serving
    reach_s = result.workload.arrival_s[number] + serving.client_delay_s + serving.dispatch_delay_s
    answered_s = result.finish_s[number] - serving.response_delay_s
    here = np.flatnonzero((reach_s <= at_s) & (at_s < answered_s))
    group_of = result.group[number[here]]
    groups: list[GroupMoment] = []
    for g, placed in enumerate(result.groups):
        mine = here[group_of == g]
        if mine.size or placed.start_s <= at_s < placed.end_s:
            groups.append(_group(g, placed.group.pp, number[mine], spans.begin_s[mine], spans.end_s[mine], at_s))
    return Moment(at_s, tuple(groups))


def _group(g: int, pp: int, number: np.ndarray, begin_s: np.ndarray, end_s: np.ndarray, at_s: float) -> GroupMoment:
    stages: list[tuple[int, ...]] = []
    held: list[tuple[int, ...]] = []
    for stage in range(pp):
        begun, ended = begin_s[:, stage] <= at_s, end_s[:, stage] <= at_s
        stages.append(_numbers(number[begun & ~ended]))
        through = end_s[:, stage - 1] <= at_s if stage else np.zeros(number.size, dtype=bool)
        held.append(_numbers(number[through & ~begun]))
    return GroupMoment(g, tuple(stages), tuple(held), _numbers(number[begin_s[:, 0] > at_s]))


def _numbers(requests: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, np.sort(requests)))
