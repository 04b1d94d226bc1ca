"""Prompts computed by some engines, the other tokens made by others, and the caches handed on between them.

Not validated against measurements. A request's first token comes from an engine of a group of role `prefill`, whose
blocks are free then. Its cache arrives at the engines of role `decode` after its bytes over the bandwidth; transfers do
not wait for each other. There it waits for blocks for this cache and one token, decodes from its admission on, and
where it is preempted it computes everything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.errors import InputError
from simulator.generation.arrays import NONE, REQUEST, Structured
from simulator.generation.engine import DECODE, PREFILL, EngineGroup
from simulator.generation.result import GenerationResult, Handoff
from simulator.generation.workload import TokenWorkload


def handing_on(groups: Sequence[EngineGroup], workload: TokenWorkload) -> np.ndarray:
    """Which models have engines that only compute prompts, bool (M,); raises InputError where some do both."""
    by_role = {role: {e.model for g in groups if g.role == role for e in g.engines} for role in (None, PREFILL, DECODE)}
    both = sorted(by_role[None] & (by_role[PREFILL] | by_role[DECODE]))
    if both:
        raise InputError(
            f"Model '{both[0]}' has groups of a role and groups without one; all of its groups or none may have a role."
        )
    return np.array([name in by_role[PREFILL] for name in workload.models], dtype=bool)


def fits_to_the_end(groups: Sequence[EngineGroup], workload: TokenWorkload, split: np.ndarray) -> np.ndarray:
    """bool (n,): False for requests of split models that no cache of a decoding engine can hold with their output."""
    tokens, fits = workload.input_tokens + workload.output_tokens - 1, ~split[workload.model]
    for group in (group for group in groups if group.role == DECODE):
        for engine in group.engines:
            block = engine.limits.block_size
            most = group.pool_units // group.block_units(engine) * block
            fits |= (tokens <= most) & (np.array(workload.models) == engine.model)[workload.model]
    return fits


def handed_on(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    first: Structured,
    split: np.ndarray,
    kv_bandwidth_bytes_per_s: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The requests whose cache is handed on once `first`, REQUEST (n,), have their first token.

    Returns (rows of the workload, REQUEST (m,)), by when the cache arrives.
    """
    rows = np.flatnonzero(split[workload.model] & (first["engine"] >= 0) & (workload.output_tokens > 1))
    profiles = [engine.profile for group in groups for engine in group.engines]
    token_bytes = np.array([profile.kv_bytes_per_token * profile.tp for profile in profiles])
    moved_bytes = workload.input_tokens[rows] * token_bytes[first["engine"][rows]]
    arrival_s = first["first_token_s"][rows] + moved_bytes / kv_bandwidth_bytes_per_s
    order = np.argsort(arrival_s, kind="stable")
    rows = rows[order]
    records = np.zeros(rows.size, REQUEST)
    records["arrival_s"] = arrival_s[order]
    records["model"], records["output_tokens"] = workload.model[rows], workload.output_tokens[rows]
    records["input_tokens"] = records["brought"] = workload.input_tokens[rows]
    records["first_token_s"] = first["first_token_s"][rows]
    records["scheduled_s"] = records["last_token_s"] = np.nan
    records["generated"] = 1
    for name in ("next", "previous", "end_step", "engine"):
        records[name] = NONE
    return rows, records


def with_handoff(result: GenerationResult, rows: np.ndarray, records: Structured) -> GenerationResult:
    """The result of the first tokens, completed by what became of the requests `rows` that were handed on."""
    n = len(result.workload)
    engine, arrived_s, joined_s = np.full(n, NONE, np.int32), np.full(n, np.nan), np.full(n, np.nan)
    last_token_s, preemptions = result.last_token_s.copy(), result.preemptions.copy()
    engine[rows], arrived_s[rows], joined_s[rows] = records["engine"], records["arrival_s"], records["scheduled_s"]
    last_token_s[rows] = records["last_token_s"]
    preemptions[rows] += records["preemptions"]
    handoff = Handoff(engine, arrived_s, joined_s)
    return replace(result, last_token_s=last_token_s, preemptions=preemptions, handoff=handoff)
