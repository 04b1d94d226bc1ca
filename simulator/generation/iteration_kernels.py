"""Token-by-token serving: numba kernels over the arrays of `simulator.generation.arrays`.

**Order.** Requests are dispatched in order of arrival, simultaneous ones in the order of the workload. An iteration
that ends at time t has ended for whoever arrives at t, and an iteration that begins at t sees all who arrived by t.

**One iteration** of an engine (continuous batching): running requests first, in the order they were admitted, each
with one new token or the next chunk of its prompt; if the pool is short of blocks the request admitted last in the
group is preempted (its blocks are freed, its computed tokens forgotten, its generated ones kept) and heads the waiting
queue of its engine; if nobody was preempted, waiting requests are admitted first come, first served while tokens,
sequences and blocks last. Engines that share a group take turns by iteration. A request that brings the cache of its
prompt from another engine is admitted with blocks for it, and decodes in the iteration that admits it.

**Why it is fast.** Between two events the decoding requests only grow by one token each, so they are a count, a sum
of contexts, a histogram of (context mod block) that says how many blocks the next iteration asks for, and a heap by
the iteration that ends each. Nobody is touched while nothing happens.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.arrays import F64, I64
from simulator.generation import record_kernels
from simulator.generation.arrays import NONE, Structured, Tables
from simulator.generation.record_kernels import JOINED, PREEMPTED, PREFILL, note, note_segment, token_kernel
from simulator.kernel_stamps import follow_stamps

follow_stamps(__file__, record_kernels)

# Runs of decoding iterations longer than this are summed in closed form.
LONG_RUN = 64


@token_kernel
def _sift_up(ends: Structured, i: int, step: int, request: int) -> int:
    """Put an entry at position i of a heap, or above."""
    while i > 0 and ends[(i - 1) >> 1].step > step:
        ends[i].step = ends[(i - 1) >> 1].step
        ends[i].request = ends[(i - 1) >> 1].request
        i = (i - 1) >> 1
    ends[i].step = step
    ends[i].request = request
    return i


@token_kernel
def _remove(ends: Structured, i: int, size: int) -> None:
    """Take position i out of a heap that holds `size`."""
    last = size - 1
    step, request = ends[last].step, ends[last].request
    if _sift_up(ends, i, step, request) < i:
        return
    while True:
        child = 2 * i + 1
        if child >= last:
            break
        if child + 1 < last and ends[child + 1].step < ends[child].step:
            child += 1
        if ends[child].step >= step:
            break
        ends[i].step = ends[child].step
        ends[i].request = ends[child].request
        i = child
    ends[i].step = step
    ends[i].request = request


@token_kernel
def _unlink(request: np.record, group: np.record, requests: Structured) -> None:
    """Take a request out of the running list of its group."""
    before, after = request.previous, request.next
    if before >= 0:
        requests[before].next = after
    if after >= 0:
        requests[after].previous = before
    else:
        group.last_admitted = before


@token_kernel
def _preempt(t: Tables, group: np.record) -> None:
    """Preempt the request that was admitted last in a group."""
    r = group.last_admitted
    request = t.requests[r]
    e = request.engine
    engine = t.engines[e]
    if request.end_step >= 0:
        request.generated = request.output_tokens - (request.end_step - engine.step)
        computed = request.input_tokens + request.generated - 1
        position = 0
        while t.ends[e, position].request != r:
            position += 1
        _remove(t.ends[e], position, engine.decoding)
        t.phase[e, (engine.slot + computed) % engine.block] -= 1
        engine.decoding -= 1
        engine.context -= computed
        request.end_step = NONE
        engine.prompt_tokens += request.input_tokens + request.generated
    else:
        computed = request.computed
        engine.prompt_tokens += computed
        engine.partial = NONE
    group.free_units += (computed + engine.block - 1) // engine.block * engine.block_units
    group.remaining_tokens += computed
    request.computed = 0
    request.preemptions += 1
    _unlink(request, group, t.requests)
    engine.running -= 1
    request.next = engine.waiting_head
    engine.waiting_head = r
    if engine.waiting_tail < 0:
        engine.waiting_tail = r
    engine.waiting += 1
    note(t, group.clock_s, r, PREEMPTED, computed)


@token_kernel
def _admit(t: Tables, group: np.record, engine: np.record, tokens: int) -> tuple[int, int, float, int, int]:
    """Admit from the head of the waiting queue; `tokens` are taken.

    Returns (requests, tokens, pairs of tokens of prompts; requests that bring their cache, tokens in these caches).
    """
    admitted, prefill, pairs, joining, brought = 0, 0, 0.0, 0, 0
    while engine.waiting_head >= 0 and engine.running < engine.max_sequences:
        left = engine.max_tokens - tokens - prefill
        r = engine.waiting_head
        request = t.requests[r]
        need = request.input_tokens + request.generated - request.brought
        whole_alone = engine.chunked == 0 and admitted == 0
        if left <= 0 or (engine.chunked == 0 and need > left and not whole_alone):
            break
        chunk = need if whole_alone else min(need, left)
        units = (request.brought + chunk + engine.block - 1) // engine.block * engine.block_units
        if units > group.free_units:
            break
        group.free_units -= units
        engine.waiting_head = request.next
        if request.next < 0:
            engine.waiting_tail = NONE
        engine.waiting -= 1
        engine.running += 1
        tail = group.last_admitted
        request.previous = tail
        request.next = NONE
        if tail >= 0:
            t.requests[tail].next = r
        group.last_admitted = r
        if admitted == 0:
            group.fresh = r
        if math.isnan(request.scheduled_s):
            request.scheduled_s = group.clock_s
        request.computed = request.brought + chunk
        engine.prompt_tokens -= chunk
        admitted += 1
        prefill += chunk
        if request.brought > 0:
            joining += 1
            brought += request.brought
            note(t, group.clock_s, r, JOINED, request.brought)
        else:
            pairs += 0.5 * chunk * chunk
            note(t, group.clock_s, r, PREFILL, chunk)
    return admitted, prefill, pairs, joining, brought


@token_kernel
def roof_s(engine: np.record, tokens: int, known_s: F64) -> float:
    """What depends on the new tokens of an iteration alone: a soft roofline, and the links of tensor parallelism."""
    if tokens < known_s.shape[1]:
        return known_s[engine.row, tokens]
    p = engine.sharpness
    roof = (engine.weight_read_s**p + (engine.token_s * tokens) ** p) ** (1.0 / p)
    return roof + engine.link_s + engine.link_token_s * tokens


@token_kernel
def _make_room(t: Tables, group: np.record, engine: np.record, e: int) -> bool:
    """Give running requests their blocks, preempting where they do not suffice. Returns whether somebody was."""
    block, unit = engine.block, engine.block_units
    preempted = False
    while True:
        want = t.phase[e, engine.slot]
        r = engine.partial
        if r >= 0:
            request = t.requests[r]
            computed = request.computed
            chunk = min(request.input_tokens + request.generated - computed, engine.max_tokens - engine.decoding)
            want += (computed + chunk + block - 1) // block - (computed + block - 1) // block
            engine.chunk = chunk
        if want * unit <= group.free_units:
            group.free_units -= want * unit
            return preempted
        _preempt(t, group)
        preempted = True


@token_kernel
def begin(t: Tables, group: np.record, e: int, until_s: float) -> None:
    """Begin an iteration of engine e at the clock of its group, and go on while nothing but decoding happens.

    The iteration under way then ends at the clock of the group. If the engine had nothing to do, there is none.
    """
    engine = t.engines[e]
    admitted, prefill, pairs, joining, brought, preempted = 0, 0, 0.0, 0, 0, False
    group.fresh = NONE
    decodes = engine.decoding > 0
    if engine.chunked == 0:
        admitted, prefill, pairs, joining, brought = _admit(t, group, engine, 0)
        decodes = decodes and admitted == 0
    if decodes or engine.partial >= 0:
        preempted = _make_room(t, group, engine, e)
        decodes = engine.decoding > 0
    partial = engine.partial
    if partial >= 0:
        prefill += engine.chunk
        engine.prompt_tokens -= engine.chunk
        pairs += engine.chunk * (t.requests[partial].computed + 0.5 * engine.chunk)
        note(t, group.clock_s, partial, PREFILL, engine.chunk)
    n = engine.decoding if decodes else 0
    if engine.chunked != 0 and not preempted:
        admitted, more, more_pairs, joining, brought = _admit(t, group, engine, n + prefill)
        prefill += more
        pairs += more_pairs
    prompts = admitted + int(partial >= 0)
    switch_s = group.switch_s if group.last_active != e else 0.0
    group.last_active = e
    if n + prompts == 0:
        return
    fixed_s = roof_s(engine, n + prefill, t.roof_s) + engine.sequence_s * (n + prompts)
    end_s = group.clock_s + fixed_s + engine.prefill_pair_s * pairs + switch_s
    context, iterations = engine.context, 1
    end_s += engine.context_token_s * (brought + context if decodes else brought)
    group.active, engine.decodes = e, int(decodes)
    if prompts == 0 and not preempted and group.outstanding == engine.outstanding:
        end_s, iterations = _decode_on(t.phase, group, engine, e, t.ends[e, 0].step - 1, end_s, until_s, fixed_s)
    # Whoever joins makes a token as those that decode do.
    note_segment(
        t, group, engine, e, end_s, iterations, n + joining, prompts - joining, prefill - joining, context + brought
    )
    group.clock_s = end_s


@token_kernel
def _decode_on(
    phase: I64, group: np.record, engine: np.record, e: int, last_step: int, end_s: float, until_s: float,
    fixed_s: float,
) -> tuple[float, int]:  # fmt: skip
    """Go on decoding the same requests while the next iteration begins before until_s, ends nobody and finds blocks.

    The iteration under way ends at end_s; the first request ends with the one after `last_step`. Returns (end of the
    last iteration begun, iterations begun); that last one is still to be finished.
    """
    n, unit, block, per_context_s = engine.decoding, engine.block_units, engine.block, engine.context_token_s
    step, slot, context, free = engine.step, engine.slot, engine.context, group.free_units
    if last_step - step > LONG_RUN and end_s < until_s:
        # With whole rounds of `block` iterations the histogram comes back to itself and n blocks are gone a round.
        rounds = min((last_step - step) // block, free // (n * unit))
        begin_s, slope_s = fixed_s + per_context_s * (context + n), per_context_s * n
        if until_s < np.inf:
            span_s = until_s - end_s
            # No more than the largest k with k * begin + k (k - 1) / 2 * slope <= span.
            fit = 2.0 * span_s / (begin_s + math.sqrt(begin_s * begin_s + 2.0 * slope_s * span_s))
            rounds = min(rounds, max(0, int(min(fit, 1e15)) - 2) // block)
        k = rounds * block
        if k > LONG_RUN:
            end_s += k * begin_s + slope_s * (0.5 * k * (k - 1))
            step += k
            context += k * n
            free -= rounds * n * unit
    while step < last_step and end_s < until_s:
        slot_after = slot - 1 if slot > 0 else block - 1
        want = phase[e, slot_after] * unit
        if want > free:
            break
        free -= want
        slot = slot_after
        step += 1
        context += n
        end_s += fixed_s + per_context_s * context
    done = step - engine.step
    engine.step, engine.slot, engine.context, group.free_units = step, slot, context, free
    group.remaining_tokens -= done * n
    return end_s, done + 1


@token_kernel
def _complete(request: np.record, group: np.record, engine: np.record, requests: Structured) -> None:
    """The last token of a request is out."""
    request.last_token_s = group.clock_s
    held = (request.input_tokens + request.output_tokens - 1 + engine.block - 1) // engine.block
    group.free_units += held * engine.block_units
    _unlink(request, group, requests)
    engine.running -= 1
    engine.outstanding -= 1
    group.outstanding -= 1


@token_kernel
def _prompt_computed(t: Tables, r: int, request: np.record, group: np.record, engine: np.record, e: int) -> None:
    """A prompt is complete at the clock of the group: one more token is out."""
    request.generated += 1
    if math.isnan(request.first_token_s):
        request.first_token_s = group.clock_s
    if request.generated == request.output_tokens:
        _complete(request, group, engine, t.requests)
        return
    request.end_step = engine.step + request.output_tokens - request.generated
    _sift_up(t.ends[e], engine.decoding, request.end_step, r)
    t.phase[e, (engine.slot + request.computed) % engine.block] += 1
    engine.decoding += 1
    engine.context += request.computed


@token_kernel
def _end_decoding(t: Tables, group: np.record, engine: np.record, e: int) -> None:
    """Every decoding request has one token more; some have all."""
    n = engine.decoding
    engine.step += 1
    engine.slot = engine.slot - 1 if engine.slot > 0 else engine.block - 1
    engine.context += n
    group.remaining_tokens -= n
    ends = t.ends[e]
    while engine.decoding > 0 and ends[0].step == engine.step:
        request = t.requests[ends[0].request]
        _remove(ends, 0, engine.decoding)
        context = request.input_tokens + request.output_tokens - 1
        t.phase[e, (engine.slot + context) % engine.block] -= 1
        engine.decoding -= 1
        engine.context -= context
        _complete(request, group, engine, t.requests)


@token_kernel
def finish(t: Tables, group: np.record) -> None:
    """The iteration under way ends at the clock of its group."""
    e = group.active
    engine = t.engines[e]
    group.active = NONE
    if engine.decodes != 0:
        _end_decoding(t, group, engine, e)
    r = engine.partial
    if r >= 0:
        request = t.requests[r]
        request.computed += engine.chunk
        group.remaining_tokens -= engine.chunk
        if request.computed == request.input_tokens + request.generated:
            engine.partial = NONE
            _prompt_computed(t, r, request, group, engine, e)
    r = group.fresh
    while r >= 0:
        request = t.requests[r]
        following = request.next
        group.remaining_tokens -= request.computed - request.brought
        request.brought = 0
        if request.computed == request.input_tokens + request.generated:
            _prompt_computed(t, r, request, group, engine, e)
        else:
            engine.partial = r
        r = following
