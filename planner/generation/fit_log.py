"""A profile from one's own measurements: requests of a log, simulated until they fare as they did, or closed loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from planner.generation.fit_points import MIN_POINTS, TpotPoints, fit_points, predict_tpot_s, usual_numbers
from planner.generation.request_log import MeasuredRun
from planner.generation.vllm_runs import QUANTITIES, run_errors, simulate_run
from planner.parallelise import Architecture, build_operators
from planner.parallelise.operators import total_weight_bytes
from simulator import InputError, words
from simulator.generation import FitError, GenerationProfile, TokenWorkload
from simulator.headway import Headway, OnProgress, tell

MIN_REQUESTS = 40
# Held: requests one by one do not tell it.
SHARPNESS = 1.5
# More requests tell little more, and each fit simulates them a few hundred times.
MOST_REQUESTS = 5_000
# Where the search for the numbers begins, as logarithms over what is usual; of several ends the best counts.
STARTS = ((0, 0, 0, 0, 0), (0.3, 0, 0, 0, 0), (-0.5, 1, 0, 1, 1), (0, 1, -1, -1, 0), (-0.5, -1, 1, 0, 0))
# First tokens hang on the queue of the moment, so they weigh less than the others.
_WEIGHTS = {"e2e": 1.0, "tpot": 1.0, "ttft": 0.3}
_PRIOR_WEIGHT = 0.01
FAR_OFF = 0.15


@dataclass(frozen=True)
class MeasuredOn:
    """Where and what was measured. kv_bytes_per_token, weight_gib: on each of the `tp` devices."""

    model: str
    device: str
    tp: int
    kv_bytes_per_token: float
    weight_gib: float | None


def measured_on(
    architecture: Architecture, name: str, device: str, tp: int, kv_bytes_per_number: int = 2
) -> MeasuredOn:
    """Where a model of a known architecture was measured: its weights, and the cache of keys and values."""
    if architecture.kv_heads % tp and tp % architecture.kv_heads:
        raise InputError(
            f"tp is {tp}, and {architecture.name} has {architecture.kv_heads} heads of keys and values; a divisor of "
            "them is allowed."
        )
    heads = max(architecture.kv_heads / tp, 1)
    kv_bytes = 2 * architecture.layers * heads * architecture.head_width * kv_bytes_per_number
    weight_gib = total_weight_bytes(build_operators(architecture)) / tp / 2**30
    return MeasuredOn(name, device, tp, kv_bytes, weight_gib)


@dataclass(frozen=True)
class OwnFit:
    """A profile fitted to one's own measurements.

    Attributes:
        profile: its error is that of the times it was fitted to (of a request from arrival to last token, or TPOT).
        errors: ours over measured less 1, by quantity, of the whole run; empty for closed loops.
        unseen: the error on one half of the measurements of a profile that was fitted to the other half alone.
        measured: how many of what, in words. most_at_once: requests under way at once at most.
        longest: tokens of the longest prompt. notices: sentences about what was left out.
    """

    profile: GenerationProfile
    errors: Mapping[str, float]
    unseen: FitError
    measured: str
    most_at_once: int
    longest: int
    notices: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """How far to trust it, a sentence or two."""
        what = "times per token" if not self.errors else "requests"
        half, most = (f"{words.number(100 * error)}{words.SPACE}%" for error in (self.unseen.median, self.unseen.p90))
        far = " That is far off: look whether engines, limits and blocks are those behind the log." if (
            self.unseen.median > FAR_OFF
        ) else ""  # fmt: skip
        return (
            f"Fitted to one half of the {self.measured}, the profile meets half of the other {what} within {half}, "
            f"90 of 100 within {most}.{far} Seen were up to {words.plural(self.most_at_once, 'request')} at once and "
            f"prompts of up to {words.plural(self.longest, 'token')}; beyond that it extrapolates."
        )

    def to_json(self) -> dict:
        """The errors and how they were had."""
        return {
            "measured": self.measured, "errors": dict(self.errors), "unseen": vars(self.unseen),
            "most_at_once": self.most_at_once, "longest_prompt_tokens": self.longest, "notices": list(self.notices),
        }  # fmt: skip


def fit_measurements(
    measured: MeasuredRun | TpotPoints, where: MeasuredOn, source: str, on_progress: OnProgress | None = None
) -> OwnFit:
    """A profile that meets measurements, and how well.

    Args:
        source: of the measurements, such as the name of the file. on_progress: told the fits done; see Headway.

    Raises InputError where there are too few, Cancelled where it was stopped.
    """
    if isinstance(measured, TpotPoints):
        return _of_points(measured, where, source)
    return _of_run(measured, where, source, on_progress)


def _of_points(points: TpotPoints, where: MeasuredOn, source: str) -> OwnFit:
    count, odd = points.tpot_s.size, np.arange(points.tpot_s.size) % 2 == 1
    if count < 2 * MIN_POINTS:
        raise InputError(
            f"{source} has {words.plural(count, 'closed loop')}; at least {2 * MIN_POINTS} are needed, one half to "
            "fit and one to see how well."
        )
    named = (where.model, where.device, where.tp, where.kv_bytes_per_token)
    measured = words.plural(count, "closed loop")
    fitted = fit_points(points, *named, f"fitted: {measured} of {source}")
    half, rest = fit_points(points.rows(~odd), *named, ""), points.rows(odd)
    unseen = _error(predict_tpot_s(half, rest) / rest.tpot_s - 1)
    at_once, longest = int(points.concurrency.max()), int(points.input_tokens.max())
    return OwnFit(replace(fitted, weight_gib=where.weight_gib), {}, unseen, measured, at_once, longest, ())


def _of_run(run: MeasuredRun, where: MeasuredOn, source: str, on_progress: OnProgress | None) -> OwnFit:
    notices = []
    if run.failed:
        notices.append(f"{words.plural(run.failed, 'request')} that generated nothing left out.")
    if len(run.workload) > MOST_REQUESTS:
        notices.append(f"The first {words.count(MOST_REQUESTS)} of {words.count(len(run.workload))} requests fitted.")
        run = _first(run, MOST_REQUESTS)
    n = len(run.workload)
    if n < MIN_REQUESTS or np.isfinite(run.tpot_s).sum() < MIN_REQUESTS // 2:
        raise InputError(
            f"{source} has {words.plural(n, 'request')}; at least {MIN_REQUESTS} are needed, half of them with two "
            "tokens or more."
        )
    _check_fits(run, source)
    fits = 2 * len(STARTS)
    all_rows, first_rows, last_rows = np.arange(n), np.arange(n // 2), np.arange(n // 2, n)
    half = _fitted(run, first_rows, where, lambda done: tell(on_progress, Headway("fitting", done, fits)))
    whole = _fitted(run, all_rows, where, lambda done: tell(on_progress, Headway("fitting", done + len(STARTS), fits)))
    result = simulate_run(run, whole)
    unseen = _error((simulate_run(run, half).e2e_s / run.e2e_s - 1)[last_rows])
    measured = words.plural(n, "request")
    profile = replace(
        whole, provenance=f"fitted: {measured} of {source}", error=_error(result.e2e_s / run.e2e_s - 1)
    )  # fmt: skip
    return OwnFit(
        profile, run_errors(run, result), unseen, measured, _most_at_once(run),
        int(run.workload.input_tokens.max()), tuple(notices),
    )  # fmt: skip


def _check_fits(run: MeasuredRun, source: str) -> None:
    """Raises InputError where a request was served that the cache given could not hold."""
    tokens = run.workload.input_tokens + run.workload.output_tokens - 1
    blocks, longest = -(-tokens // run.limits.block_size), int(tokens.argmax())
    if run.limits.kv_blocks is not None and blocks[longest] > run.limits.kv_blocks:
        raise InputError(
            f"{source} has a request of {words.count(int(tokens[longest]) + 1)} tokens, prompt and output together; "
            f"kv_blocks is {words.count(run.limits.kv_blocks)}, and it needs {words.count(int(blocks[longest]))}."
        )


def _fitted(run: MeasuredRun, rows: np.ndarray, where: MeasuredOn, began: Callable[[int], object]) -> GenerationProfile:
    """Least squares on the logarithms of what the requests `rows` took, simulated over measured."""
    usual = usual_numbers(float(np.nanmin(np.where(run.tpot_s > 0, run.tpot_s, np.nan))))
    prior = _PRIOR_WEIGHT * np.sqrt(rows.size)

    def profile(x: np.ndarray) -> GenerationProfile:
        weight_s, token_s, sequence_s, context_s, pair_s = (float(v) for v in np.exp(np.clip(x, -60, 5)))
        return GenerationProfile(
            where.model, where.device, where.tp, weight_s, token_s, SHARPNESS, sequence_s, context_s, pair_s,
            where.kv_bytes_per_token, where.weight_gib,
        )  # fmt: skip

    def residuals(x: np.ndarray) -> np.ndarray:
        result = simulate_run(run, profile(x))
        off = []
        for name, weight in _WEIGHTS.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.log(getattr(result, f"{name}_s")[rows] / getattr(run, f"{name}_s")[rows])
            off.append(weight * np.where(np.isfinite(ratio), ratio, 0.0))
        return np.concatenate([*off, prior * (x - usual)])

    best = None
    for done, start in enumerate(STARTS):
        began(done)
        found = least_squares(
            residuals, usual + np.array(start), loss="soft_l1", f_scale=0.1, diff_step=[0.01] * 5, max_nfev=60
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None, "there are starts"
    return profile(best.x)


def _first(run: MeasuredRun, count: int) -> MeasuredRun:
    workload = run.workload
    arrival_s, model, inputs, outputs = (
        column[:count] for column in (workload.arrival_s, workload.model, workload.input_tokens, workload.output_tokens)
    )
    times = {f"{name}_s": getattr(run, f"{name}_s")[:count] for name in QUANTITIES}
    return replace(run, workload=TokenWorkload(arrival_s, model, inputs, outputs, workload.models), **times)


def _most_at_once(run: MeasuredRun) -> int:
    """Requests that had arrived and not ended, at most; who ends when another arrives has ended."""
    arrival_s = run.workload.arrival_s
    ended = np.searchsorted(np.sort(arrival_s + run.e2e_s), arrival_s, "right")
    return int((np.arange(1, arrival_s.size + 1) - ended).max())


def _error(relative: np.ndarray) -> FitError:
    sizes = np.abs(relative[np.isfinite(relative)])
    return FitError(float(np.median(sizes)), float(np.quantile(sizes, 0.9)), int(sizes.size))
