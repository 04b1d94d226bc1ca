"""Simulates token-by-token serving: checks, allocates, and hands over to the kernels."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from simulator import words
from simulator.errors import InputError
from simulator.generation.arrays import (
    BIN,
    END,
    ENGINE,
    EVENT,
    GROUP,
    NONE,
    REJECTED,
    REQUEST,
    SEGMENT,
    Dispatch,
    Tables,
)
from simulator.generation.engine import COEFFICIENTS, DECODE, MAX_ENGINES, PREFILL, Engine, EngineGroup
from simulator.generation.handoff import fits_to_the_end, handed_on, handing_on, with_handoff
from simulator.generation.result import STATUS, GenerationResult
from simulator.generation.series import EngineBins, EngineSeries
from simulator.generation.serve_kernels import drain, serve
from simulator.generation.workload import TokenWorkload
from simulator.headway import OnProgress, simulated, tell

DISPATCH_RULES = ("round_robin", "fewest_requests", "fewest_tokens", "least_kv")
# Roofs of iterations up to so many tokens are looked up, those of larger ones computed.
ROOF_TOKENS = 8_192
CHUNK = 16_384
# Rows of segments and of events that are recorded at most: about 250 MB.
MAX_RECORDED = 1_000_000
FIRST_RECORDED = 50_000
CHUNK_SEGMENTS = 1_000_000


class TooManyIterations(InputError):
    """A stretch in which engines do more than is recorded."""


@dataclass(frozen=True)
class _Watch:
    """What is written down beside the requests: rows of segments and events of groups within span_s, and bins."""

    rows: int = 0
    span_s: tuple[float, float] = (-math.inf, math.inf)
    groups: Collection[int] = ()
    bins: int = 0
    bins_span_s: tuple[float, float] = (0.0, 1.0)


NOTHING_WATCHED = _Watch()


def simulate_generation(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    dispatch: str = "fewest_requests",
    on_progress: OnProgress | None = None,
    ttft_limits_s: Sequence[float] | None = None,
    kv_bandwidth_bytes_per_s: float = math.inf,
) -> GenerationResult:
    """What happens to every request.

    Args:
        groups: engines on devices. Engines are numbered in the order of the groups.
        workload: requests; its models are matched with the engines by name.
        dispatch: which engine of its model takes a request at its arrival, ties to the lowest number. `round_robin`;
            `fewest_requests`, `fewest_tokens` outstanding in the group (tokens still to be computed, lengths known);
            `least_kv`, smallest share of the pool in use.
        on_progress: told the requests dispatched and all; returning False raises Cancelled.
        ttft_limits_s: by model; a request whose predicted time to the first token is longer is turned away at its
            arrival. None: all are taken.
        kv_bandwidth_bytes_per_s: at which caches go from groups of role `prefill` to those of role `decode`.

    Raises InputError for an unknown rule, more engines than can be simulated, or a model some of whose groups have a
    role.
    """
    return _run(groups, workload, dispatch, NOTHING_WATCHED, on_progress, ttft_limits_s, kv_bandwidth_bytes_per_s)[1]


def watch_engines(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    dispatch: str,
    bins: int,
    span_s: tuple[float, float],
    on_progress: OnProgress | None = None,
    ttft_limits_s: Sequence[float] | None = None,
    kv_bandwidth_bytes_per_s: float = math.inf,
) -> tuple[GenerationResult, EngineBins]:
    """`simulate_generation`, and beside it what every engine does in `bins` equal parts of span_s, before and after.

    Takes memory for engines and bins alone, however many iterations there are.
    """
    watch = _Watch(bins=bins, bins_span_s=span_s)
    tables, result = _run(groups, workload, dispatch, watch, on_progress, ttft_limits_s, kv_bandwidth_bytes_per_s)
    return result, EngineBins.of_tables(tables)


def record_engines(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    dispatch: str = "fewest_requests",
    span_s: tuple[float, float] = (-math.inf, math.inf),
    group: int | Collection[int] | None = None,
    most: int = MAX_RECORDED,
    ttft_limits_s: Sequence[float] | None = None,
    kv_bandwidth_bytes_per_s: float = math.inf,
) -> EngineSeries:
    """What every engine, or those of one group or some, does within span_s, iteration by iteration.

    The simulation is run again where room is short. Raises TooManyIterations if there are more than `most` segments or
    events.
    """
    of = range(len(groups)) if group is None else (group,) if isinstance(group, int) else group

    def run(rows: int) -> Tables:
        watch = _Watch(rows, span_s, of)
        return _run(groups, workload, dispatch, watch, None, ttft_limits_s, kv_bandwidth_bytes_per_s)[0]

    tables = run(min(FIRST_RECORDED, most))
    found = int(tables.counts[:2].max())
    if found > most:
        raise TooManyIterations(
            f"The engines' iterations would be {words.count(found)} rows; at most {words.count(most)} are "
            "recorded. Choose a shorter window of the traffic."
        )
    if found > FIRST_RECORDED:
        tables = run(found)
    return EngineSeries.of_tables(tables)


def _run(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    dispatch: str,
    watch: _Watch,
    on_progress: OnProgress | None,
    ttft_limits_s: Sequence[float] | None,
    kv_bandwidth_bytes_per_s: float,
) -> tuple[Tables, GenerationResult]:
    if dispatch not in DISPATCH_RULES:
        raise InputError(f"dispatch is '{dispatch}'; {', '.join(DISPATCH_RULES)} are allowed.")
    rule, split = DISPATCH_RULES.index(dispatch), handing_on(groups, workload)
    tables, dispatcher = build_tables(groups, workload, watch, ttft_limits_s)
    if not split.any():
        _serve_all(tables, dispatcher, rule, on_progress)
        return tables, _result(tables, dispatcher.holds_model, workload)
    decoders = _dispatch(groups, workload, (DECODE,), None)
    tables.requests["output_tokens"][split[workload.model]] = 1
    # They go to the last model of the dispatch, which no engine holds.
    tables.requests["model"][~fits_to_the_end(groups, workload, split)] = len(workload.models)
    _serve_all(tables, dispatcher, rule, on_progress)
    held = dispatcher.holds_model & (decoders.holds_model | ~split)
    result, events = _result(tables, held, workload), int(tables.counts[1])
    rows, records = handed_on(groups, workload, tables.requests, split, kv_bandwidth_bytes_per_s)
    _serve_all(tables._replace(requests=records), decoders, rule, on_progress)
    later = tables.events["request"][events : tables.counts[1]]
    later[:] = rows[later]
    return tables, with_handoff(result, rows, records)


def _serve_all(tables: Tables, dispatcher: Dispatch, rule: int, on_progress: OnProgress | None) -> None:
    n = len(tables.requests)
    step = max(1, n if on_progress is None else CHUNK)
    for first in range(0, n, step):
        serve(tables, dispatcher, rule, first, min(first + step, n))
        tell(on_progress, simulated(min(first + step, n), n))
    while not drain(tables, tables.counts[2] + CHUNK_SEGMENTS):
        tell(on_progress, simulated(n, n))


def build_tables(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    watch: _Watch = NOTHING_WATCHED,
    ttft_limits_s: Sequence[float] | None = None,
) -> tuple[Tables, Dispatch]:
    """What the kernels need: engines at rest, all blocks free, requests that have not arrived yet.

    Raises InputError if there are too many engines.
    """
    members = [(g, group, engine) for g, group in enumerate(groups) for engine in group.engines]
    if len(members) > MAX_ENGINES:
        raise InputError(f"There are {len(members)} engines; at most {words.count(MAX_ENGINES)} can be simulated.")
    engines = _engine_records(members)
    tables = Tables(
        groups=_group_records(groups),
        engines=engines,
        requests=_request_records(workload),
        ends=np.zeros((len(members), int(engines["max_sequences"].max(initial=1))), END),
        phase=np.zeros((len(members), int(engines["block"].max(initial=1))), np.int64),
        roof_s=_roofs(members),
        segments=np.zeros(watch.rows, SEGMENT),
        events=np.zeros(watch.rows, EVENT),
        counts=np.zeros(3, np.int64),
        span_s=np.array(watch.span_s),
        recorded=np.array([g in watch.groups for g in range(len(groups))], dtype=bool),
        bins=np.zeros((len(members), watch.bins + 2 if watch.bins else 0), BIN),
        bins_s=np.array([watch.bins_span_s[0], (watch.bins_span_s[1] - watch.bins_span_s[0]) / max(watch.bins, 1)]),
    )
    return tables, _dispatch(groups, workload, (None, PREFILL), ttft_limits_s)


def _dispatch(
    groups: Sequence[EngineGroup],
    workload: TokenWorkload,
    roles: Collection[str | None],
    ttft_limits_s: Sequence[float] | None,
) -> Dispatch:
    """Requests to the engines of groups of some roles; one model more than the workload has, which nobody holds."""
    members = [(engine.model, group.role) for group in groups for engine in group.engines]
    held = [[e for e, (model, role) in enumerate(members) if model == name and role in roles]
            for name in workload.models]  # fmt: skip
    start = np.cumsum([0, *map(len, held), 0]).astype(np.int64)
    candidate = np.array([e for found in held for e in found], np.int64)
    limit_s = np.full(len(held) + 1, np.inf)
    if ttft_limits_s is not None:
        limit_s[:-1] = ttft_limits_s
    return Dispatch(start, candidate, np.zeros(len(held) + 1, np.int64), limit_s)


def _group_records(groups: Sequence[EngineGroup]) -> np.ndarray:
    records = np.zeros(len(groups), GROUP)
    beyond = np.cumsum([len(group.engines) for group in groups])
    records["first_engine"] = beyond - [len(group.engines) for group in groups]
    records["beyond_engine"] = beyond
    records["last_active"] = beyond - 1
    records["switch_s"] = [group.switch_s for group in groups]
    records["pool_units"] = records["free_units"] = [group.pool_units for group in groups]
    for name in ("active", "last_admitted", "fresh"):
        records[name] = NONE
    return records


def _engine_records(members: Sequence[tuple[int, EngineGroup, Engine]]) -> np.ndarray:
    records = np.zeros(len(members), ENGINE)
    rows = _rows(members)
    for record, (g, group, engine) in zip(records, members, strict=True):
        for name in COEFFICIENTS:
            record[name] = getattr(engine.profile, name)
        limits = engine.limits
        record["group"], record["row"] = g, rows[engine.profile.coefficients]
        record["max_tokens"], record["max_sequences"] = limits.max_num_batched_tokens, limits.max_num_seqs
        record["block"], record["block_units"] = limits.block_size, group.block_units(engine)
        record["chunked"] = limits.chunked_prefill or group.role == DECODE
    for name in ("waiting_head", "waiting_tail", "partial"):
        records[name] = NONE
    return records


def _rows(members: Sequence[tuple[int, EngineGroup, Engine]]) -> dict[tuple[float, ...], int]:
    """Distinct profiles by their numbers."""
    distinct = dict.fromkeys(engine.profile.coefficients for _, _, engine in members)
    return {coefficients: row for row, coefficients in enumerate(distinct)}


def _roofs(members: Sequence[tuple[int, EngineGroup, Engine]]) -> np.ndarray:
    """Of each distinct profile what depends on the new tokens alone, by tokens: float64 (R, B), seconds."""
    most = max((engine.limits.max_num_batched_tokens for _, _, engine in members), default=0)
    tokens = np.arange(min(ROOF_TOKENS, most) + 1)
    profiles = {engine.profile.coefficients: engine.profile for _, _, engine in members}
    return np.array([profiles[row].roof_s(tokens) for row in _rows(members)]).reshape(-1, tokens.size)


def _request_records(workload: TokenWorkload) -> np.ndarray:
    records = np.zeros(len(workload), REQUEST)
    for name in ("arrival_s", "model", "input_tokens", "output_tokens"):
        records[name] = getattr(workload, name)
    for name in ("scheduled_s", "first_token_s", "last_token_s"):
        records[name] = np.nan
    for name in ("next", "previous", "end_step", "engine"):
        records[name] = NONE
    return records


def _result(tables: Tables, held_models: np.ndarray, workload: TokenWorkload) -> GenerationResult:
    requests, held = tables.requests, held_models[workload.model]
    engine = requests["engine"]
    status = np.select(
        [engine >= 0, engine == REJECTED, held],
        [STATUS.index(fate) for fate in ("served", "rejected", "too_long")], STATUS.index("unplaced"),
    )  # fmt: skip
    times = {name: requests[name].copy() for name in ("scheduled_s", "first_token_s", "last_token_s", "preemptions")}
    return GenerationResult(workload, status.astype(np.int8), np.maximum(engine, NONE).astype(np.int32), **times)
