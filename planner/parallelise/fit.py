"""How the V100's software constants were fixed: least squares on what may be used for fitting.

Used are the measured BERT-1.3B grid at 1024 tokens, and latencies of whole models on one device. Everything
else in known_numbers.json is held back: pipelines and tensor parallelism of the other models, all weights.
`python -m planner.parallelise.fit` prints the constants; hardware.json holds them rounded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import least_squares

from planner.parallelise.architectures import load_architectures
from planner.parallelise.cut import equal_cut
from planner.parallelise.hardware import Device
from planner.parallelise.known import known_numbers, paper_device
from planner.parallelise.plans import Setting
from planner.parallelise.sharding import COPIED, STRATEGIES, Strategy, evaluate_stage

# memory_efficiency is not among them: only its product with the numbers of passes can be told from latencies.
FITTED = (
    "matmul_efficiency",
    "link_efficiency",
    "launch_s",
    "collective_s",
    "hop_s",
    "score_passes",
    "few_tokens_score_passes",
    "token_passes",
    "routing_passes",
)
# The sharding that the integer program finds for the paper's models on this device.
MEGATRON = {
    "embedding": "vocabulary + all_reduce",
    "attention": "heads + all_reduce",
    "ffn": "width + all_reduce",
    "experts": "experts + all_reduce",
    "head": "vocabulary",
}


def fit_points(device: Device) -> Iterator[tuple[float, float, float]]:
    """Triples of modelled milliseconds, measured milliseconds and weight of the latencies that may be fitted."""
    grid = known_numbers()["measured_grid"]
    for row in grid["rows"]:
        stages = row["stages_ms"]
        # All other numbers of the grid are scaled to the latency on one device, so it counts twice.
        weight = 2.0 if row["pp"] * row["tp"] == 1 else 1.0
        measured = {1: (sum(stages), max(stages))} | {int(b): pair for b, pair in row["batches"].items()}
        for batch, pair in measured.items():
            modelled = _stages_ms("bert-1.3b", device, batch, grid["sequence"], row["pp"], row["tp"])
            yield float(modelled.sum()), pair[0], weight
            if row["pp"] > 1:
                yield float(modelled.max()), pair[1], weight
    for batch, latency_ms in grid["single_ms"].items():
        yield float(_stages_ms("bert-1.3b", device, int(batch), grid["sequence"]).sum()), latency_ms, 1.0
    for name, row in known_numbers()["recovered"]["models"].items():
        yield float(_stages_ms(name, device, 1).sum()), row["single"], 2.0
    pipelines = known_numbers()["pipelines"]
    for name, by_batch in pipelines["models"].items():
        for batch, latencies_ms in by_batch.items():
            yield float(_stages_ms(name, device, int(batch), pipelines["sequence"]).sum()), latencies_ms[0], 1.0


def fit_residuals(device: Device) -> np.ndarray:
    """Weighted logarithms of modelled over measured, float64, one for each point of `fit_points`."""
    return np.array([weight * np.log(modelled / measured) for modelled, measured, weight in fit_points(device)])


def fit_constants(device: Device) -> dict[str, float]:
    """The constants of FITTED that meet the points best, started from the device's."""

    def with_constants(logarithms: np.ndarray) -> Device:
        constants: dict[str, float] = dict(zip(FITTED, np.exp(logarithms).tolist(), strict=True))
        return device.model_copy(update={"software": device.software.model_copy(update=constants)})

    start = np.log([getattr(device.software, name) for name in FITTED])
    upper = np.array([0.0 if name.endswith("efficiency") else np.inf for name in FITTED])
    found = least_squares(
        lambda x: fit_residuals(with_constants(x)),
        start,
        bounds=(-np.inf, upper),
        diff_step=[1e-3],
        loss="soft_l1",
        f_scale=0.1,
        max_nfev=60,
    )
    return dict(zip(FITTED, np.exp(found.x).tolist(), strict=True))


def _stages_ms(
    name: str, device: Device, batch: int, sequence: int | None = None, pp: int = 1, tp: int = 1
) -> np.ndarray:
    setting = Setting(load_architectures()[name], device, (batch,), cut="equal", sequence=sequence)
    chain = setting.chain(batch, pp)
    starts = [*equal_cut(chain, pp), len(chain)]
    hops = setting.hops_s(chain[0].token_bytes, pp, tp)
    stages = []
    for start, end, hop in zip(starts, starts[1:], hops, strict=False):
        strategies = [_megatron(operator.kind, tp) for operator in chain[start:end]]
        entry = "split" if start else "whole"
        stages.append(evaluate_stage(chain[start:end], strategies, device, tp, entry=entry).latency_s + hop)
    return np.array(stages) * 1e3


def _megatron(kind: str, tp: int) -> Strategy:
    if tp == 1:
        return COPIED
    return next(strategy for strategy in STRATEGIES[kind] if strategy.name == MEGATRON[kind])


if __name__ == "__main__":
    for constant, value in fit_constants(paper_device()).items():
        print(f"{constant:26s} {value:.4g}")
