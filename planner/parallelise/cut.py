"""Inter-operator pass: where a chain of operators is cut into pipeline stages.

The paper's dynamic program (4.1), which asks for the slowest stage only, because that bounds the throughput:

    F(s, k) = min over 1 <= i <= k of max(F(s - 1, i - 1), latency(s, i, k))

latency(s, i, k) is the sum of the operators i..k plus the hop that brings the activations to stage s. Many
cuts reach the same slowest stage; of those the one whose fullest device holds least is taken, as memory
decides how many replicas fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.parallelise.operators import Operator
from simulator.errors import InputError

# Cuts whose slowest stages differ by less than this count as equally fast.
EQUALLY_FAST = 1e-3


def cut_stages(
    latency_s: np.ndarray,
    stages: int,
    hop_s: np.ndarray | None = None,
    weight_bytes: np.ndarray | None = None,
    weight_limit_bytes: float = np.inf,
) -> list[int] | None:
    """The cut into non-empty stages with the fastest slowest stage, then the smallest fullest stage.

    Args:
        latency_s: float64 (K,), seconds of each operator, in order.
        stages: how many stages.
        hop_s: float64 (stages,), seconds to bring the activations to each stage; 0 for the first.
        weight_bytes: float64 (K,), weights of each operator on one device.
        weight_limit_bytes: most weights of a stage.

    Returns the start of each stage, stages numbers beginning with 0, or None if no cut keeps the limit.
    """
    latency_s = np.asarray(latency_s, dtype=np.float64)
    count = len(latency_s)
    if not 1 <= stages <= count:
        raise InputError(
            f"A chain of {count} operators cannot be cut into {stages} stages; from 1 to {count} are allowed."
        )
    hop_s = np.zeros(stages) if hop_s is None else np.asarray(hop_s, dtype=np.float64)
    weight_bytes = np.zeros(count) if weight_bytes is None else np.asarray(weight_bytes, dtype=np.float64)
    seconds, held = _spans(latency_s), _spans(weight_bytes)
    fits = held <= weight_limit_bytes * (1 + 1e-12)
    latency = [np.where(fits, seconds + hop, np.inf) for hop in hop_s]
    slowest = _least_largest(latency)[1]
    if not np.isfinite(slowest):
        return None
    fast_enough = slowest * (1 + EQUALLY_FAST)
    return _least_largest([np.where(span <= fast_enough, held, np.inf) for span in latency])[0]


def _spans(values: np.ndarray) -> np.ndarray:
    """Sums of values[start:end], float64 (K + 1, K + 1) by start and end; infinite where that is empty."""
    upto = np.concatenate([[0.0], np.cumsum(values)])
    sums = upto[None, :] - upto[:, None]
    return np.where(np.tri(len(upto), dtype=bool), np.inf, sums)


def _least_largest(costs: Sequence[np.ndarray]) -> tuple[list[int], float]:
    """The dynamic program for any costs[stage][start, end]: start of each stage, and the largest cost."""
    size = costs[0].shape[0]
    best = np.full(size, np.inf)
    best[0] = -np.inf
    came_from = []
    for cost in costs:
        reached = np.maximum(best[:, None], cost)
        came_from.append(np.argmin(reached, axis=0))
        best = reached.min(axis=0)
    cut, end = [], size - 1
    for starts in reversed(came_from):
        end = int(starts[end])
        cut.append(end)
    return cut[::-1], float(best[-1])


def equal_cut(operators: Sequence[Operator], stages: int) -> list[int]:
    """The manual cut for comparison: equally many layers a stage, embedding in the first, head in the last.

    Layers that are left over go one each to the first stages. Returns the start of each stage.
    """
    layers = (len(operators) - 2) // 2
    if not 1 <= stages <= layers:
        raise InputError(f"{layers} layers cannot be cut into {stages} stages; from 1 to {layers} are allowed.")
    sizes = [layers // stages + (stage < layers % stages) for stage in range(stages)]
    return [0] + [1 + 2 * int(done) for done in np.cumsum(sizes)[:-1]]
