"""Two runs of the same requests, request by request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.errors import InputError
from simulator.metrics import counted_rows
from simulator.result import SimulationResult


@dataclass(frozen=True)
class PairedOutcomes:
    """How many requests met their deadline in both runs, in one of them alone, or in none."""

    both: int
    only_first: int
    only_second: int
    neither: int


def pair_outcomes(first: SimulationResult, second: SimulationResult, warmup_s: float = 0.0) -> PairedOutcomes:
    """Count the paired outcomes of two runs, without the warm-up at both ends.

    Raises InputError unless both ran the same requests.
    """
    same = first.workload is second.workload or (
        np.array_equal(first.workload.arrival_s, second.workload.arrival_s)
        and np.array_equal(first.workload.model, second.workload.model)
    )
    if not same:
        raise InputError(
            f"'{first.name}' and '{second.name}' served different requests; only runs of the same ones can be paired."
        )
    rows = counted_rows(first.workload, warmup_s)
    # 0 neither, 1 only the second, 2 only the first, 3 both.
    outcome = 2 * first.in_slo[rows].astype(np.int64) + second.in_slo[rows]
    neither, only_second, only_first, both = map(int, np.bincount(outcome, minlength=4))
    return PairedOutcomes(both, only_first, only_second, neither)
