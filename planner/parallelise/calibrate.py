"""Calibration: scale the cost model to measured latencies, and show the error of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.parallelise.architectures import Architecture
from planner.parallelise.cost import Calibration
from planner.parallelise.hardware import Device
from planner.parallelise.plans import Plan, Setting, make_plans
from simulator.errors import InputError

FACTOR_RANGE = (0.02, 50.0)
# Other factors may make another sharding or cut the best one, which asks for other factors again.
ROUNDS = 5


@dataclass(frozen=True)
class Measurement:
    """A measured latency.

    Attributes:
        pp, tp, batch: what ran.
        latency_s: seconds, all stages together.
        fitted: whether the model is scaled to it; otherwise it only checks.
    """

    pp: int
    tp: int
    batch: int
    latency_s: float
    fitted: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latency_s) and self.latency_s > 0):
            raise InputError(f"{self} has a latency of {self.latency_s} s; a positive number is allowed.")

    def __str__(self) -> str:
        return f"Measurement (pp {self.pp}, tp {self.tp}, batch {self.batch})"


@dataclass(frozen=True)
class CheckedMeasurement:
    """A measurement beside the calibrated model: `error` is modelled / measured - 1."""

    measurement: Measurement
    modelled_s: float

    @property
    def error(self) -> float:
        return self.modelled_s / self.measurement.latency_s - 1


@dataclass(frozen=True)
class CalibrationResult:
    """The factors and how well the calibrated model meets every measurement, in the order given."""

    calibration: Calibration
    checks: tuple[CheckedMeasurement, ...]


def calibrate(
    architecture: Architecture,
    device: Device,
    measurements: Sequence[Measurement],
    *,
    cut: str = "dynamic",
    weight_memory_gib: float | None = None,
    sequence: int | None = None,
) -> CalibrationResult:
    """Factors on computation and communication that bring the model to the fitted measurements.

    Least squares of the relative errors. With one fitted measurement, or none that communicates, only the
    computation is scaled, since nothing tells the two apart. Other arguments as in `profile_model`.

    Raises InputError if nothing is to be fitted, or a measured configuration does not exist.
    """
    fitted = [measurement for measurement in measurements if measurement.fitted]
    if not fitted:
        raise InputError("No measured latency is given to scale the model to; at least one is needed.")
    setting = Setting(
        architecture,
        device,
        tuple(measurement.batch for measurement in measurements),
        cut=cut,
        weight_memory_gib=weight_memory_gib,
        sequence=sequence,
    )
    plans = _plans_of(setting, measurements)
    for _ in range(ROUNDS):
        calibration = _factors(fitted, plans, setting.calibration)
        settled = np.allclose(_pair(calibration), _pair(setting.calibration), rtol=1e-9)
        setting = replace(setting, calibration=calibration)
        plans = _plans_of(setting, measurements)
        if settled:
            break
    checks = [CheckedMeasurement(m, plans[m.pp, m.tp].latency_s(m.batch)) for m in measurements]
    return CalibrationResult(setting.calibration, tuple(checks))


def _pair(calibration: Calibration) -> tuple[float, float]:
    return calibration.compute, calibration.communication


def _plans_of(setting: Setting, measurements: Sequence[Measurement]) -> dict[tuple[int, int], Plan]:
    plans, left_out = make_plans(setting, dict.fromkeys((m.pp, m.tp) for m in measurements))
    for measurement in measurements:
        key = measurement.pp, measurement.tp
        if key in left_out:
            raise InputError(f"{measurement} cannot be modelled on '{setting.device.name}': {left_out[key]}.")
        if measurement.batch not in plans[key].stages:
            raise InputError(
                f"{measurement} cannot be modelled on '{setting.device.name}': its activations do not fit."
            )
    return plans


def _factors(fitted: Sequence[Measurement], plans: dict[tuple[int, int], Plan], applied: Calibration) -> Calibration:
    """Factors for plans whose seconds have `applied` in them already."""
    # Here, because it takes half a second to load and few callers need it.
    from scipy.optimize import lsq_linear

    measured = np.array([m.latency_s for m in fitted])
    compute = np.array([plans[m.pp, m.tp].compute_s(m.batch) for m in fitted]) / measured / applied.compute
    communication = np.array([plans[m.pp, m.tp].communication_s(m.batch) for m in fitted]) / measured
    communication /= applied.communication
    both = np.stack([compute, communication], axis=1)
    if np.linalg.matrix_rank(both, tol=1e-6) == 2:
        factors = lsq_linear(both, np.ones(len(fitted)), bounds=FACTOR_RANGE).x
        return Calibration(float(factors[0]), float(factors[1]))
    alone = lsq_linear(compute[:, None], 1 - communication, bounds=FACTOR_RANGE).x
    return Calibration(compute=float(alone[0]))
