"""What a person or a program wants to see of a modelled profile: one JSON document, and rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from planner.parallelise.architectures import Architecture
from planner.parallelise.calibrate import CalibrationResult, Measurement, calibrate
from planner.parallelise.hardware import Device
from planner.parallelise.operators import GIB, Operator, total_weight_bytes
from planner.parallelise.plans import Plan
from planner.parallelise.profile_model import DEFAULT_BATCHES, ModelledProfile, profile_model
from simulator.catalogue import catalogue_document


def profile_command(
    architecture: Architecture,
    device: Device,
    max_pp: int = 8,
    max_tp: int = 8,
    batches: Sequence[int] = DEFAULT_BATCHES,
    measurements: Sequence[Measurement] = (),
    *,
    cut: str = "dynamic",
    weight_memory_gib: float | None = None,
    sequence: int | None = None,
) -> dict:
    """The JSON document of a modelled profile, calibrated if measurements are given.

    Arguments and errors as in `profile_model` and `calibrate`. Keys: model, device, sequence, weight_gib, calibration
    (null, or factors and checks), configurations (one row each, see `configuration_row`), left_out, catalogue
    (in the form that a scenario's `profiles` reads).
    """
    options = {"cut": cut, "weight_memory_gib": weight_memory_gib, "sequence": sequence}
    calibrated = calibrate(architecture, device, measurements, **options) if measurements else None
    factors = calibrated.calibration if calibrated else None
    modelled = profile_model(architecture, device, max_pp, max_tp, batches, factors, **options)
    return {
        "model": architecture.name,
        "device": device.name,
        "sequence": sequence or architecture.sequence,
        "weight_gib": total_weight_bytes(modelled.operators) / GIB,
        "calibration": _calibration_document(calibrated) if calibrated else None,
        "configurations": [configuration_row(modelled, pp, tp) for pp, tp in sorted(modelled.plans)],
        "left_out": [{"pp": pp, "tp": tp, "reason": why} for (pp, tp), why in sorted(modelled.left_out.items())],
        "catalogue": catalogue_document({architecture.name: modelled.profile}),
    }


def configuration_row(modelled: ModelledProfile, pp: int, tp: int) -> dict:
    """One configuration: figures at batch 1, and what each stage holds, costs and how it is sharded."""
    plan = modelled.plans[pp, tp]
    names = operator_names(modelled.operators)
    return {
        "pp": pp,
        "tp": tp,
        "devices": pp * tp,
        "latency_s": plan.latency_s(),
        "slowest_stage_s": plan.slowest_s(),
        "throughput_per_s": plan.throughput_per_s(),
        "compute_s": plan.compute_s(),
        "communication_s": plan.communication_s(),
        "imbalance_s": plan.imbalance_s(),
        "weight_gib": max(plan.weight_gib),
        "activation_gib": max(plan.activation_gib[1]),
        "batches": sorted(plan.stages),
        "stages": [_stage_document(modelled.operators, names, plan, stage) for stage in range(pp)],
    }


def operator_names(operators: Sequence[Operator]) -> list[str]:
    """Names of a chain's operators: "embedding", "attention 1", "ffn 1", ..., "head"; layers count from 1."""
    inner = [f"{operator.kind} {(index + 1) // 2}" for index, operator in enumerate(operators)]
    return [operators[0].kind, *inner[1:-1], operators[-1].kind]


def _stage_document(operators: Sequence[Operator], names: Sequence[str], plan: Plan, stage: int) -> dict:
    start, end = plan.starts[stage], [*plan.starts[1:], len(operators)][stage]
    cost = plan.stages[1][stage]
    sharding: dict[str, dict[str, int]] = {}
    for operator, strategy in zip(operators[start:end], plan.strategies[start:end], strict=True):
        counts = sharding.setdefault(operator.kind, {})
        counts[strategy.name] = counts.get(strategy.name, 0) + 1
    return {
        "first": names[start],
        "last": names[end - 1],
        "operators": end - start,
        "latency_s": cost.latency_s,
        "compute_s": cost.compute_s,
        "collective_s": cost.collective_s,
        "hop_s": cost.hop_s,
        "weight_gib": plan.weight_gib[stage],
        "activation_gib": plan.activation_gib[1][stage],
        "sharding": sharding,
    }


def _calibration_document(calibrated: CalibrationResult) -> dict:
    checks = [
        {
            "pp": check.measurement.pp,
            "tp": check.measurement.tp,
            "batch": check.measurement.batch,
            "measured_s": check.measurement.latency_s,
            "modelled_s": check.modelled_s,
            "error": check.error,
            "fitted": check.measurement.fitted,
        }
        for check in calibrated.checks
    ]
    factors = calibrated.calibration
    return {"compute": factors.compute, "communication": factors.communication, "checks": checks}
