"""The same scenario with one thing changed: devices, rate, burstiness, deadlines."""

from __future__ import annotations

import math
from collections.abc import Callable

from planner.scenario.schema import Scenario
from simulator import InputError


def with_devices(scenario: Scenario, devices: float) -> Scenario:
    """The scenario on another number of devices."""
    if devices != int(devices) or devices < 1:
        raise InputError(f"devices={devices:g}; whole numbers from 1 on are allowed.")
    return _changed(scenario, cluster=scenario.cluster.model_copy(update={"devices": int(devices)}))


def with_rate_scale(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with `factor` times the traffic of before."""
    w = scenario.workload
    if w.trace is not None:
        return _with_arrivals(scenario, trace=_scaled(w.trace, "rate_scale", factor))
    if w.windows is not None:
        windows = [_scaled(window, "total_rate_per_s", factor) for window in w.windows.windows]
        return _with_arrivals(scenario, windows=w.windows.model_copy(update={"windows": windows}))
    name = next(n for n in ("gamma", "poisson", "markov_modulated", "deterministic") if getattr(w, n) is not None)
    return _with_arrivals(scenario, **{name: _scaled(getattr(w, name), "total_rate_per_s", factor)})


def with_cv_scale(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with `factor` times the burstiness; raises InputError where arrivals have no CV to change."""
    w = scenario.workload
    if w.gamma is not None:
        return _with_arrivals(scenario, gamma=_scaled(w.gamma, "cv", factor))
    if w.windows is not None:
        windows = [_scaled(window, "cv", factor) for window in w.windows.windows]
        return _with_arrivals(scenario, windows=w.windows.model_copy(update={"windows": windows}))
    if w.trace is not None:
        return _with_arrivals(scenario, trace=_scaled(w.trace, "cv_scale", factor))
    raise InputError("cv_scale changes gamma arrivals and resampled traces only; this workload has no CV to change.")


def with_slo_scale(scenario: Scenario, slo_scale: float) -> Scenario:
    """The scenario with every deadline at `slo_scale` times the model's latency alone on one device."""
    models = [model.model_copy(update={"slo_scale": slo_scale, "slo_s": None}) for model in scenario.models]
    return _changed(scenario, models=models)


# What may vary, how, and whether more of it is harder: that decides from which end a target is looked for.
VARIATIONS: dict[str, tuple[Callable[[Scenario, float], Scenario], bool]] = {
    "devices": (with_devices, False),
    "rate_scale": (with_rate_scale, True),
    "cv_scale": (with_cv_scale, True),
    "slo_scale": (with_slo_scale, False),
}


def vary(scenario: Scenario, axis: str, value: float) -> Scenario:
    """The scenario with one thing changed; raises InputError for an unknown axis or a value that cannot be."""
    if axis not in VARIATIONS:
        raise InputError(f"'{axis}' cannot be varied; {', '.join(VARIATIONS)} are allowed.")
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{axis}={value}; numbers above 0 are allowed.")
    return VARIATIONS[axis][0](scenario, value)


def _scaled(section, key: str, factor: float):
    return section.model_copy(update={key: getattr(section, key) * factor})


def _with_arrivals(scenario: Scenario, **sections) -> Scenario:
    return _changed(scenario, workload=scenario.workload.model_copy(update=sections))


def _changed(scenario: Scenario, **update) -> Scenario:
    return scenario.model_copy(update=update).in_folder(scenario.folder)
