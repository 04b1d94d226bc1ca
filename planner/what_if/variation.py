"""The same scenario with one thing changed: devices, memory, rate, burstiness, deadlines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from planner.problem import Problem
from planner.scenario.model_sections import TOKEN_DEADLINES, ModelSection
from planner.scenario.schema import Scenario, WindowsSection
from simulator import InputError, Model, words
from simulator.schema import MAX_DEVICES

MAX_MEMORY_GIB = 10_000.0
# Deadlines and multiples of the traffic beyond this say nothing any more, and products must stay finite.
MAX_VALUE = 1e6


def with_devices(scenario: Scenario, devices: float) -> Scenario:
    """The scenario on another number of devices."""
    if devices != int(devices) or not 1 <= devices <= MAX_DEVICES:
        raise InputError(f"devices={devices:g}; whole numbers from 1 to {MAX_DEVICES} are allowed.")
    return _changed(scenario, cluster=scenario.cluster.model_copy(update={"devices": int(devices)}))


def with_memory_gib(scenario: Scenario, memory_gib: float) -> Scenario:
    """The scenario on devices with another memory."""
    if memory_gib > MAX_MEMORY_GIB:
        raise InputError(f"memory_gib={memory_gib:g}; numbers above 0 and up to {MAX_MEMORY_GIB:g} are allowed.")
    return _changed(scenario, cluster=scenario.cluster.model_copy(update={"memory_gib": memory_gib}))


def with_rate_scale(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with `factor` times the traffic of before."""
    w = scenario.workload
    if w.trace is not None:
        return _with_arrivals(scenario, trace=_scaled(w.trace, "rate_scale", factor))
    if w.windows is not None:
        return _with_arrivals(scenario, windows=_each_scaled(w.windows, "total_rate_per_s", factor))
    name = next(n for n in ("gamma", "poisson", "markov_modulated", "deterministic") if getattr(w, n) is not None)
    return _with_arrivals(scenario, **{name: _scaled(getattr(w, name), "total_rate_per_s", factor)})


def with_cv_scale(scenario: Scenario, factor: float) -> Scenario:
    """The scenario with `factor` times the burstiness; raises InputError where arrivals have no CV to change."""
    w = scenario.workload
    if w.gamma is not None:
        return _with_arrivals(scenario, gamma=_scaled(w.gamma, "cv", factor))
    if w.windows is not None:
        return _with_arrivals(scenario, windows=_each_scaled(w.windows, "cv", factor))
    if w.trace is not None:
        return _with_arrivals(scenario, trace=_scaled(w.trace, "cv_scale", factor))
    raise InputError("cv_scale changes gamma arrivals and resampled traces only; this workload has no CV to change.")


def with_slo_scale(scenario: Scenario, slo_scale: float) -> Scenario:
    """The scenario with every model's deadline at `slo_scale` times its latency alone on one device.

    That replaces a deadline in seconds too; those of a model that generates are multiplied by it instead. Requests
    that bring a deadline of their own are not part of the scenario: `with_own_deadlines` changes theirs in proportion.
    """
    models = [_with_deadline_scale(model, slo_scale) for model in scenario.models]
    return _changed(scenario, models=models)


def _with_deadline_scale(model: ModelSection, slo_scale: float) -> ModelSection:
    if model.generation is None:
        return model.model_copy(update={"slo_scale": slo_scale, "slo_s": None})
    given = {name: getattr(model, name) for name in TOKEN_DEADLINES if getattr(model, name) is not None}
    return model.model_copy(update={name: slo_scale * deadline for name, deadline in given.items()})


def with_own_deadlines(problem: Problem, before: tuple[Model, ...]) -> Problem:
    """Deadlines that requests bring along, changed in the ratio in which their model's deadline has changed.

    before: the models of the scenario that was varied, in the same order.
    """
    workload = problem.workload
    if workload.slo_s is None:
        return problem
    ratio = np.array([new.slo_s / old.slo_s for new, old in zip(problem.models, before, strict=True)])
    return replace(problem, workload=replace(workload, slo_s=workload.slo_s * ratio[workload.model]))


# What may vary, how, and whether more of it is harder: that decides from which end a target is looked for.
VARIATIONS: dict[str, tuple[Callable[[Scenario, float], Scenario], bool]] = {
    "devices": (with_devices, False),
    "memory_gib": (with_memory_gib, False),
    "rate_scale": (with_rate_scale, True),
    "cv_scale": (with_cv_scale, True),
    "slo_scale": (with_slo_scale, False),
}
# What leaves the requests and their deadlines as they are.
CLUSTER_AXES = ("devices", "memory_gib")


def vary(scenario: Scenario, axis: str, value: float) -> Scenario:
    """The scenario with one thing changed; raises InputError for an unknown axis or a value that cannot be."""
    if axis not in VARIATIONS:
        raise InputError(f"'{axis}' cannot be varied; {', '.join(VARIATIONS)} are allowed.")
    if not 0 < value <= MAX_VALUE:
        raise InputError(f"{axis}={value:g}; numbers above 0 and up to {words.count(MAX_VALUE)} are allowed.")
    return VARIATIONS[axis][0](scenario, value)


def _scaled(section, key: str, factor: float):
    return section.model_copy(update={key: getattr(section, key) * factor})


def _each_scaled(section: WindowsSection, key: str, factor: float) -> WindowsSection:
    return section.model_copy(update={"windows": [_scaled(window, key, factor) for window in section.windows]})


def _with_arrivals(scenario: Scenario, **sections) -> Scenario:
    return _changed(scenario, workload=scenario.workload.model_copy(update=sections))


def _changed(scenario: Scenario, **update) -> Scenario:
    return scenario.model_copy(update=update).in_folder(scenario.folder)
