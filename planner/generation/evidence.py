"""Measures how far the token simulator is off measured systems, misses included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from planner.generation.estimate import CHECK, estimate_profile
from planner.generation.fit_layers import layer_error, read_layer_times
from planner.generation.fit_points import TpotPoints, fit_points, predict_tpot_s
from planner.generation.h100_stages import stage_errors
from planner.generation.known_errors import Error
from planner.generation.measured import LAYER_TABLES, layer_profile, point_groups
from planner.generation.muxserve import SKEWED_ALPHA, median_error, set_host_s, set_switch_s, throughputs
from planner.generation.request_log import MeasuredRun
from planner.generation.vllm_runs import PLENTY_BLOCKS, calibrate, read_vllm_run, run_errors, simulate_run
from planner.parallelise import load_architectures, load_hardware
from simulator import InputError
from simulator.generation import GenerationProfile

# Run: the layer times that its profile is fitted to, None where there are none.
RUNS = {
    "RTX4090-Llama-3.1-8B": "RTX4090-Llama-3.1-8B-tp1",
    "RTXPRO6000-Llama-3.1-8B": "RTXPRO6000-Llama-3.1-8B-tp1",
}
# Two engines, and no layer times of their model: the profile of another one on the same device, times a factor.
MOE_RUN = "RTXPRO6000-Qwen3-30B-A3B-Instruct-2507"
# How often a request was preempted in the run on the RTX 4090, as reported for it (its log does not say).
RUN_PREEMPTIONS = 242
# What the measured models and devices are called among those that ship.
ARCHITECTURES = {"Llama-3.1-8B": "llama-3.1-8b", "Llama-3.1-8B-Instruct": "llama-3.1-8b", "Qwen3-32B": "qwen3-32b"}
DEVICES = {"H100": "h100-80gb", "RTX 4090": "rtx-4090-24gb", "RTX PRO 6000": "rtx-pro-6000-96gb"}


def generation_errors(folder: str | Path) -> list[Error]:
    """Compare with the measured data in a folder; raises InputError if it is not there."""
    folder = Path(folder)
    if not (folder / "vllm_runs").is_dir():
        raise InputError(f"'{folder}' has no folder vllm_runs; the measured data are needed to compare with them.")
    return [
        *_vllm_errors(folder),
        *_point_errors(folder),
        *_estimate_errors(folder),
        *_stage_errors(folder),
        *_muxserve_errors(folder),
    ]


def _vllm_errors(folder: Path) -> list[Error]:
    errors = []
    for name, table in RUNS.items():
        run, profile = read_vllm_run(folder / "vllm_runs" / name), layer_profile(folder, table)
        errors += _run_lines("vLLM run, no calibration", name, run, profile)
        errors += _run_lines("vLLM run, one factor", name, run, profile.scaled(calibrate(run, profile)))
        if run.limits.kv_blocks is not None and run.limits.kv_blocks < PLENTY_BLOCKS:
            share = float(simulate_run(run, profile).preemptions.sum() / RUN_PREEMPTIONS - 1)
            errors.append(Error("vLLM run, no calibration", name, "preemptions", share))
    moe, profile = read_vllm_run(folder / "vllm_runs" / MOE_RUN), layer_profile(folder, "RTXPRO6000-Llama-3.1-8B-tp1")
    scaled = profile.scaled(calibrate(moe, profile))
    return [*errors, *_run_lines("vLLM run, another model's profile and one factor", MOE_RUN, moe, scaled)]


def _run_lines(check: str, name: str, run: MeasuredRun, profile: GenerationProfile) -> list[Error]:
    found = run_errors(run, simulate_run(run, profile))
    median = found.pop("e2e_request_median")
    lines = [Error(check, name, quantity, error) for quantity, error in found.items()]
    return [*lines, Error(check, name, "e2e of a request, median |error|", median)]


def _point_errors(folder: Path) -> list[Error]:
    """Every second point of a deployment is fitted, the others predicted; and every second setting, since many points
    repeat another's lengths and concurrency."""
    quantity, errors, settings = "tpot, median |error|", [], []
    for name, (_, points) in point_groups(folder).items():
        odd = np.arange(points.tpot_s.size) % 2 == 1
        errors.append(Error("closed loops, half fitted", name, quantity, _unseen_median(points, ~odd)))
        settings.append(_unseen_median(points, _setting(points) % 2 == 0))
    whole = "tpot, median of medians"
    return [
        *errors,
        Error("closed loops, half fitted", "all", whole, float(np.median([e.error for e in errors]))),
        Error("closed loops, half of the settings fitted", "all", whole, float(np.median(settings))),
    ]


def _setting(points: TpotPoints) -> np.ndarray:
    """Points with the same lengths and concurrency have the same number, int64 (n,), in the order they come."""
    rows = zip(points.input_tokens, points.output_tokens, points.concurrency, strict=True)
    numbers: dict[tuple[float, ...], int] = {}
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows])


def _unseen_median(points: TpotPoints, fitted: np.ndarray) -> float:
    """Median |error| of the points that are not fitted."""
    profile, rest = fit_points(points.rows(fitted), "", "", 1, 1.0, ""), points.rows(~fitted)
    return float(np.median(np.abs(predict_tpot_s(profile, rest) / rest.tpot_s - 1)))


def _estimate_errors(folder: Path) -> list[Error]:
    """Of profiles from architecture and device alone: the half of the closed loops of dense models that is not fitted
    anywhere, and iterations made of layer times, links aside, since these are measured without."""
    architectures, devices, errors = load_architectures(), load_hardware(), []
    for name, (keys, points) in point_groups(folder).items():
        known = ARCHITECTURES.get(keys.model_path.split("/")[-1])
        if known is None:
            continue
        architecture = architectures[known]
        if keys.precision == "fp8":
            architecture = architecture.model_copy(update={"dtype": "float8"})
        profile = estimate_profile(architecture, devices[DEVICES["H100"]], int(keys.tp_size))
        rest = points.rows(np.arange(points.tpot_s.size) % 2 == 1)
        error = float(np.median(np.abs(predict_tpot_s(profile, rest) / rest.tpot_s - 1)))
        errors.append(Error(CHECK, name, "tpot, median |error|", error))
    for table, (model, device, tp, layers, *_) in LAYER_TABLES.items():
        estimated = estimate_profile(architectures[ARCHITECTURES[model]], devices[DEVICES[device]], tp)
        profile = replace(estimated, link_s=0.0, link_token_s=0.0)
        error = layer_error(read_layer_times(folder / "layer_times" / table, layers), profile)
        errors.append(Error(CHECK, f"{table}, layer times", "an iteration, median |error|", error))
    return errors


def _stage_errors(folder: Path) -> list[Error]:
    check, quantity = "H100 stages, codegen fitted", "itl"
    errors = [Error(check, case, quantity, error) for case, error in stage_errors(folder).items()]
    sizes = np.abs([e.error for e in errors])
    return [*errors, Error(check, "all", "itl, median |error|", float(np.median(sizes))),
            Error(check, "all", "itl, largest |error|", float(sizes.max()))]  # fmt: skip


def _muxserve_errors(folder: Path) -> list[Error]:
    """Throughput of each LLM, and of all in the most skewed and busiest setting."""
    host_s = set_host_s(folder)
    switch_s = set_switch_s(folder, host_s)
    host, turn = f"{1e6 * host_s:g} us a request of the host", f"{1e3 * switch_s:g} ms a switch"
    found = {
        "own devices": throughputs(folder, "spatial"),
        f"own devices, {host}": throughputs(folder, "spatial", 0.0, host_s),
        "in turns, switching free": throughputs(folder, "temporal"),
        f"in turns, {host}, {turn}": throughputs(folder, "temporal", switch_s, host_s),
    }
    quantity, errors, totals = "throughput of an LLM, median |error|", [], []
    for case, table in found.items():
        errors.append(Error("MuxServe", case, quantity, median_error(table)))
        if "host" in case:
            rest = table.loc[table.alpha < SKEWED_ALPHA]
            errors.append(Error("MuxServe", f"{case}, settings not set on", quantity, median_error(rest)))
        busiest = table[(table.alpha == table.alpha.max()) & (table.rate_scale == table.rate_scale.max())]
        error = float(busiest.ours.sum() / busiest.measured.sum() - 1)
        totals.append(Error("MuxServe", f"{case}, alpha 2.1, scale 1.25", "throughput of all", error))
    return [*errors, *totals]
