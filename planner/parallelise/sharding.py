"""Intra-operator pass: how each operator of a stage is split over the stage's devices.

Alpa's integer program (OSDI'22, section 4.2) on the chain of operators: one binary for each strategy of an
operator, one variable for each pair of neighbouring strategies, solved by HiGHS:

    minimise  sum_v cost_v . s_v + sum_v resharding_v : e_v
    s. t.     sum s_v = 1;  row sums of e_v = s_v;  column sums of e_v = s_(v+1)
              weights_v . s_v summed <= weight limit
              weights_v . s_v summed + a <= memory;  a >= activations_v . s_v for all v

`e_v` need not be declared whole: with whole `s` the row and column sums leave it one value.
Token vectors between operators are either "whole" on every device or "split" by token. No strategy works on
its own tokens with all the weights: that is data parallelism, which the paper removes for serving (4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from planner.parallelise.cost import Calibration, activation_bytes, collective_s, operator_s
from planner.parallelise.hardware import Device
from planner.parallelise.operators import Operator

GIB = 2**30
# Weights a stage may hold beyond the leanest choice: replicas compete for memory, so copies must be small.
COPY_ALLOWANCE = 0.02


@dataclass(frozen=True)
class Strategy:
    """One way to split an operator.

    Attributes:
        axis: of the model; None computes everything on every device.
        takes, gives: layout of the token vectors before and after, "whole" or "split".
        collective: what ends the operator.
    """

    axis: str | None
    takes: str
    gives: str
    collective: str

    @property
    def name(self) -> str:
        return f"{self.axis or 'copied'} + {self.collective}" if self.collective != "none" else self.axis or "copied"


COPIED = Strategy(None, "whole", "whole", "none")


def _reducing(axis: str) -> tuple[Strategy, Strategy]:
    """Partial sums, added up everywhere or each device its tokens."""
    return Strategy(axis, "whole", "whole", "all_reduce"), Strategy(axis, "whole", "split", "reduce_scatter")


STRATEGIES = {
    "embedding": (COPIED, *_reducing("vocabulary"), Strategy("hidden", "whole", "whole", "all_gather")),
    "attention": (COPIED, *_reducing("heads")),
    "ffn": (COPIED, *_reducing("width")),
    "experts": (
        COPIED,
        *_reducing("width"),
        *_reducing("experts"),
        Strategy("experts", "split", "split", "all_to_all"),
    ),
    "head": (COPIED, Strategy("vocabulary", "whole", "whole", "none")),
}


@dataclass(frozen=True)
class ShardedStage:
    """A stage whose sharding is chosen, with what it costs.

    Attributes:
        strategies: one an operator.
        compute_s: seconds of each operator, without communication.
        communication_s: seconds of each operator's collective and of the resharding before it.
        weight_bytes: of a device, all operators together.
        activation_bytes: of a device, the largest operator.
    """

    strategies: tuple[Strategy, ...]
    compute_s: tuple[float, ...]
    communication_s: tuple[float, ...]
    weight_bytes: float
    activation_bytes: float

    @property
    def latency_s(self) -> float:
        return sum(self.compute_s) + sum(self.communication_s)


def shard_stage(
    operators: Sequence[Operator],
    device: Device,
    ways: int,
    *,
    entry: str = "whole",
    weight_limit_gib: float | None = None,
    calibration: Calibration = Calibration(),
) -> ShardedStage | None:
    """The fastest sharding of a stage that fits its devices, or None if none does.

    Args:
        operators: the chain of the stage.
        device: the accelerator.
        ways: devices of the stage.
        entry: layout in which token vectors arrive; "split" from another stage, whose hop brings each
            device its part.
        weight_limit_gib: weights a device may hold; by default the device's.
        calibration: factors on the seconds.
    """
    limit = (device.weight_memory_gib if weight_limit_gib is None else weight_limit_gib) * GIB
    key = tuple(operators), device.name
    return _shard(key[0], _Hashable(device), ways, entry, limit, calibration)


class _Hashable:
    """A device as a key of a cache: equal devices share an entry."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._key = device.model_dump_json()

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self._key == other._key
