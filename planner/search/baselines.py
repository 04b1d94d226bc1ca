"""The simple placements that others are compared with."""

from __future__ import annotations

import numpy as np

from planner.search import fill_kernels
from planner.search.filling import fill_and_record
from planner.search.options import DedicatedOptions, FillOptions, GroupOptions, NoOptions
from planner.search.partition import equal_groups, with_remainder
from planner.search.run import Run
from planner.search.scoring import Scored, score_each, score_layout
from planner.search.seeding import with_least
from planner.search.space import Layout, Space, build_traffic
from simulator import InputError

# Some milliseconds of simulating.
BEGINNING_REQUESTS = 100_000


def selective_replication(run: Run, options: NoOptions) -> None:
    """Every device on its own, filled by the fast heuristic (the paper's SR)."""
    space = run.space
    run.budget.enter("fill")
    fill_and_record(run, space.empty(equal_groups(space, space.shape_index(1, 1))))


def uniform(run: Run, options: GroupOptions) -> None:
    """Groups of one configuration, filled by the fast heuristic; devices left over stay idle."""
    run.budget.enter("fill")
    fill_and_record(run, uniform_groups(run, options.pp, options.tp))


def fast_greedy(run: Run, options: FillOptions) -> None:
    """The fast heuristic on given groups; models that they hold already stay."""
    run.budget.enter("fill")
    fill_and_record(run, groups_to_fill(run, options))


def groups_to_fill(run: Run, options: FillOptions) -> Layout:
    """The given groups, or equal ones."""
    if options.placement is not None:
        return run.space.layout(options.placement)
    return uniform_groups(run, options.pp, options.tp)


def uniform_groups(run: Run, pp: int, tp: int) -> Layout:
    """As many empty groups of one configuration as the cluster has devices for."""
    space = run.space
    shape = space.shape_index(pp, tp)
    groups = equal_groups(space, shape)
    idle = space.devices - len(groups) * pp * tp
    if idle:
        run.notes.append(f"{idle} of {space.devices} devices stay idle: groups of {pp * tp} leave them over.")
    return space.empty(groups)


def round_robin(run: Run, options: GroupOptions) -> None:
    """Groups of one configuration and a remainder; models are dealt out in turn, without looking at the traffic.

    A group pointer goes round; the next model, in order of the models, that fits goes into the group it points
    at. It ends when nothing fits there, so memory may be left (their code, `mp-round-robin`).
    """
    run.budget.enter("deal")
    space, size = run.space, options.pp * options.tp
    layout = _dealt(space, space.shape_index(options.pp, options.tp))
    devices = space.catalogue.devices[layout.shape]
    if left := int(devices[devices != size].sum()):
        run.notes.append(f"{left} of {space.devices} devices make up smaller groups: groups of {size} leave them over.")
    score_each(run, "models dealt out in turn", [layout])


def fall_back(run: Run) -> list[Scored]:
    """Score one placement that takes no time to make, so that there is an answer however soon the search ends.

    Models are dealt out in turn to groups of the configuration that most models fit, the smallest of those.
    """
    space = run.space
    layout = _dealt(space, int(space.fits_alone.sum(axis=0).argmax()))
    if space.least.size and not layout.holds.any():
        return []
    return score_each(run, "models dealt out in turn, to begin with", [layout])


def fall_back_on_the_beginning(run: Run) -> int:
    """The same without asking the limits, judged by so few requests that it takes no time; returns how many."""
    space = run.space
    beginning = space.problem.workload.rows(slice(0, BEGINNING_REQUESTS))
    layout = _dealt(space, int(space.fits_alone.sum(axis=0).argmax()))
    scored = score_layout(space, layout, np.zeros(1, np.int64), build_traffic(beginning))
    assert scored is not None, "nothing sets a control of its own"
    if layout.holds.any():
        score = scored.good / max(space.asked(build_traffic(beginning)), 1)
        run.incumbent.replace("models dealt out in turn", space.placement(layout), score, layout)
    return len(beginning)


def _dealt(space: Space, shape: int) -> Layout:
    """Least replicas, then models in turn; groups that hold nothing where the least replicas find no place."""
    empty = space.empty(with_remainder(space, shape))
    layout = with_least(space, empty)
    if layout is None:
        return empty
    used_gib = fill_kernels.used_memory(layout.shape, layout.holds, space.catalogue)
    models = len(space.problem.models)
    g = m = 0
    while True:
        tried = 0
        while tried < models and not (
            not layout.holds[g, m] and fill_kernels.room_for(m, layout.shape[g], used_gib[g], space.catalogue)
        ):
            m, tried = (m + 1) % models, tried + 1
        if tried == models:
            break
        layout.holds[g, m] = True
        used_gib[g] += space.catalogue.weight_gib[space.catalogue.first_row[m] + layout.shape[g]]
        g, m = (g + 1) % layout.shape.size, (m + 1) % models
    return layout


def dedicated(run: Run, options: DedicatedOptions) -> None:
    """Every model its own groups, as many as its share of the offered load asks for.

    Without pp and tp each model takes its smallest configuration that fits, the one with the shallower pipeline
    first. The busiest models come first; each gets one group while devices last. What is left goes group by group to
    the model that lacks most of its quota (largest remainder), quota = share of the load * devices / group size.
    """
    space = run.space
    run.budget.enter("hand out devices")
    shape_of = _own_shapes(space, options.pp, options.tp)
    placeable = np.flatnonzero(shape_of >= 0)
    size = np.where(shape_of >= 0, space.catalogue.devices[shape_of], 1)
    load_s = np.maximum(space.load_s, 1e-12)
    quota = load_s / load_s[placeable].sum() * space.devices / size
    count, left = np.zeros(shape_of.size, np.int64), space.room
    owned: list[tuple[int, int]] = []

    def place(m: int) -> bool:
        """One group more for a model, in the first zone with room for it."""
        own = [c for c in _alike(space, int(shape_of[m])) if space.fits_alone[m, c] and size[m] <= left[space.zone[c]]]
        if own:
            owned.append((m, own[0]))
            count[m] += 1
            left[space.zone[own[0]]] -= size[m]
        return bool(own)

    busiest: list[int] = sorted(placeable.tolist(), key=lambda m: (-load_s[m], m))
    # Who has to stand somewhere comes before those who only want to.
    for m in [m for m in busiest if space.least.size and space.least[m]] + busiest:
        while count[m] < max(1, space.least[m] if space.least.size else 1) and place(m):
            pass
    without = [space.problem.models[m].name for m in placeable if count[m] == 0]
    if without:
        run.notes.append(f"No devices were left for {len(without)} of {shape_of.size} models, {without[0]} among them.")
    growing = [m for m in sorted(busiest) if count[m]]
    while growing:
        m = max(growing, key=lambda m: (quota[m] - count[m], -m))
        if not place(m):
            growing.remove(m)
    if space.least.size and (count < space.least).any():
        return
    owned.sort(key=lambda pair: pair[0])
    layout = space.empty([shape for _, shape in owned])
    layout.holds[np.arange(len(owned)), [m for m, _ in owned]] = True
    score_each(run, "every model on its own groups", [layout])


def _alike(space: Space, shape: int) -> list[int]:
    """The same configuration in every zone."""
    return [c for c, other in enumerate(space.shapes) if other == space.shapes[shape]]


def _own_shapes(space: Space, pp: int | None, tp: int | None) -> np.ndarray:
    fits_alone = space.fits_alone
    if pp is None and tp is None:
        return np.where(fits_alone.any(axis=1), fits_alone.argmax(axis=1), -1)
    if pp is None or tp is None:
        raise InputError("Dedicated groups need both pp and tp, or neither.")
    shape = space.shape_index(pp, tp)
    shapes = np.where(fits_alone[:, _alike(space, shape)].any(axis=1), shape, -1)
    if (shapes < 0).all():
        raise InputError(f"No model fits a group of pp {pp}, tp {tp} on its own.")
    return shapes
