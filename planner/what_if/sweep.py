"""Sweeps: attainment of each placement while one or two things vary, and where a target is crossed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import product

from planner.scenario.inputs import TraceReader
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.points import Evaluator, OnPoint, Point, PointResult
from planner.what_if.variation import VARIATIONS
from simulator import InputError, Profile

MAX_POINTS = 2_000


@dataclass(frozen=True, eq=False)
class Sweep:
    """A finished sweep.

    Attributes:
        axes: name and values, in the order given.
        results: one for each section and combination of values, sections outermost, the last axis fastest;
            fewer if it was stopped. Their outcomes hold figures, not requests.
        complete: whether all points were evaluated.
    """

    axes: tuple[tuple[str, tuple[float, ...]], ...]
    results: tuple[PointResult, ...]
    complete: bool

    def crossing(self, section: str, target: float, fixed: Mapping[str, float] | None = None) -> float | None:
        """The last value of the first axis, from its easy end on, at which the section still reaches the target.

        As in the authors' figures: values are taken from the easy end (many devices, low rate, low CV, loose
        deadlines) and the run of those that reach the target decides. None if not even the easy end does.

        Args:
            section: name of the placement. target: SLO attainment, 0..1. fixed: values of the other axis.
        """
        axis, values = self.axes[0]
        more_is_harder = VARIATIONS[axis][1]
        reached = {}
        for result in self.results:
            at = dict(result.point.values)
            if result.point.section.name == section and all(at[k] == v for k, v in (fixed or {}).items()):
                reached[at[axis]] = result.slo_attainment >= target
        last = None
        for value in sorted(values, reverse=not more_is_harder):
            if not reached.get(value, False):
                break
            last = value
        return last

    def to_json(self, target: float) -> dict:
        """The document of `sweep --json`."""
        names = list(dict.fromkeys(result.point.section.name for result in self.results))
        others = [[(axis, v) for v in values] for axis, values in self.axes[1:]]
        return {
            "axes": [{"name": axis, "values": list(values)} for axis, values in self.axes],
            "points": [_point_json(result) for result in self.results],
            "target": target,
            "crossings": [
                {"placement": name, **dict(fixed), self.axes[0][0]: self.crossing(name, target, dict(fixed))}
                for name in names
                for fixed in product(*others)
            ],
        }


def sweep(
    scenario: Scenario,
    axes: Sequence[tuple[str, Sequence[float]]],
    sections: Sequence[PlacementSection] | None = None,
    on_point: OnPoint | None = None,
    executor: Executor | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> Sweep:
    """Evaluate placements at every combination of values; searched placements are searched anew at each.

    Args:
        scenario: what is varied; its own placements are swept unless `sections` are given.
        axes: one or two of (name in VARIATIONS, values). `slo_scale` and `devices` are absolute, `rate_scale` and
            `cv_scale` are relative to the scenario.
        on_point, executor: see Evaluator.evaluate_all. read, profiles: see build_inputs.

    Raises:
        InputError: an unknown axis, a value that cannot be, too many points, or no placement.
    """
    sections = list(scenario.placements if sections is None else sections)
    if not sections:
        raise InputError("The scenario has no placements to sweep; list at least one under the key placements.")
    if not 1 <= len(axes) <= 2 or len({axis for axis, _ in axes}) != len(axes):
        raise InputError(f"{len(axes)} axes are given; one or two different ones are allowed.")
    fixed_axes = tuple((axis, tuple(dict.fromkeys(map(float, values)))) for axis, values in axes)
    for axis, values in fixed_axes:
        if axis not in VARIATIONS or not values:
            raise InputError(f"'{axis}' cannot be swept; {', '.join(VARIATIONS)} with at least one value are allowed.")
    count = len(sections) * math.prod(len(values) for _, values in fixed_axes)
    if count > MAX_POINTS:
        raise InputError(f"The sweep has {count:,} points; at most {MAX_POINTS:,} are allowed.")
    points = [
        Point(section, tuple(zip((axis for axis, _ in fixed_axes), values, strict=True)))
        for section in sections
        for values in product(*(values for _, values in fixed_axes))
    ]
    order = {id(point): place for place, point in enumerate(points)}
    evaluator = Evaluator(scenario, read, profiles, keep_requests=False)
    results = sorted(evaluator.evaluate_all(points, on_point, executor), key=lambda r: order[id(r.point)])
    return Sweep(fixed_axes, tuple(results), complete=len(results) == len(points))


def _point_json(result: PointResult) -> dict:
    document = {"placement": result.point.section.name, **dict(result.point.values)}
    if result.outcome is None:
        return document | {"slo_attainment": 0.0, "reason": result.reason}
    figures = result.outcome.figures
    half = figures.half_width
    return document | {
        "slo_attainment": figures.total.slo_attainment,
        "slo_attainment_half_width": None if math.isnan(half) else half,
        "requests": figures.total.requests,
    }
