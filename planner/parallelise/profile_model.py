"""From an architecture and a device to a profile for every (pp, tp, batch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.parallelise.architectures import Architecture
from planner.parallelise.cost import UNCALIBRATED, Calibration, hop_s
from planner.parallelise.cut import cut_stages, equal_cut
from planner.parallelise.hardware import Device
from planner.parallelise.operators import GIB, Operator, build_operators
from planner.parallelise.sharding import ShardedStage, Strategy, evaluate_stage, shard_stage
from simulator.errors import InputError
from simulator.profiles import MAX_STAGES, MAX_TENSOR_DEGREE, Profile, ProfileEntry

DEFAULT_BATCHES = (1, 2, 4, 8, 16)
CUTS = ("dynamic", "equal")


@dataclass(frozen=True)
class StageCost:
    """Where the time of one stage goes at one batch size, seconds."""

    compute_s: float
    collective_s: float
    hop_s: float

    @property
    def latency_s(self) -> float:
        return self.compute_s + self.collective_s + self.hop_s


@dataclass(frozen=True)
class Plan:
    """One configuration: how the model is cut and sharded, and what that costs.

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

    def throughput_per_s(self, batch: int = 1) -> float:
        """Requests per second of a full pipeline: batch / slowest stage."""
        return batch / max(self.stage_latency_s(batch))

    def overhead_s(self, batch: int = 1) -> dict[str, float]:
        """Seconds of a full pipeline's round (pp * slowest stage) that are no computation.

        "communication": collectives, resharding and hops; "imbalance": what the other stages wait for the
        slowest (AlpaServe 3.3, figure 8).
        """
        communication = sum(stage.collective_s + stage.hop_s for stage in self.stages[batch])
        imbalance = self.pp * max(self.stage_latency_s(batch)) - self.latency_s(batch)
        return {"communication": communication, "imbalance": imbalance}


@dataclass(frozen=True)
class ModelledProfile:
    """The profile of a model with the reasons behind it.

    Attributes:
        architecture, device, calibration: what it was made from.
        operators: the chain at batch 1.
        plans: by (pp, tp).
        profile: in the simulator's form, source "modelled".
        left_out: by (pp, tp), why a configuration has no plan.
    """

    architecture: Architecture
    device: Device
    calibration: Calibration
    operators: tuple[Operator, ...]
    plans: Mapping[tuple[int, int], Plan]
    profile: Profile
    left_out: Mapping[tuple[int, int], str]


def profile_model(
    architecture: Architecture,
    device: Device,
    max_pp: int = 8,
    max_tp: int = 8,
    batches: Sequence[int] = DEFAULT_BATCHES,
    calibration: Calibration | None = None,
    *,
    cut: str = "dynamic",
    weight_memory_gib: float | None = None,
    sequence: int | None = None,
) -> ModelledProfile:
    """Latencies, weights, cut and sharding of a model for every (pp, tp) in powers of two up to the limits.

    Cut and sharding are chosen at batch 1, the paper's setting; further batch sizes run on the same weights.

    Args:
        architecture: the model.
        device: the accelerator.
        max_pp, max_tp: largest degrees.
        batches: batch sizes beside 1; those whose activations do not fit are left out.
        calibration: from `calibrate`; by default the cost model as it is.
        cut: "dynamic" (the paper's dynamic program) or "equal" (equally many layers a stage).
        weight_memory_gib: weights a device may hold; by default the device's.
        sequence: tokens of a request instead of the architecture's.

    Raises InputError if an argument is outside its range or no configuration fits.
    """
    _check(max_pp, max_tp, batches, cut)
    calibration = calibration or UNCALIBRATED
    sizes = tuple(sorted({1, *batches}))
    chains = {batch: build_operators(architecture, batch, sequence) for batch in sizes}
    limit_gib = device.weight_memory_gib if weight_memory_gib is None else weight_memory_gib
    plans, left_out = {}, {}
    for tp in _powers(max_tp):
        # The cut needs every operator's own latency; whether a stage fits is decided when it is cut.
        whole = shard_stage(chains[1], device, tp, weight_limit_gib=np.inf, memory_gib=np.inf, calibration=calibration)
        solved: dict[tuple, ShardedStage | None] = {}
        for pp in _powers(max_pp):
            starts = _starts(chains[1], whole, pp, tp, device, limit_gib, cut, calibration)
            plan = None
            if starts is not None:
                plan = _plan(chains, starts, tp, device, limit_gib, calibration, solved)
            if plan is None:
                left_out[pp, tp] = f"its weights do not fit {limit_gib:g} GiB a device"
            else:
                plans[pp, tp] = plan
    if not plans:
        raise InputError(
            f"Model '{architecture.name}' fits no configuration up to pp {max_pp}, tp {max_tp} on "
            f"'{device.name}' with {limit_gib:g} GiB of weights a device; larger limits are needed."
        )
    alone_s = None if (1, 1) in plans else _alone_s(chains[1], device, calibration)
    entries = {key: _entry(plan) for key, plan in plans.items()}
    profile = Profile(architecture.name, entries, device.name, alone_s)
    return ModelledProfile(architecture, device, calibration, chains[1], plans, profile, left_out)


def _check(max_pp: int, max_tp: int, batches: Sequence[int], cut: str) -> None:
    if not 1 <= max_pp <= MAX_STAGES:
        raise InputError(f"max_pp is {max_pp}; a whole number from 1 to {MAX_STAGES} is allowed.")
    if not 1 <= max_tp <= MAX_TENSOR_DEGREE:
        raise InputError(f"max_tp is {max_tp}; a whole number from 1 to {MAX_TENSOR_DEGREE} is allowed.")
    if cut not in CUTS:
        raise InputError(f"cut is '{cut}'; {' and '.join(CUTS)} are allowed.")
    wrong = [batch for batch in batches if not 1 <= batch <= 1024]
    if wrong:
        raise InputError(f"batches holds {wrong[0]}; whole numbers from 1 to 1024 are allowed.")


def _powers(limit: int) -> list[int]:
    return [2**exponent for exponent in range(limit.bit_length())]


def _hops_s(token_bytes: float, pp: int, tp: int, device: Device, calibration: Calibration) -> np.ndarray:
    """Seconds to bring token vectors to each stage, float64 (pp,); stage s runs on devices s * tp and on."""
    node = [stage * tp // device.devices_per_node for stage in range(pp)]
    last_node = [(stage * tp + tp - 1) // device.devices_per_node for stage in range(pp)]
    hops = [0.0] + [hop_s(token_bytes, tp, last_node[s - 1] != node[s], device) for s in range(1, pp)]
    return np.array(hops) * calibration.communication


def _starts(
    chain: tuple[Operator, ...],
    whole: ShardedStage | None,
    pp: int,
    tp: int,
    device: Device,
    limit_gib: float,
    cut: str,
    calibration: Calibration,
) -> list[int] | None:
    if whole is None or pp > len(chain):
        return None
    if cut == "equal":
        return equal_cut(chain, pp) if pp <= (len(chain) - 2) // 2 else None
    seconds = np.array(whole.compute_s) + np.array(whole.communication_s)
    weights = [op.weight_bytes_per_device(s.axis, tp) for op, s in zip(chain, whole.strategies, strict=True)]
    hops = _hops_s(chain[0].token_bytes, pp, tp, device, calibration)
    return cut_stages(seconds, pp, hops, np.array(weights), limit_gib * GIB)


def _plan(
    chains: Mapping[int, tuple[Operator, ...]],
    starts: list[int],
    tp: int,
    device: Device,
    limit_gib: float,
    calibration: Calibration,
    solved: dict[tuple, ShardedStage | None],
) -> Plan | None:
    """Shard every stage at batch 1 and cost the other batch sizes; None if a stage does not fit."""
    pp = len(starts)
    spans = list(zip(starts, [*starts[1:], len(chains[1])], strict=True))
    entries = ["whole"] + ["split"] * (pp - 1)
    sharded = []
    for (start, end), entry in zip(spans, entries, strict=True):
        piece = chains[1][start:end]
        key = (tuple(map(id, piece)), entry)
        if key not in solved:
            solved[key] = shard_stage(
                piece, device, tp, entry=entry, weight_limit_gib=limit_gib, calibration=calibration
            )
        if solved[key] is None:
            return None
        sharded.append(solved[key])
    stages, activation = {}, {}
    for batch, chain in chains.items():
        hops = _hops_s(chain[0].token_bytes, pp, tp, device, calibration)
        costed = [
            evaluate_stage(chain[start:end], chosen.strategies, device, tp, entry=entry, calibration=calibration)
            for (start, end), entry, chosen in zip(spans, entries, sharded, strict=True)
        ]
        if any(stage.weight_bytes + stage.activation_bytes > device.memory_gib * GIB for stage in costed):
            continue
        stages[batch] = tuple(
            StageCost(sum(stage.compute_s), sum(stage.communication_s), float(hop))
            for stage, hop in zip(costed, hops, strict=True)
        )
        activation[batch] = tuple(stage.activation_bytes / GIB for stage in costed)
    return Plan(
        pp,
        tp,
        tuple(starts),
        tuple(strategy for stage in sharded for strategy in stage.strategies),
        stages,
        tuple(stage.weight_bytes / GIB for stage in sharded),
        activation,
    )


def _alone_s(chain: tuple[Operator, ...], device: Device, calibration: Calibration) -> float:
    """Seconds of the model on one device if that had the memory: what deadlines of large models scale."""
    copied = [Strategy(None, "whole", "whole", "none")] * len(chain)
    return evaluate_stage(chain, copied, device, 1, calibration=calibration).latency_s


def _entry(plan: Plan) -> ProfileEntry:
    batches = {batch: plan.stage_latency_s(batch) for batch in plan.stages if batch > 1}
    return ProfileEntry(plan.pp, plan.tp, plan.stage_latency_s(1), plan.weight_gib, "modelled", batches)
