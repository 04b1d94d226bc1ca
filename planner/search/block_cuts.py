"""Which models and how many devices become a block of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.search.space import Space, model_problem
from simulator import Model
from simulator.arrays import F64, I64

# About so many models and devices make a block; problems of fewer than LEAST_BLOCKS are searched as a whole.
BLOCK_SIZE = 64
LEAST_BLOCKS = 3
# Nodes are given away in such parts, smaller nodes whole.
DEVICES_TOGETHER = 8


@dataclass(frozen=True, eq=False)
class BlockModels:
    """Attributes:
    models: int64 (m,), indices in the whole problem, ascending. devices: for them alone.
    """

    models: I64
    devices: int

    def of(self, models: Sequence[Model]) -> tuple[Model, ...]:
        """Its models among all."""
        return tuple(models[int(m)] for m in self.models)

    def joined(self, other: BlockModels) -> BlockModels:
        """Both as one."""
        return BlockModels(np.sort(np.concatenate([self.models, other.models])), self.devices + other.devices)


def cut_into_blocks(space: Space) -> list[BlockModels]:
    """Every model in one block, models of all latencies and loads in each, and devices by what they ask for.

    Empty where the problem is small, where a model would not fit the block that it comes into, or where placement
    rules speak of the whole cluster.
    """
    count = min(len(space.problem.models), space.devices) // BLOCK_SIZE
    if count < LEAST_BLOCKS or not space.problem.rules.is_empty:
        return []
    block_of = _deal(space, count)
    members = [np.flatnonzero(block_of == b) for b in range(count)]
    blocks = [BlockModels(models, 0) for models in members]
    devices = _split_devices(space, [_asked(space, block) for block in blocks])
    blocks = [replace(block, devices=d) for block, d in zip(blocks, devices, strict=True)]
    return blocks if all(_fits(space, block) for block in blocks) else []


def _deal(space: Space, count: int) -> I64:
    """int64 (M,), the block of each model: dealt out to and fro, by latency and then by load."""
    own_s = np.array([model.profile.single_device_latency_s for model in space.problem.models])
    order = np.lexsort((-space.load_s, own_s))
    there, back = np.divmod(np.arange(order.size), count)
    block = np.empty(order.size, np.int64)
    block[order] = np.where(there % 2 == 0, back, count - 1 - back)
    return block


def _asked(space: Space, block: BlockModels) -> float:
    """Devices for so many models: their share of the load, but at least those whose memory they fill."""
    profiles = [model.profile.entries.values() for model in block.of(space.problem.models)]
    weights_gib = sum(min(sum(entry.stage_weight_gib) * entry.tp for entry in entries) for entries in profiles)
    by_load = space.load_s[block.models].sum() / max(space.load_s.sum(), 1e-12) * space.devices
    return max(float(by_load), weights_gib / space.problem.cluster.memory_gib)


def _split_devices(space: Space, asked: list[float]) -> list[int]:
    """All devices, in whole nodes or parts of nodes, in proportion; the last block also takes what is left over."""
    node = space.problem.cluster.devices_per_node
    unit = DEVICES_TOGETHER if node % DEVICES_TOGETHER == 0 else node
    units = space.devices // unit
    share: F64 = np.array(asked) / max(sum(asked), 1e-12) * units
    whole = np.floor(share).astype(np.int64)
    whole[np.argsort(whole - share, kind="stable")[: units - whole.sum()]] += 1
    devices = (whole * unit).tolist()
    devices[-1] += space.devices - units * unit
    return devices


def _fits(space: Space, block: BlockModels) -> bool:
    cluster = space.problem.cluster
    if not block.devices:
        return False
    own = replace(cluster, devices=block.devices)
    models = block.of(space.problem.models)
    return all(model_problem(m, own) is None or model_problem(m, cluster) is not None for m in models) and any(
        model_problem(m, own) is None for m in models
    )
