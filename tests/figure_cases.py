"""One small comparison that the tests of the figures share."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from simulator import Cluster, Group, Model, Placement, Serving, build_timeline, measure, simulate, stage_spans
from simulator.arrivals import gamma_workload, split_rate
from tests.cases import profile


@cache
def compared(models=8, rate_per_s=9.0, duration_s=60.0):
    """Eight models on eight devices: replicas on single devices, two pipelines, and one group of four."""
    served = tuple(
        Model(f"m{i}", profile(0.4, 4.0, configurations=((1, 1), (4, 1), (2, 2))), 1.6) for i in range(models)
    )
    names = [model.name for model in served]
    placements = (
        Placement(tuple(Group(1, 1, tuple(names[(3 * g + j) % models] for j in range(3))) for g in range(8)), "single"),
        Placement((Group(4, 1, tuple(names)), Group(4, 1, tuple(names))), "pipelines"),
        Placement((Group(2, 2, tuple(names[:6])),), "one group"),
    )
    workload = gamma_workload(split_rate(rate_per_s, models, "power_law", 0.5), 4.0, duration_s, 0)
    results = tuple(simulate(served, placement, workload, Serving()) for placement in placements)
    end_s = max(float(result.finish_s[result.ran].max()) for result in results)
    return SimpleNamespace(
        cluster=Cluster(8, 13.0, 4),
        models=served,
        names=[placement.name for placement in placements],
        placements=placements,
        workload=workload,
        results=results,
        figures=tuple(measure(result) for result in results),
        timelines=tuple(build_timeline(result, 120, 0.0, end_s) for result in results),
        spans=tuple(stage_spans(result) for result in results),
    )


def traces_of(figure, kind=None):
    """The figure's traces, of one type if given."""
    return [trace for trace in figure.data if kind is None or trace.type == kind]


def named(figure, name):
    """The one trace of this name."""
    (trace,) = (trace for trace in figure.data if trace.name == name)
    return trace
