"""What would happen to every request: the public function over the kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator import kernels
from simulator.arrays import Instance, Record, Rules, State, Tally
from simulator.errors import InputError
from simulator.headway import OnProgress, simulated, tell
from simulator.instance import build_instance, build_rules, new_state
from simulator.placement import Placement, Schedule
from simulator.profiles import Model
from simulator.result import PlacedGroup, SimulationResult
from simulator.serving import Serving
from simulator.transition import BusyUntil, carry_over
from simulator.workload import Workload

# Requests between two looks at progress and Stop, without and with batches: some 10 and 30 ms.
CHUNK, BATCHED_CHUNK = 1 << 18, 1 << 16
# Read-only like those of a workload, so that the kernels are compiled for one kind of array.
NO_DEADLINES = np.empty(0)
NO_DEADLINES.flags.writeable = False
# Called with requests done and requests in all; returning False stops.


def simulate(
    models: Sequence[Model],
    placement: Placement | Schedule,
    workload: Workload,
    serving: Serving | None = None,
    on_progress: OnProgress | None = None,
) -> SimulationResult:
    """Simulate every request of a workload on a placement (docs/semantics.md section 2).

    Args:
        models: the served models; `workload.model` holds indices into them.
        placement: a placement, or placements over time. Memory is not checked here, `placement.check` does that.
        workload: the requests.
        serving: the rules; the `testbed` preset if not given.
        on_progress: told the requests done and those in all about every quarter of a million requests, and
            four times as often with batches;
            when it returns False the run stops.

    Returns:
        The fate of each request, in the workload's order, with the figures that follow from it.

    Raises:
        InputError: the workload speaks of another number of models, a group holds an unknown model or one
            without a profile entry for its configuration.
        Cancelled: `on_progress` returned False.
    """
    serving = serving or Serving()
    if workload.num_models != len(models):
        raise InputError(f"The workload speaks of {workload.num_models} models; {len(models)} are given.")
    schedule = placement if isinstance(placement, Schedule) else Schedule(((0.0, placement),), placement.name)
    run = _Run(models, workload, serving, max(p.devices for _, p in schedule.epochs), on_progress)
    starts = [start_s for start_s, _ in schedule.epochs[1:]]
    # A placement serves what reaches the controller while it holds.
    cuts = np.searchsorted(workload.arrival_s + serving.client_delay_s, starts, side="left")
    bounds = [0, *cuts, len(workload)]
    epoch = None
    for index, (start_s, epoch_placement) in enumerate(schedule.epochs):
        end_s = schedule.epochs[index + 1][0] if index + 1 < len(schedule.epochs) else math.inf
        epoch = run.begin(epoch, epoch_placement, start_s if index else 0.0, end_s)
        run.requests(epoch, int(bounds[index]), int(bounds[index + 1]))
    return run.result(schedule.name)


@dataclass(frozen=True, eq=False)
class _Epoch:
    """A placement while it holds, from start_s to end_s."""

    placement: Placement
    instance: Instance
    state: State
    start_s: float
    end_s: float


class _Run:
    """One run over all epochs; keeps the arrays that the epochs share."""

    def __init__(
        self,
        models: Sequence[Model],
        workload: Workload,
        serving: Serving,
        devices: int,
        on_progress: OnProgress | None,
    ) -> None:
        n = len(workload)
        self.models, self.workload, self.serving = tuple(models), workload, serving
        self.on_progress = on_progress
        self.slo_s = NO_DEADLINES if workload.slo_s is None else workload.slo_s
        self.rules: Rules = build_rules(serving)
        self.record = Record(
            status=np.full(n, kernels.UNPLACED, dtype=np.int8),
            group=np.full(n, kernels.NONE, dtype=np.int32),
            start_s=np.full(n, np.nan),
            batch=np.zeros(n, dtype=np.int16),
        )
        self.ended_s = np.full(n, np.nan)
        self.batching = serving.max_batch_size > 1
        lists_needed = self.batching or serving.dispatch == "shortest_queue"
        self.next_outstanding = np.empty(n if lists_needed else 0, dtype=np.int32)
        self.next_in_queue = np.empty(n if self.batching else 0, dtype=np.int32)
        self.groups: list[PlacedGroup] = []
        self.busy_until_s = BusyUntil(np.zeros(devices), np.zeros(devices))

    def begin(self, before: _Epoch | None, placement: Placement, start_s: float, end_s: float) -> _Epoch:
        """Change to another placement at start_s; the first one, with none before, is simply there."""
        instance = build_instance(self.models, placement, self.serving, first_group=len(self.groups))
        state = new_state(instance, self.rules)
        if before is not None:
            old, new = (before.placement, before.state), (placement, state)
            carry_over(old, new, self.busy_until_s, self.models, self.serving, start_s)
            _fit_to_candidates(instance, state)
        first_devices = np.cumsum([0] + [group.devices for group in placement.groups])
        for index, group in enumerate(placement.groups):
            clock_s = state.actual_s[index, : group.pp].copy()
            self.groups.append(PlacedGroup(index, group, int(first_devices[index]), start_s, end_s, clock_s))
        return _Epoch(placement, instance, state, start_s, end_s)

    def requests(self, epoch: _Epoch, low: int, high: int) -> None:
        """Handle the requests low <= i < high; with batching the queues are worked on until the epoch's end."""
        chunk = BATCHED_CHUNK if self.batching else CHUNK
        for chunk_low in range(low, max(high, low + 1), chunk):
            chunk_high = min(chunk_low + chunk, high)
            models, groups = len(self.models), len(epoch.placement.groups)
            tally = Tally(np.zeros(models, dtype=np.int64), np.zeros(groups, dtype=np.int64), np.zeros(models))
            if self.batching:
                until_s = math.inf if self.serving.forget_backlog else epoch.end_s
                self._serve_batches(epoch, chunk_low, chunk_high, until_s if chunk_high == high else -math.inf, tally)
            else:
                self._serve(epoch, chunk_low, chunk_high, tally)
            tell(self.on_progress, simulated(chunk_high, len(self.workload)))

    def result(self, name: str) -> SimulationResult:
        """The run as a frozen result."""
        finish_s = self.ended_s
        finish_s += self.serving.response_delay_s
        return SimulationResult(
            name=name,
            models=self.models,
            workload=self.workload,
            serving=self.serving,
            groups=tuple(self.groups),
            status=self.record.status,
            group=self.record.group,
            start_s=self.record.start_s,
            finish_s=finish_s,
            batch_size=self.record.batch,
        )

    def _serve(self, epoch: _Epoch, low: int, high: int, tally: Tally) -> None:
        w = self.workload
        kernels.serve(
            epoch.instance, self.rules, epoch.state, w.arrival_s, w.model, self.slo_s, low, high,
            self.ended_s, self.next_outstanding, self.record, tally,
        )  # fmt: skip

    def _serve_batches(self, epoch: _Epoch, low: int, high: int, until_s: float, tally: Tally) -> None:
        w = self.workload
        kernels.serve_batches(
            epoch.instance, self.rules, epoch.state, (w.arrival_s, w.model, self.slo_s), low, high, epoch.start_s,
            until_s, self.ended_s, (self.next_in_queue, self.next_outstanding), self.record, tally,
        )  # fmt: skip


def _fit_to_candidates(instance: Instance, state: State) -> None:
    # What waits for a model that no group holds any more stays unplaced, the fate every request begins with.
    candidates = np.diff(instance.candidate_start)
    state.queue_head[candidates == 0] = kernels.NONE
    state.queue_length[candidates == 0] = 0
    state.turn[:] %= np.maximum(candidates, 1)
