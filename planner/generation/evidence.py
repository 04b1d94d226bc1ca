"""Measures how far the token simulator is off measured systems, misses included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from planner.generation.fit_points import fit_points, predict_tpot_s
from planner.generation.known_errors import Error
from planner.generation.measured import layer_profile, point_groups
from planner.generation.muxserve import SKEWED_ALPHA, median_error, set_switch_s, throughputs
from planner.generation.request_log import MeasuredRun
from planner.generation.vllm_runs import PLENTY_BLOCKS, calibrate, read_vllm_run, run_errors, simulate_run
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
MAX_STEPS = 500


def generation_errors(folder: str | Path) -> list[Error]:
    """Compare with the measured data in a folder; raises InputError if it is not there."""
    folder = Path(folder)
    if not (folder / "vllm_runs").is_dir():
        raise InputError(f"'{folder}' has no folder vllm_runs; the measured data are needed to compare with them.")
    return [*_vllm_errors(folder), *_point_errors(folder), *_stage_errors(folder), *_muxserve_errors(folder)]


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
    """Every second point of a deployment is fitted, the others predicted."""
    errors = []
    for name, (_, points) in point_groups(folder).items():
        odd = np.arange(points.tpot_s.size) % 2 == 1
        fitted, rest = fit_points(points.rows(~odd), name, "", 1, 1.0, ""), points.rows(odd)
        error = np.median(np.abs(predict_tpot_s(fitted, rest) / rest.tpot_s - 1))
        errors.append(Error("closed loops, half fitted", name, "tpot, median |error|", float(error)))
    medians = [e.error for e in errors]
    return [*errors, Error("closed loops, half fitted", "all", "tpot, median of medians", float(np.median(medians)))]


def _stage_errors(folder: Path) -> list[Error]:
    """Time per token = a + b * tokens in all caches through the two stages of codegen; batch = rate * output * time, by
    Little. Prompts came from the prefix cache and cost nothing."""
    table = pd.read_csv(folder / "vllm_h100_stages.csv")
    errors = []
    for _, stages in table.groupby("model"):
        fitted = stages.experiment.str.contains("codegen")
        stages = stages.assign(context=stages.prompt_tokens_mean + stages.output_tokens / 2)
        batch = stages.rate * stages.output_tokens * stages.itl_ms / 1e3
        b, a = np.polyfit((batch * stages.context)[fitted], stages.itl_ms[fitted], 1)
        for _, stage in stages.loc[~fitted].iterrows():
            itl_ms = a
            for _ in range(MAX_STEPS):
                running = min(stage.max_num_seqs, stage.rate * stage.output_tokens * itl_ms / 1e3)
                itl_ms = a + b * running * stage.context
            case = f"{stage.experiment}, {stage.rate:g} req/s"
            errors.append(Error("H100 stages, codegen fitted", case, "itl", float(itl_ms / stage.itl_ms - 1)))
    sizes = np.abs([e.error for e in errors])
    check = "H100 stages, codegen fitted"
    return [*errors, Error(check, "all", "itl, median |error|", float(np.median(sizes))),
            Error(check, "all", "itl, largest |error|", float(sizes.max()))]  # fmt: skip


def _muxserve_errors(folder: Path) -> list[Error]:
    """Throughput of each LLM, and of all in the most skewed and busiest setting."""
    spatial, ideal = throughputs(folder, "spatial"), throughputs(folder, "temporal")
    switch_s = set_switch_s(folder)
    switching = throughputs(folder, "temporal", switch_s)
    rest = switching.loc[switching.alpha < SKEWED_ALPHA]
    quantity, turns = "throughput of an LLM, median |error|", f"in turns, {1e3 * switch_s:g} ms a switch"
    errors = [
        Error("MuxServe", "own devices", quantity, median_error(spatial)),
        Error("MuxServe", "in turns, switching free", quantity, median_error(ideal)),
        Error("MuxServe", turns, quantity, median_error(switching)),
        Error("MuxServe", f"{turns}, settings it was not set on", quantity, median_error(rest)),
    ]
    for case, found in (("own devices", spatial), ("in turns, switching free", ideal), (turns, switching)):
        busiest = found[(found.alpha == found.alpha.max()) & (found.rate_scale == found.rate_scale.max())]
        error = float(busiest.ours.sum() / busiest.measured.sum() - 1)
        errors.append(Error("MuxServe", f"{case}, alpha 2.1, scale 1.25", "throughput of all", error))
    return errors
