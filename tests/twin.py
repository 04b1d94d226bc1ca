"""A simulator written for reading: what the kernels must match, request by request.

Plain Python, objects instead of arrays, and no cleverness. It follows docs/semantics.md section 2 sentence by sentence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class TwinGroup:
    number: int
    first_device: int
    group: object
    predicted: list[float]
    actual: list[float]
    # (answered at, request) of everything dispatched here
    dispatched: list[float] = field(default_factory=list)

    def outstanding(self, now: float) -> int:
        return sum(1 for answered in self.dispatched if answered > now)

    @property
    def key(self):
        return (self.first_device, self.group.pp, self.group.tp)


@dataclass
class Fate:
    status: str = "unplaced"
    group: int = -1
    start: float = math.nan
    finish: float = math.nan
    batch: int = 0


def walk(clocks, start, latencies):
    """The clocks after a request has gone through all stages from `start` on."""
    after, t = [], start
    for clock, latency in zip(clocks, latencies, strict=True):
        t = max(t, clock) + latency
        after.append(t)
    return after


class Twin:
    def __init__(self, models, serving):
        self.models = {m.name: m for m in models}
        self.names = [m.name for m in models]
        self.serving = serving
        self.groups: list[TwinGroup] = []
        self.created = 0
        # When each device that ever computed becomes free, by both clocks.
        self.busy = {}
        self.turns = dict.fromkeys(self.names, 0)

    def latencies(self, name, group, size=1):
        entry = self.models[name].profile.entry(group.pp, group.tp)
        stages = entry.stage_latency_s if size == 1 else entry.batches[size]
        return [x * (1 + self.serving.stage_overhead * group.pp) for x in stages]

    def sizes(self, name, group):
        batches = self.models[name].profile.entry(group.pp, group.tp).batches
        return [1] + sorted(b for b in batches if b <= self.serving.max_batch_size)

    def change(self, placement, now, first):
        """Put another placement in force."""
        old, forget = self.groups, self.serving.forget_backlog or first
        new, device = [], 0
        resident = {}
        for g in old:
            for k in range(g.group.pp):
                for r in range(g.group.tp):
                    device_number = g.first_device + k * g.group.tp + r
                    resident[device_number] = (g, k, r)
                    self.busy[device_number] = (g.predicted[k], g.actual[k])
        for group in placement.groups:
            g = TwinGroup(self.created, device, group, [0.0] * group.pp, [0.0] * group.pp)
            self.created += 1
            for k in range(group.pp):
                stage_load = 0.0
                for r in range(group.tp):
                    was = resident.get(device + k * group.tp + r)
                    if not forget:
                        predicted, actual = self.busy.get(device + k * group.tp + r, (0.0, 0.0))
                        g.predicted[k] = max(g.predicted[k], predicted)
                        g.actual[k] = max(g.actual[k], actual)
                    load = 0.0
                    for name in sorted(group.models):
                        there = (
                            was
                            and name in was[0].group.models
                            and (was[0].group.pp, was[0].group.tp, was[1], was[2]) == (group.pp, group.tp, k, r)
                        )
                        if not there:
                            load += self.models[name].profile.entry(group.pp, group.tp).stage_weight_gib[k]
                    stage_load = max(stage_load, load)
                if not first and stage_load * self.serving.load_s_per_gib > 0:
                    g.predicted[k] = max(now, g.predicted[k]) + stage_load * self.serving.load_s_per_gib
                    g.actual[k] = max(now, g.actual[k]) + stage_load * self.serving.load_s_per_gib
            same = [o for o in old if o.key == g.key]
            if same and not forget:
                g.dispatched = same[0].dispatched
            new.append(g)
            device += group.devices
        self.groups = new
        if self.serving.forget_backlog:
            self.turns = dict.fromkeys(self.names, 0)
        for name in self.names:
            self.turns[name] %= max(len(self.candidates(name)), 1)

    def candidates(self, name):
        return [g for g in self.groups if name in g.group.models]

    def pick(self, name, now, allowed):
        """Dispatch: the rule's choice among the allowed candidates; the first one wins a tie."""
        rule, everyone = self.serving.dispatch, self.candidates(name)
        if rule == "round_robin":
            for step in range(len(everyone)):
                at = (self.turns[name] + step) % len(everyone)
                if everyone[at] in allowed:
                    self.turns[name] = (at + 1) % len(everyone)
                    return everyone[at]
        if rule == "shortest_queue":
            return min(allowed, key=lambda g: g.outstanding(now))
        if rule == "earliest_free":
            return min(allowed, key=lambda g: g.predicted[-1])
        reach = now + self.serving.dispatch_delay_s
        return min(allowed, key=lambda g: walk(g.predicted, reach, self.latencies(name, g.group))[-1])

    def predicted_in_time(self, predicted_end, deadline):
        s = self.serving
        if s.admission == "none":
            return True
        return not predicted_end + s.response_delay_s + s.admission_margin_s > deadline

    def run(self, name, g, now, size=1):
        """Execute; returns start, end of the last stage."""
        s, latencies = self.serving, self.latencies(name, g.group, size)
        reach = now + s.dispatch_delay_s
        start = max(reach + s.start_delay_s, g.actual[0])
        g.predicted = walk(g.predicted, reach, latencies)
        g.actual = walk(g.actual, reach + s.start_delay_s, latencies)
        return start, g.actual[-1]

    def ran(self, fate, g, start, end, deadline, size):
        finish = end + self.serving.response_delay_s
        fate.status = "served" if finish <= deadline else "late"
        fate.group, fate.start, fate.finish, fate.batch = g.number, start, finish, size
        g.dispatched.append(end)


def simulate_twin(models, epochs, arrivals, serving, slos=None):
    """Fates of all requests. `epochs`: (start, placement) pairs; `arrivals`: (time, model number) pairs."""
    twin = Twin(models, serving)
    requests = []
    for i, (arrival, m) in enumerate(arrivals):
        slo = models[m].slo_s if slos is None or math.isnan(slos[i]) else slos[i]
        requests.append((i, arrival + serving.client_delay_s, models[m].name, arrival + slo))
    fates = [Fate() for _ in requests]
    waiting = {name: [] for name in twin.names}
    batching = serving.max_batch_size > 1
    for e, (start, placement) in enumerate(epochs):
        end = epochs[e + 1][0] if e + 1 < len(epochs) else math.inf
        twin.change(placement, start, first=e == 0)
        begin = start if e else -math.inf
        mine = [r for r in requests if begin <= r[1] < end]
        if batching:
            for name, queue in waiting.items():
                if not twin.candidates(name):
                    queue.clear()
            until = math.inf if serving.forget_backlog else end
            _batched(twin, mine, fates, waiting, 0.0 if e == 0 else start, until, requests)
        else:
            _one_by_one(twin, mine, fates)
    return fates


def _one_by_one(twin, requests, fates):
    for i, now, name, deadline in requests:
        candidates = twin.candidates(name)
        if not candidates:
            continue
        g = twin.pick(name, now, candidates)
        reach = now + twin.serving.dispatch_delay_s
        if not twin.predicted_in_time(walk(g.predicted, reach, twin.latencies(name, g.group))[-1], deadline):
            fates[i].status, fates[i].group = "rejected", g.number
            g.dispatched.append(reach)
            continue
        start, end = twin.run(name, g, now)
        twin.ran(fates[i], g, start, end, deadline, 1)


def _batched(twin, requests, fates, waiting, begin, until, everything):
    # Groups that may have something to do when they become idle.
    watch = {id(g) for g in twin.groups}

    def serve_queue(name, g, now):
        """Reject hopeless heads, run one batch; True if something runs."""
        queue = waiting[name]
        reach = now + twin.serving.dispatch_delay_s
        while queue:
            deadline = everything[queue[0]][3]
            fitting = [
                size
                for size in twin.sizes(name, g.group)
                if size <= len(queue)
                and twin.predicted_in_time(walk(g.predicted, reach, twin.latencies(name, g.group, size))[-1], deadline)
            ]
            if not fitting:
                i = queue.pop(0)
                fates[i].status, fates[i].group = "rejected", g.number
                continue
            size = max(fitting)
            start, end = twin.run(name, g, now, size)
            for _ in range(size):
                i = queue.pop(0)
                twin.ran(fates[i], g, start, end, everything[i][3], size)
            watch.add(id(g))
            return True
        return False

    def let_idle_groups_act(limit, closed):
        while True:
            idle = [(max(g.actual[0], begin), g.number, g) for g in twin.groups if id(g) in watch]
            if not idle:
                return
            now, _, g = min(idle, key=lambda x: x[:2])
            if now > limit or (now == limit and not closed):
                return
            watch.discard(id(g))
            while id(g) not in watch:
                queues = [(waiting[name][0], name) for name in g.group.models if waiting[name]]
                if not queues:
                    break
                serve_queue(min(queues)[1], g, now)

    for i, reached, name, _ in requests:
        now = max(reached, begin)
        let_idle_groups_act(now, True)
        if not twin.candidates(name):
            continue
        waiting[name].append(i)
        idle = [g for g in twin.candidates(name) if g.actual[0] <= now]
        if idle:
            serve_queue(name, twin.pick(name, now, idle), now)
    let_idle_groups_act(until, False)
