"""Figures 12 and 14, on the Azure traces or on what ships in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

from planner.reproduce.model_sets import mixed_models, same_models
from planner.reproduce.parts import (
    AXES,
    OUR_IMPROVEMENT,
    OUR_PROFILES,
    OUR_SEARCH,
    OUR_SIMULATOR,
    SAME_TRAFFIC,
    Curve,
    Difference,
    Figure,
    Panel,
    alpaserve_curves,
    searched,
)
from planner.reproduce.published import published_points
from planner.reproduce.traffic import DAY_S, DEFAULT_RATE_SCALE, HOUR_S, Slice, Traffic
from planner.scenario.schema import ClusterSection, ModelSection, Scenario, ServingSection, WorkloadSection

WARMUP_S = 10.0
# Day and hour that the authors plan on, and those that they test with (their seed 1).
PAIRS = (((5, 8), (5, 1)), ((11, 9), (0, 12)), ((12, 11), (0, 7)))


@dataclass(frozen=True)
class _ModelSet:
    """A model set: its models by SLO scale, the default devices, and how the released search separates its kinds."""

    models: Callable[[float], list[ModelSection]]
    devices: int
    bucketing: str = "one"


_SETS = {
    "S1": _ModelSet(lambda slo: same_models("bert-1.3b", 48, slo), 16),
    "S2": _ModelSet(lambda slo: same_models("bert-6.7b", 48, slo), 64),
    "S3": _ModelSet(lambda slo: mixed_models(12, slo), 48, "released"),
}
_RATES1, _CV1 = (5e-4, 1e-3, 2e-3, 4e-3, 6e-3, 8e-3), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
_SLO1 = (0.75, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0)
_RATES2, _CV2 = (8.0, 16.0, 32.0, 48.0, 72.0, 96.0), (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
_SLO2 = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
# By model set and trace, the values of each sweep.
SWEEPS: Mapping[tuple[str, str], Mapping[str, tuple[float, ...]]] = {
    ("S1", "MAF1"): {"devices": (8, 16, 24, 32, 40, 48), "rate": _RATES1, "cv": _CV1, "slo": _SLO1},
    ("S2", "MAF1"): {"devices": (48, 64, 80, 96, 112, 128), "rate": _RATES1, "cv": _CV1, "slo": _SLO1},
    ("S3", "MAF1"): {"devices": (32, 40, 48, 54, 64, 72, 96), "rate": _RATES1, "cv": _CV1, "slo": _SLO1},
    ("S1", "MAF2"): {"devices": (2, 4, 8, 12, 16), "rate": _RATES2, "cv": _CV2, "slo": _SLO2},
    ("S2", "MAF2"): {"devices": (16, 24, 32, 40, 48, 64), "rate": _RATES2, "cv": _CV2, "slo": _SLO2},
    ("S3", "MAF2"): {
        "devices": (16, 24, 32, 40, 48, 54, 64),
        "rate": (1, 4, 8, 16, 32, 64),
        "cv": (1, 2, 3, 4, 6, 8),
        "slo": (0.75, 1, 1.25, 1.5, 2, 2.5, 5),
    },
}


def end_to_end(traces: Mapping[str, Traffic]) -> Figure:
    """Figure 12: three model sets, two traces, four sweeps."""
    panels = []
    for (models, name), sweeps in SWEEPS.items():
        traffic = traces[name]
        for axis, values in sweeps.items():
            panels.append(_panel("12", models, traffic, axis, values))
    missing = [_plots_only("12", "S1 and S2"), *(_not_theirs(t) for t in traces.values() if not t.whole)]
    return Figure("12", "End to end", tuple(panels), _differences(traces), tuple(missing))


def robustness(traces: Mapping[str, Traffic]) -> Figure:
    """Figure 14: planned on one hour, tested on another."""
    traffic = traces["MAF1"]
    pairs, said = _hours(traffic)
    panels = []
    for (number, pair), (axis, values) in product(enumerate(pairs, 1), SWEEPS["S2", "MAF1"].items()):
        panels.append(_panel("14", "S2", traffic, axis, values, pair, f", pair {number}"))
    hours = Difference("pairs of hours", "three of the two weeks, drawn at random", said, "other hours, other figures")
    models = Difference(
        "model set", "S2 in the text, S1 on 16 devices in the script", "S2, as the text", "follow the text's figure"
    )
    missing = [_plots_only("14", "all panels")] + ([] if traffic.whole else [_not_theirs(traffic)])
    return Figure("14", "Robustness to changing traffic", tuple(panels),
                  (hours, models, *_differences({"MAF1": traffic})[:-1]), tuple(missing))  # fmt: skip


def _panel(
    number: str, models: str, traffic: Traffic, axis: str, values: tuple[float, ...],
    pair: tuple[Slice, Slice] | None = None, more: str = "",
) -> Panel:  # fmt: skip
    title = f"{models}, {traffic.name}{more}: {AXES[axis].title}"
    of = _SETS[models]

    def at(part: Slice | None) -> Callable[[float], Scenario]:
        return lambda value: _scenario(number, title, models, traffic, {axis: value}, part)

    curves = (
        Curve("Selective replication", searched("Selective replication", "selective_replication")),
        Curve("Clockwork++", searched("Clockwork++", "clockwork", window_s=traffic.replan_s), knows=True),
        *alpaserve_curves(of.bucketing),
    )
    planned_on, tested = (None, at(None)) if pair is None else (at(pair[0]), at(pair[1]))
    # The artifact has S3 as these sets have it; what it says of the others is a plot.
    published = published_points(number, title) if traffic.whole else {}
    return Panel(title, AXES[axis], tuple(map(float, values)), curves, tested, planned_on, published)


def _scenario(
    number: str, title: str, models: str, traffic: Traffic, changed: Mapping[str, float], part: Slice | None
) -> Scenario:
    of = _SETS[models]
    # Their model set S3 gets twice the rate of MAF2.
    twice = 2.0 if (models, traffic.name) == ("S3", "MAF2") else 1.0
    rate = twice * DEFAULT_RATE_SCALE[traffic.name]
    at: dict[str, float] = {"devices": of.devices, "rate": rate, "cv": traffic.rate_cv, "slo": 5.0, **changed}
    return Scenario(
        version=1,
        name=f"figure {number}, {title} {next(iter(changed.values())):g}",
        cluster=ClusterSection(devices=int(at["devices"])),
        models=of.models(at["slo"]),
        workload=WorkloadSection(trace=traffic.section(at["rate"], at["cv"], part), warmup_s=WARMUP_S),
        serving=ServingSection(preset="published"),
    )


def _hours(traffic: Traffic) -> tuple[tuple[tuple[Slice, Slice], ...], str]:
    """Pairs of an hour to plan on and one to test with: theirs where the trace has them, else hours that it has."""
    by_file = {day for pair in PAIRS for day, _ in pair} <= traffic.days.keys()
    if traffic.whole and (by_file or traffic.span_s >= 13 * DAY_S):

        def hour_of(day: int, hour: int) -> Slice:
            return Slice(hour * HOUR_S, HOUR_S, day) if by_file else Slice(day * DAY_S + hour * HOUR_S, HOUR_S)

        return tuple((hour_of(*plan), hour_of(*test)) for plan, test in PAIRS), "theirs"
    count = min(int(traffic.span_s // HOUR_S), 3)
    length_s = HOUR_S if count >= 2 else traffic.span_s / 2
    parts = [Slice(i * length_s, length_s) for i in range(max(count, 2))]
    pairs = tuple((part, parts[(i + 1) % len(parts)]) for i, part in enumerate(parts))
    return pairs, f"{len(pairs)} of the trace at hand, each tested on the next"


def _differences(traces: Mapping[str, Traffic]) -> tuple[Difference, ...]:
    traffic = [
        Difference(
            f"traffic {t.name}", "an hour of Azure Functions 2019" if t.name == "MAF1" else "a day of Azure Functions "
            "2021", t.about, "none" if t.whole else "other traffic, other figures: compare shapes, not values",
        )
        for t in traces.values()
    ]  # fmt: skip
    count = Difference(
        "models", "32, 32 and 60 in the text; 48, 48 and 72 in the artifact", "as the artifact", "follows the artifact"
    )
    window = Difference(
        "Clockwork++ window",
        "60 s and 5 400 s in the text; 60 s and 21 600 s in the code, 120 s and 3 600 s for figure 14",
        "60 s and 5 400 s, or the same part of a shorter trace", "small",
    )  # fmt: skip
    return (*traffic, count, window, OUR_SIMULATOR, OUR_PROFILES, OUR_SEARCH, OUR_IMPROVEMENT, SAME_TRAFFIC)


def _plots_only(number: str, what: str) -> str:
    return f"The published points of figure {number}, {what}, exist as a plot only, so none stand beside ours."


def _not_theirs(traffic: Traffic) -> str:
    option, file = {
        "MAF1": ("--maf1", "invocations_per_function_md.anon.d01.csv"),
        "MAF2": ("--maf2", "AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt"),
    }[traffic.name]
    return (
        f"{traffic.name} is not the authors' trace, so published points do not stand beside ours; give the whole "
        f"Azure trace with {option} {file} and its settings load themselves."
    )
