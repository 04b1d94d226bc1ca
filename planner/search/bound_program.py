"""A linear program that no placement can pass: how many requests fractional groups and replicas could serve.

    most  sum s[m,w,c]                                  requests of model m and window w, served by configuration c
    with  sum_c s[m,w,c] <= requests[m,w]
          s[m,w,c] <= r[m,c] A[m,w,c]                   A: what one replica alone could serve, starting idle
          sum_{m, w in I} s[m,w,c] L[m,c] <= n[c] T[I,c]    time of one stage, for all windows I of a dyadic tree
          sum_m r[m,c] weight[m,c,k] <= n[c] memory     for every stage k
          r[m,c] <= n[c],  sum_c n[c] devices[c] <= D

Every placement is a point of it (groups n, replicas r, both whole), so its optimum bounds the attainment. Its dual has
one price for a skipped request, for device time and for memory; any prices, however found, give a bound. They are found
by minimising the dual, smoothed less and less, with L-BFGS-B, and the bound is the dual itself, not smoothed, at the
best prices seen: to stop early costs sharpness, never truth.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from planner.search.bound_kernels import dual_slopes, dual_terms, served_alone
from planner.search.space import Space
from simulator import words
from simulator.headway import Headway, OnProgress, goes_on

MAX_WINDOWS = 512
REQUESTS_PER_WINDOW = 8
# One evaluation then takes about 5 ms; windows are made wider where models and configurations are many.
MAX_TERMS = 1_000_000
# Widths of the smoothing, in requests' worth, and the steps with each: coarse ones find the way, fine ones the value.
WIDTHS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
STEPS = 300
MEMORY = 20
# Replicas are worth many requests, groups more: the same widths in their units.
MODEL_WIDTH, DEVICE_WIDTH = 50.0, 800.0
# scipy's status of a minimisation that its callback ended.
STOPPED = 99


class BoundProgram:
    """The program of one problem, and the best bound that was found for it.

    Attributes:
        attainment: the least bound so far, 0..1.
        variables: how many prices the dual has: of skipped requests, of device time, of memory.
    """

    def __init__(self, space: Space, spare_s: np.ndarray) -> None:
        """spare_s: float64 (n,), of each request from the earliest start of stage 1 to the latest end of the last."""
        workload, catalogue = space.problem.workload, space.catalogue
        models, shapes = len(space.problem.models), len(space.shapes)
        most = max(min(MAX_WINDOWS, MAX_TERMS // (models * shapes), len(workload) // REQUESTS_PER_WINDOW), 1)
        # Empty windows are left out, so that every window has a first and a last request.
        edges_s = np.linspace(float(workload.arrival_s[0]), float(workload.arrival_s[-1]), most + 1)[1:-1]
        window = np.unique(np.searchsorted(edges_s, workload.arrival_s, side="right"), return_inverse=True)[1]
        windows = int(window[-1]) + 1
        rows = catalogue.first_row[:, None] + np.arange(shapes)
        served = _served_alone(space, window, spare_s, catalogue.latency_s[0][rows])
        fits = space.fits_alone & (served.sum(axis=1) > 0)
        self._served = np.where(fits[:, None, :], served, 0.0)
        self._requests = np.zeros((models, windows))
        np.add.at(self._requests, (workload.model, window), 1.0)
        self._count = len(workload)
        self._devices, self._group_devices = space.devices, catalogue.devices.astype(np.float64)
        self._memory_gib = catalogue.memory_gib
        self._weight_gib = np.where(fits[:, :, None], catalogue.weight_gib[rows], 0.0)
        self._tree = list(_tree(windows))
        self._kind, self._latency_s, slack_s = self._stage_time(space, fits, spare_s)
        first, last = (
            np.searchsorted(window, np.arange(windows)),
            np.searchsorted(window, np.arange(windows), "right") - 1,
        )
        span_s = [workload.arrival_s[last[high - 1]] - workload.arrival_s[first[low]] for low, high in self._tree]
        self._time_s = np.array(span_s)[:, None] + slack_s
        self.variables = self._requests.size + self._time_s.size + self._weight_gib[0].size
        self.attainment = 1.0

    def _stage_time(
        self, space: Space, fits: np.ndarray, spare_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which profile each model has, what a request takes of one stage (the busiest one of each configuration), and
        how much longer than its window's arrivals that stage can work for them."""
        workload, latency_s, shapes = space.problem.workload, _least_latency_s(space), np.arange(len(space.shapes))
        _, example, kind = np.unique(space.catalogue.first_row, return_index=True, return_inverse=True)
        rows = space.catalogue.first_row[:, None] + shapes
        asked = self._requests.sum(axis=1)[:, None, None] * np.where(fits[:, :, None], latency_s[rows], 0.0)
        stage = asked.sum(axis=0).argmax(axis=1)
        own_s = latency_s[rows][:, shapes, stage]
        longest_s = np.full(len(space.problem.models), -np.inf)
        np.maximum.at(longest_s, workload.model, spare_s)
        elsewhere_s = latency_s[rows].sum(axis=2) - own_s
        slack_s = np.where(fits, longest_s[:, None] - elsewhere_s, 0.0).max(axis=0, initial=0.0)
        return kind, np.where(space.fits_alone[example], own_s[example], 0.0), slack_s

    def tighten(self, time_limit_s: float, on_progress: OnProgress | None = None) -> float:
        """Look for a lower bound and return it, 0..1; `on_progress` is told the bound and stops the work with False."""
        # Imported here: half a second that few need.
        from scipy.optimize import minimize

        end_s = time.monotonic() + time_limit_s
        sizes = (self._requests.size, self._time_s.size, self._weight_gib[0].size)
        mean_s = self._latency_s.mean(where=self._latency_s > 0) if self._latency_s.any() else 1.0
        scale = np.repeat(
            [1.0, 0.1 / mean_s, 0.1 * self._count / len(self._kind) / max(self._weight_gib.max(), 1e-9)], sizes
        )
        prices = np.repeat([1.0, 0.0, 0.0], sizes)
        bounds = [(0.0, 1.0)] * sizes[0] + [(0.0, None)] * (sizes[1] + sizes[2])

        def smoothed(scaled: np.ndarray, width: float) -> tuple[float, np.ndarray]:
            value, slope = self.evaluate(scaled * scale, width)
            return 100.0 * value / self._count, 100.0 * slope * scale / self._count

        def look(xk: np.ndarray) -> None:
            scaled = xk  # by this name scipy calls it with the variables
            self.attainment = min(self.attainment, self.evaluate(scaled * scale, 0.0)[0] / self._count)
            headway = Headway(f"at most {words.share(self.attainment)} is possible", name="bound")
            if time.monotonic() > end_s or not goes_on(on_progress, headway):
                raise StopIteration

        for width in WIDTHS:
            found = minimize(smoothed, prices, args=(width,), jac=True, method="L-BFGS-B", bounds=bounds, callback=look,
                             options={"maxiter": STEPS, "maxcor": MEMORY, "ftol": 1e-12, "gtol": 1e-9})  # fmt: skip
            prices = found.x
            if found.status == STOPPED:
                break
        return self.attainment

    def evaluate(self, prices: np.ndarray, width: float) -> tuple[float, np.ndarray]:
        """The dual at some prices, float64 (variables,), in requests, and its slope.

        With width > 0 a smooth function that is never less.
        """
        (models, windows), (_, shapes) = self._requests.shape, self._time_s.shape
        skip, time_price, memory_price = np.split(prices, np.cumsum([self._requests.size, self._time_s.size]))
        skip, time_price, memory_price = (
            skip.reshape(models, windows), time_price.reshape(-1, shapes), memory_price.reshape(shapes, -1)
        )  # fmt: skip
        price = self._latency_s[:, None, :] * self._of_windows(time_price)[None]
        gain = np.empty_like(self._served)
        worth = -(self._weight_gib * memory_price).sum(axis=2)
        dual_terms(self._served, price, self._kind, skip, width, gain, worth)
        replica, replica_slope = _smooth_positive(worth, MODEL_WIDTH * width)
        group = (
            (time_price * self._time_s).sum(axis=0) + self._memory_gib * memory_price.sum(axis=1) + replica.sum(axis=0)
        )
        device, share = _smooth_greatest(group / self._group_devices, DEVICE_WIDTH * width / self._devices)
        value = float((skip * self._requests).sum() + self._devices * device)
        groups = self._devices * share / self._group_devices
        replicas = replica_slope * groups
        skip_slope, price_slope = self._requests.copy(), np.zeros_like(price)
        dual_slopes(gain, replicas, self._kind, skip_slope, price_slope)
        time_slope = self._time_s * groups + self._of_tree((price_slope * self._latency_s[:, None, :]).sum(axis=0))
        memory_slope = self._memory_gib * groups[:, None] - (self._weight_gib * replicas[:, :, None]).sum(axis=0)
        return value, np.concatenate([skip_slope.ravel(), time_slope.ravel(), memory_slope.ravel()])

    def _of_windows(self, by_tree: np.ndarray) -> np.ndarray:
        """For each window the sum over all stretches that hold it."""
        sums = np.zeros((self._requests.shape[1] + 1, by_tree.shape[1]))
        for (low, high), row in zip(self._tree, by_tree, strict=True):
            sums[low] += row
            sums[high] -= row
        return np.cumsum(sums[:-1], axis=0)

    def _of_tree(self, by_window: np.ndarray) -> np.ndarray:
        """For each stretch the sum over its windows."""
        sums = np.concatenate([np.zeros((1, by_window.shape[1])), np.cumsum(by_window, axis=0)])
        low, high = np.array(self._tree).T
        return sums[high] - sums[low]


def _served_alone(space: Space, window: np.ndarray, spare_s: np.ndarray, latency_s: np.ndarray) -> np.ndarray:
    """float64 (M, W, C), most requests of each window that one replica could finish in time, alone in its group."""
    workload, fits = space.problem.workload, space.fits_alone
    served = np.zeros((len(space.problem.models), int(window[-1]) + 1, fits.shape[1]))
    if space.problem.serving.max_batch_size > 1:
        # A batch of any size may run, so nothing is known but how many there are.
        np.add.at(served, (workload.model, window), 1.0)
        return served
    order = np.argsort(workload.model, kind="stable")
    first = np.concatenate([[0], np.cumsum(workload.requests_per_model())])
    total_s = np.where(fits, latency_s.sum(axis=2), np.inf)
    served_alone(
        workload.arrival_s[order], window[order], first, spare_s[order], total_s, latency_s.max(axis=2), served
    )
    return served


def _least_latency_s(space: Space) -> np.ndarray:
    """float64 (rows, K) as in the catalogue: least time of each stage for a request, in a batch of any size."""
    problem, least_s = space.problem, space.catalogue.latency_s[0].copy()
    for model, first_row in zip(problem.models, space.catalogue.first_row, strict=True):
        for (pp, tp), entry in model.profile.entries.items():
            if (pp, tp) not in space.shapes:
                continue
            row = first_row + space.shapes.index((pp, tp))
            for size, stages_s in entry.batches.items():
                if size <= problem.serving.max_batch_size:
                    per_request_s = np.multiply(stages_s, problem.serving.stage_factor(pp)) / size
                    least_s[row, :pp] = np.minimum(least_s[row, :pp], per_request_s)
    return least_s


def _tree(windows: int) -> Iterator[tuple[int, int]]:
    size = 1
    while size < 2 * windows:
        for low in range(0, windows, size):
            yield low, min(low + size, windows)
        size *= 2


def _smooth_positive(x: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """max(x, 0), or a smooth function that is never less, and its slope."""
    if width == 0:
        return np.maximum(x, 0.0), (x > 0).astype(np.float64)
    root = np.sqrt(x * x + width * width)
    return 0.5 * (x + root), 0.5 * (1.0 + x / root)


def _smooth_greatest(x: np.ndarray, width: float) -> tuple[float, np.ndarray]:
    """max(x), or a smooth function that is never less, and its slope."""
    greatest = float(x.max())
    if width == 0:
        return greatest, (x == greatest) / (x == greatest).sum()
    weights = np.exp((x - greatest) / width)
    return greatest + width * float(np.log(weights.sum())), weights / weights.sum()
