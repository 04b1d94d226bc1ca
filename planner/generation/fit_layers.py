"""Six numbers from the times of every kind of layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from simulator import InputError
from simulator.generation import FitError, GenerationProfile

# What runs once an iteration; every other kind of `dense.csv` runs once a layer.
ONCE = ("embedding", "final_layernorm")
# The two norms of a block share one measurement.
TWICE = ("layernorm",)
MICROSECOND = 1e-6
MAX_LOG_SHARPNESS = 3.0
MIXED_SHARE = 0.2


@dataclass(frozen=True)
class LayerTimes:
    """Measured times of one model on one device, seconds.

    Attributes:
        tokens, dense_s: what all layers take for so many new tokens, attention aside; rising.
        sequences, per_sequence_s: head and sampler by sequences; rising.
        attention: table with prefill_chunk, kv_prefill, n_decode, kv_decode (tokens in each cache) and time_s of all
            layers.
    """

    tokens: np.ndarray
    dense_s: np.ndarray
    sequences: np.ndarray
    per_sequence_s: np.ndarray
    attention: pd.DataFrame

    def iteration_s(self) -> np.ndarray:
        """Seconds of the iteration that each row of `attention` stands for."""
        table = self.attention
        tokens = table.prefill_chunk + table.n_decode
        sequences = table.n_decode + (table.prefill_chunk > 0)
        return (
            np.interp(tokens, self.tokens, self.dense_s)
            + np.interp(sequences, self.sequences, self.per_sequence_s)
            + table.time_s.to_numpy()
        )


def read_layer_times(folder: str | Path, layers: int) -> LayerTimes:
    """`dense.csv` (layer, tokens, time_us), `per_sequence.csv` (layer, sequences, time_us) and `attention.csv`
    (prefill_chunk, kv_prefill, n_decode, kv_decode, time_us) of a folder. Raises InputError with file and column."""
    folder = Path(folder)
    dense = _read(folder / "dense.csv", ("layer", "tokens", "time_us"))
    heads = _read(folder / "per_sequence.csv", ("layer", "sequences", "time_us"))
    attention = _read(folder / "attention.csv", ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us"))
    times = dense.layer.map(lambda kind: 1 if kind in ONCE else layers * (2 if kind in TWICE else 1))
    dense_s = (dense.time_us * times).groupby(dense.tokens).sum() * MICROSECOND
    head_s = heads.groupby("sequences").time_us.sum() * MICROSECOND
    attention = attention.assign(time_s=attention.time_us * layers * MICROSECOND)
    return LayerTimes(
        dense_s.index.to_numpy(), dense_s.to_numpy(), head_s.index.to_numpy(), head_s.to_numpy(), attention
    )


def fit_layers(
    times: LayerTimes, name: str, device: str, tp: int, kv_bytes_per_token: float, provenance: str,
    link_s: float = 0.0, link_token_s: float = 0.0,
) -> GenerationProfile:  # fmt: skip
    """Least squares on relative errors over iterations of up to 256 decoding requests and 8,192 tokens of context.

    Iterations that mix a prompt with decoding have MIXED_SHARE of the weight. Attention kernels measured alone read the
    caches up to half as fast beside a prompt, which a formula with one number a context token can only say on average;
    the error that a profile carries is that of unmixed iterations.

    Links between devices, where the table was measured without them, are given and not fitted.
    """
    table, seconds = times.attention, times.iteration_s()
    mixed, met = (table.n_decode > 0) & (table.prefill_chunk > 0), _met(table)
    table, seconds, mixed = table[met], seconds[met], mixed[met].to_numpy()
    weight = np.sqrt(np.where(mixed, MIXED_SHARE / mixed.sum(), (1 - MIXED_SHARE) / (~mixed).sum()))
    tokens = (table.prefill_chunk + table.n_decode).to_numpy(float)
    sequences = (table.n_decode + (table.prefill_chunk > 0)).to_numpy(float)
    context = (table.n_decode * table.kv_decode).to_numpy(float)
    pairs = (table.prefill_chunk * (table.kv_prefill + table.prefill_chunk / 2)).to_numpy(float)

    def model(x: np.ndarray) -> np.ndarray:
        weight_s, token_s, sequence_s, context_s, pair_s = np.exp(x[:5])
        p = 1 + np.exp(min(x[5], MAX_LOG_SHARPNESS))
        roof = weight_s * (1 + (token_s * tokens / weight_s) ** p) ** (1 / p)
        return roof + sequence_s * sequences + context_s * context + pair_s * pairs

    start = np.log([seconds.min(), 5e-5, 1e-6, 1e-7, 3e-9, 0.5])
    found = least_squares(lambda x: weight * (model(x) / seconds - 1), start, max_nfev=300)
    error = np.abs(model(found.x) / seconds - 1)[~mixed]
    weight_s, token_s, sequence_s, context_s, pair_s = (float(v) for v in np.exp(found.x[:5]))
    return GenerationProfile(
        name=name,
        device=device,
        tp=tp,
        weight_read_s=weight_s,
        token_s=token_s,
        sharpness=float(1 + np.exp(min(found.x[5], MAX_LOG_SHARPNESS))),
        sequence_s=sequence_s,
        context_token_s=context_s,
        prefill_pair_s=pair_s,
        kv_bytes_per_token=kv_bytes_per_token,
        link_s=link_s,
        link_token_s=link_token_s,
        provenance=provenance,
        error=FitError(float(np.median(error)), float(np.quantile(error, 0.9)), error.size),
    )


def layer_error(times: LayerTimes, profile: GenerationProfile) -> float:
    """Median |error| of a profile over the unmixed iterations that `fit_layers` fits."""
    unmixed = (times.attention.n_decode == 0) | (times.attention.prefill_chunk == 0)
    rows = _met(times.attention) & unmixed.to_numpy()
    modelled_s = [
        profile.iteration_s(row["n_decode"], row["n_decode"] * row["kv_decode"],
                            [(row["kv_prefill"], row["prefill_chunk"])] if row["prefill_chunk"] else [])
        for row in times.attention[rows].to_dict("records")
    ]  # fmt: skip
    return float(np.median(np.abs(np.array(modelled_s) / times.iteration_s()[rows] - 1)))


def _met(table: pd.DataFrame) -> np.ndarray:
    """Iterations of a usual size, bool (rows,)."""
    return ((table.n_decode <= 256) & (table.prefill_chunk + table.n_decode <= 2048) & (table.kv_decode <= 8192)
            & (table.kv_prefill <= 8192)).to_numpy()  # fmt: skip


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"Layer times '{path}' cannot be read: {error}.") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"Layer times '{path}' have no column '{missing[0]}'; {', '.join(columns)} are needed.")
    return table
