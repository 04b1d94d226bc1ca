"""Large clusters in blocks: each block of models gets devices of its own, is searched by itself, and blocks are merged.

Blocks share neither groups nor models, so their requests in time add up exactly. Where there are many models and many
devices little is lost (Narayanan et al.: Solving large-scale granular resource allocation problems efficiently with
POP, SOSP 2021), and what a change reaches is a block, not the cluster. Blocks go through the stages of the search in
step; after some of them the one that loses most is merged with the one that loses least, and so on until there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planner.search.block_cuts import BlockModels
from planner.search.budget import Asked, Budget, NoImprovement, Stopped
from planner.search.incumbent import Incumbent
from planner.search.options import AlpaServeOptions
from planner.search.refine import PATIENT_EVALUATIONS, PATIENT_SHARE, Standing
from planner.search.run import Run
from planner.search.space import Layout, Space
from planner.search.workers import InTurn
from simulator import Workload
from simulator.score_kernels import Traffic

# Stages of a block before blocks are merged: to begin with, partitions, a round, buckets, and rounds; then of each
# merged one.
STAGES_BEFORE_MERGING = 7
STAGES_MERGED = 3


@dataclass(frozen=True, eq=False)
class Block:
    """A part of the models with devices of its own, and where its search stands.

    Attributes:
        part: its models and devices. seed: of everything random in it.
        stage: the next stage of its search. standing: where its improvement stands, None before it has begun.
        layout, good: its best so far, columns in the order of the part's models, and the requests in time; None and 0
            before anything was scored.
        what: how that was found, a few words. evaluations: layouts scored, in all.
        is_exhausted: nothing better is possible in it.
    """

    part: BlockModels
    seed: int
    stage: int = 0
    standing: Standing | None = None
    layout: Layout | None = None
    good: int = 0
    what: str = "nothing yet"
    evaluations: int = 0
    is_exhausted: bool = False


# What a stage of a search does: (run, options, stage, standing of the improvement or None) -> the next standing.
Stage = Callable[[Run, AlpaServeOptions, int, Standing | None], Standing | None]


def search_in_blocks(run: Run, options: AlpaServeOptions, parts: list[BlockModels], stage: Stage) -> None:
    """Search every block, stage by stage, merge them by and by, and go on until a condition ends the search."""
    cluster = _Cluster(run, [Block(part, run.seed + (b << 20)) for b, part in enumerate(parts)])
    if run.budget.unlimited:
        run.budget.more.append(NoImprovement(PATIENT_EVALUATIONS * len(parts), PATIENT_SHARE))
    stages = STAGES_BEFORE_MERGING
    while True:
        count = len(cluster.blocks)
        run.budget.enter(f"improve {count} blocks" if count > 1 else "improve")
        for _ in range(stages):
            cluster.step(options, stage)
        if cluster.joined()[1] == run.traffic.model.size:
            raise Stopped("bound met")
        if count > 1:
            cluster, stages = cluster.merged(), STAGES_MERGED
        elif cluster.blocks[0].is_exhausted:
            raise Stopped("no improvement")


class _Cluster:
    """The whole problem in blocks, as they stand."""

    def __init__(self, run: Run, blocks: list[Block]) -> None:
        self.run, self.blocks = run, blocks
        self.spaces = [block_space(run, block.part) for block in blocks]

    def joined(self) -> tuple[Layout, int]:
        """The blocks' layouts as one, and its requests in time."""
        everyone = np.arange(len(self.run.space.problem.models))
        layouts = [
            _lifted(block.layout, own, block.part.models, self.run.space, everyone)
            for block, own in zip(self.blocks, self.spaces, strict=True)
            if block.layout is not None
        ]
        return _one_after_the_other(self.run.space, layouts), sum(block.good for block in self.blocks)

    def step(self, options: AlpaServeOptions, stage: Stage) -> None:
        """One stage of every block that can still become better."""
        run = self.run
        active = [b for b, block in enumerate(self.blocks) if not block.is_exhausted]
        each, rest = divmod(run.budget.evaluations_left, max(len(active), 1))
        shares = [each + (i < rest) for i in range(len(active))]
        tasks = (
            (advance, (self.spaces[b], self.blocks[b], options, stage, share, run.workers.control))
            for b, share in zip(active, shares, strict=True)
            if share
        )
        for b, block in zip(active, run.workers.each(tasks), strict=False):
            run.budget.spend(block.evaluations - self.blocks[b].evaluations)
            self.blocks[b] = block
            run.offer(f"block {b + 1} of {len(self.blocks)}: {block.what}", *self.joined())

    def merged(self) -> _Cluster:
        """Half as many blocks: the one that loses most with the one that loses least, and so on."""
        lost = [1 - b.good / max(s.traffic.model.size, 1) for b, s in zip(self.blocks, self.spaces, strict=True)]
        order = sorted(range(len(lost)), key=lambda b: lost[b])
        middle = len(order) // 2
        blocks = [self._pair(a, b) for a, b in zip(order[:middle], reversed(order[-middle:]), strict=True)]
        if len(order) % 2:
            blocks.append(self.blocks[order[middle]])
        return _Cluster(self.run, blocks)

    def _pair(self, a: int, b: int) -> Block:
        first, second = self.blocks[a], self.blocks[b]
        part = first.part.joined(second.part)
        space = block_space(self.run, part)
        layouts = [
            _lifted(self.blocks[i].layout or self.spaces[i].empty([]), self.spaces[i], self.blocks[i].part.models,
                    space, part.models)
            for i in (a, b)
        ]  # fmt: skip
        layout = _one_after_the_other(space, layouts)
        what = "two blocks become one"
        good, evaluations = first.good + second.good, first.evaluations + second.evaluations
        return Block(part, first.seed, STAGES_BEFORE_MERGING, None, layout, good, what, evaluations)


def advance(
    space: Space, block: Block, options: AlpaServeOptions, stage: Stage, evaluations: int, control: np.ndarray
) -> Block:
    """The block after its next stage, or after as much of it as the limits allow.

    Args:
        space: the block's problem. evaluations: layouts to score, about. control: int64 (1,), stops it soon.
    """
    budget = Budget(None, evaluations, Asked(lambda: not control[0]))
    run = Run(space, block.seed, space.traffic, budget, InTurn(budget, control), Incumbent(budget.tally))
    if block.layout is not None:
        run.offer(block.what, block.layout, block.good)
    standing, is_exhausted = block.standing, False
    try:
        standing = stage(run, options, block.stage, standing)
    except Stopped as stopped:
        is_exhausted = stopped.reason in ("bound met", "no improvement") and not control[0]
    best = run.incumbent
    return replace(
        block,
        stage=block.stage + 1,
        standing=standing,
        layout=best.layout,
        good=run.good,
        what=best.steps[-1].what if best.steps else block.what,
        evaluations=block.evaluations + budget.tally.evaluations,
        is_exhausted=is_exhausted,
    )


class BlockSpace(Space):
    """A part of a problem as a problem of its own; its traffic is that part of all that is planned for.

    To another machine goes which part it is, not the part.
    """

    def __init__(self, whole: Space, traffic: Traffic, part: BlockModels) -> None:
        self._made_of = whole, traffic, part
        problem = whole.problem
        index = np.full(len(problem.models), -1, np.int32)
        index[part.models] = np.arange(part.models.size)
        own = index[traffic.model] >= 0
        slo_s = traffic.slo_s[own] if traffic.slo_s.size else None
        super().__init__(
            replace(
                problem,
                models=part.of(problem.models),
                cluster=replace(problem.cluster, devices=part.devices),
                workload=Workload(traffic.arrival_s[own], index[traffic.model[own]], part.models.size, slo_s),
                resample=None,
            )
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return BlockSpace, self._made_of


def block_space(run: Run, part: BlockModels) -> Space:
    """See BlockSpace."""
    return BlockSpace(run.space, run.traffic, part)


def _lifted(layout: Layout, own: Space, models: np.ndarray, other: Space, others: np.ndarray) -> Layout:
    """A layout of some models as one of more models in another space; both lists of models ascend."""
    shape = np.array([other.shapes.index(own.shapes[int(c)]) for c in layout.shape], np.int64)
    holds = np.zeros((layout.shape.size, others.size), np.bool_)
    holds[:, np.searchsorted(others, models)] = layout.holds
    return Layout(shape, holds)


def _one_after_the_other(space: Space, layouts: Iterable[Layout]) -> Layout:
    every = [space.empty([]), *layouts]
    return Layout(np.concatenate([x.shape for x in every]), np.concatenate([x.holds for x in every]))
