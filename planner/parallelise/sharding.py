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

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from planner.parallelise.cost import UNCALIBRATED, Calibration, activation_bytes, collective_s, operator_s
from planner.parallelise.hardware import Device
from planner.parallelise.operators import GIB, Operator

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
    chain = [_options(operator, device, ways, calibration) for operator in _distinct(operators)]
    by_operator = dict(zip(_distinct(operators), chain, strict=True))
    options = [by_operator[operator] for operator in operators]
    limit = (device.weight_memory_gib if weight_limit_gib is None else weight_limit_gib) * GIB
    leanest = sum(option.weight_bytes.min() for option in options)
    if leanest > limit:
        return None
    resharding = [
        _resharding_s(a, b, op, device, ways, calibration)
        for a, b, op in zip(options, options[1:], operators, strict=False)
    ]
    first = np.array([_reshard_s(entry, s.takes, operators[0], device, ways) for s in options[0].strategies])
    costs = [option.compute_s + option.collective_s for option in options]
    costs[0] = costs[0] + first * calibration.communication
    chosen = solve_chain(
        costs,
        resharding,
        [option.weight_bytes for option in options],
        [option.activation_bytes for option in options],
        min(limit, leanest * (1 + COPY_ALLOWANCE)),
        (device.memory_gib if memory_gib is None else memory_gib) * GIB,
    )
    if chosen is None:
        return None
    strategies = tuple(option.strategies[pick] for option, pick in zip(options, chosen, strict=True))
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


def solve_chain(
    costs: Sequence[np.ndarray],
    resharding: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    activations: Sequence[np.ndarray],
    weight_limit: float,
    memory: float,
) -> list[int] | None:
    """The strategies of least total cost on a chain under the limits, or None if there are none.

    Args:
        costs: float64 (k_v,) for each operator v, seconds.
        resharding: float64 (k_v, k_(v+1)) for each pair of neighbours, seconds.
        weights, activations: float64 (k_v,), bytes of each strategy.
        weight_limit: bytes; most that the chosen weights add up to.
        memory: bytes; most that the chosen weights and the largest chosen activations add up to.

    Returns the chosen index of each operator. The program is that of the module's docstring.
    """
    sizes = [len(cost) for cost in costs]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    edge_start = start[-1] + np.concatenate([[0], np.cumsum([edge.size for edge in resharding])]).astype(int)
    peak = edge_start[-1]
    unit = max(1.0, *(float(held.max()) for held in (*weights, *activations)))
    rows = _Rows()
    for v, size in enumerate(sizes):
        rows.add([(start[v] + i, 1.0) for i in range(size)], 1.0, 1.0)
        for i in range(size):
            rows.add([(peak, -1.0), (start[v] + i, activations[v][i] / unit)], -np.inf, 0.0)
    for v, edge in enumerate(resharding):
        cell = edge_start[v] + np.arange(edge.size).reshape(edge.shape)
        for i in range(edge.shape[0]):
            rows.add([(column, 1.0) for column in cell[i]] + [(start[v] + i, -1.0)], 0.0, 0.0)
        for j in range(edge.shape[1]):
            rows.add([(column, 1.0) for column in cell[:, j]] + [(start[v + 1] + j, -1.0)], 0.0, 0.0)
    held = [(start[v] + i, weights[v][i] / unit) for v, size in enumerate(sizes) for i in range(size)]
    rows.add(held, -np.inf, weight_limit / unit * (1 + 1e-9))
    rows.add([*held, (peak, 1.0)], -np.inf, memory / unit)
    objective = np.concatenate([*costs, *(edge.ravel() for edge in resharding), [0.0]])
    scale = max(float(np.abs(objective).max()), 1e-30)
    whole = np.zeros(peak + 1)
    whole[: start[-1]] = 1
    upper = np.ones(peak + 1)
    found = milp(
        objective / scale,
        integrality=whole,
        bounds=Bounds(0, upper),
        constraints=rows.constraint(peak + 1),
        options={"mip_rel_gap": 1e-6},
    )
    if found.x is None:
        return None
    return [int(np.argmax(found.x[a:b])) for a, b in zip(start, start[1:], strict=False)]


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
        matrix = coo_array((value, (row, column)), shape=(len(self.lower), columns)).tocsr()
        return LinearConstraint(matrix, self.lower, self.upper)


def _distinct(operators: Sequence[Operator]) -> list[Operator]:
    return list(dict.fromkeys(operators))


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


def _resharding_s(
    before: _Options, after: _Options, operator: Operator, device: Device, ways: int, calibration: Calibration
) -> np.ndarray:
    seconds = [
        [_reshard_s(a.gives, b.takes, operator, device, ways) for b in after.strategies] for a in before.strategies
    ]
    return np.array(seconds) * calibration.communication
