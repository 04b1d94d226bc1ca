"""Intra-operator pass: how each operator of a stage is split over the stage's devices.

Alpa's integer program (OSDI'22, section 4.2) on the operators v of a stage and the neighbours (v, w) among them:
one binary for each strategy of an operator, one variable for each pair of neighbouring strategies, solved by HiGHS:

    minimise  sum_v cost_v . s_v + sum_(v, w) resharding_vw : e_vw
    s. t.     sum s_v = 1;  row sums of e_vw = s_v;  column sums of e_vw = s_w
              weights_v . s_v summed <= weight limit
              weights_v . s_v summed + a <= memory;  a >= activations_v . s_v for all v

`e` need not be declared whole: with whole `s` the row and column sums leave it one value. Equal operators of a
stage are one v, counted as often as they occur: a layer is compiled once, so all of them are sharded alike, and
the program does not grow with the layers.
Token vectors between operators are either "whole" on every device or "split" by token. No strategy works on
its own tokens with all the weights: that is data parallelism, which the paper removes for serving (4.1).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.parallelise.cost import UNCALIBRATED, Calibration, activation_bytes, collective_s, operator_s
from planner.parallelise.hardware import Device
from planner.parallelise.operators import GIB, Operator

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint

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


@dataclass(frozen=True)
class _Options:
    """What each strategy of an operator costs, arrays of one length."""

    strategies: tuple[Strategy, ...]
    compute_s: np.ndarray
    collective_s: np.ndarray
    weight_bytes: np.ndarray
    activation_bytes: np.ndarray


def shard_stage(
    operators: Sequence[Operator],
    device: Device,
    ways: int,
    *,
    entry: str = "whole",
    weight_limit_gib: float | None = None,
    memory_gib: float | None = None,
    calibration: Calibration = UNCALIBRATED,
) -> ShardedStage | None:
    """The fastest sharding of a stage that fits its devices, or None if none does.

    Args:
        operators: the chain of the stage.
        device: the accelerator.
        ways: devices of the stage.
        entry: layout in which token vectors arrive; "split" from another stage, whose hop brings each
            device its part.
        weight_limit_gib: weights a device may hold; by default the device's. In any case at most
            COPY_ALLOWANCE more than the leanest choice of strategies.
        memory_gib: weights and activations that a device may hold; by default its memory.
        calibration: factors on the seconds.
    """
    distinct = list(Counter(operators))
    node = {operator: index for index, operator in enumerate(distinct)}
    path = [node[operator] for operator in operators]
    counts = Counter(path)
    options = [_options(operator, device, ways, calibration) for operator in distinct]
    weights = [option.weight_bytes * counts[v] for v, option in enumerate(options)]
    limit = (device.weight_memory_gib if weight_limit_gib is None else weight_limit_gib) * GIB
    leanest = sum(float(weight.min()) for weight in weights)
    if leanest > limit:
        return None
    costs = [(option.compute_s + option.collective_s) * counts[v] for v, option in enumerate(options)]
    costs[path[0]] = costs[path[0]] + _entry_s(entry, options[path[0]], operators[0], device, ways, calibration)
    neighbours = Counter(itertools.pairwise(path))
    resharding = {
        (v, w): count * _resharding_s(options[v], options[w], distinct[w], device, ways, calibration)
        for (v, w), count in neighbours.items()
    }
    chosen = solve_sharding(
        costs,
        resharding,
        weights,
        [option.activation_bytes for option in options],
        min(limit, leanest * (1 + COPY_ALLOWANCE)),
        (device.memory_gib if memory_gib is None else memory_gib) * GIB,
    )
    if chosen is None:
        return None
    strategies = [options[v].strategies[chosen[v]] for v in path]
    return evaluate_stage(operators, strategies, device, ways, entry=entry, calibration=calibration)


def evaluate_stage(
    operators: Sequence[Operator],
    strategies: Sequence[Strategy],
    device: Device,
    ways: int,
    *,
    entry: str = "whole",
    calibration: Calibration = UNCALIBRATED,
) -> ShardedStage:
    """What a stage costs with given strategies, one an operator; arguments as in `shard_stage`."""
    compute, communication, weight, activation = [], [], 0.0, 0.0
    layout = entry
    known: dict[tuple[int, Strategy, str], tuple[float, float, float, float]] = {}
    for operator, strategy in zip(operators, strategies, strict=True):
        key = (id(operator), strategy, layout)
        if key not in known:
            reshard = _reshard_s(layout, strategy.takes, operator, device, ways)
            end = _collective_s(operator, strategy, device, ways)
            known[key] = (
                operator_s(operator, strategy.axis, ways, strategy.gives == "split", device) * calibration.compute,
                (reshard + end) * calibration.communication,
                operator.weight_bytes_per_device(strategy.axis, ways),
                activation_bytes(operator, strategy.axis, ways, device),
            )
        seconds, exchange, held, alive = known[key]
        compute.append(seconds)
        communication.append(exchange)
        weight += held
        activation = max(activation, alive)
        layout = strategy.gives
    return ShardedStage(tuple(strategies), tuple(compute), tuple(communication), weight, activation)


def solve_sharding(
    costs: Sequence[np.ndarray],
    resharding: Mapping[tuple[int, int], np.ndarray],
    weights: Sequence[np.ndarray],
    activations: Sequence[np.ndarray],
    weight_limit: float,
    memory: float,
) -> list[int] | None:
    """The strategies of least total cost on a graph of operators under the limits, or None if there are none.

    Args:
        costs: float64 (k_v,) for each operator v, seconds.
        resharding: float64 (k_v, k_w) for each pair of neighbours (v, w), seconds.
        weights, activations: float64 (k_v,), bytes of each strategy.
        weight_limit: bytes; most that the chosen weights add up to.
        memory: bytes; most that the chosen weights and the largest chosen activations add up to.

    Returns the chosen index of each operator. The program is that of the module's docstring.
    """
    # An operator beside its equal reshards between two choices of the same strategy.
    costs = [cost + np.diag(resharding[v, v]) if (v, v) in resharding else cost for v, cost in enumerate(costs)]
    edges = {pair: edge for pair, edge in resharding.items() if pair[0] != pair[1]}
    start = np.concatenate([[0], np.cumsum([len(cost) for cost in costs])]).astype(int)
    edge_start = start[-1] + np.concatenate([[0], np.cumsum([edge.size for edge in edges.values()])]).astype(int)
    peak = int(edge_start[-1])
    unit = max(1.0, *(float(held.max()) for held in (*weights, *activations)))
    rows = _Rows()
    held = []
    for v, first in enumerate(start[:-1]):
        cells = range(first, start[v + 1])
        rows.add([(cell, 1.0) for cell in cells], 1.0, 1.0)
        alive = [(cell, activations[v][i] / unit) for i, cell in enumerate(cells)]
        rows.add([*alive, (peak, -1.0)], -np.inf, 0.0)
        held += [(cell, weights[v][i] / unit) for i, cell in enumerate(cells)]
    for ((v, w), edge), first in zip(edges.items(), edge_start, strict=False):
        cells = first + np.arange(edge.size).reshape(edge.shape)
        for i, row in enumerate(cells):
            rows.add([*((cell, 1.0) for cell in row), (start[v] + i, -1.0)], 0.0, 0.0)
        for j, column in enumerate(cells.T):
            rows.add([*((cell, 1.0) for cell in column), (start[w] + j, -1.0)], 0.0, 0.0)
    rows.add(held, -np.inf, weight_limit / unit * (1 + 1e-9))
    rows.add([*held, (peak, 1.0)], -np.inf, memory / unit)
    objective = np.concatenate([*costs, *(edge.ravel() for edge in edges.values()), [0.0]])
    whole = np.zeros(peak + 1, dtype=np.int64)
    whole[: start[-1]] = 1
    upper = np.ones(peak + 1)
    # Here, because it takes half a second to load and few callers need it.
    from scipy.optimize import Bounds, milp

    found = milp(
        objective / max(float(np.abs(objective).max()), 1e-30),
        integrality=whole,
        bounds=Bounds(0, upper),
        constraints=rows.constraint(peak + 1),
        options={"mip_rel_gap": 1e-6},
    )
    if found.x is None:
        return None
    return [int(np.argmax(found.x[a:b])) for a, b in itertools.pairwise(start)]


class _Rows:
    """Rows of a sparse system of two-sided inequalities."""

    def __init__(self) -> None:
        self.cells: list[tuple[int, int, float]] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, cells: list[tuple[int, float]], lower: float, upper: float) -> None:
        self.cells += [(len(self.lower), column, value) for column, value in cells]
        self.lower.append(lower)
        self.upper.append(upper)

    def constraint(self, columns: int) -> LinearConstraint:
        row, column, value = zip(*self.cells, strict=True)
        from scipy.optimize import LinearConstraint
        from scipy.sparse import coo_array

        matrix = coo_array((value, (row, column)), shape=(len(self.lower), columns)).tocsr()
        return LinearConstraint(matrix, self.lower, self.upper)


def _options(operator: Operator, device: Device, ways: int, calibration: Calibration) -> _Options:
    strategies = _strategies(operator) if ways > 1 else (COPIED,)
    compute = [operator_s(operator, s.axis, ways, s.gives == "split", device) for s in strategies]
    return _Options(
        strategies,
        np.array(compute) * calibration.compute,
        np.array([_collective_s(operator, s, device, ways) for s in strategies]) * calibration.communication,
        np.array([operator.weight_bytes_per_device(s.axis, ways) for s in strategies]),
        np.array([activation_bytes(operator, s.axis, ways, device) for s in strategies]),
    )


def _strategies(operator: Operator) -> tuple[Strategy, ...]:
    axes = dict(operator.units)
    # A tied head computes on the embedding's part of the table, so it cannot be copied.
    return tuple(s for s in STRATEGIES[operator.kind] if (s.axis in axes if s.axis else not operator.borrows))


def _collective_s(operator: Operator, strategy: Strategy, device: Device, ways: int) -> float:
    if strategy.collective == "all_to_all":
        # Token copies go to their experts, and the results come back.
        return 2 * collective_s("all_to_all", operator.exchange_bytes, ways, device)
    return collective_s(strategy.collective, operator.token_bytes, ways, device)


def _reshard_s(layout: str, wanted: str, operator: Operator, device: Device, ways: int) -> float:
    """Seconds to bring token vectors into the wanted layout; dropping the others' tokens is free."""
    gathers = layout == "split" and wanted == "whole"
    return collective_s("all_gather", operator.token_bytes, ways, device) if gathers else 0.0


def _entry_s(
    entry: str, first: _Options, operator: Operator, device: Device, ways: int, calibration: Calibration
) -> np.ndarray:
    seconds = [_reshard_s(entry, strategy.takes, operator, device, ways) for strategy in first.strategies]
    return np.array(seconds) * calibration.communication


def _resharding_s(
    before: _Options, after: _Options, operator: Operator, device: Device, ways: int, calibration: Calibration
) -> np.ndarray:
    seconds = [
        [_reshard_s(a.gives, b.takes, operator, device, ways) for b in after.strategies] for a in before.strategies
    ]
    return np.array(seconds) * calibration.communication
