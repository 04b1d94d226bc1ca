"""Kernels of the upper bound: what one replica can serve alone, overload of pooled devices, and the dual program.

Nothing here decides; each function only counts or evaluates. See `bound` and `bound_program` for what they mean.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from simulator.arrays import F64, I64

_TOLERANCE_S = 1e-9


@nb.njit(cache=True, nogil=True)
def served_alone(
    arrival_s: F64, window: I64, first: I64, spare_s: F64, total_s: F64, bottleneck_s: F64, served: F64
) -> None:
    """Most requests of each window that one replica, idle at the window's start, finishes in time.

    Requests of one model take the same time, so taking each that can still be in time, in order, is best. Only the
    slowest stage is held against them: a pipeline is never faster.

    Args:
        arrival_s, window: float64 (n,), int64 (n,): sorted by model, then arrival. first: int64 (M + 1,), its rows.
        spare_s: float64 (n,), from arrival to the latest end of the last stage.
        total_s, bottleneck_s: float64 (M, C), all stages and the slowest; inf where the model does not fit.
        served: float64 (M, W, C), written.
    """
    for m in range(first.size - 1):
        for c in range(total_s.shape[1]):
            if not total_s[m, c] < np.inf:
                continue
            last = -1
            end_s = 0.0
            for i in range(first[m], first[m + 1]):
                own_s = arrival_s[i] + total_s[m, c]
                if window[i] != last:
                    last = window[i]
                    end_s = -np.inf
                own_s = max(own_s, end_s + bottleneck_s[m, c])
                if own_s <= arrival_s[i] + spare_s[i] + _TOLERANCE_S:
                    end_s = own_s
                    served[m, last, c] += 1.0


@nb.njit(cache=True, nogil=True)
def least_lost(
    cuts: I64, first_s: F64, before: I64, last_before: F64, class_cost_s: F64, class_spare_s: F64, devices: float,
    lengths: I64, best: F64,
) -> None:  # fmt: skip
    """Most requests that disjoint stretches of the traffic must lose, best stretches chosen.

    Args:
        cuts: int64 (B,), rows of the workload between which stretches lie. first_s: float64 (B,), arrival of the
            request behind each cut.
        before: int64 (B, K), requests of each class before each cut. last_before: float64 (B, K), arrival of the last
            of them, -inf where there is none.
        class_cost_s: float64 (K,), fewest device seconds of a request, ascending. class_spare_s: float64 (K,).
        devices: how many share the work. lengths: int64 (J,), stretches in cuts to try.
        best: float64 (B,), written: losses up to each cut.
    """
    classes = class_cost_s.size
    best[0] = 0.0
    for end in range(1, cuts.size):
        best[end] = best[end - 1]
        for length in lengths:
            start = end - length
            if start < 0:
                continue
            until_s = -np.inf
            for k in range(classes):
                if before[end, k] > before[start, k]:
                    until_s = max(until_s, last_before[end, k] + class_spare_s[k])
            left_s = devices * max(until_s - first_s[start], 0.0) * (1.0 + 1e-9)
            lost = 0
            for k in range(classes):
                count = before[end, k] - before[start, k]
                fit = count
                if class_cost_s[k] * count > left_s:
                    fit = min(count, int(np.floor(left_s / class_cost_s[k])))
                left_s -= fit * class_cost_s[k]
                lost += count - fit
            best[end] = max(best[end], best[start] + lost)


@nb.njit(cache=True, nogil=True)
def dual_terms(served: F64, price: F64, kind: I64, skip: F64, width: float, gain: F64, replica_value: F64) -> None:
    """The part of the dual that has one term for each model, window and configuration.

    The worth of a replica for one request of a window is max(0, 1 - price of its device time - skip), smoothed as
    (x + sqrt(x^2 + width^2)) / 2, which is never less.

    Args:
        served: float64 (M, W, C). price: float64 (P, W, C), of a request's device time, by kind of model.
        kind: int64 (M,). skip: float64 (M, W). width: of the smoothing; 0 = none.
        gain: float64 (M, W, C), written: the derivative of replica_value by the worth.
        replica_value: float64 (M, C), added to: sum over windows of served x worth.
    """
    models, windows, shapes = served.shape
    for m in range(models):
        for w in range(windows):
            for c in range(shapes):
                gain[m, w, c] = 0.0
                if served[m, w, c] == 0.0:
                    continue
                x = 1.0 - price[kind[m], w, c] - skip[m, w]
                if width > 0.0:
                    root = np.sqrt(x * x + width * width)
                    replica_value[m, c] += served[m, w, c] * 0.5 * (x + root)
                    gain[m, w, c] = served[m, w, c] * 0.5 * (1.0 + x / root)
                elif x > 0.0:
                    replica_value[m, c] += served[m, w, c] * x
                    gain[m, w, c] = served[m, w, c]


@nb.njit(cache=True, nogil=True)
def dual_slopes(gain: F64, replicas: F64, kind: I64, by_skip: F64, by_price: F64) -> None:
    """Sums of gain x replicas: by model and window, and by kind, window and configuration.

    Args:
        gain: float64 (M, W, C). replicas: float64 (M, C). kind: int64 (M,).
        by_skip: float64 (M, W), subtracted from. by_price: float64 (P, W, C), subtracted from.
    """
    models, windows, shapes = gain.shape
    for m in range(models):
        for w in range(windows):
            for c in range(shapes):
                term = gain[m, w, c] * replicas[m, c]
                by_skip[m, w] -= term
                by_price[kind[m], w, c] -= term
