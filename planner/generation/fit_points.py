"""Numbers of an engine from measured times per output token of closed loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from simulator import InputError
from simulator.generation import FitError, GenerationProfile

MIN_POINTS = 6
# How far, as a factor, a number may leave what is usual before it costs as much as an error of 1 % a point.
PRIOR_WEIGHT = 0.01
LEAST_SHARPNESS, USUAL_SHARPNESS, MOST_SHARPNESS = 0.3, 1.0, 8.0
# New tokens of an iteration at most, as vLLM, SGLang and TensorRT-LLM set it by themselves on the devices measured.
BUDGET_TOKENS = 8192


@dataclass(frozen=True, eq=False)
class TpotPoints:
    """Measured closed loops: `concurrency` requests under way, each replaced at its end. All float64 (n,).

    input_tokens, output_tokens, concurrency (of one replica): of each point. tpot_s: seconds.
    """

    input_tokens: np.ndarray
    output_tokens: np.ndarray
    concurrency: np.ndarray
    tpot_s: np.ndarray

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens", "concurrency", "tpot_s"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
            if bad.size:
                raise InputError(f"Point {int(bad[0])} has {name} {values[bad[0]]}; a positive number is allowed.")

    def rows(self, rows: np.ndarray) -> TpotPoints:
        """Some of the points."""
        return TpotPoints(self.input_tokens[rows], self.output_tokens[rows], self.concurrency[rows], self.tpot_s[rows])


def predict_tpot_s(profile: GenerationProfile, points: TpotPoints) -> np.ndarray:
    """Seconds per output token in the steady state of a closed loop, float64 (n,).

    Every request but the one looked at is replaced once in `output` iterations, and its prompt computed beside those
    that decode, in chunks of up to BUDGET_TOKENS. So some iterations have part of a prompt, and the others none: each
    kind costs what it costs, which is more than one iteration with the mean of both. The mean context is input +
    output / 2.
    """
    i, o, c = points.input_tokens, points.output_tokens, points.concurrency
    prompts = np.maximum(c - 1, 0) / o
    chunked = np.minimum(prompts * np.ceil(i / BUDGET_TOKENS), 1)
    chunk = np.divide(prompts * i, chunked, out=np.zeros_like(c), where=chunked > 0)
    return (
        (1 - chunked) * profile.roof_s(c)
        + chunked * profile.roof_s(c + chunk)
        + profile.sequence_s * c
        + profile.context_token_s * c * (i + o / 2)
        + profile.prefill_pair_s * prompts * i**2 / 2
    )


def usual_numbers(fastest_s: float) -> np.ndarray:
    """Logarithms of the usual five numbers where the fastest token takes so many seconds, float64 (5,)."""
    return np.log([0.8 * fastest_s, fastest_s / 200, fastest_s / 2000, fastest_s / 2e5, fastest_s / 2e7])


def fit_points(
    points: TpotPoints, name: str, device: str, tp: int, kv_bytes_per_token: float, provenance: str
) -> GenerationProfile:
    """Least squares on relative errors, six numbers. Raises InputError with fewer than MIN_POINTS points."""
    if points.tpot_s.size < MIN_POINTS:
        raise InputError(f"There are {points.tpot_s.size} points; at least {MIN_POINTS} are needed for a fit.")
    usual = np.append(usual_numbers(float(points.tpot_s.min())), np.log(USUAL_SHARPNESS))
    bounds = [-60.0] * 5 + [np.log(LEAST_SHARPNESS)], [5.0] * 5 + [np.log(MOST_SHARPNESS)]

    def profile(x: np.ndarray) -> GenerationProfile:
        weight_s, token_s, sequence_s, context_s, pair_s, sharpness = (float(v) for v in np.exp(x))
        return GenerationProfile(
            name, device, tp, weight_s, token_s, sharpness, sequence_s, context_s, pair_s, kv_bytes_per_token,
            provenance=provenance,
        )  # fmt: skip

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.concatenate([predict_tpot_s(profile(x), points) / points.tpot_s - 1, PRIOR_WEIGHT * (x - usual)])

    found = least_squares(residuals, usual, bounds=bounds, loss="soft_l1", f_scale=0.1, max_nfev=200)
    fitted = profile(found.x)
    error = np.abs(predict_tpot_s(fitted, points) / points.tpot_s - 1)
    return GenerationProfile(
        **{**vars(fitted), "error": FitError(float(np.median(error)), float(np.quantile(error, 0.9)), error.size)}
    )
