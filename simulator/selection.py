"""A run seen through some of its requests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.errors import InputError
from simulator.result import SimulationResult


def select_requests(result: SimulationResult, rows: np.ndarray) -> SimulationResult:
    """The fates of some requests of a run; the others took part in the run, but are not counted.

    Fates and latencies of what is left are those of the whole run. What stages and queues did does not follow from a
    part of the requests: measure, build_timeline and stage_spans take the whole run, and `counted` where they do.

    Args:
        rows: int (k,), numbers of the requests, rising, or bool (n,), True for each one to keep.

    Raises InputError if a number does not exist or they do not rise.
    """
    rows = np.asarray(rows)
    total = len(result.workload)
    if rows.dtype == np.bool_:
        if rows.shape != (total,):
            raise InputError(f"A selection of {total} requests needs {total} marks; it has {rows.size}.")
        rows = np.flatnonzero(rows)
    if rows.size and (rows[0] < 0 or rows[-1] >= total or (np.diff(rows) <= 0).any()):
        raise InputError(f"Selected requests must be rising numbers from 0 to {total - 1}.")
    per_request = ("status", "group", "start_s", "finish_s", "batch_size")
    return replace(
        result, workload=result.workload.rows(rows), **{name: getattr(result, name)[rows] for name in per_request}
    )
