"""A placement of generating models seen closely: iterations of one group in a stretch of time, the life of a request.

Groups are numbered as in EngineFigures, among those of generating models. Everything is simulated again to be written
down; the requests fare as they did.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from planner.generation.compare import TokenOutcome, groups_by_kind
from planner.generation.inputs import TokenInputs
from simulator.generation import (
    EngineBins,
    EngineGroup,
    EngineSeries,
    LifeStep,
    record_engines,
    request_life,
    watch_engines,
)


def record_group(
    outcome: TokenOutcome, inputs: TokenInputs, group: int | Collection[int], span_s: tuple[float, float], most: int
) -> EngineSeries:
    """Iterations and events of one group or some within span_s; raises TooManyIterations beyond `most`."""
    problem = inputs.problem
    return record_engines(
        _engine_groups(outcome, inputs),
        problem.workload,
        problem.section.dispatch,
        span_s,
        group,
        most,
        problem.ttft_limits_s,
        problem.kv_bandwidth_bytes_per_s,
    )


def watch_stretch(outcome: TokenOutcome, inputs: TokenInputs, span_s: tuple[float, float], bins: int) -> EngineBins:
    """What every engine does in equal parts of a stretch."""
    problem = inputs.problem
    return watch_engines(
        _engine_groups(outcome, inputs), problem.workload, problem.section.dispatch, bins, span_s,
        ttft_limits_s=problem.ttft_limits_s, kv_bandwidth_bytes_per_s=problem.kv_bandwidth_bytes_per_s,
    )[1]  # fmt: skip


def life_of(outcome: TokenOutcome, inputs: TokenInputs, request: int, most: int) -> tuple[LifeStep, ...]:
    """The steps of a request, empty unless it was served; raises TooManyIterations as record_group."""
    result = outcome.result
    if not result.served[request]:
        return ()
    engines = outcome.figures.engines
    groups = {engines[int(engine[request])].group for engine in (result.engine, result.last_engine)}
    # A chunk that begins with the last token's moment belongs to somebody else.
    span_s = float(result.workload.arrival_s[request]), math.nextafter(float(result.last_token_s[request]), math.inf)
    return request_life(result, record_group(outcome, inputs, groups, span_s, most), request)


def _engine_groups(outcome: TokenOutcome, inputs: TokenInputs) -> list[EngineGroup]:
    return inputs.problem.engine_groups(groups_by_kind(outcome.placement, inputs)[0], outcome.name)
