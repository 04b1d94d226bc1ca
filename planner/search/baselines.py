"""The simple placements that others are compared with."""

from __future__ import annotations

import numpy as np

from planner.search import fill_kernels
from planner.search.filling import fill_and_record
from planner.search.options import DedicatedOptions, FillOptions, GroupOptions, NoOptions
from planner.search.partition import remainder_shapes
from planner.search.run import Run
from planner.search.scoring import Scored, score_each, score_layout
from planner.search.space import Layout, Space, build_traffic
from simulator import InputError

# Some milliseconds of simulating.
BEGINNING_REQUESTS = 100_000


def selective_replication(run: Run, options: NoOptions) -> None:
    """Every device on its own, filled by the fast heuristic (the paper's SR)."""
    space = run.space
    run.budget.enter("fill")
    fill_and_record(run, space.empty([space.shape_index(1, 1)] * space.devices))


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
    count, idle = divmod(space.devices, pp * tp)
    if idle:
        run.notes.append(f"{idle} of {space.devices} devices stay idle: groups of {pp * tp} leave them over.")
    return space.empty([shape] * count)


def round_robin(run: Run, options: GroupOptions) -> None:
    """Groups of one configuration and a remainder; models are dealt out in turn, without looking at the traffic.

    A group pointer goes round; the next model, in order of the models, that fits goes into the group it points
    at. It ends when nothing fits there, so memory may be left (their code, `mp-round-robin`).
    """
    run.budget.enter("deal")
    score_each(run, "models dealt out in turn", [_dealt(run.space, run.space.shape_index(options.pp, options.tp))])


def fall_back(run: Run) -> list[Scored]:
    """Score one placement that takes no time to make, so that there is an answer however soon the search ends.

    Models are dealt out in turn to groups of the configuration that most models fit, the smallest of those.
    """
    fitting = run.space.fits_alone.sum(axis=0)
    return score_each(run, "models dealt out in turn, to begin with", [_dealt(run.space, int(fitting.argmax()))])


def fall_back_on_the_beginning(run: Run) -> int:
    """The same without asking the limits, judged by so few requests that it takes no time; returns how many."""
    space = run.space
    beginning = space.problem.workload.rows(slice(0, BEGINNING_REQUESTS))
    layout = _dealt(space, int(space.fits_alone.sum(axis=0).argmax()))
    scored = score_layout(space, layout, np.zeros(1, np.int64), build_traffic(beginning))
    assert scored is not None, "nothing sets a control of its own"
    if layout.holds.any():
        score = scored.good / max(len(beginning), 1)
        run.incumbent.replace("models dealt out in turn", space.placement(layout), score, layout)
    return len(beginning)


def _dealt(space: Space, shape: int) -> Layout:
    count, left = divmod(space.devices, int(space.catalogue.devices[shape]))
    layout = space.empty([shape] * count + remainder_shapes(space, left))
    used_gib = np.zeros((layout.shape.size, space.catalogue.weight_gib.shape[1]))
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
    count, left = np.zeros(shape_of.size, np.int64), space.devices
    for m in sorted(placeable, key=lambda m: (-load_s[m], m)):
        if size[m] <= left:
            count[m], left = 1, left - size[m]
    without = [space.problem.models[m].name for m in placeable if count[m] == 0]
    if without:
        run.notes.append(f"No devices were left for {len(without)} of {shape_of.size} models, {without[0]} among them.")
    while growing := [m for m in placeable if count[m] and size[m] <= left]:
        m = max(growing, key=lambda m: (quota[m] - count[m], -m))
        count[m], left = count[m] + 1, left - size[m]
    owners = np.repeat(np.arange(count.size), count)
    layout = space.empty(shape_of[owners])
    layout.holds[np.arange(owners.size), owners] = True
    score_each(run, "every model on its own groups", [layout])


def _own_shapes(space: Space, pp: int | None, tp: int | None) -> np.ndarray:
    fits_alone = space.fits_alone
    if pp is None and tp is None:
        return np.where(fits_alone.any(axis=1), fits_alone.argmax(axis=1), -1)
    if pp is None or tp is None:
        raise InputError("Dedicated groups need both pp and tp, or neither.")
    shape = space.shape_index(pp, tp)
    shapes = np.where(fits_alone[:, shape], shape, -1)
    if (shapes < 0).all():
        raise InputError(f"No model fits a group of pp {pp}, tp {tp} on its own.")
    return shapes
