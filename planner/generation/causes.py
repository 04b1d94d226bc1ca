"""Why requests of generating models miss their deadlines, measured on the run: what their time was spent on.

Every request that was served late is put down to one thing, the first of these that holds:

- `preempted`: it lost its cache at least once and was computed again.
- `long prompt`: it missed its first token, and its prompt alone takes longer than the deadline on an idle engine.
- `cache full`: it missed its first token because it waited for admission (its prompt alone would have left the time),
  and in the middle of the wait the pool had no room for the prompt (the most in use within that bin of time).
- `waiting for admission`: as before, with room in the cache: sequences or tokens of the iterations were taken.
- `moving to decode`: it missed a deadline on later tokens, and would not have without the time between its first token
  and its admission to the engine that decodes, on the way there or waiting.
- `prompts in the batch`: it missed a deadline on later tokens, and iterations that compute prompts were under way for
  at least half of the time in which its engine computed meanwhile.
- `large batch`: a deadline on later tokens or the last one missed otherwise: many requests decode together, or engines
  of other models take their turns.

Requests that nobody could take are `longer than the cache` or `no engine`; those that admission by predicted TTFT
refused are `turned away`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.generation.compare import TokenOutcome
from planner.generation.figures import deadlines_kept
from planner.generation.inputs import TokenInputs
from simulator import Workload
from simulator.generation import STATUS, meets
from simulator.metrics import counted_rows

CAUSES = (
    "preempted", "cache full", "waiting for admission", "long prompt", "moving to decode",
    "prompts in the batch", "large batch", "longer than the cache", "no engine", "turned away",
)  # fmt: skip
_FULL = 0.5


def missed_by_cause(outcome: TokenOutcome, inputs: TokenInputs, model: str | None = None) -> dict[str, int]:
    """How many counted requests, or those of one model, miss a deadline by each cause, most first; causes without any
    are left out."""
    workload = inputs.problem.workload
    rows = counted_rows(Workload(workload.arrival_s, workload.model, len(workload.models)), inputs.warmup_s)
    causes = causes_of_misses(outcome, inputs)[rows]
    if model is not None:
        causes = causes[workload.model[rows] == workload.models.index(model)]
    counts = np.bincount(causes + 1, minlength=len(CAUSES) + 1)[1:]
    found = {name: int(count) for name, count in zip(CAUSES, counts, strict=True) if count}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def causes_of_misses(outcome: TokenOutcome, inputs: TokenInputs) -> np.ndarray:
    """Index into CAUSES of every request of a generating model that misses a deadline, -1 of the others: int64 (n,)."""
    problem, result = inputs.problem, outcome.result
    workload = result.workload
    late = result.served & ~deadlines_kept(problem, result)["all"]
    late_first, ttft_s = np.zeros(len(workload), bool), np.full(len(workload), np.inf)
    for number, model in enumerate(problem.models):
        own = workload.model == number
        if model.slo.ttft_s is not None:
            late_first[own] = ~meets(result, model.slo)["ttft"][own]
            ttft_s[own] = model.slo.ttft_s
    waited_s = result.scheduled_s - workload.arrival_s
    computed_s = result.first_token_s - result.scheduled_s
    waits = late_first & (waited_s >= np.maximum(ttft_s - computed_s, 0.0)) & (waited_s > 0)
    alone_s = _prompts_alone_s(outcome, inputs)
    middle_s = workload.arrival_s + np.nan_to_num(waited_s) / 2
    full = _seen(outcome, "peak_cache", result.engine, middle_s) + _share_of_pool(outcome, inputs) > 1
    decoding_s = (result.first_token_s + result.last_token_s) / 2
    mixed = _seen(outcome, "prompts", result.last_engine, np.nan_to_num(decoding_s)) >= _FULL
    conditions = [
        late & (result.preemptions > 0),
        late & late_first & (alone_s > ttft_s),
        late & waits & full,
        late & waits,
        late & ~late_first & _kept_without_moving(outcome, inputs),
        late & mixed,
        late,
        result.status == STATUS.index("too_long"),
        result.status == STATUS.index("unplaced"),
        result.status == STATUS.index("rejected"),
    ]
    order = ("preempted", "long prompt", "cache full", "waiting for admission", "moving to decode",
             "prompts in the batch", "large batch", "longer than the cache", "no engine", "turned away")  # fmt: skip
    return np.select(conditions, [CAUSES.index(name) for name in order], -1)


def _kept_without_moving(outcome: TokenOutcome, inputs: TokenInputs) -> np.ndarray:
    """bool (n,): requests that another engine decoded and that meet all deadlines if they had begun there at once."""
    result = outcome.result
    if result.handoff is None:
        return np.zeros(len(result.workload), bool)
    moving_s = np.nan_to_num(result.handoff.joined_s - result.first_token_s)
    at_once = replace(result, last_token_s=result.last_token_s - moving_s)
    return (moving_s > 0) & deadlines_kept(inputs.problem, at_once)["all"]


def _prompts_alone_s(outcome: TokenOutcome, inputs: TokenInputs) -> np.ndarray:
    """What the prompt of each request takes on its idle engine, in whole iterations: float64 (n,), seconds."""
    result, section = outcome.result, inputs.problem.section
    tokens, alone_s = result.workload.input_tokens, np.zeros(len(result.workload))
    most = section.max_num_batched_tokens if section.chunked_prefill else np.iinfo(np.int64).max
    for engine in outcome.figures.engines:
        own = np.flatnonzero(result.engine == engine.engine)
        profile = inputs.problem.model(engine.model).profiles[engine.tp]
        whole, rest = np.divmod(tokens[own], most)
        seconds = np.where(rest > 0, profile.roof_s(rest.astype(float)) + profile.sequence_s, 0.0)
        seconds += whole * (profile.roof_s(float(min(most, 10**9))) + profile.sequence_s) if whole.any() else 0.0
        alone_s[own] = seconds + profile.prefill_pair_s * tokens[own].astype(float) ** 2 / 2
    return alone_s


def _share_of_pool(outcome: TokenOutcome, inputs: TokenInputs) -> np.ndarray:
    """What the prompt of each request takes of its engine's pool."""
    result, block = outcome.result, inputs.problem.section.block_size
    blocks = np.array([engine.kv_blocks for engine in outcome.figures.engines] or [1], dtype=float)
    return -(-result.workload.input_tokens // block) / blocks[np.maximum(result.engine, 0)]


def _seen(outcome: TokenOutcome, what: str, engine: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """A quantity of the engines over time at the moment of each request; 0 where it was not seen."""
    bins = outcome.figures.over_time
    values = getattr(bins, what)
    if not values.size:
        return np.zeros(engine.size)
    column = np.clip(np.searchsorted(bins.edges_s, at_s, "right") - 1, 0, values.shape[1] - 1)
    return np.nan_to_num(values[np.maximum(engine, 0), column])
