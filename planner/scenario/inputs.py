"""From a scenario to what simulations and searches take: models, cluster, workload, serving rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from planner.executors.shared import Lent
from planner.problem import Problem
from planner.rules import Rules
from planner.scenario.model_sections import ModelSection, instances
from planner.scenario.schema import (
    OTHER_PRICES,
    DeterministicSection,
    GammaSection,
    MarkovSection,
    PlacementSection,
    Scenario,
    TraceSection,
    WindowsSection,
    WorkloadSection,
)
from sample_traces import sample_paths
from simulator import Cluster, InputError, Model, Profile, Serving, Workload, merge_arrivals, serving_preset
from simulator.arrivals import (
    Window,
    check_jumps,
    check_renewals,
    check_total,
    deterministic_arrivals,
    gamma_workload,
    markov_modulated_arrivals,
    poisson_arrivals,
    split_rate,
    windowed_arrivals,
)
from simulator.catalogue import builtin_catalogue, load_catalogue
from simulator.traces import Trace, TraceOptions, build_workload
from simulator.workload import MAX_REQUESTS

SAMPLE_PREFIX = "sample:"
_SAME_MEMORY_GIB = 0.5
TraceReader = Callable[[Scenario], Trace]
# See make_workload.
RequestMaker = Callable[[WorkloadSection, Sequence[str], Trace | None], tuple[Workload, tuple[str, ...]]]


@dataclass(frozen=True, eq=False)
class Inputs(Lent):
    """A scenario, built.

    Attributes:
        problem: models, cluster, workload, serving rules.
        warmup_s: left out of the figures at both ends.
        trace: what was read, None where arrivals were made here.
        notices: sentences about what was sorted, left out or looks odd.
        targets: by model, the share of its deadlines to be met, where it has such a target of its own.
    """

    problem: Problem
    warmup_s: float
    trace: Trace | None
    notices: tuple[str, ...]
    targets: Mapping[str, float] = field(default_factory=dict[str, float])

    def under(self, section: PlacementSection) -> Inputs:
        """The same under the serving rules of a placement."""
        return replace(self, problem=self.problem.under(section.serving_rules))


def build_inputs(
    scenario: Scenario,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
    requests: RequestMaker | None = None,
) -> Inputs:
    """Everything that a scenario names, read and checked.

    Args:
        scenario: from load_scenario or parse_scenario.
        read: gives the trace of the scenario; by default its files are read from the scenario's folder. A server
            passes a reader of its own, so that a visitor's scenario opens no files.
        profiles: own profiles; by default the scenario's `profiles` file. The built-in catalogue is always there.
        requests: gives the requests in place of make_workload; a server passes one that checks and keeps them.

    Raises:
        InputError: a file, profile, model, window, rate or rule that cannot be.
    """
    if scenario.generates:
        raise InputError(
            f"{_listed([s.name for s in scenario.models if s.generation is not None])} generate token by token; "
            "the commands simulate, plan, capacity and sweep, and planner.generation.compare, plan for them."
        )
    catalogue = dict(builtin_catalogue())
    if profiles is None and scenario.profiles is not None:
        profiles = load_catalogue(scenario.folder / scenario.profiles)
    catalogue |= profiles or {}
    models = build_models(scenario.models, catalogue)
    trace = (read or read_scenario_trace)(scenario) if scenario.workload.trace is not None else None
    workload, notices = (requests or make_workload)(scenario.workload, [m.name for m in models], trace)
    cluster, rules = build_cluster(scenario), build_rules(scenario)
    rules.check(models, cluster)
    problem = Problem(models, cluster, workload, build_serving(scenario), rules=rules, weights=_weights(scenario))
    notices = tuple(trace.notices if trace else ()) + notices + device_notices(problem.models, problem.cluster)
    return Inputs(problem, scenario.workload.warmup_s, trace, notices, scenario.targets)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def build_models(sections: Sequence[ModelSection], catalogue: Mapping[str, Profile]) -> tuple[Model, ...]:
    """The served instances, `count` of each section; raises InputError if a profile is unknown."""
    models = []
    for index, section in enumerate(sections):
        profile = None if section.profile is None else catalogue.get(section.profile)
        if profile is None:
            raise InputError(
                f"models.{index}.profile is '{section.profile}', which is not in the catalogue; "
                f"{', '.join(sorted(catalogue))} are allowed."
            )
        for name in section.names():
            if section.slo_s is not None:
                models.append(Model(name, profile, section.slo_s))
            else:
                assert section.slo_scale is not None, "a section of models has one of the two deadlines"
                models.append(Model.with_slo_scale(name, profile, section.slo_scale))
    return tuple(models)


def build_cluster(scenario: Scenario) -> Cluster:
    """The cluster of a scenario."""
    return Cluster(**scenario.cluster.model_dump(exclude=set(OTHER_PRICES)))


def build_rules(scenario: Scenario) -> Rules:
    """The placement rules of a scenario, with entries of several models as those models."""
    sections, asked = scenario.models, scenario.rules
    return Rules(
        pins={name: (first, last) for given, (first, last) in asked.pin.items()
              for name in instances(given, sections, "rules.pin")},
        apart=tuple(tuple(dict.fromkeys(name for given in names for name in instances(given, sections, "rules.apart")))
                    for names in asked.apart),
        within_node=asked.within_node,
        min_replicas={name: s.min_replicas for s in sections if s.min_replicas is not None for name in s.names()},
    )  # fmt: skip


def _weights(scenario: Scenario) -> dict[str, int]:
    return {name: s.weight for s in scenario.models if s.weight is not None for name in s.names()}


def device_notices(models: Sequence[Model], cluster: Cluster) -> tuple[str, ...]:
    """Sentences where the cluster's device is not the one that profiles hold for, or its memory is another."""
    # Here, because the cost model behind it takes long to load and few callers need it.
    from planner.parallelise.hardware import load_hardware

    notices = []
    elsewhere: dict[str, list[str]] = {}
    for profile in {model.profile.name: model.profile for model in models}.values():
        if profile.device and profile.device != cluster.device:
            elsewhere.setdefault(profile.device, []).append(profile.name)
    for device, names in elsewhere.items():
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        notices.append(
            f"cluster.device is {cluster.device}, but the latencies of {listed} are those of {device}; the device's "
            "name changes no figure."
        )
    known = load_hardware().get(cluster.device)
    if known is not None and abs(cluster.memory_gib - known.weight_memory_gib) > _SAME_MEMORY_GIB:
        notices.append(
            f"cluster.memory_gib is {cluster.memory_gib:g}; a {cluster.device} has about "
            f"{known.weight_memory_gib:g} GiB for weights."
        )
    return tuple(notices)


def build_serving(scenario: Scenario) -> Serving:
    """The serving rules of a scenario: its preset, and over it what it names."""
    named = scenario.serving.model_dump(exclude={"preset"}, exclude_none=True)
    return serving_preset(scenario.serving.preset, **named)


def trace_options(section: TraceSection) -> TraceOptions:
    """The options of `workload.trace`; raises InputError naming the key."""
    names = {field.name for field in fields(TraceOptions)}
    try:
        return TraceOptions(**section.model_dump(include=names))
    except InputError as error:
        raise InputError(f"workload.trace.{error}") from None


def read_scenario_trace(scenario: Scenario) -> Trace:
    """The trace of a scenario, from its files; raises InputError if they differ from the `sha256` it names."""
    # Here, because whatever reads tables takes long to load, and scenarios may make their requests.
    from simulator.traces import read_trace

    section = scenario.workload.trace
    assert section is not None, "callers ask whether the scenario has a trace"
    paths: list[Path] = []
    for path in section.paths:
        if path.startswith(SAMPLE_PREFIX):
            paths.extend(sample_paths(path.removeprefix(SAMPLE_PREFIX)))
        else:
            paths.append(scenario.folder / path)
    trace = read_trace(paths, section.format, columns=section.columns)
    if section.sha256 is not None and section.sha256 != trace.digest:
        raise InputError(
            f"workload.trace: the file's SHA-256 is {trace.digest[:12]}..., the scenario was made with "
            f"{section.sha256[:12]}...; bring the same file, or take the key sha256 out."
        )
    return trace


def make_workload(
    section: WorkloadSection, model_names: Sequence[str], trace: Trace | None, max_requests: int = MAX_REQUESTS
) -> tuple[Workload, tuple[str, ...]]:
    """The requests of a scenario, and sentences about what was lost or odd on the way; more are refused, undrawn."""
    made = section.arrivals
    if isinstance(made, TraceSection):
        assert trace is not None, "whoever has a scenario with a trace has read it"
        return build_workload(trace, model_names, trace_options(made), max_requests)
    count = len(model_names)
    if isinstance(made, WindowsSection):
        w = made
        check_total(0, count * len(w.windows))
        share = split_rate(1.0, count, w.split, w.exponent, w.weights)
        rate, cv, duration_s = np.array([(p.total_rate_per_s, p.cv, p.duration_s) for p in w.windows]).T
        check_renewals(np.outer(share, rate), cv, duration_s, max_requests)
        starts_s = np.cumsum([0.0] + [window.duration_s for window in w.windows])
        return merge_arrivals([
            windowed_arrivals(
                [Window(float(at_s), part.duration_s, part.total_rate_per_s * float(share[i]), part.cv)
                 for at_s, part in zip(starts_s, w.windows, strict=False)],
                w.seed + i * len(w.windows),
            )
            for i in range(count)
        ]), ()  # fmt: skip
    check_total(made.total_rate_per_s * made.duration_s, max_requests=max_requests)
    rates = split_rate(made.total_rate_per_s, count, made.split, made.exponent, made.weights)
    if isinstance(made, GammaSection):
        check_renewals(rates, made.cv, made.duration_s, max_requests)
        return gamma_workload(rates, made.cv, made.duration_s, made.seed), ()
    if isinstance(made, DeterministicSection):
        return _each(rates, lambda i, rate: deterministic_arrivals(rate, made.duration_s)), ()
    if not isinstance(made, MarkovSection):
        return _each(rates, lambda i, rate: poisson_arrivals(rate, made.duration_s, made.seed + i)), ()
    check_jumps(made.mean_stay_s, made.duration_s, count)
    levels = np.array(made.levels) / np.average(made.levels, weights=_matching(made.levels, made.mean_stay_s))
    return _each(
        rates,
        lambda i, rate: markov_modulated_arrivals(rate * levels, made.mean_stay_s, made.duration_s, made.seed + i),
    ), ()


def _each(rates: np.ndarray, arrivals: Callable[[int, float], np.ndarray]) -> Workload:
    return merge_arrivals([arrivals(i, float(rate)) for i, rate in enumerate(rates)])


def _matching(levels: Sequence[float], mean_stay_s: Sequence[float]) -> Sequence[float]:
    if len(levels) != len(mean_stay_s) or not any(levels):
        raise InputError(
            f"workload.markov_modulated has {len(levels)} levels and {len(mean_stay_s)} mean stays; "
            "the same number of each, and a level above 0, is allowed."
        )
    return mean_stay_s
