"""The traffic that a placement is improved on, and other days to test it on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.problem import Problem
from planner.search.budget import Stopped
from planner.search.result import HeldOut
from planner.search.run import Run
from planner.search.scoring import attainment
from planner.search.space import build_traffic
from simulator import InputError, Placement, Schedule, Workload
from simulator.arrays import I64
from simulator.intervals import mean_half_width
from simulator.score_kernels import Traffic
from simulator.traces.resample import ModelWindows, draw_windows, windows_of_events

# Longer traffic is improved on stretches spread evenly over it.
MAX_REQUESTS = 200_000
STRETCHES = 8
# Resampling: so many requests of an average model to a window, and so many windows at most.
REQUESTS_PER_WINDOW = 100
MAX_WINDOWS = 8
MAX_HELD_OUT = 1000
# Days are laid end to end with this silence between them, in which every queue empties.
SILENCE_S = 1e5
# Of a time limit, once a round of improvement gains next to nothing: for the choice in the end, and so many seconds at
# most.
CHOICE_SHARE, CHOICE_S = 0.1, 3.0
# Seeds of days to plan for and of days to test on never meet.
SEEDS_PER_SEARCH = 10_000


@dataclass(frozen=True, eq=False)
class Training:
    """Attributes:
    traffic: what to improve on. weight: int64 (M,), as how many requests one of each model counts. is_whole: whether
        it is all that is planned for.
    """

    traffic: Traffic
    weight: I64
    is_whole: bool

    @cached_property
    def requests_at(self) -> np.ndarray:
        """int64 (K, M), requests of each model before each cut of the traffic, by their weight."""
        model, cuts = self.traffic.model, self.traffic.cuts
        parts = [np.bincount(model[a:b], minlength=self.weight.size) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
        return np.cumsum(parts, axis=0).astype(np.int64) * self.weight


def build_training(traffic: Traffic, weight: I64) -> Training:
    """All of the traffic, or stretches of it if it is long."""
    if traffic.model.size <= MAX_REQUESTS:
        return Training(traffic, weight, True)
    whole = Workload(traffic.arrival_s, traffic.model, weight.size, traffic.slo_s if traffic.slo_s.size else None)
    return Training(build_traffic(_end_to_end(_stretches(whole))), weight, False)


def with_other_days(problem: Problem, resamplings: int, seed: int) -> Traffic:
    """The problem's traffic and so many other days like it, end to end."""
    days = [problem.workload, *(resample(problem, day_seed(seed, day)) for day in range(resamplings))]
    return build_traffic(_end_to_end(days))


def resample(problem: Problem, seed: int) -> Workload:
    """Another day like the problem's: its own resampling, or gamma arrivals with the rate and CV of each window.

    The CV is fitted as in `simulator.traces.resample`; the rate is the number of requests by the window's length,
    because the fitted one leaves out the silence at the ends of a window and is too high for bursty models. Models
    with fewer than three requests in a window arrive there as they did.
    """
    return resample_workload(problem.workload, seed) if problem.resample is None else problem.resample(seed)


def resample_workload(workload: Workload, seed: int) -> Workload:
    """Gamma arrivals with the rate and CV of each window of a workload, see resample."""
    count, n = workload.num_models, len(workload)
    if n < 3 or workload.span_s == 0:
        return workload
    length_s = float(workload.arrival_s[-1]) * (1 + 1e-12)
    windows = min(max(n // (count * REQUESTS_PER_WINDOW), 1), MAX_WINDOWS)
    window_s = length_s / windows
    fitted, _ = windows_of_events(workload.arrival_s, workload.model, count, length_s, window_s)
    place = np.minimum((workload.arrival_s / window_s).astype(np.int64), windows - 1)
    requests = np.bincount(workload.model * windows + place, minlength=count * windows)
    own: np.ndarray = fitted.model * windows + np.round(fitted.start_s / window_s).astype(np.int64)
    rates = ModelWindows(
        fitted.model, fitted.start_s, fitted.duration_s, requests[own] / fitted.duration_s, fitted.cv
    )  # fmt: skip
    drawn = draw_windows(rates, count, seed)
    rare = ~np.isin(workload.model * windows + place, own)
    return _merged(count, [(drawn.arrival_s, drawn.model), (workload.arrival_s[rare], workload.model[rare])])


def has_days(run: Run) -> bool:
    """Whether there are other days to choose on: not where traffic is long, nor where resampled days would lack the
    requests' own deadlines."""
    problem = run.space.problem
    lacks_deadlines = problem.resample is None and problem.workload.slo_s is not None
    return not lacks_deadlines and run.traffic.model.size <= MAX_REQUESTS


def keep_time_to_choose(run: Run) -> None:
    """Keep back, once, what the choice in the end takes of a time limit, if there will be one."""
    if has_days(run) and not run.keeps_time:
        run.keeps_time = True
        run.budget.keep_back(CHOICE_SHARE, CHOICE_S)


def hold_out(run: Run, placement: Placement | Schedule, count: int, planned_for: int) -> HeldOut | None:
    """Test a placement on `count` days that it was not planned for; on fewer if the search's limits end it.

    Args:
        planned_for: resamplings that it was planned for beside the problem's own traffic, with the same seed.

    Returns None if count is 0 or no day was finished.
    """
    days = [None, *(day_seed(run.seed, day) for day in range(planned_for))]
    others = [day_seed(run.seed, SEEDS_PER_SEARCH // 2 + day) for day in range(count)] if count else []
    arguments = (run.space.problem, placement, run.workers.control)
    scores: list[float] = []
    try:
        tasks = ((_on_day, (*arguments, day)) for day in days + others if others)
        for score in run.workers.each(tasks, abandon=True):
            if score is not None:
                scores.append(score)
    except Stopped as stopped:
        done = max(len(scores) - len(days), 0)
        run.notes.append(f"Tested on {done} of {count} other days: {stopped.reason}.")
    in_sample, tested = scores[: len(days)], scores[len(days) :]
    if not tested:
        return None
    # Days that are all alike, e.g. all perfect, do not say how far others differ: 0 would.
    half_width = mean_half_width(np.array(tested)) or math.nan
    return HeldOut(float(np.mean(in_sample)), float(np.mean(tested)), half_width, len(tested))


def check_held_out(count: int) -> None:
    """Raises InputError unless so many days can be held out."""
    if not 0 <= count <= MAX_HELD_OUT:
        raise InputError(f"held_out is {count}; a whole number from 0 to {MAX_HELD_OUT} is allowed.")


def _on_day(problem: Problem, placement: Placement | Schedule, control: np.ndarray, seed: int | None) -> float | None:
    """The attainment on a resampled day, or on the problem's own traffic; None if stopped."""
    workload = problem.workload if seed is None else resample(problem, seed)
    return attainment(problem, placement, workload, control)


def day_seed(seed: int, day: int) -> int:
    """The seed of a resampled day of a search."""
    # Windows of a day are drawn with consecutive seeds, of which NumPy's legacy generator takes 32 bits.
    return int(np.random.default_rng([seed, day]).integers(1 << 31))


def _stretches(day: Workload) -> list[Workload]:
    """Stretches spread evenly over a long day, MAX_REQUESTS together."""
    most = MAX_REQUESTS // STRETCHES
    starts = np.linspace(0, len(day) - most, STRETCHES).astype(np.int64)
    return [day.rows(slice(start, start + most)) for start in starts]


def _end_to_end(parts: Sequence[Workload]) -> Workload:
    arrivals: list[np.ndarray] = []
    begin_s = 0.0
    for part in parts:
        if len(part):
            arrivals.append(part.arrival_s - part.arrival_s[0] + begin_s)
            begin_s = float(arrivals[-1][-1]) + SILENCE_S
        else:
            arrivals.append(part.arrival_s)
    slo_s = None
    if any(part.slo_s is not None for part in parts):
        slo_s = np.concatenate([np.full(len(p), np.nan) if p.slo_s is None else p.slo_s for p in parts])
    return Workload(np.concatenate(arrivals), np.concatenate([p.model for p in parts]), parts[0].num_models, slo_s)


def _merged(count: int, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Workload:
    arrival_s, model = (np.concatenate([part[k] for part in parts]) for k in range(2))
    order = np.argsort(arrival_s, kind="stable")
    return Workload(arrival_s[order], model[order], count)
