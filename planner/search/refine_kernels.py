"""Local improvement of a layout: many random changes tried in one compiled call.

A change concerns one or a few groups: a replica joins (making room if it must), leaves, moves or trades places; or
groups give up their devices and new ones of other configurations take them. A trial is simulated where it differs
from the current layout's run (planner/search/kept_kernels.py), is given up at the first cut of the trace where it
lags hopelessly, and is accepted by its score on the whole trace only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from planner.search import fill_kernels, kept_kernels, random_kernels, rerun_kernels
from planner.search.fill_kernels import add_weights, has_least, room_for, used_memory
from planner.search.kept_kernels import adopt, pays, room_for_fates, set_limits, spread
from planner.search.random_kernels import below, pick, scramble, uniform
from planner.search.rerun_kernels import Fates, rerun
from simulator import kernels, score_kernels
from simulator.arrays import F64, I64, U64, Bools, Rules
from simulator.kernel_stamps import follow_stamps
from simulator.kernels import NONE
from simulator.score_kernels import Catalogue, Traffic, inner_kernel, reach, score, total

follow_stamps(__file__, kernels, score_kernels, fill_kernels, kept_kernels, random_kernels, rerun_kernels)

# How likely each kind of change is to be tried: join, leave, move, trade, rebuild.
JOIN, LEAVE, MOVE, TRADE, REBUILD = range(5)
KINDS = 5
MAX_REBUILT = 3
HOPELESS_TRIES = 40


class Moves(NamedTuple):
    """What may be changed.

    shapes: int64, the configurations that new groups may have; zone: int64 (C,), of all. room: int64 (Z,), devices.
    least: int64 (M,), replicas that a model has at least, or empty. share: float64 (KINDS,), cumulated
    probabilities of the kinds of change. patience: how many standard deviations a trial may lag at a cut.
    """

    shapes: I64
    zone: I64
    room: I64
    least: I64
    share: F64
    patience: float


class Walk(NamedTuple):
    """Where an improvement stands; a call returns the next one.

    shape, holds: the current layout; good_at: int64 (K, M), its requests in time at each cut.
    best_shape, best_holds, best_good: the best layout so far and its requests in time.
    random: uint64 (1,), state of the generator. rejected: uint64 (H,), hashes of layouts found worse.
    kept: the run of the current layout, or empty where none is kept; changed in place.
    """

    shape: I64
    holds: Bools
    good_at: I64
    best_shape: I64
    best_holds: Bools
    best_good: int
    random: U64
    rejected: U64
    kept: Fates


@inner_kernel
def _hash(shape: I64, holds: Bools) -> np.uint64:
    """The same for layouts that differ only in the order of their groups."""
    total = np.uint64(0)
    for g in range(shape.size):
        x = np.uint64(shape[g] + 1)
        for m in range(holds.shape[1]):
            if holds[g, m]:
                x = scramble(x * np.uint64(0x100000001B3) + np.uint64(m + 1))
        total += scramble(x)
    return total


@inner_kernel
def _pick_held(row: Bools, other: Bools, random: U64) -> int:
    """One of the models in `row` that are not in `other`, bool (M,) each, all as likely; NONE if there is none."""
    weight = np.empty(row.size)
    for m in range(row.size):
        weight[m] = row[m] and not other[m]
    return pick(weight, random)


@inner_kernel
def _join(touched: Bools, row: Bools) -> None:
    """Add the models in `row`, bool (M,), to those in `touched`."""
    for m in range(row.size):
        touched[m] |= row[m]


@inner_kernel
def _pick_kind(share: F64, random: U64) -> int:
    """The first kind whose cumulated probability is above a random number."""
    at, kind = uniform(random), 0
    while kind < share.size and share[kind] <= at:
        kind += 1
    return kind


@inner_kernel
def _pick_model(bad: F64, random: U64) -> int:
    """Half of the time any model, otherwise one in proportion to its requests that were not in time."""
    if uniform(random) < 0.5:
        m = pick(bad, random)
        if m >= 0:
            return m
    return below(random, bad.size)


@inner_kernel
def _squeeze_in(m: int, g: int, shape: I64, holds: Bools, catalogue: Catalogue, random: U64) -> bool:
    """Let model m join group g; random others leave until it fits. False, with nothing changed, if it cannot."""
    if holds[g, m] or not room_for(m, shape[g], np.zeros(catalogue.weight_gib.shape[1]), catalogue):
        return False
    used_gib = used_memory(shape[g : g + 1], holds[g : g + 1], catalogue)[0]
    nobody = np.zeros(holds.shape[1], np.bool_)
    while not room_for(m, shape[g], used_gib, catalogue):
        out = _pick_held(holds[g], nobody, random)
        holds[g, out] = False
        used_gib = used_memory(shape[g : g + 1], holds[g : g + 1], catalogue)[0]
    holds[g, m] = True
    return True


@inner_kernel
def _fill_at_random(g: int, shape: I64, holds: Bools, weight: F64, catalogue: Catalogue, random: U64) -> None:
    """Add models to group g, drawn in proportion to weight float64 (M,), until no drawn one fits."""
    used_gib = used_memory(shape[g : g + 1], holds[g : g + 1], catalogue)[0]
    weight = weight.copy()
    for m in range(weight.size):
        if holds[g, m]:
            weight[m] = 0.0
    while True:
        m = pick(weight, random)
        if m < 0:
            return
        weight[m] = 0.0
        if room_for(m, shape[g], used_gib, catalogue):
            holds[g, m] = True
            add_weights(used_gib, m, shape[g], catalogue)


@inner_kernel
def _draw_shapes(free: I64, moves: Moves, catalogue: Catalogue, random: U64) -> tuple[I64, int]:
    """Random configurations for int64 (Z,) free devices, often several of one kind: indices, and how many."""
    drawn = np.empty(max(total(free), 1), np.int64)
    count = 0
    for z in range(free.size):
        left = free[z]
        shape = NONE
        while True:
            if shape < 0 or catalogue.devices[shape] > left or uniform(random) < 0.3:
                fitting = np.zeros(moves.shapes.size)
                for i in range(moves.shapes.size):
                    c: int = moves.shapes[i]
                    fitting[i] = catalogue.devices[c] <= left and moves.zone[c] == z
                i = pick(fitting, random)
                if i < 0:
                    break
                shape = moves.shapes[i]
            drawn[count] = shape
            count += 1
            left -= catalogue.devices[shape]
    return drawn, count


@inner_kernel
def _rebuild(
    shape: I64, holds: Bools, bad: F64, moves: Moves, catalogue: Catalogue, random: U64
) -> tuple[I64, Bools, Bools]:
    """Some groups, and the idle devices, become new groups; their models are dealt out anew.

    Returns (shape, holds, models concerned) of the new layout; groups that stay keep their order.
    """
    groups, models = holds.shape
    gone = np.zeros(groups, np.bool_)
    free = moves.room.copy()
    for g in range(groups):
        c: int = shape[g]
        free[moves.zone[c]] -= catalogue.devices[c]
    for _ in range(min(1 + below(random, MAX_REBUILT), groups)):
        gone[below(random, groups)] = True
    touched = np.zeros(models, np.bool_)
    stay = groups
    for g in range(groups):
        if gone[g]:
            _join(touched, holds[g])
            stay -= 1
            c = shape[g]
            free[moves.zone[c]] += catalogue.devices[c]
    drawn, count = _draw_shapes(free, moves, catalogue, random)
    new_shape = np.empty(stay + count, np.int64)
    new_holds = np.zeros((stay + count, models), np.bool_)
    at = 0
    for g in range(groups):
        if not gone[g]:
            new_shape[at] = shape[g]
            _join(new_holds[at], holds[g])
            at += 1
    for i in range(count):
        new_shape[stay + i] = drawn[i]
    _deal(stay, new_shape, new_holds, touched, bad, catalogue, random)
    for g in range(stay, stay + count):
        _join(touched, new_holds[g])
    return new_shape, new_holds, touched


@inner_kernel
def _deal(first: int, shape: I64, holds: Bools, touched: Bools, bad: F64, catalogue: Catalogue, random: U64) -> None:
    """Deal the touched models out to the groups from `first` on: each once where it fits, then more of them."""
    count = shape.size - first
    if count == 0:
        return
    used_gib = used_memory(shape, holds, catalogue)
    models = bad.size
    weight = np.empty(models)
    mean = 0.0
    for m in range(models):
        weight[m] = touched[m]
        mean += bad[m]
    mean /= models
    while True:
        m = pick(weight, random)
        if m < 0:
            break
        weight[m] = 0.0
        at = below(random, count)
        for step in range(count):
            g = first + (at + step) % count
            if room_for(m, shape[g], used_gib[g], catalogue):
                holds[g, m] = True
                add_weights(used_gib[g], m, shape[g], catalogue)
                break
    anyone = uniform(random) < 0.5
    for m in range(models):
        weight[m] = bad[m] + mean + 1e-9 if anyone or touched[m] else 0.0
    for g in range(first, shape.size):
        _fill_at_random(g, shape, holds, weight, catalogue, random)


@inner_kernel
def _change_replicas(
    kind: int, shape: I64, holds: Bools, bad: F64, catalogue: Catalogue, random: U64, touched: Bools
) -> bool:
    """Change who is where, in place; touched bool (M,) receives the models concerned. False if
    nothing changed, whatever `touched` says then."""
    groups = shape.size
    g = below(random, groups)
    if kind == JOIN:
        _join(touched, holds[g])
        m = _pick_model(bad, random)
        if not _squeeze_in(m, g, shape, holds, catalogue, random):
            return False
        _join(touched, holds[g])
        return True
    out = _pick_held(holds[g], np.zeros(bad.size, np.bool_), random)
    if out < 0:
        return False
    if kind == LEAVE:
        _join(touched, holds[g])
        holds[g, out] = False
        return True
    other = below(random, groups)
    if other == g or holds[other, out]:
        return False
    _join(touched, holds[g])
    _join(touched, holds[other])
    holds[g, out] = False
    if kind == TRADE:
        back = _pick_held(holds[other], holds[g], random)
        if back < 0 or back == out:
            return False
        holds[other, back] = False
        if not _squeeze_in(back, g, shape, holds, catalogue, random):
            return False
    if not _squeeze_in(out, other, shape, holds, catalogue, random):
        return False
    _join(touched, holds[g])
    _join(touched, holds[other])
    return True


@njit(cache=True, nogil=True)
def improve(
    walk: Walk, moves: Moves, catalogue: Catalogue, traffic: Traffic, requests_at: I64, rules: Rules, control: I64,
    temperature: float, budget: int,
) -> tuple[Walk, int]:  # fmt: skip
    """Try random changes of the current layout; accept one that loses no more than a random allowance.

    Args:
        walk: where to go on from; used up: its generator, kept run and table of rejected layouts are changed.
        requests_at: int64 (K, M), requests of each model before each cut.
        temperature: mean of the allowance in requests (threshold accepting with exponential thresholds, which is
            simulated annealing: Kirkpatrick et al. 1983).
        budget: layouts to score.

    Returns:
        (the next walk, evaluations made). Fewer evaluations than the budget: nothing new was found to try, or
        `control` stopped it.
    """
    shape, holds, good_at, best_shape, best_holds, best_good, random, rejected, kept = walk
    models = holds.shape[1]
    cuts = traffic.cuts.size - 1
    limit, bad_at, trial_good_at = np.empty(cuts), np.empty(cuts, np.int64), np.empty_like(good_at)
    bad = np.empty(models)
    stages = catalogue.latency_s.shape[2]
    if kept.place.size == 0 and pays(traffic, catalogue, rules, budget):
        kept = room_for_fates(traffic.model.size, stages, rules)
        # Against a layout without groups everything differs. Rows are never ahead of the request that is handled.
        rows, slots = rerun(
            kept, kept, shape[:0], holds[:0], shape, holds, catalogue, traffic, rules, control, np.full(cuts, np.inf),
            good_at, trial_good_at,
        )  # fmt: skip
        if rows < 0:
            return walk, 0
        spread(kept, rows, slots.size, rules)
    own = room_for_fates(kept.place.size, stages, rules)
    evaluations = tries = 0
    while evaluations < budget and tries < HOPELESS_TRIES * budget and control[0] == 0:
        tries += 1
        for m in range(models):
            bad[m] = requests_at[cuts - 1, m] - good_at[cuts - 1, m]
        kind = _pick_kind(moves.share, random)
        if kind == REBUILD or shape.size == 0:
            new_shape, new_holds, touched = _rebuild(shape, holds, bad, moves, catalogue, random)
        else:
            new_shape, new_holds, touched = shape, holds.copy(), np.zeros(models, np.bool_)
            if not _change_replicas(kind, new_shape, new_holds, bad, catalogue, random, touched):
                continue
        if not has_least(new_holds, moves.least):
            continue
        code = _hash(new_shape, new_holds)
        if rejected[code % np.uint64(rejected.size)] == code or total(touched) == 0:
            continue
        reach(new_holds, touched)
        allowed_loss = np.floor(-temperature * np.log(1.0 - uniform(random)))
        set_limits(limit, bad_at, requests_at, good_at, touched, allowed_loss, moves.patience)
        evaluations += 1
        if kept.place.size > 0:
            rows, slots = rerun(
                kept, own, shape, holds, new_shape, new_holds, catalogue, traffic, rules, control, limit - bad_at,
                good_at, trial_good_at,
            )  # fmt: skip
            is_taken = rows >= 0
            if is_taken:
                adopt(kept, own, rows, slots, rules)
        else:
            trial_good_at[:] = good_at
            is_taken = score(
                new_shape, new_holds, touched, catalogue, traffic, rules, control, limit, trial_good_at,
                np.empty(new_shape.size, np.int64), np.empty(models),
            )  # fmt: skip
        if is_taken:
            shape, holds = new_shape, new_holds
            good_at, trial_good_at = trial_good_at, np.empty_like(good_at)
            good = total(good_at[-1])
            if good > best_good:
                best_shape, best_holds, best_good = shape.copy(), holds.copy(), good
        elif control[0] == 0:
            rejected[code % np.uint64(rejected.size)] = code
    return Walk(shape, holds, good_at, best_shape, best_holds, best_good, random, rejected, kept), evaluations
