"""Arrivals made here: Poisson, gamma, Markov-modulated, deterministic; rate splits; changing rate and CV."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator import words
from simulator.errors import InputError
from simulator.workload import MAX_REQUESTS, Workload, merge_arrivals

MAX_JUMPS = 200_000
MAX_DRAWS = 5_000_000
MAX_WINDOWS = 500_000
RATE_SPLITS = ("uniform", "power_law", "given")


@dataclass(frozen=True)
class Window:
    """A stretch of time with one rate and one burstiness.

    Attributes:
        start_s, duration_s: where it lies, seconds.
        rate_per_s: mean arrivals per second; 0 is a silent window.
        cv: coefficient of variation of the gaps; 1 is Poisson.
    """

    start_s: float
    duration_s: float
    rate_per_s: float
    cv: float = 1.0


def split_rate(
    total_rate_per_s: float,
    num_models: int,
    split: str = "uniform",
    exponent: float = 0.5,
    weights: Sequence[float] | None = None,
) -> np.ndarray:
    """Rate of each model: float64, shape (num_models,), requests per second, adding up to the total.

    `power_law` gives model i a share proportional to (i + 1) ** -exponent (the authors use 0.5),
    `given` a share proportional to weights[i].
    """
    if not (math.isfinite(total_rate_per_s) and total_rate_per_s > 0):
        raise InputError(f"The total rate is {total_rate_per_s} requests per second; a positive number is allowed.")
    if split == "uniform":
        share = np.ones(num_models)
    elif split == "power_law":
        share = np.arange(1, num_models + 1, dtype=np.float64) ** -exponent
    elif split == "given":
        share = np.asarray(weights if weights is not None else [], dtype=np.float64)
        if share.shape != (num_models,) or not (np.isfinite(share).all() and (share >= 0).all() and share.sum() > 0):
            raise InputError(
                f"The rate split gives the weights {list(share)}; {num_models} numbers from 0 on, "
                "not all of them 0, are allowed."
            )
    else:
        raise InputError(f"The rate split is '{split}'; {', '.join(RATE_SPLITS)} are allowed.")
    return total_rate_per_s * share / share.sum()


def gamma_arrivals(
    rate_per_s: float,
    cv: float,
    duration_s: float,
    seed: int,
    start_s: float = 0.0,
    random: np.random.RandomState | None = None,
) -> np.ndarray:
    """Arrival times of a gamma renewal process in [start_s, start_s + duration_s): float64, ascending.

    Replays the authors' generator to the request (their code): NumPy's legacy RandomState(seed) draws
    blocks of max(int(1.2 * rate * duration), 1) gaps with shape 1/CV^2 and scale CV^2/rate; the first arrival
    is the first gap, and another block of the same size follows where one runs out. A generator that is given is
    seeded anew and gives the same numbers; making one takes 60 times as long, which counts for thousands of windows.
    """
    _check_process(rate_per_s, duration_s)
    if not (math.isfinite(cv) and 0 < cv <= 1000):
        raise InputError(f"CV is {cv}; a number above 0 and up to 1000 is allowed.")
    if rate_per_s == 0 or duration_s == 0:
        return np.empty(0)
    random = random or np.random.RandomState()
    random.seed(seed)
    block = max(int(1.2 * rate_per_s * duration_s), 1)
    shape, scale = 1.0 / cv**2, cv**2 / rate_per_s
    return _renewal(lambda: random.gamma(shape, scale, block), start_s, duration_s, cv)


def poisson_arrivals(rate_per_s: float, duration_s: float, seed: int, start_s: float = 0.0) -> np.ndarray:
    """Arrival times of a Poisson process in [start_s, start_s + duration_s): float64, ascending."""
    _check_process(rate_per_s, duration_s)
    random = np.random.default_rng(seed)
    count = random.poisson(rate_per_s * duration_s)
    return np.sort(start_s + duration_s * random.random(count))


def deterministic_arrivals(rate_per_s: float, duration_s: float, start_s: float = 0.0) -> np.ndarray:
    """Evenly spaced arrivals in [start_s, start_s + duration_s), the first one gap after the start: float64."""
    _check_process(rate_per_s, duration_s)
    times = start_s + np.arange(1, int(rate_per_s * duration_s) + 1) / rate_per_s if rate_per_s else np.empty(0)
    return times[times < start_s + duration_s]


def markov_modulated_arrivals(
    rates_per_s: Sequence[float] | np.ndarray,
    mean_stay_s: Sequence[float],
    duration_s: float,
    seed: int,
    start_s: float = 0.0,
) -> np.ndarray:
    """A Markov-modulated Poisson process: float64, ascending, in [start_s, start_s + duration_s).

    The process stays in state k for an exponential time of mean `mean_stay_s[k]`, in which arrivals are Poisson
    with `rates_per_s[k]`; then it jumps to another state, each equally likely. It starts in state 0.
    """
    rates, stays = np.asarray(rates_per_s, dtype=np.float64), np.asarray(mean_stay_s, dtype=np.float64)
    if rates.size < 2 or rates.shape != stays.shape:
        raise InputError(
            f"A Markov-modulated process has {rates.size} rates and {stays.size} mean stays; "
            "the same number of each, at least two, is allowed."
        )
    for rate in rates:
        _check_process(float(rate), duration_s)
    if not (np.isfinite(stays).all() and (stays > 0).all()):
        raise InputError(f"The mean stays are {list(stays)} s; positive numbers are allowed.")
    check_jumps(stays, duration_s)
    random = np.random.default_rng(seed)
    pieces: list[np.ndarray] = []
    now, state = 0.0, 0
    while now < duration_s:
        stay = min(random.exponential(float(stays[state])), duration_s - now)
        pieces.append(start_s + now + np.sort(stay * random.random(random.poisson(float(rates[state]) * stay))))
        now += stay
        state = (state + random.integers(1, rates.size)) % rates.size
    return np.concatenate(pieces) if pieces else np.empty(0)


def windowed_arrivals(windows: Sequence[Window], first_seed: int) -> np.ndarray:
    """Gamma arrivals of each window in turn, window k drawn with seed first_seed + k: float64, ascending."""
    random = np.random.RandomState()
    pieces = [
        gamma_arrivals(w.rate_per_s, w.cv, w.duration_s, first_seed + k, w.start_s, random)
        for k, w in enumerate(windows)
    ]
    return np.sort(np.concatenate(pieces)) if pieces else np.empty(0)


def gamma_workload(
    rates_per_s: Sequence[float] | np.ndarray, cv: float | Sequence[float], duration_s: float, seed: int = 0
) -> Workload:
    """Gamma arrivals of several models, merged. Model i is drawn with seed + i (their code)."""
    cvs = np.broadcast_to(np.asarray(cv, dtype=np.float64), len(rates_per_s))
    check_renewals(rates_per_s, cvs, duration_s)
    return merge_arrivals(
        [
            gamma_arrivals(float(rate), float(model_cv), duration_s, seed + i)
            for i, (rate, model_cv) in enumerate(zip(rates_per_s, cvs, strict=True))
        ]
    )


def check_jumps(mean_stay_s: Sequence[float] | np.ndarray, duration_s: float, sources: int = 1) -> None:
    """Raise InputError if so many Markov-modulated sources are expected to change their state too often."""
    jumps = sources * duration_s / float(np.mean(mean_stay_s))
    if jumps > MAX_JUMPS:
        raise InputError(
            f"The sources would change their rate about {words.count(jumps)} times; at most {words.count(MAX_JUMPS)} "
            f"are allowed. Choose "
            "longer stays (mean_stay_s) or a shorter duration_s."
        )


def check_total(requests: float, windows: int = 0, max_requests: int = MAX_REQUESTS) -> None:
    """Raise InputError, before anything is drawn, if more requests or windows are asked for than can be simulated."""
    if requests > max_requests:
        raise InputError(
            f"The workload would have about {words.count(requests)} requests; at most {words.count(max_requests)} "
            f"can be simulated. "
            "Choose a shorter duration_s, or a smaller rate or rate_scale."
        )
    if windows > MAX_WINDOWS:
        raise InputError(
            f"The windows of all models together are {words.count(windows)}; at most {words.count(MAX_WINDOWS)} are "
            f"allowed. Choose fewer."
        )


def check_renewals(
    rate_per_s: npt.ArrayLike, cv: npt.ArrayLike, duration_s: npt.ArrayLike, max_requests: int = MAX_REQUESTS
) -> None:
    """Raise InputError, before anything is drawn, if gamma processes together can make too many requests.

    Args:
        rate_per_s, cv, duration_s: one each a process or window, broadcast; from 0 on, CV above 0.
    """
    mean = np.atleast_1d(np.asarray(rate_per_s, dtype=np.float64) * np.asarray(duration_s, dtype=np.float64))
    square = np.asarray(cv, dtype=np.float64) ** 2
    if mean.sum() > max_requests:
        check_total(float(mean.sum()), max_requests=max_requests)
    # Two upper bounds on the mean number of renewals: Lorden's, and the wait for one gap longer than the window.
    expected = np.where(mean > 0, mean + square, 0.0)
    if expected.sum() <= 2 * max_requests and (expected / np.maximum(1.2 * mean, 1)).sum() <= MAX_DRAWS:
        return
    # Here, because it takes long to load and few callers need it.
    from scipy.special import gammaincc

    long_gap = gammaincc(1 / square, np.minimum(mean / square, 1e300))
    expected = np.minimum(expected, 1 / np.maximum(long_gap, 1e-100))
    draws = (expected / np.maximum(1.2 * mean, 1)).sum()
    if expected.sum() > 2 * max_requests or draws > MAX_DRAWS:
        raise _too_bursty(float(np.sqrt(square.max())), f"can make {words.count(expected.sum())}", max_requests)


def _too_bursty(cv: float, requests: str, max_requests: int) -> InputError:
    return InputError(
        f"Arrivals as bursty as these (CV up to {words.number(cv)}) {requests} requests; at most "
        f"{words.count(max_requests)} "
        f"are allowed. "
        "Choose a smaller cv or cv_scale, or longer windows."
    )


def _renewal(draw_gaps: Callable[[], np.ndarray], start_s: float, duration_s: float, cv: float) -> np.ndarray:
    pieces: list[np.ndarray] = []
    end_s, last_s, drawn = start_s + duration_s, start_s, 0
    while last_s < end_s:
        gaps = draw_gaps()
        drawn += gaps.size
        if drawn > 2 * MAX_REQUESTS:
            raise _too_bursty(cv, f"make more than {words.count(MAX_REQUESTS)}", MAX_REQUESTS)
        gaps[0] += last_s
        # Adding up in sequence, as the authors' loop does, keeps even the last digit.
        times = np.cumsum(gaps)
        pieces.append(times)
        last_s = times[-1]
    times = np.concatenate(pieces)
    return times[: np.searchsorted(times, end_s, side="left")]


def _check_process(rate_per_s: float, duration_s: float) -> None:
    if not (math.isfinite(rate_per_s) and rate_per_s >= 0):
        raise InputError(f"The rate is {rate_per_s} requests per second; a number from 0 on is allowed.")
    if not (math.isfinite(duration_s) and duration_s >= 0):
        raise InputError(f"The duration is {duration_s} s; a number from 0 on is allowed.")
    if rate_per_s * duration_s > MAX_REQUESTS:
        raise InputError(
            f"{rate_per_s:g} requests per second for {duration_s:g} s make {words.count(rate_per_s * duration_s)} "
            f"requests; "
            f"at most {words.count(MAX_REQUESTS)} are allowed."
        )
