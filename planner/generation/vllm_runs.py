"""Runs measured on vLLM: simulating them, and comparing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from planner.generation.request_log import MeasuredRun, load_measurements
from simulator import InputError, words
from simulator.generation import (
    Engine,
    EngineGroup,
    EngineLimits,
    GenerationProfile,
    GenerationResult,
    simulate_generation,
)

QUANTITIES = ("e2e", "tpot", "ttft")
# Where a log does not say how many blocks there were: more than any run here fills.
PLENTY_BLOCKS = 10**6
FACTORS = (0.2, 5.0)


def read_vllm_run(folder: str | Path) -> MeasuredRun:
    """A folder with `requests.jsonl` (vLLM's own time stamps of every request) and `meta.json` (the limits).

    Raises InputError with file, line and key. Requests arrive when the engine queued them.
    """
    folder = Path(folder)
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"'{folder / 'meta.json'}' cannot be read: {error}.") from None
    cache, settings = meta.get("kv_cache", {}), meta["engine_kwargs"]
    limits = EngineLimits(
        settings["max_num_batched_tokens"], settings["max_num_seqs"],
        cache.get("num_gpu_blocks", PLENTY_BLOCKS), cache.get("block_size", 16),
    )  # fmt: skip
    run = load_measurements(folder / "requests.jsonl", limits, settings.get("data_parallel_size", 1))
    if not isinstance(run, MeasuredRun):
        raise InputError(f"'{folder / 'requests.jsonl'}' holds closed loops; a log of requests is needed.")
    return run


def simulate_run(run: MeasuredRun, profile: GenerationProfile) -> GenerationResult:
    """The requests of a run on our engines."""
    group = EngineGroup((Engine(run.workload.models[0], profile, run.limits),))
    return simulate_generation([group] * run.engines, run.workload, "fewest_requests")


def calibrate(run: MeasuredRun, profile: GenerationProfile) -> float:
    """The factor on all times of a profile with which the mean end-to-end time of the run is met.

    Raises InputError if no factor from 0.2 to 5 does.
    """
    target_s = run.e2e_s.mean()

    def excess_s(factor: float) -> float:
        return float(np.nanmean(simulate_run(run, profile.scaled(factor)).e2e_s) - target_s)

    low, high = FACTORS
    if excess_s(low) > 0 or excess_s(high) < 0:
        raise InputError(
            f"The run takes {words.duration(target_s)} a request on average; no factor from {low} to {high} on profile "
            f"'{profile.name}' on {profile.device} meets that."
        )
    return brentq(excess_s, low, high, xtol=1e-5)


def run_errors(run: MeasuredRun, result: GenerationResult) -> dict[str, float]:
    """Relative errors, ours over measured less 1: mean, p50, p90, p99 of each quantity as "e2e_mean" and so on, and
    "e2e_request_median", the median |error| of single requests."""
    errors = {}
    for name in QUANTITIES:
        ours, theirs = getattr(result, f"{name}_s"), getattr(run, f"{name}_s")
        both = ~(np.isnan(ours) | np.isnan(theirs))
        ours, theirs = ours[both], theirs[both]
        errors[f"{name}_mean"] = float(ours.mean() / theirs.mean() - 1)
        for q in (50, 90, 99):
            errors[f"{name}_p{q}"] = float(np.percentile(ours, q) / np.percentile(theirs, q) - 1)
    errors["e2e_request_median"] = float(np.median(np.abs(result.e2e_s / run.e2e_s - 1)))
    return errors
