"""Stages of requests on H100s at several rates: time per token as measured, and simulated."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from simulator.generation import (
    Engine,
    EngineGroup,
    EngineLimits,
    GenerationProfile,
    TokenWorkload,
    simulate_generation,
)

# Stages whose experiment has this in its name are fitted.
FITTED = "codegen"
# Bytes of the cache a token, of all devices together.
CACHE_BYTES = {
    "meta-llama/Llama-2-7b-hf": 524_288,
    "meta-llama/Llama-2-70b-hf": 327_680,
    "codellama/CodeLlama-34b-Instruct-hf": 196_608,
    "mistralai/Mixtral-8x7B-v0.1": 131_072,
}
# Bytes a second of an H100, and the share of them at which caches are read: that of the profiles of layer times, 0.81
# on RTX PRO 6000 and 0.91 on RTX 4090.
MEMORY_BYTES_PER_S, SHARE_READ = 3.35e12, 0.85
# Prompts came from the prefix cache, so whole ones go in one iteration, at no cost; no stage filled the cache.
PROMPTS_TOKENS, PLENTY_BLOCKS = 65_536, 10**9
SEEDS = (0, 1, 2)


def stage_errors(folder: Path) -> dict[str, float]:
    """Time per token, ours over measured less 1, of every stage that is not of codegen.

    The two stages of codegen tell two numbers of each model: what an iteration costs, and what each request adds. How
    fast it reads its context two stages of one length cannot tell, so that is bytes over bandwidth.
    """
    table = pd.read_csv(folder / "vllm_h100_stages.csv")
    errors = {}
    for model, rows in table.groupby("model"):
        stages = rows.to_dict("records")
        profile = _profile_of(str(model), [s for s in stages if FITTED in s["experiment"]])
        for stage in (s for s in stages if FITTED not in s["experiment"]):
            case = f"{stage['experiment']}, {stage['rate']:g} req/s"
            errors[case] = 1e3 * _itl_s(profile, stage) / stage["itl_ms"] - 1
    return errors


def _profile_of(model: str, stages: list[dict[Hashable, Any]]) -> GenerationProfile:
    tp = int(stages[0]["tp"])
    context_s = CACHE_BYTES[model] / tp / MEMORY_BYTES_PER_S / SHARE_READ
    measured_s = np.array([stage["itl_ms"] for stage in stages]) / 1e3

    def profile(x: np.ndarray) -> GenerationProfile:
        iteration_s, sequence_s = (float(v) for v in np.exp(x))
        return GenerationProfile(model, "H100", tp, iteration_s, 0.0, 1.0, sequence_s, context_s, 0.0, 1.0)

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.array([_itl_s(profile(x), stage) for stage in stages]) / measured_s - 1

    start = np.log([0.8 * measured_s.min(), 3e-5])
    return profile(least_squares(residuals, start, diff_step=[0.01, 0.01], max_nfev=30).x)


def _itl_s(profile: GenerationProfile, stage: dict[Hashable, Any]) -> float:
    """Seconds per output token of a stage: Poisson arrivals at its rate, as many requests as it had, all alike."""
    limits = EngineLimits(PROMPTS_TOKENS, int(stage["max_num_seqs"]), PLENTY_BLOCKS)
    group, count = EngineGroup((Engine("", profile, limits),)), int(stage["requests"])
    inputs, outputs = (np.full(count, round(stage[name])) for name in ("prompt_tokens_mean", "output_tokens"))
    means = []
    for seed in SEEDS:
        arrival_s = np.cumsum(np.random.default_rng(seed).exponential(1 / stage["rate"], count))
        workload = TokenWorkload(arrival_s, np.zeros(count, int), inputs, outputs, ("",))
        means.append(simulate_generation([group], workload).tpot_s.mean())
    return float(np.mean(means))
