"""LLaMAs on 32 A100s, each on its own devices or in turns with others: throughput as MuxServe measured it, and ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from simulator.generation import (
    Engine,
    EngineGroup,
    EngineLimits,
    GenerationProfile,
    TokenWorkload,
    simulate_generation,
)

# What an A100-80GB spends on weights and cache, and weights in bytes and the shape of the cache of each model.
DEVICE_BYTES = 0.9 * 80 * 2**30
MODELS = {"llama-7b": (13.5e9, 32, 4096), "llama-13b": (26e9, 40, 5120), "llama-30b": (65e9, 60, 6656),
          "llama-65b": (130e9, 80, 8192)}  # fmt: skip
# Their engine computes whole prompts, first, or decodes.
LIMITS = EngineLimits(2048, 256, chunked_prefill=False)
INPUT_MEAN, OUTPUT_MEAN, LONGEST = 243, 236, 1024
SEEDS = (0, 1, 2)
# What the host spends in an iteration for each request (their iteration times are those of the devices), and then the
# cost of a turn of another model, are set on the skewed half (alpha from 1.7 on) and tested on the other.
SKEWED_ALPHA = 1.5
HOSTS_S = (0.0, 50e-6, 100e-6, 150e-6)
SWITCHES_S = (0.0, 0.002, 0.004, 0.006, 0.008)


def iteration_profiles(folder: Path, host_s: float = 0.0) -> dict[tuple[str, int], GenerationProfile]:
    """By model and devices, and what the host spends for each request of an iteration. The table is a sum, so the
    roofline is not soft; who decodes pays no less a token."""
    table = pd.read_csv(folder / "muxserve_iteration_times.csv")
    profiles = {}
    for row in table.to_dict("records"):
        model, devices, token_ms = str(row["model"]), int(row["gpus"]), row["per_prefill_token_ms"]
        _, layers, hidden = MODELS[model]
        profiles[model, devices] = GenerationProfile(
            model, "A100-80GB", devices, row["const_ms"] / 1e3, token_ms / 1e3, 1.0,
            max(0.0, row["per_sequence_ms"] - token_ms) / 1e3 + host_s, row["per_context_token_ms"] / 1e3,
            row["per_prefill_pair_ms"] / 1e3, 4 * layers * hidden / devices,
            provenance="MuxServe (hao-ai-lab, ICML'24)",
        )  # fmt: skip
    return profiles


def throughputs(folder: Path, system: str, switch_s: float = 0.0, host_s: float = 0.0) -> pd.DataFrame:
    """Measured and simulated requests a second of every LLM: alpha, rate_scale, llm, measured, ours.

    As many requests as were counted, Poisson at the published rate, lengths exponential with the published means (the
    real ones are not published), mean of SEEDS. Settings whose logs are incomplete are left out.
    """
    table, profiles = pd.read_csv(folder / "muxserve_per_llm.csv"), iteration_profiles(folder, host_s)
    incomplete = (system == "temporal") & (table.alpha == 0.9) & (table.rate_scale <= 1)
    table = table.loc[(table.system == system) & ~incomplete]
    place = table.llm if system == "spatial" else table.mesh_or_gpus
    parts = []
    for _, rows in table.groupby([table.alpha, table.rate_scale, place]):
        devices = int(str(rows.mesh_or_gpus.iloc[0]).removeprefix("mesh").split("idx")[0])
        served = rows.to_dict("records")
        weights = sum(MODELS[row["model"]][0] for row in served) / devices
        engines = tuple(Engine(row["llm"], profiles[row["model"], devices], LIMITS) for row in served)
        group = EngineGroup(engines, DEVICE_BYTES - weights, switch_s)
        ours = np.mean([_served_per_s(group, _workload(rows, seed), len(rows)) for seed in SEEDS], axis=0)
        parts.append(rows.assign(measured=rows.throughput_req_s, ours=ours))
    return pd.concat(parts).loc[:, ["alpha", "rate_scale", "llm", "measured", "ours"]]


def set_host_s(folder: Path) -> float:
    """What the host spends for a request of an iteration, of HOSTS_S; set on models with devices of their own."""
    return min(HOSTS_S, key=lambda host_s: _skewed_error(throughputs(folder, "spatial", host_s=host_s)))


def set_switch_s(folder: Path, host_s: float) -> float:
    """The cost of a turn, of SWITCHES_S."""
    return min(SWITCHES_S, key=lambda switch_s: _skewed_error(throughputs(folder, "temporal", switch_s, host_s)))


def median_error(found: pd.DataFrame) -> float:
    """Median |ours / measured - 1|."""
    return float((found.ours / found.measured - 1).abs().median())


def _skewed_error(found: pd.DataFrame) -> float:
    return median_error(found.loc[found.alpha > SKEWED_ALPHA])


def _workload(rows: pd.DataFrame, seed: int) -> TokenWorkload:
    random = np.random.default_rng(seed)
    counts = rows.requests.to_numpy(int)
    rates = 40 * rows.rate_scale * (rows.llm.str.removeprefix("llm-").astype(int) + 1.0) ** -rows.alpha
    arrival_s = np.concatenate([np.cumsum(random.exponential(1 / r, n)) for r, n in zip(rates, counts, strict=True)])
    order = np.argsort(arrival_s, kind="stable")
    inputs, outputs = (random.exponential(mean, arrival_s.size).clip(4, LONGEST).astype(int)
                       for mean in (INPUT_MEAN, OUTPUT_MEAN))  # fmt: skip
    model = np.repeat(np.arange(counts.size), counts)
    return TokenWorkload(arrival_s[order], model[order], inputs, outputs, tuple(rows.llm))


def _served_per_s(group: EngineGroup, workload: TokenWorkload, models: int) -> list[float]:
    result = simulate_generation([group], workload)
    mine = [workload.model == m for m in range(models)]
    return [float(rows.sum() / np.nanmax(result.last_token_s[rows])) for rows in mine]
