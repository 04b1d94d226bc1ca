"""Token-by-token serving again, written for reading: every request is touched in every iteration.

Shares no code with the kernels. Time only moves by iterations; what arrives is looked at when an iteration begins.
"""

from dataclasses import dataclass, field
from math import ceil, inf, nan


@dataclass
class Request:
    number: int
    arrival_s: float
    model: str
    input_tokens: int
    output_tokens: int
    generated: int = 0
    computed: int = 0
    held_blocks: int = 0
    decodes: bool = False  # its prompt is computed, and what it generated before it was preempted
    engine: int = -1
    scheduled_s: float = nan
    first_token_s: float = nan
    last_token_s: float = nan
    preemptions: int = 0
    rejected: bool = False
    brought: int = 0  # tokens in the cache that it brings from another engine
    # (prefill, decode or preempted; begin, end; tokens)
    steps: list = field(default_factory=list)

    @property
    def to_compute(self):
        return self.input_tokens + self.generated - self.computed


@dataclass
class TwinEngine:
    number: int
    spec: object
    unit: int
    waiting: list = field(default_factory=list)

    def blocks(self, tokens):
        return ceil(tokens / self.spec.limits.block_size)


class TwinGroup:
    """Engines on one group of devices; `running` is in the order of admission, over all engines."""

    def __init__(self, spec, first_number):
        self.engines = [
            TwinEngine(first_number + i, engine, spec.block_units(engine)) for i, engine in enumerate(spec.engines)
        ]
        self.pool = self.free = spec.pool_units
        self.switch_s = spec.switch_s
        self.role = spec.role
        self.running = []
        self.clock_s = 0.0
        self.batch = None
        self.last = self.engines[-1]
        self.preemptions = 0
        self.iterations = 0

    @property
    def outstanding(self):
        return self.running + [r for engine in self.engines for r in engine.waiting]

    def mine(self, engine):
        return [r for r in self.running if r.engine == engine.number]

    def advance(self, until_s):
        """Do all that ends by until_s and begins before it."""
        while True:
            if self.batch is not None:
                if self.clock_s > until_s:
                    return
                self.finish()
            if self.clock_s >= until_s:
                return
            engine = self.whose_turn()
            if engine is None:
                return
            self.begin(engine)

    def whose_turn(self):
        after = self.engines.index(self.last) + 1
        for engine in self.engines[after:] + self.engines[:after]:
            if self.mine(engine):
                return engine
            if engine.waiting and engine.blocks(self.first_chunk(engine)) * engine.unit <= self.free:
                return engine
        return None

    def first_chunk(self, engine):
        """Tokens for which it needs blocks."""
        request = engine.waiting[0]
        if request.brought:
            return request.brought + 1
        tokens = request.to_compute
        return min(tokens, engine.spec.limits.max_num_batched_tokens) if self.chunks(engine) else tokens

    def chunks(self, engine):
        return engine.spec.limits.chunked_prefill or self.role == "decode"

    def begin(self, engine):
        switch_s = self.switch_s if engine is not self.last else 0.0
        self.last = engine
        self.batch = batch = []  # (request, tokens, decodes?)
        if self.chunks(engine):
            if not self.go_on(engine):
                self.admit(engine)
        else:
            self.admit(engine)
            if not batch:
                self.go_on(engine)
        if not batch:
            self.batch = None
            return
        decoding = [r for r, _, decodes in batch if decodes]
        chunks = [(r.computed, tokens) for r, tokens, decodes in batch if not decodes]
        begin_s = self.clock_s
        self.clock_s += switch_s + engine.spec.profile.iteration_s(
            len(decoding), sum(r.computed for r in decoding), chunks
        )
        self.iterations += 1
        for request, tokens, decodes in batch:
            request.steps.append(("decode" if decodes else "prefill", begin_s, self.clock_s, tokens))

    def go_on(self, engine):
        """Running requests first, in the order they were admitted. Returns whether one was preempted."""
        budget, preempted = engine.spec.limits.max_num_batched_tokens, False
        for request in self.mine(engine):
            if request not in self.running:
                continue
            tokens = min(request.to_compute, budget)
            want = engine.blocks(request.computed + tokens) - request.held_blocks
            while want * engine.unit > self.free:
                victim = self.running[-1]
                self.preempt(victim)
                preempted = True
                if victim is request:
                    break
            else:
                self.take(engine, request, want)
                self.batch.append((request, tokens, request.decodes))
                budget -= tokens
        return preempted

    def admit(self, engine):
        limits = engine.spec.limits
        budget = limits.max_num_batched_tokens - sum(tokens for _, tokens, _ in self.batch)
        while engine.waiting and budget > 0 and len(self.mine(engine)) < limits.max_num_seqs:
            request = engine.waiting[0]
            tokens = request.to_compute - request.brought
            if self.chunks(engine):
                tokens = min(tokens, budget)
            elif tokens > budget and self.batch:
                break
            if engine.blocks(request.brought + tokens) * engine.unit > self.free:
                break
            engine.waiting.pop(0)
            self.running.append(request)
            self.take(engine, request, engine.blocks(request.brought + tokens))
            if request.scheduled_s != request.scheduled_s:
                request.scheduled_s = self.clock_s
            self.batch.append((request, tokens, request.brought > 0))
            request.computed, request.brought = request.brought, 0
            budget -= tokens

    def take(self, engine, request, blocks):
        self.free -= blocks * engine.unit
        request.held_blocks += blocks
        assert self.free >= 0

    def release(self, request):
        engine = next(e for e in self.engines if e.number == request.engine)
        self.free += request.held_blocks * engine.unit
        request.held_blocks = 0
        self.running.remove(request)
        return engine

    def preempt(self, request):
        engine = self.release(request)
        request.steps.append(("preempted", self.clock_s, self.clock_s, request.computed))
        request.computed = 0
        request.decodes = False
        request.preemptions += 1
        self.preemptions += 1
        engine.waiting.insert(0, request)

    def finish(self):
        for request, tokens, _ in self.batch:
            request.computed += tokens
            if request.to_compute > 0:
                continue
            request.generated += 1
            request.decodes = True
            if request.first_token_s != request.first_token_s:
                request.first_token_s = self.clock_s
            if request.generated == request.output_tokens:
                request.last_token_s = self.clock_s
                self.release(request)
        self.batch = None


def load(group, dispatch):
    requests = group.outstanding
    if dispatch == "fewest_requests":
        return len(requests)
    if dispatch == "fewest_tokens":
        left = sum(r.input_tokens + r.output_tokens - 1 - r.computed - r.brought for r in requests)
        return left, len(requests)
    return 1 - group.free / group.pool, len(requests)


def predicted_first_token_s(group, engine, tokens, now_s):
    """After the iteration under way the prompts that wait, then this one, beside those that decode now."""
    limits, cost = engine.spec.limits, engine.spec.profile
    decoding = [r for r in group.mine(engine) if r.decodes] if limits.chunked_prefill else []
    under_way = {id(r): count for r, count, decodes in group.batch or [] if not decodes}
    prompts = [r for r in group.mine(engine) if not r.decodes] + engine.waiting
    waiting = left = tokens + sum(r.to_compute - under_way.get(id(r), 0) for r in prompts)
    begin_s = at_s = now_s if group.batch is None else group.clock_s
    others = sum(bool(e.waiting or group.mine(e)) for e in group.engines if e is not engine)
    budget = max(limits.max_num_batched_tokens - len(decoding), 1)
    while left > 0:
        full = left > budget or group.batch is not None
        at_s += cost.roof_s(len(decoding) + (budget if full else left)) + cost.sequence_s * (len(decoding) + 1)
        at_s += cost.context_token_s * sum(r.computed for r in decoding)
        at_s += group.switch_s if others else 0
        left -= budget
    at_s += cost.prefill_pair_s * waiting * tokens / 2
    return begin_s + (at_s - begin_s) * (1 + others)


def twin_generation(specs, workload, dispatch, ttft_limits_s=None):
    """Simulate; returns (requests, groups)."""
    groups = twin_groups(specs)
    requests = [
        Request(i, float(a), workload.models[m], int(p), int(o))
        for i, (a, m, p, o) in enumerate(
            zip(workload.arrival_s, workload.model, workload.input_tokens, workload.output_tokens, strict=True)
        )
    ]
    limits_s = dict(zip(workload.models, ttft_limits_s or [inf] * len(workload.models), strict=True))
    serve(groups, requests, dispatch, workload.models, limits_s)
    return requests, groups


def twin_groups(specs):
    groups, number = [], 0
    for spec in specs:
        groups.append(TwinGroup(spec, number))
        number += len(spec.engines)
    return groups


def serve(groups, requests, dispatch, models, limits_s):
    """Let groups serve requests, in order of arrival."""
    turn = dict.fromkeys(models, 0)
    for request in requests:
        for group in groups:
            group.advance(request.arrival_s)
        candidates = [(g, e) for g in groups for e in g.engines if e.spec.model == request.model]
        most = request.input_tokens + request.output_tokens - 1
        fitting = [(g, e) for g, e in candidates if e.blocks(most) * e.unit <= g.pool]
        if not fitting:
            continue
        if dispatch == "round_robin":
            while candidates[turn[request.model]] not in fitting:
                turn[request.model] = (turn[request.model] + 1) % len(candidates)
            group, engine = candidates[turn[request.model]]
            turn[request.model] = (turn[request.model] + 1) % len(candidates)
        else:
            group, engine = min(fitting, key=lambda ge: load(ge[0], dispatch))
        limit_s = limits_s[request.model]
        if limit_s < inf:
            first_s = predicted_first_token_s(group, engine, request.input_tokens, request.arrival_s)
            if first_s > request.arrival_s + limit_s:
                request.rejected = True
                continue
        request.engine = engine.number
        if group.batch is None:
            group.clock_s = max(group.clock_s, request.arrival_s)
        engine.waiting.append(request)
    for group in groups:
        group.advance(inf)


def twin_split(specs, workload, dispatch, kv_bandwidth_bytes_per_s):
    """Every model's groups have roles: prompts and first tokens here, later tokens there.

    Returns (requests as they were at the engines of their prompts, those handed on by number, groups).
    """
    groups = twin_groups(specs)
    engines = [engine for group in groups for engine in group.engines]
    decoding = [group for group in groups if group.role == "decode"]
    requests, later = [], []
    for i, (a, m, p, o) in enumerate(
        zip(workload.arrival_s, workload.model, workload.input_tokens, workload.output_tokens, strict=True)
    ):
        model, most = workload.models[m], int(p + o - 1)
        if any(e.spec.model == model and e.blocks(most) * e.unit <= g.pool for g in decoding for e in g.engines):
            requests.append(Request(i, float(a), model, int(p), 1))
    no_limit = dict.fromkeys(workload.models, inf)
    serve([group for group in groups if group.role == "prefill"], requests, dispatch, workload.models, no_limit)
    for r in requests:
        output = int(workload.output_tokens[r.number])
        if r.engine >= 0 and output > 1:
            profile = engines[r.engine].spec.profile
            seconds = r.input_tokens * profile.kv_bytes_per_token * profile.tp / kv_bandwidth_bytes_per_s
            later.append(
                Request(r.number, r.first_token_s + seconds, r.model, r.input_tokens, output, generated=1,
                        brought=r.input_tokens, first_token_s=r.first_token_s)
            )  # fmt: skip
    later.sort(key=lambda r: r.arrival_s)
    serve(decoding, later, dispatch, workload.models, no_limit)
    return requests, {r.number: r for r in later}, groups
