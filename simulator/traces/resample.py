"""Arrivals drawn anew per model and window from the window's rate and CV (OSDI'23 section 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import words
from simulator.arrays import I64
from simulator.arrivals import check_renewals, check_total, gamma_arrivals
from simulator.errors import InputError
from simulator.traces.trace import Rates
from simulator.workload import MAX_REQUESTS, Workload, merge_arrivals

MAX_WINDOWS = 2_000_000
# Added to every gap, as the authors do: a gap of 0 has no likelihood under a gamma distribution.
_GAP_OFFSET_S = 1e-6
_MIN_ARRIVALS = 3
_MAX_BIAS = 5.0
_MIN_LOG_RATIO = 1e-10
# Below these a draw would leave the range of a double; no request is expected, or the gaps are all equal.
_MIN_EXPECTED = 1e-12
_MIN_CV = 1e-4


@dataclass(frozen=True, eq=False)
class ModelWindows:
    """Windows of all models, sorted by model and then by start; one entry a window.

    Attributes:
        model: int32, shape (w,).
        start_s, duration_s: float64, shape (w,), from the start of the cut.
        rate_per_s, cv: float64, shape (w,), both above 0.
    """

    model: np.ndarray
    start_s: np.ndarray
    duration_s: np.ndarray
    rate_per_s: np.ndarray
    cv: np.ndarray

    def scaled(self, rate_scale: float, cv_scale: float) -> ModelWindows:
        """The same windows with every rate and every CV multiplied."""
        return ModelWindows(self.model, self.start_s, self.duration_s, self.rate_per_s * rate_scale, self.cv * cv_scale)


def fit_gamma_shape(gaps: np.ndarray, group: np.ndarray, num_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Maximum-likelihood gamma fit (location 0) of many groups of gaps at once.

    Solves log k - digamma(k) = log(mean) - mean(log) for the shape k by Minka's generalised Newton step, which
    converges from its closed-form start in a few rounds (Minka, Estimating a Gamma distribution, 2002).

    Args:
        gaps: float64, shape (n,), above 0.
        group: int, shape (n,), in [0, num_groups), each with at least one gap.
        num_groups: how many groups.

    Returns:
        shape and mean (= shape * scale) of each group: float64, shape (num_groups,).
    """
    # Here, because loading it takes a tenth of a second of every command.
    from scipy.special import digamma, polygamma

    size = np.bincount(group, minlength=num_groups)
    mean = np.bincount(group, gaps, num_groups) / size
    log_ratio = np.log(mean) - np.bincount(group, np.log(gaps), num_groups) / size
    # Equal gaps would have an infinite shape.
    log_ratio = np.maximum(log_ratio, _MIN_LOG_RATIO)
    shape = (3 - log_ratio + np.sqrt((log_ratio - 3) ** 2 + 24 * log_ratio)) / (12 * log_ratio)
    for _ in range(20):
        error = np.log(shape) - digamma(shape) - log_ratio
        slope = 1 / shape - polygamma(1, shape)
        step = 1 / (1 / shape + error / (shape**2 * slope))
        converged = np.abs(step - shape) <= 1e-12 * shape
        shape = np.where(step > 0, step, shape)
        if converged.all():
            break
    return shape, mean


def windows_of_events(
    arrival_s: np.ndarray, model: np.ndarray, num_models: int, length_s: float, window_s: float
) -> tuple[ModelWindows, int]:
    """Rate and CV of each model and window of a trace of events.

    A gamma distribution is fitted to gaps + 1e-6 s of the model's merged arrivals inside the window: rate =
    1 / (shape * scale), CV = sqrt(1 / shape). The empirical rate (requests / duration) stands in where the fitted
    one is more than five times as high. Windows with two arrivals or fewer are dropped. The last window may be
    shorter than the others.

    Args:
        arrival_s: float64, shape (n,), ascending, in [0, length_s].
        model: int, shape (n,).
        num_models, length_s, window_s: models, length of the cut, length of a window.

    Returns:
        The windows, and how many requests were in those that were dropped.
    """
    num_windows = window_count(length_s, window_s, num_models)
    key = model.astype(np.int64) * num_windows
    key += np.minimum((arrival_s / window_s).astype(np.int64), num_windows - 1)
    order = np.argsort(key, kind="stable")
    key, times = key[order], arrival_s[order]
    windows, group, sizes = np.unique(key, return_inverse=True, return_counts=True)
    kept = sizes >= _MIN_ARRIVALS
    lost = int(sizes[~kept].sum())
    if not kept.any():
        empty = np.empty(0)
        return ModelWindows(np.empty(0, np.int32), empty, empty, empty, empty), lost
    is_gap = (group[1:] == group[:-1]) & kept[group[1:]]
    number = np.cumsum(kept) - 1
    shape, mean = fit_gamma_shape((np.diff(times) + _GAP_OFFSET_S)[is_gap], number[group[1:][is_gap]], int(kept.sum()))
    start_s = (windows[kept] % num_windows) * window_s
    duration_s = np.minimum(window_s, length_s - start_s)
    empirical = sizes[kept] / duration_s
    rate = np.where(1 / mean > _MAX_BIAS * empirical, empirical, 1 / mean)
    model_of = (windows[kept] // num_windows).astype(np.int32)
    return ModelWindows(model_of, start_s, duration_s, rate, np.sqrt(1 / shape)), lost


def windows_of_counts(counts: I64, bin_s: float, window_s: float) -> ModelWindows:
    """Rate of each model and window of a table of counts; the CV is 1, because counts show none.

    Args:
        counts: int64, shape (models, bins).
        bin_s: seconds of a bin.
        window_s: seconds of a window, a multiple of bin_s. The last window may be shorter.
    """
    num_models, bins = counts.shape
    window_count(bins * bin_s, window_s, num_models)
    step = round(window_s / bin_s)
    sums = np.add.reduceat(counts, np.arange(0, bins, step), axis=1)
    model, window = np.nonzero(sums)
    start_s = window.astype(np.float64) * window_s
    duration_s = np.minimum(window_s, bins * bin_s - start_s)
    rate = sums[model, window] / duration_s
    return ModelWindows(model.astype(np.int32), start_s, duration_s, rate, np.ones(rate.size))


def windows_of_rates(rates: Rates, model_of: np.ndarray, start_s: float, end_s: float) -> tuple[ModelWindows, int]:
    """The windows of rate profiles inside [start_s, end_s), cut at its ends, each source of a model by itself.

    A window with traffic but a CV of 0 (too few requests to have one) counts as Poisson.

    Returns:
        The windows, and how many of them were taken as Poisson.
    """
    low = np.maximum(rates.start_s, start_s)
    high = np.minimum(rates.start_s + rates.duration_s, end_s)
    model = model_of[rates.source]
    rows = np.flatnonzero((high > low) & (rates.rate_per_s > 0) & (model >= 0))
    rows = rows[np.lexsort((rows, model[rows]))]
    cv = rates.cv[rows]
    windows = ModelWindows(
        model[rows], low[rows] - start_s, (high - low)[rows], rates.rate_per_s[rows], np.where(cv > 0, cv, 1.0)
    )
    return windows, int((cv == 0).sum())


def window_count(length_s: float, window_s: float, num_models: int) -> int:
    """How many windows the cut has; raises InputError if those of all models are too many."""
    count = max(int(np.ceil(length_s / window_s * (1 - 1e-12))), 1)
    if count * num_models > MAX_WINDOWS:
        raise InputError(
            f"{length_s:g} s in windows of {window_s:g} s make {words.count(count * num_models)} windows for "
            f"{words.plural(num_models, 'model')}; at most {words.count(MAX_WINDOWS)} are allowed. Choose a larger "
            f"window_s."
        )
    return count


def draw_windows(windows: ModelWindows, num_models: int, seed: int, max_requests: int = MAX_REQUESTS) -> Workload:
    """Gamma arrivals of every window from its own start, drawn with seed, seed + 1, ... in the order of the windows.

    Raises InputError before anything is drawn if more than max_requests are to be expected.
    """
    windows = _drawable(windows)
    check_renewals(windows.rate_per_s, windows.cv, windows.duration_s, max_requests)
    random = np.random.RandomState()
    pieces: list[list[np.ndarray]] = [[] for _ in range(num_models)]
    total = 0
    models: list[int] = windows.model.tolist()
    for number, (model, start_s, duration_s, rate, cv) in enumerate(
        zip(
            models,
            windows.start_s.tolist(),
            windows.duration_s.tolist(),
            windows.rate_per_s.tolist(),
            windows.cv.tolist(),
            strict=True,
        )
    ):
        arrivals = gamma_arrivals(rate, cv, duration_s, seed + number, start_s, random)
        pieces[model].append(arrivals)
        total += arrivals.size
        check_total(total, max_requests=max_requests)
    return merge_arrivals([np.concatenate(p) if p else np.empty(0) for p in pieces])


def _drawable(windows: ModelWindows) -> ModelWindows:
    rows = windows.rate_per_s * windows.duration_s >= _MIN_EXPECTED
    return ModelWindows(
        windows.model[rows],
        windows.start_s[rows],
        windows.duration_s[rows],
        windows.rate_per_s[rows],
        np.maximum(windows.cv[rows], _MIN_CV),
    )
