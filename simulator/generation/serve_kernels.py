"""Serving a workload token by token: dispatch of requests to engines, and whose turn it is within a group.

The order of everything is in `iteration_kernels`. The whole state is carried in and out, so that a long run can be
cut anywhere, for progress and for cancelling.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Index
from simulator.generation import iteration_kernels, record_kernels
from simulator.generation.arrays import NONE, REJECTED, Dispatch, Tables
from simulator.generation.iteration_kernels import begin, finish, roof_s
from simulator.generation.record_kernels import token_kernel
from simulator.kernel_stamps import follow_stamps

follow_stamps(__file__, iteration_kernels, record_kernels)

ROUND_ROBIN, FEWEST_REQUESTS, FEWEST_TOKENS, LEAST_KV = range(4)


@token_kernel
def _whose_turn(t: Tables, group: np.record) -> int:
    """The next engine of a group, after the one that went last, that has something to compute; NONE if none has."""
    e = group.last_active
    for _ in range(group.first_engine, group.beyond_engine):
        e = e + 1 if e + 1 < group.beyond_engine else group.first_engine
        engine = t.engines[e]
        if engine.running > 0:
            return e
        if engine.waiting_head >= 0:
            request = t.requests[engine.waiting_head]
            chunk = request.input_tokens + request.generated - request.brought
            if engine.chunked != 0:
                chunk = min(chunk, engine.max_tokens)
            if (request.brought + chunk + engine.block - 1) // engine.block * engine.block_units <= group.free_units:
                return e
    return NONE


@token_kernel
def _advance(t: Tables, group: np.record, until_s: float, max_segments: Index) -> bool:
    """Let a group do all that ends by until_s and begins before it. Returns False if cut by max_segments."""
    while True:
        if group.active >= 0:
            if group.clock_s > until_s:
                return True
            finish(t, group)
        if group.clock_s >= until_s:
            return True
        if t.counts[2] >= max_segments:
            return False
        e = _whose_turn(t, group)
        if e < 0:
            return True
        begin(t, group, e, until_s)


@token_kernel
def _fits(t: Tables, engine: np.record, tokens: int) -> bool:
    """Whether a request with so many tokens in its cache at its end fits the whole pool."""
    blocks = (tokens + engine.block - 1) // engine.block
    return blocks * engine.block_units <= t.groups[engine.group].pool_units


@token_kernel
def _pick(t: Tables, dispatch: Dispatch, m: int, tokens: int, rule: int) -> int:
    """The engine that takes a request of model m; NONE if no engine holds the model or no pool is large enough."""
    first, beyond = dispatch.start[m], dispatch.start[m + 1]
    if rule == ROUND_ROBIN:
        for _ in range(first, beyond):
            at: int = first + dispatch.turn[m]
            e = dispatch.candidate[at]
            dispatch.turn[m] = (dispatch.turn[m] + 1) % (beyond - first)
            if _fits(t, t.engines[e], tokens):
                return e
        return NONE
    best, best_load, best_outstanding = NONE, np.inf, 0
    for j in range(first, beyond):
        e = dispatch.candidate[j]
        engine = t.engines[e]
        group = t.groups[engine.group]
        if rule == FEWEST_REQUESTS:
            load = float(group.outstanding)
        elif rule == FEWEST_TOKENS:
            load = float(group.remaining_tokens)
        else:
            load = 1.0 - group.free_units / group.pool_units
        lighter = load < best_load or (load == best_load and group.outstanding < best_outstanding)
        if lighter and _fits(t, engine, tokens):
            best, best_load, best_outstanding = e, load, group.outstanding
    return best


@token_kernel
def _enqueue(t: Tables, r: int, request: np.record, group: np.record, engine: np.record) -> None:
    """A request joins the waiting queue of its engine."""
    if group.active < 0:
        group.clock_s = max(group.clock_s, request.arrival_s)
    request.next = NONE
    if engine.waiting_tail >= 0:
        t.requests[engine.waiting_tail].next = r
    else:
        engine.waiting_head = r
    engine.waiting_tail = r
    engine.waiting += 1
    engine.outstanding += 1
    group.outstanding += 1
    group.remaining_tokens += request.input_tokens + request.output_tokens - 1 - request.brought
    engine.prompt_tokens += request.input_tokens + request.generated - request.brought


@token_kernel
def _predicted_first_token_s(t: Tables, e: int, tokens: int, now_s: float) -> float:
    """When a prompt of so many tokens that arrives now would be computed, as far as an engine can tell.

    After the iteration under way, iterations of all the tokens that the budget leaves beside those that decode now
    compute the prompts that wait, which are taken to be as long as this one, and then this one. They are taken to be
    full, because whoever arrives meanwhile joins them; only on an idle engine the last one is not. Other engines of the
    group that have something to do take as many turns, each as long. How long anybody waits for room in the cache or
    for a sequence is not foreseen.
    """
    engine = t.engines[e]
    group = t.groups[engine.group]
    n, context = (engine.decoding, engine.context) if engine.chunked != 0 else (0, 0)
    budget = max(engine.max_tokens - n, 1)
    waiting = engine.prompt_tokens + tokens
    iterations = (waiting + budget - 1) // budget
    last = budget if group.active >= 0 else waiting - (iterations - 1) * budget
    seconds = (iterations - 1) * roof_s(engine, n + budget, t.roof_s) + roof_s(engine, n + last, t.roof_s)
    seconds += iterations * (engine.sequence_s * (n + 1) + engine.context_token_s * context)
    seconds += engine.prefill_pair_s * (0.5 * waiting * tokens)
    others = 0
    for j in range(group.first_engine, group.beyond_engine):
        others += int(j != e and t.engines[j].outstanding > 0)
    if others > 0:
        seconds = (seconds + iterations * group.switch_s) * (1 + others)
    return seconds + (max(group.clock_s, now_s) if group.active >= 0 else now_s)


@token_kernel
def serve(t: Tables, dispatch: Dispatch, rule: int, first: int, beyond: int) -> None:
    """Dispatch the requests first..beyond-1, each at its arrival, and let the groups that it depends on run so far.

    One whose first token is predicted beyond its limit is turned away by the engine that it went to.
    """
    for r in range(first, beyond):
        request = t.requests[r]
        now_s, m = request.arrival_s, request.model
        if rule != ROUND_ROBIN:
            for j in range(dispatch.start[m], dispatch.start[m + 1]):
                group = t.groups[t.engines[dispatch.candidate[j]].group]
                if group.clock_s <= now_s:
                    _advance(t, group, now_s, np.int64(2**62))
        e = _pick(t, dispatch, m, request.input_tokens + request.output_tokens - 1, rule)
        request.engine = e
        if e >= 0:
            engine = t.engines[e]
            group = t.groups[engine.group]
            _advance(t, group, now_s, np.int64(2**62))
            limit_s = dispatch.limit_s[m]
            if limit_s < np.inf and _predicted_first_token_s(t, e, request.input_tokens, now_s) > now_s + limit_s:
                request.engine = REJECTED
                continue
            _enqueue(t, r, request, group, engine)


@token_kernel
def drain(t: Tables, max_segments: Index) -> bool:
    """Let all groups run until nothing is outstanding. Returns False if cut once so many segments have begun."""
    done = True
    for g in range(t.groups.size):
        done = done and _advance(t, t.groups[g], np.inf, max_segments)
    return done
