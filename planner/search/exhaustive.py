"""The optimum of small cases, by trying every placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import combinations

import numpy as np

from planner.search.baselines import fall_back
from planner.search.options import ExhaustiveOptions
from planner.search.partition import allowed_shapes
from planner.search.run import Run
from planner.search.space import Layout, Space
from simulator import InputError, score_kernels, words

PLACEMENTS_PER_CALL = 2_000

# A group that could be: its configuration and its models.
_Choice = tuple[int, tuple[int, ...]]


def exhaustive(run: Run, options: ExhaustiveOptions) -> None:
    """Score every placement: every sequence of groups that hold something and fit the devices.

    Groups in another order are another placement, because ties between groups go to the lower index. The notes say
    how many were tried. Raises InputError if there are more than `max_placements`.
    """
    space, max_placements = run.space, options.max_placements
    shapes = allowed_shapes(space, options.max_pp, options.max_tp, options.shapes)
    choices = _choices(space, shapes, max_placements)
    total = _count(space, choices)
    if total > max_placements:
        raise InputError(
            f"There are {words.count(total)} placements to try; at most {words.count(max_placements)} are allowed "
            f"(max_placements). "
            "Take fewer models, devices or configurations, or another algorithm."
        )
    fall_back(run)
    run.budget.enter("try every placement")
    tried = 0
    groups = max(space.devices // int(space.catalogue.devices[[c for c, _ in choices]].min()), 1) if choices else 1
    batches = _batches(space, choices, groups)
    tasks = ((_score_batch, (space, shape, holds, _least(run), run.workers.control)) for shape, holds in batches)
    for shape, holds, good in run.workers.each(tasks):
        scored = good.size if run.workers.control[0] == 0 else int((good >= 0).sum())
        tried += scored
        run.budget.spend(scored)
        # Of equals, one that holds something.
        at = int(np.lexsort((holds.any(axis=(1, 2)), good))[-1])
        if good[at] >= 0:
            used = holds[at].any(axis=1)
            layout = Layout(shape[at][used], holds[at][used])
            run.offer(f"the best of {words.count(tried)} placements tried", layout, int(good[at]))
    run.notes.append(f"All {words.count(tried)} placements were tried; this is the best.")


def _least(run: Run) -> int:
    """Requests in time of the best so far; what has fewer need not be simulated to the end."""
    return int((run.incumbent.score or 0.0) * run.space.asked(run.space.traffic))


def _choices(space: Space, shapes: list[int], limit: int) -> list[_Choice]:
    """Every group that fits the memory and holds at least one model."""
    choices: list[_Choice] = []
    for c in shapes:
        models = np.flatnonzero(space.fits_alone[:, c]).tolist()
        for size in range(1, len(models) + 1):
            fitting = [(c, held) for held in combinations(models, size) if _fits(space, c, held)]
            if not fitting:
                break
            choices += fitting
            if len(choices) > limit:
                raise InputError(
                    f"There are more than {words.count(limit)} groups to try, let alone placements; at most "
                    f"{words.count(limit)} "
                    "placements are allowed (max_placements). Take fewer models or another algorithm."
                )
    return choices


def _fits(space: Space, c: int, held: tuple[int, ...]) -> bool:
    rows = space.catalogue.first_row[list(held)] + c
    return bool((space.catalogue.weight_gib[rows].sum(axis=0) <= space.catalogue.memory_gib).all())


def _count(space: Space, choices: list[_Choice]) -> int:
    """How many sequences of groups fit the devices, the empty one included."""
    kinds = Counter((int(space.zone[c]), int(space.catalogue.devices[c])) for c, _ in choices)

    @cache
    def count(room: tuple[int, ...]) -> int:
        return 1 + sum(n * count(_without(room, z, size)) for (z, size), n in kinds.items() if size <= room[z])

    return count(tuple(space.room.tolist()))


def _without(room: tuple[int, ...], zone: int, devices: int) -> tuple[int, ...]:
    return tuple(left - devices if z == zone else left for z, left in enumerate(room))


def _sequences(space: Space, choices: list[_Choice], room: tuple[int, ...]) -> Iterator[tuple[_Choice, ...]]:
    yield ()
    for choice in choices:
        zone, size = int(space.zone[choice[0]]), int(space.catalogue.devices[choice[0]])
        if size <= room[zone]:
            for rest in _sequences(space, choices, _without(room, zone, size)):
                yield (choice, *rest)


def _has_least(space: Space, sequence: tuple[_Choice, ...]) -> bool:
    held = Counter(m for _, models in sequence for m in models)
    return all(held[m] >= least for m, least in enumerate(space.least.tolist()))


def _batches(space: Space, choices: list[_Choice], groups: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The placements as arrays shape (B, G) and holds (B, G, M); unused groups hold nothing."""
    models = len(space.problem.models)
    batch: list[tuple[_Choice, ...]] = []
    for sequence in _sequences(space, choices, tuple(space.room.tolist())):
        if not _has_least(space, sequence):
            continue
        batch.append(sequence)
        if len(batch) == PLACEMENTS_PER_CALL:
            yield _as_arrays(batch, groups, models)
            batch = []
    if batch:
        yield _as_arrays(batch, groups, models)


def _as_arrays(batch: list[tuple[_Choice, ...]], groups: int, models: int) -> tuple[np.ndarray, np.ndarray]:
    shape = np.zeros((len(batch), groups), np.int64)
    holds = np.zeros((len(batch), groups, models), np.bool_)
    for b, sequence in enumerate(batch):
        for g, (c, held) in enumerate(sequence):
            shape[b, g] = c
            holds[b, g, list(held)] = True
    return shape, holds


def _score_batch(space: Space, shape: np.ndarray, holds: np.ndarray, least: int, control: np.ndarray):
    good = score_kernels.score_many(shape, holds, least, space.catalogue, space.traffic, space.rules, control)
    return shape, holds, good
