"""From an architecture and a device to a profile for every (pp, tp, batch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.parallelise.architectures import MAX_SEQUENCE, Architecture
from planner.parallelise.cost import UNCALIBRATED, Calibration
from planner.parallelise.hardware import Device
from planner.parallelise.operators import Operator
from planner.parallelise.plans import Plan, Setting, make_plans
from planner.parallelise.sharding import COPIED, evaluate_stage
from simulator import words
from simulator.errors import InputError
from simulator.profiles import Profile, ProfileEntry
from simulator.schema import MAX_STAGES, MAX_TENSOR_DEGREE

DEFAULT_BATCHES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class ModelledProfile:
    """The profile of a model with the reasons behind it.

    Attributes:
        architecture, device, calibration: what it was made from.
        operators: the chain at batch 1, as it is cut into several stages.
        plans: by (pp, tp): cut, sharding, where the time goes, memory.
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

    Args:
        architecture: the model.
        device: the accelerator.
        max_pp, max_tp: largest degrees, 1 to 64.
        batches: batch sizes; 1 is always among them. Those whose activations do not fit are left out.
        calibration: from `calibrate`; by default the cost model as it is.
        cut: "dynamic" (the paper's dynamic program) or "equal" (equally many layers a stage).
        weight_memory_gib: weights a device may hold; by default the device's.
        sequence: tokens of a request instead of the architecture's.

    A model that does not fit one device gets as `single_device_latency_s` what it would take on a device
    with enough memory. Raises InputError if an argument is outside its range or no configuration fits.
    """
    if not 1 <= max_pp <= MAX_STAGES:
        raise InputError(f"max_pp is {max_pp}; a whole number from 1 to {MAX_STAGES} is allowed.")
    if not 1 <= max_tp <= MAX_TENSOR_DEGREE:
        raise InputError(f"max_tp is {max_tp}; a whole number from 1 to {MAX_TENSOR_DEGREE} is allowed.")
    calibration = calibration or UNCALIBRATED
    if sequence is not None and not 1 <= sequence <= MAX_SEQUENCE:
        raise InputError(
            f"sequence is {sequence}; a whole number of tokens from 1 to {words.count(MAX_SEQUENCE)} is allowed."
        )
    setting = Setting(architecture, device, tuple(batches), calibration, cut, weight_memory_gib, sequence)
    ways = [tp for tp in _powers(max_tp) if _divides_heads(architecture, tp)]
    plans, left_out = make_plans(setting, [(pp, tp) for tp in ways for pp in _powers(max_pp)])
    for tp in set(_powers(max_tp)) - set(ways):
        reason = (
            f"{architecture.heads} heads ({architecture.kv_heads} of keys) cannot be shared equally by {tp} devices"
        )
        left_out = {**left_out, **{(pp, tp): reason for pp in _powers(max_pp)}}
    if not plans:
        raise InputError(
            f"Model '{architecture.name}' fits no configuration up to pp {max_pp}, tp {max_tp} on "
            f"'{device.name}' with {setting.limit_gib:g} GiB of weights a device; larger limits are needed."
        )
    alone_s = None if (1, 1) in plans else _alone_s(setting)
    entries = {key: _entry(plan) for key, plan in plans.items()}
    profile = Profile(architecture.name, entries, device.name, alone_s)
    return ModelledProfile(architecture, device, calibration, setting.chain(1, 2), plans, profile, left_out)


def _powers(limit: int) -> list[int]:
    return [2**exponent for exponent in range(limit.bit_length())]


def _alone_s(setting: Setting) -> float:
    chain = setting.chain(1, 1)
    copied = [COPIED] * len(chain)
    return evaluate_stage(chain, copied, setting.device, 1, calibration=setting.calibration).latency_s


def _entry(plan: Plan) -> ProfileEntry:
    batches = {batch: plan.stage_latency_s(batch) for batch in plan.stages if batch > 1}
    return ProfileEntry(plan.pp, plan.tp, plan.stage_latency_s(1), plan.weight_gib, "modelled", batches)


def _divides_heads(architecture: Architecture, tp: int) -> bool:
    # As serving engines ask: query heads in equal parts; heads of keys in equal parts, or each copied equally often.
    heads, kv_heads = architecture.heads, architecture.kv_heads
    return heads % tp == 0 and (kv_heads % tp == 0 or tp % kv_heads == 0)
