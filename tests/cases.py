"""Random small cases and short constructors that several tests share."""

from __future__ import annotations

import numpy as np

from simulator import Group, Model, Placement, Profile, ProfileEntry, Schedule, Workload

CONFIGURATIONS = ((1, 1), (2, 1), (1, 2), (3, 1), (2, 2))


def profile(latency_s=1.0, weight_gib=1.0, name="p", configurations=CONFIGURATIONS, batches=()):
    """A profile whose stages share latency and weight evenly; batch b takes 0.9 * b times as long."""
    entries = {}
    for pp, tp in configurations:
        stages = (latency_s / (pp * tp),) * pp
        entries[pp, tp] = ProfileEntry(
            pp, tp, stages, (weight_gib / (pp * tp),) * pp,
            batches={b: tuple(0.9 * b * x for x in stages) for b in batches},
        )  # fmt: skip
    return Profile(name, entries, alone_s=latency_s)


def random_profile(random, name, coarse):
    """Coarse profiles have round numbers, so that ties happen; fine ones never tie."""
    entries = {}
    for pp, tp in CONFIGURATIONS:
        draw = (lambda n: random.integers(1, 4, n) * 0.25) if coarse else (lambda n: random.uniform(0.05, 0.5, n))
        sizes = [b for b in (2, 3, 4, 8) if random.random() < 0.6]
        entries[pp, tp] = ProfileEntry(
            pp, tp, tuple(draw(pp)), tuple(random.uniform(0.5, 2, pp)),
            batches={b: tuple(draw(pp) * (1 + 0.5 * b)) for b in sizes},
        )  # fmt: skip
    return Profile(name, entries, alone_s=1.0)


def random_placement(random, names, name="random"):
    groups = []
    for _ in range(random.integers(1, 5)):
        pp, tp = CONFIGURATIONS[random.integers(len(CONFIGURATIONS))]
        held = [m for m in names if random.random() < 0.6]
        groups.append(Group(pp, tp, tuple(random.permutation(held)) if held else ()))
    return Placement(tuple(groups), name)


def random_case(seed, epochs=1):
    """Models, placement or schedule, workload; half of the cases on a coarse clock full of ties."""
    random = np.random.default_rng(seed)
    coarse = bool(random.integers(2))
    n, count = int(random.integers(1, 60)), int(random.integers(1, 5))
    profiles = [random_profile(random, f"p{i}", coarse) for i in range(2)]
    models = [Model(f"m{i}", profiles[random.integers(2)], float(random.integers(2, 12)) * 0.25) for i in range(count)]
    gaps = random.integers(0, 3, n) * 0.25 if coarse else random.exponential(0.15, n)
    slo_s = np.where(random.random(n) < 0.5, np.nan, random.uniform(0.5, 3, n)) if random.random() < 0.3 else None
    workload = Workload(np.cumsum(gaps), random.integers(0, count, n), count, slo_s)
    names = [m.name for m in models]
    placements = [random_placement(random, names, f"epoch {e}") for e in range(epochs)]
    starts = np.sort(random.uniform(0, max(workload.span_s, 1.0), epochs)) + np.arange(epochs) * 1e-3
    schedule = Schedule(tuple(zip(starts, placements, strict=True)))
    return models, schedule if epochs > 1 else placements[0], workload


def shown_key(at, key):
    """The key of the widget that shows a control by now, see Session.control_key."""
    number, _ = at.session_state["session"].controls.get(key, (0, None))
    return f"{key}~{number}" if number else key
