"""Plans: how a model is cut and sharded in one parallel configuration, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.parallelise.architectures import Architecture
from planner.parallelise.cost import UNCALIBRATED, Calibration, hop_s
from planner.parallelise.cut import cut_stages, equal_cut
from planner.parallelise.hardware import Device
from planner.parallelise.operators import GIB, Operator, build_operators
from planner.parallelise.sharding import ShardedStage, Strategy, evaluate_stage, shard_stage
from simulator.errors import InputError
from simulator.schema import MAX_STAGES, MAX_TENSOR_DEGREE

CUTS = ("dynamic", "equal")


@dataclass(frozen=True)
class StageCost:
    """Where the time of one stage goes at one batch size, seconds.

    Attributes:
        compute_s: operators.
        collective_s: collectives within the stage, resharding included.
        hop_s: bringing the activations to the stage.
    """

    compute_s: float
    collective_s: float
    hop_s: float

    @property
    def latency_s(self) -> float:
        return self.compute_s + self.collective_s + self.hop_s


@dataclass(frozen=True)
class Plan:
    """One configuration.

    Attributes:
        pp, tp: the parallel configuration.
        starts: first operator of each stage, length pp; operator 0 is the embedding.
        strategies: of each operator, in order.
        stages: by batch size, the cost of each stage.
        weight_gib: of a device of each stage.
        activation_gib: by batch size, of a device of each stage.
    """

    pp: int
    tp: int
    starts: tuple[int, ...]
    strategies: tuple[Strategy, ...]
    stages: Mapping[int, tuple[StageCost, ...]]
    weight_gib: tuple[float, ...]
    activation_gib: Mapping[int, tuple[float, ...]]

    def stage_latency_s(self, batch: int = 1) -> tuple[float, ...]:
        """Seconds of each stage."""
        return tuple(stage.latency_s for stage in self.stages[batch])

    def latency_s(self, batch: int = 1) -> float:
        """Seconds of a batch alone: the sum of the stages."""
        return sum(self.stage_latency_s(batch))

    def slowest_s(self, batch: int = 1) -> float:
        """Seconds of the slowest stage."""
        return max(self.stage_latency_s(batch))

    def throughput_per_s(self, batch: int = 1) -> float:
        """Requests per second of a full pipeline."""
        return batch / self.slowest_s(batch)

    def compute_s(self, batch: int = 1) -> float:
        """Seconds of all operators."""
        return sum(stage.compute_s for stage in self.stages[batch])

    def communication_s(self, batch: int = 1) -> float:
        """Seconds of all collectives, resharding and hops."""
        return sum(stage.collective_s + stage.hop_s for stage in self.stages[batch])

    def imbalance_s(self, batch: int = 1) -> float:
        """Seconds that the stages of a full pipeline wait for the slowest, together (AlpaServe 3.3)."""
        return self.pp * self.slowest_s(batch) - self.latency_s(batch)


@dataclass(frozen=True)
class Setting:
    """What is to be planned.

    Attributes:
        architecture, device: the model and the accelerator.
        batches: batch sizes, 1 among them.
        calibration: factors on the seconds.
        cut: "dynamic" (the paper's dynamic program) or "equal" (equally many layers a stage).
        weight_memory_gib: weights a device may hold; by default the device's.
        sequence: tokens of a request; by default the architecture's.
    """

    architecture: Architecture
    device: Device
    batches: tuple[int, ...] = (1,)
    calibration: Calibration = UNCALIBRATED
    cut: str = "dynamic"
    weight_memory_gib: float | None = None
    sequence: int | None = None

    def __post_init__(self) -> None:
        wrong = [batch for batch in self.batches if not 1 <= batch <= 1024]
        if wrong:
            raise InputError(f"batches holds {wrong[0]}; whole numbers from 1 to 1024 are allowed.")
        object.__setattr__(self, "batches", tuple(sorted({1, *self.batches})))
        if self.cut not in CUTS:
            raise InputError(f"cut is '{self.cut}'; {' and '.join(CUTS)} are allowed.")
        if self.weight_memory_gib is not None and not self.weight_memory_gib > 0:
            raise InputError(f"weight_memory_gib is {self.weight_memory_gib}; a number above 0 is allowed.")

    @property
    def limit_gib(self) -> float:
        return self.device.weight_memory_gib if self.weight_memory_gib is None else self.weight_memory_gib

    def chain(self, batch: int, stages: int) -> tuple[Operator, ...]:
        """The operators for a batch, when the model is cut into so many stages."""
        return build_operators(self.architecture, batch, self.sequence, stages)

    def hops_s(self, token_bytes: float, pp: int, tp: int) -> np.ndarray:
        """Seconds to bring token vectors to each stage, float64 (pp,); stage s runs on the devices from s * tp."""
        per_node = self.device.devices_per_node
        hops = np.zeros(pp)
        for stage in range(1, pp):
            crosses = (stage * tp - 1) // per_node != stage * tp // per_node
            hops[stage] = hop_s(token_bytes, tp, crosses, self.device) * self.calibration.communication
        return hops


def make_plans(
    setting: Setting, configurations: Iterable[tuple[int, int]]
) -> tuple[dict[tuple[int, int], Plan], dict[tuple[int, int], str]]:
    """Plans of (pp, tp) configurations, and for those that have none the reason in words.

    Cut and sharding are chosen at batch 1, the paper's setting; other batch sizes run on the same weights,
    and those whose activations do not fit beside the weights are left out of a plan.
    """
    plans, left_out = {}, {}
    # Stages of equal operators are solved once for all configurations of a tensor degree.
    solved: dict[tuple, ShardedStage | None] = {}
    wholes: dict[tuple[int, bool], ShardedStage] = {}
    for pp, tp in configurations:
        if not (1 <= pp <= MAX_STAGES and 1 <= tp <= MAX_TENSOR_DEGREE):
            raise InputError(
                f"(pp {pp}, tp {tp}) is asked for; pp from 1 to {MAX_STAGES} and tp to {MAX_TENSOR_DEGREE} are allowed."
            )
        chain = setting.chain(1, pp)
        if (tp, pp == 1) not in wholes:
            # The cut needs every operator's own latency; whether a stage fits is decided when it is cut.
            whole = shard_stage(
                chain, setting.device, tp, weight_limit_gib=np.inf, memory_gib=np.inf, calibration=setting.calibration
            )
            assert whole is not None, "without a limit every chain can be sharded"
            wholes[tp, pp == 1] = whole
        starts, reason = _starts(setting, chain, wholes[tp, pp == 1], pp, tp)
        sharded = _shard_stages(setting, chain, starts, tp, solved) if starts is not None else None
        if starts is not None and sharded is None:
            reason = f"a stage does not fit {setting.limit_gib:g} GiB of weights beside its activations"
        if starts is None or sharded is None:
            left_out[pp, tp] = reason
        else:
            plans[pp, tp] = _cost_plan(setting, starts, sharded, tp)
    return plans, left_out


def _starts(
    setting: Setting, chain: tuple[Operator, ...], whole: ShardedStage, pp: int, tp: int
) -> tuple[list[int] | None, str]:
    layers = setting.architecture.layers
    if pp > (layers if setting.cut == "equal" else len(chain)):
        return None, f"its {layers} layers cannot be cut into {pp} stages"
    if setting.cut == "equal":
        return equal_cut(chain, pp), ""
    seconds = np.add(whole.compute_s, whole.communication_s)
    weights = [op.weight_bytes_per_device(s.axis, tp) for op, s in zip(chain, whole.strategies, strict=True)]
    hops = setting.hops_s(chain[0].token_bytes, pp, tp)
    starts = cut_stages(seconds, pp, hops, np.array(weights), setting.limit_gib * GIB)
    return starts, f"its weights do not fit {setting.limit_gib:g} GiB a device"


def _spans(starts: Sequence[int], end: int) -> list[tuple[int, int, str]]:
    """First operator, end and entry layout of each stage; a hop brings each device its part of the tokens."""
    ends = [*starts[1:], end]
    return [(a, b, "split" if a else "whole") for a, b in zip(starts, ends, strict=True)]


def _shard_stages(
    setting: Setting, chain: tuple[Operator, ...], starts: list[int], tp: int, solved: dict
) -> list[ShardedStage] | None:
    sharded = []
    for start, end, entry in _spans(starts, len(chain)):
        key = (chain[start:end], tp, entry)
        if key not in solved:
            solved[key] = shard_stage(
                chain[start:end],
                setting.device,
                tp,
                entry=entry,
                weight_limit_gib=setting.limit_gib,
                calibration=setting.calibration,
            )
        if solved[key] is None:
            return None
        sharded.append(solved[key])
    return sharded


def _cost_plan(setting: Setting, starts: list[int], sharded: list[ShardedStage], tp: int) -> Plan:
    pp, device = len(starts), setting.device
    stages, activation_gib = {}, {}
    for batch in setting.batches:
        chain = setting.chain(batch, pp)
        hops = setting.hops_s(chain[0].token_bytes, pp, tp)
        costed = [
            evaluate_stage(
                chain[start:end], chosen.strategies, device, tp, entry=entry, calibration=setting.calibration
            )
            for (start, end, entry), chosen in zip(_spans(starts, len(chain)), sharded, strict=True)
        ]
        if any(stage.weight_bytes + stage.activation_bytes > device.memory_gib * GIB for stage in costed):
            continue
        stages[batch] = tuple(
            StageCost(sum(stage.compute_s), sum(stage.communication_s), float(hop))
            for stage, hop in zip(costed, hops, strict=True)
        )
        activation_gib[batch] = tuple(stage.activation_bytes / GIB for stage in costed)
    strategies = tuple(strategy for stage in sharded for strategy in stage.strategies)
    weight_gib = tuple(stage.weight_bytes / GIB for stage in sharded)
    return Plan(pp, tp, tuple(starts), strategies, stages, weight_gib, activation_gib)
