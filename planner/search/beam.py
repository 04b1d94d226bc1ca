"""Algorithm 1: simulator-guided greedy and beam search for fixed groups (OSDI'23 section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.search import fill_kernels
from planner.search.baselines import groups_to_fill
from planner.search.options import BeamOptions, FillOptions
from planner.search.result import Alternative
from planner.search.run import Run
from planner.search.scoring import Scored, score_each, score_layout
from planner.search.seeding import with_least
from planner.search.space import Layout, Space
from planner.search.workers import Task
from simulator import words
from simulator.arrays import F64, I64
from simulator.kernels import NONE

# Additions are scored in so many parts side by side; more would give up fewer of them early.
PARTS = 2


@dataclass(frozen=True, eq=False)
class _Child:
    """A selection with one replica more: of which parent, where, and how it scored."""

    parent: Scored
    group: int
    model: int
    good: int
    objective: float


def greedy(run: Run, options: FillOptions) -> None:
    """Beam search that keeps one selection."""
    beam(run, BeamOptions(options.pp, options.tp, options.placement, width=1))


def beam(run: Run, options: BeamOptions) -> None:
    """Grow the selection of models by the replica that scores best, keeping the best `width` selections.

    Score = attainment - mean latency / 10,000 + replicas / 1,000,000, where requests that did not run count with
    latency 0. A replica fits with `<=`, as everywhere here (the authors' beam has `<`, their greedy `<=`). Selections
    that differ in the order of their groups only are one.
    """
    run.budget.enter("grow the selection")
    space, width = run.space, options.width
    start = with_least(space, groups_to_fill(run, options))
    if start is None:
        return
    frontier = score_each(run, "empty groups", [start])
    best, visited = frontier[0], {start.key()}
    best_objective = _objective(space, best.good, best.latency_s.sum(), int(start.holds.sum()))
    while frontier:
        children = sorted(_children(run, frontier, visited, width), key=lambda child: -child.objective)[:width]
        if not children:
            return
        frontier = _grow(run, children)
        if children[0].objective > best_objective:
            best, best_objective = frontier[0], children[0].objective
        others = [Alternative(_in_words(space, child), run.share(child.good)) for child in children[1:]]
        if best is frontier[0]:
            run.offer(_in_words(space, children[0]), best.layout, best.good, others)


def _objective(space: Space, good: int, latency_s: float, replicas: int) -> float:
    n = max(len(space.problem.workload), 1)
    return good / n - latency_s / n / 10_000 + replicas / 1_000_000


def _children(run: Run, frontier: list[Scored], visited: set[bytes], width: int) -> list[_Child]:
    """Every selection that one replica more leads to, each once, scored."""
    space = run.space
    tasks: list[Task[tuple[I64, F64]]] = []
    owners: list[tuple[Scored, np.ndarray]] = []
    for parent in frontier:
        added = _new_additions(space, parent.layout, visited)
        for part in np.array_split(added, PARTS):
            if len(part):
                layout = parent.layout
                arguments = (layout.shape, layout.holds, part, parent.good_at, parent.latency_s, width)
                rest = (space.catalogue, space.traffic, space.rules, run.workers.control)
                tasks.append((fill_kernels.score_additions, arguments + rest))
                owners.append((parent, part))
    children: list[_Child] = []
    for (parent, part), (good, latency_s) in zip(owners, run.workers.each(tasks), strict=True):
        run.budget.spend(len(part))
        replicas = int(parent.layout.holds.sum()) + 1
        for (g, m), own, total_s in zip(part.tolist(), good.tolist(), latency_s.tolist(), strict=True):
            if own != NONE:
                children.append(_Child(parent, g, m, own, _objective(space, own, total_s, replicas)))
    return children


def _new_additions(space: Space, layout: Layout, visited: set[bytes]) -> np.ndarray:
    """int64 (B, 2): the (group, model) that fit and lead to a selection not met before; these count as met now."""
    used_gib = fill_kernels.used_memory(layout.shape, layout.holds, space.catalogue)
    added: list[tuple[int, int]] = []
    for g, m in np.argwhere(~layout.holds).tolist():
        if fill_kernels.room_for(m, layout.shape[g], used_gib[g], space.catalogue):
            layout.holds[g, m] = True
            key = layout.key()
            layout.holds[g, m] = False
            if key not in visited:
                visited.add(key)
                added.append((g, m))
    return np.array(added, dtype=np.int64).reshape(-1, 2)


def _grow(run: Run, children: list[_Child]) -> list[Scored]:
    """The children as layouts in normal order with all that the next step needs."""
    layouts: list[Layout] = []
    for child in children:
        layout = child.parent.layout.copy()
        layout.holds[child.group, child.model] = True
        fill_kernels.normalise(layout.shape, layout.holds, np.arange(layout.shape.size))
        layouts.append(layout)
    tasks = [(score_layout, (run.space, layout, run.workers.control)) for layout in layouts]
    # What was stopped has no score; the workers then raise Stopped after the last one.
    return [scored for scored in run.workers.each(tasks) if scored is not None]


def _in_words(space: Space, child: _Child) -> str:
    pp, tp = space.shapes[int(child.parent.layout.shape[child.group])]
    return f"{space.problem.models[child.model].name} joins {words.numbered('group', child.group)} (pp {pp}, tp {tp})"
