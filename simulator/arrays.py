"""The arrays, and the named tuples of arrays, that go into the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
F64 = np.ndarray[Shape, np.dtype[np.float64]]
I64 = np.ndarray[Shape, np.dtype[np.int64]]
I32 = np.ndarray[Shape, np.dtype[np.int32]]
U64 = np.ndarray[Shape, np.dtype[np.uint64]]
Bools = np.ndarray[Shape, np.dtype[np.bool_]]
# A position that a kernel has worked out.
Index = int | np.int64
# Arrival, model and own deadline of each request, see `kernels.serve`.
Requests = tuple[F64, I32, F64]
# Who follows each request in its queue, and among those outstanding, see `kernels.serve_batches`.
Queues = tuple[I32, I32]


class Instance(NamedTuple):
    """Models on groups, as arrays. G groups, M models, R distinct (profile, configuration) rows, S stages at most.

    slo_s: float64 (M,), deadline of each model after arrival.
    candidate_start: int64 (M + 1,), where the candidates of each model begin in the next two.
    candidate_group: int64, ascending for each model: the groups that hold it.
    candidate_row: int64, beside it: the row of `latency_s`.
    latency_s: float64 (B, R, S), seconds of each stage for each batch size, overhead included; inf = not profiled.
    batch_size: int64 (B,), ascending, the first is 1.
    depth: int64 (G,), stages of each group.
    member_start, member_model, member_row: the same relation by group: int64 (G + 1,) and two lists.
    first_group: the number that a record gives to group 0, so that groups of later placements are numbered on.
    """

    slo_s: F64
    candidate_start: I64
    candidate_group: I64
    candidate_row: I64
    latency_s: F64
    batch_size: I64
    depth: I64
    member_start: I64
    member_model: I64
    member_row: I64
    first_group: int


class Rules(NamedTuple):
    """The serving rules as numbers (simulator.serving.Serving)."""

    dispatch: int
    client_delay_s: float
    dispatch_delay_s: float
    start_delay_s: float
    response_delay_s: float
    admission_margin_s: float
    admit_all: bool


class State(NamedTuple):
    """What a cluster remembers between requests; every array is changed in place.

    predicted_s, actual_s: float64 (G, S), the two clocks of each stage; one and the same array without a start
        delay, where they never differ.
    last_s: float64 (G,), the predicted clock of the last stage, kept apart because dispatch scans it.
    turn: int64 (M,), round robin.
    outstanding: int64 (G,). accepted/rejected head and tail: int64 (G,), lists through `next_request`.
    next_answer_s: float64 (G,), when the next outstanding request of the group is answered; inf if none is.
    idle_pending: bool (G,), batching only: the group has yet to act on becoming idle.
    queue_head, queue_tail, queue_length: int64 (M,), batching only: the queue of each model.
    """

    predicted_s: F64
    actual_s: F64
    last_s: F64
    turn: I64
    outstanding: I64
    accepted_head: I64
    accepted_tail: I64
    rejected_head: I64
    rejected_tail: I64
    next_answer_s: F64
    idle_pending: Bools
    queue_head: I64
    queue_tail: I64
    queue_length: I64


class Record(NamedTuple):
    """Where a run writes the fate of each request; arrays of shape (n,).

    status: int8. group: int32, NONE if unplaced. start_s: float64, start on the first stage. batch: int16.
    """

    status: NDArray[np.int8]
    group: I32
    start_s: F64
    batch: NDArray[np.int16]


class Tally(NamedTuple):
    """What a score counts: int64 good (M,) requests in time, dispatched (G,) requests, rejected ones included, and
    float64 latency_s (M,), the sum over the requests that ran one by one (without batching)."""

    good: I64
    dispatched: I64
    latency_s: F64
