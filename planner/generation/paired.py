"""Two placements on the same requests: which of them is better, and whether the run is long enough to tell."""

from __future__ import annotations

import math

import numpy as np

from planner.explain import ModelDifference, PairedDifference, model_differences
from planner.generation.compare import TokenOutcome
from planner.generation.figures import deadlines_kept
from planner.generation.inputs import TokenInputs
from simulator import Workload
from simulator.intervals import batch_means_half_width, share_half_width
from simulator.metrics import counted_rows


def rows_of(inputs: TokenInputs, model: str | None = None) -> np.ndarray:
    """The counted requests of generating models, or of one of them: int64, ascending."""
    workload = inputs.problem.workload
    arrived = Workload(workload.arrival_s, workload.model, len(workload.models))
    rows = np.arange(len(workload))[counted_rows(arrived, inputs.warmup_s)]
    return rows if model is None else rows[workload.model[rows] == workload.models.index(model)]


def fixed_requests(inputs: TokenInputs) -> int:
    """How many counted requests go to models with fixed latencies."""
    if inputs.fixed is None:
        return 0
    workload = inputs.fixed.workload
    return np.arange(len(workload))[counted_rows(workload, inputs.warmup_s)].size


def met_requests(outcome: TokenOutcome, inputs: TokenInputs, model: str | None = None) -> np.ndarray:
    """Which counted requests meet all their deadlines: bool (n,), in order of arrival.

    model: a generating one, whose requests alone are wanted; else all, of both kinds of models.
    """
    problem, rows = inputs.problem, rows_of(inputs, model)
    met, arrival_s = deadlines_kept(problem, outcome.result)["all"][rows], problem.workload.arrival_s[rows]
    if model is not None:
        return met
    if outcome.fixed_result is not None:
        fixed = outcome.fixed_result
        rows = counted_rows(fixed.workload, inputs.warmup_s)
        arrival_s = np.concatenate((arrival_s, fixed.workload.arrival_s[rows]))
        met = np.concatenate((met, fixed.in_slo[rows]))[np.argsort(arrival_s, kind="stable")]
    return met


def half_width(outcome: TokenOutcome, inputs: TokenInputs) -> float:
    """Half of the 95 % interval of `outcome.slo_attainment`; NaN with too few requests."""
    return share_half_width(met_requests(outcome, inputs))


def paired_token_difference(
    first: TokenOutcome, second: TokenOutcome, inputs: TokenInputs, model: str | None = None
) -> PairedDifference:
    """By how much the second meets more than the first, with the interval of the paired differences.

    model: as of met_requests.
    """
    gains = met_requests(second, inputs, model).astype(np.float64) - met_requests(first, inputs, model)
    if not gains.size:
        return PairedDifference(math.nan, math.nan)
    return PairedDifference(float(gains.mean()), batch_means_half_width(gains))


def token_model_differences(
    first: TokenOutcome, second: TokenOutcome, inputs: TokenInputs
) -> tuple[ModelDifference, ...]:
    """The paired difference of every model with counted requests, of both kinds, the largest gain first."""
    problem = inputs.problem
    workload = problem.workload
    rows = rows_of(inputs)
    before, after = (deadlines_kept(problem, o.result)["all"][rows].astype(np.float64) for o in (first, second))
    found = []
    for number, model in enumerate(problem.models):
        own = workload.model[rows] == number
        if own.any():
            gains = after[own] - before[own]
            gap = PairedDifference(float(gains.mean()), batch_means_half_width(gains))
            met = float(before[own].mean()), float(after[own].mean())
            found.append(ModelDifference(model.name, int(own.sum()), *met, gap))
    if first.fixed_result is not None and second.fixed_result is not None:
        found += model_differences(first.fixed_result, second.fixed_result, inputs.warmup_s)
    return tuple(sorted(found, key=lambda row: -row.gap.difference))
