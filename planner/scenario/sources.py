"""Who asks for which model: the sources of a trace, their shares of the traffic, and the models they go to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.scenario.inputs import trace_options
from planner.scenario.schema import Scenario
from simulator.traces import Trace
from simulator.traces.mapping import LEFT_OUT, map_sources
from simulator.traces.options import DEALT, MappingRule
from simulator.traces.summary import requests_per_source


@dataclass(frozen=True)
class SourceShare:
    """A source with requests in the window that is replayed.

    Attributes:
        name: in the trace. requests: in the window, as in the file; for rates the expected number. share: of all
        requests in the window, 0..1. model: that its requests go to; None where they are left out.
    """

    name: str
    requests: float
    share: float
    model: str | None


def kept_mapping(scenario: Scenario, trace: Trace) -> MappingRule | dict[str, str]:
    """The mapping that gives every source in any stretch of the trace the model that it has in the replayed one.

    "stripe" and "blocks" deal out the sources that are not silent in the stretch, so in another stretch a source would
    ask for another model. Sources that are silent in the replayed one are dealt out in turn after the others.
    """
    options = trace_options(scenario.workload.replayed)
    if options.map_models not in DEALT:
        return options.map_models
    names = [name for section in scenario.models for name in section.names()]
    active = requests_per_source(trace, options.start_s, options.duration_s) > 0
    model_of, _ = map_sources(trace.sources, active, names, options.map_models)
    silent = np.flatnonzero(~active)
    model_of[silent] = (active.sum() + np.arange(silent.size)) % len(names)
    return {source: names[model] for source, model in zip(trace.sources, model_of.tolist(), strict=True)}


def source_shares(scenario: Scenario, trace: Trace) -> list[SourceShare]:
    """The sources in the window of the scenario's trace, those with most requests first.

    Raises InputError where the mapping names a source or a model that is not there.
    """
    options = trace_options(scenario.workload.replayed)
    names = [name for section in scenario.models for name in section.names()]
    requests = requests_per_source(trace, options.start_s, options.duration_s)
    model_of, _ = map_sources(trace.sources, requests > 0, names, options.map_models)
    total = max(float(requests.sum()), 1e-300)
    order: list[int] = np.argsort(-requests, kind="stable").tolist()
    return [
        SourceShare(trace.sources[i], float(requests[i]), float(requests[i]) / total,
                    None if model_of[i] == LEFT_OUT else names[model_of[i]])
        for i in order if requests[i] > 0
    ]  # fmt: skip
