"""Small planning problems for tests of the search."""

from __future__ import annotations

import numpy as np

from planner.problem import Problem
from simulator import Cluster, Model, Profile, ProfileEntry, Workload, serving_preset
from simulator.serving import DISPATCH_RULES

SHAPES = ((1, 1), (2, 1), (1, 2), (4, 1), (2, 2))


def search_profile(random, name):
    """Latency and weight shrink with the devices, less than in proportion; some configurations are missing."""
    latency_s, weight_gib = random.uniform(0.1, 0.5), random.uniform(1, 6)
    entries = {}
    for pp, tp in SHAPES:
        if (pp, tp) == (1, 1) or random.random() < 0.8:
            stage_s = latency_s / pp / tp**0.7 * random.uniform(1, 1.2, pp)
            entries[pp, tp] = ProfileEntry(
                pp, tp, tuple(stage_s), tuple(weight_gib / (pp * tp) * random.uniform(1, 1.1, pp))
            )
    return Profile(name, entries)


def random_problem(seed, models=(2, 4), devices=(2, 4), requests=(60, 200), serving=None):
    """A random problem; both presets and all dispatch rules occur."""
    random = np.random.default_rng(seed)
    count, n = (int(random.integers(low, high + 1)) for low, high in (models, requests))
    profiles = [search_profile(random, f"p{i}") for i in range(2)]
    served = [Model.with_slo_scale(f"m{i}", profiles[random.integers(2)], random.uniform(1.5, 5)) for i in range(count)]
    rate = random.uniform(1, 6)
    arrival_s = np.cumsum(random.gamma(0.25, 4 / rate, n))
    slo_s = np.where(random.random(n) < 0.5, np.nan, random.uniform(0.3, 2, n)) if random.random() < 0.2 else None
    workload = Workload(arrival_s, random.choice(count, n, p=random.dirichlet(np.ones(count))), count, slo_s)
    if serving is None:
        preset = ("testbed", "published")[random.integers(2)]
        serving = serving_preset(preset, dispatch=DISPATCH_RULES[random.integers(4)])
    cluster = Cluster(int(random.integers(devices[0], devices[1] + 1)), memory_gib=random.uniform(7, 12))
    return Problem(tuple(served), cluster, workload, serving)


def random_layout(space, seed):
    """Random groups on the problem's devices with random models that fit."""
    random = np.random.default_rng(seed)
    shapes, left = [], space.devices
    while left > 0:
        fitting = np.flatnonzero(space.catalogue.devices <= left)
        shapes.append(int(random.choice(fitting)))
        left -= int(space.catalogue.devices[shapes[-1]])
    layout = space.empty(shapes)
    for g, c in enumerate(shapes):
        used_gib = np.zeros(space.catalogue.weight_gib.shape[1])
        for m in random.permutation(layout.holds.shape[1]):
            weight_gib = space.catalogue.weight_gib[space.catalogue.first_row[m] + c]
            if random.random() < 0.6 and (used_gib + weight_gib <= space.catalogue.memory_gib).all():
                layout.holds[g, m] = True
                used_gib += weight_gib
    return layout
