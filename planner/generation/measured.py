"""Measured data in a folder, and the profiles fitted to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from planner.generation.fit_layers import fit_layers, read_layer_times
from planner.generation.fit_points import TpotPoints, fit_points
from simulator.generation import GenerationProfile

# folder: (model, device, tp, layers, hidden, bytes of the cache a token and device)
LAYER_TABLES = {
    "RTX4090-Llama-3.1-8B-tp1": ("Llama-3.1-8B", "RTX 4090", 1, 32, 4096, 131_072),
    "RTXPRO6000-Llama-3.1-8B-tp1": ("Llama-3.1-8B", "RTX PRO 6000", 1, 32, 4096, 131_072),
    "RTXPRO6000-Llama-3.1-8B-tp2": ("Llama-3.1-8B", "RTX PRO 6000", 2, 32, 4096, 65_536),
    "RTXPRO6000-Qwen3-32B-tp1": ("Qwen3-32B", "RTX PRO 6000", 1, 64, 5120, 262_144),
    "RTXPRO6000-Qwen3-32B-tp2": ("Qwen3-32B", "RTX PRO 6000", 2, 64, 5120, 131_072),
}
# Between the two RTX PRO 6000, which have no NVLink: seconds and bytes a second of one all-reduce.
LINK_LATENCY_S, LINK_BYTES_PER_S = 20e-6, 16e9
GROUP_KEYS = ["backend", "backend_version", "model_path", "system", "precision", "tp_size", "attention_dp_size",
              "moe_ep_size"]  # fmt: skip
MIN_GROUP = 20
# Two bytes a parameter; deployments that were measured with fewer have more room for the cache than is said here.
PARAMETERS = {"Llama-3.1-8B": 8.03e9, "Llama-3.1-8B-Instruct": 8.03e9, "Qwen3-32B": 32.8e9}
# Bytes of the cache a token, of all devices together, of the dense models among the points.
CACHE_BYTES = {"Qwen3-32B": 262_144, "Llama-3.1-8B-Instruct": 131_072}


def layer_profile(folder: Path, table: str) -> GenerationProfile:
    """The profile of one of LAYER_TABLES in `folder`/layer_times."""
    model, device, tp, layers, hidden, cache_bytes = LAYER_TABLES[table]
    # Two all-reduces a layer of two bytes for each hidden number.
    link_s = 2 * layers * LINK_LATENCY_S if tp > 1 else 0.0
    link_token_s = 2 * layers * hidden * 2 / LINK_BYTES_PER_S if tp > 1 else 0.0
    return fit_layers(
        read_layer_times(folder / "layer_times" / table, layers), model, device, tp, cache_bytes,
        f"layer times of LLMServingSim (casys-kaist, MIT), {table}", link_s, link_token_s,
    )  # fmt: skip


def point_groups(folder: Path) -> dict[str, tuple[pd.Series, TpotPoints]]:
    """Groups of at least MIN_GROUP points of `measured_tpot.csv`, one deployment each: (its keys, its points)."""
    table = pd.read_csv(folder / "measured_tpot.csv")
    groups = {}
    for _, rows in table.groupby(GROUP_KEYS, dropna=False):
        if len(rows) < MIN_GROUP:
            continue
        keys = rows.iloc[0]
        replicas = rows.attention_dp_size.fillna(1)
        model = keys.model_path.split("/")[-1]
        engine = f"{keys.backend} {keys.backend_version}, tp {keys.tp_size:g}, ep {keys.moe_ep_size:g}"
        name = f"{model}, {keys.system}, {engine}"
        columns = (rows.isl, rows.osl, rows.concurrency / replicas, rows.tpot_ms / 1e3)
        inputs, outputs, concurrency, tpot_s = (column.to_numpy(float) for column in columns)
        groups[name] = keys, TpotPoints(inputs, outputs, concurrency, tpot_s)
    return groups


def fit_all(folder: Path) -> list[GenerationProfile]:
    """Every profile that ships."""
    profiles = [layer_profile(folder, table) for table in LAYER_TABLES]
    for name, (keys, points) in point_groups(folder).items():
        model = keys.model_path.split("/")[-1]
        if model in CACHE_BYTES:
            device, tp = keys.system.replace("_sxm", "").upper(), int(keys.tp_size)
            source = f"times per output token collected by AIConfigurator (ai-dynamo, Apache-2.0), {name}"
            profiles.append(fit_points(points, model, device, tp, CACHE_BYTES[model] / tp, source))
    return [replace(p, weight_gib=2 * PARAMETERS[p.name] / p.tp / 2**30) for p in profiles]
