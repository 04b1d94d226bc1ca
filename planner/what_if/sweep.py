"""Sweeps: attainment of each placement while one or two things vary, and where a target is crossed.

Points that ask for less begin with the placements of those that ask for more. What that guarantees, in-sample, of
searched placements: attainment never falls with more devices or more memory, because the placement of the smaller
cluster runs just as well on the larger one. With looser deadlines, less or calmer traffic the placement of the harder
point is simulated as well, and the better of the two is kept; one placement may still do worse on easier traffic
(requests that were rejected are now accepted and delay others), so attainment can fall there by that much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import product

from planner.scenario.inputs import Inputs, TraceReader
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.points import Evaluator, Point, PointResult, Values
from planner.what_if.robustness import Candidate
from planner.what_if.sections import check_sections
from planner.what_if.unseen import DRAWS, STOPPED, Unseen, UnseenScore, reason_json, too_many
from planner.what_if.variation import CLUSTER_AXES, VARIATIONS
from simulator import InputError, Profile, words
from simulator.headway import Headway, OnProgress, goes_on

MAX_POINTS = 2_000


@dataclass(frozen=True, eq=False)
class Sweep:
    """A finished sweep.

    Attributes:
        axes: name and values, in the order given.
        results: one for each section and combination of values, sections outermost, the last axis fastest. Those
            without figures say why. Their outcomes hold figures, not requests.
        complete: whether all points were evaluated; False where it was stopped.
        unseen: searched placements on traffic that they were not planned for, by key of the point and named by it.
        unseen_reasons: why that is absent, or not there at all points, sentences.
    """

    axes: tuple[tuple[str, tuple[float, ...]], ...]
    results: tuple[PointResult, ...]
    complete: bool
    unseen: Mapping[tuple, Unseen] = field(default_factory=dict)
    unseen_reasons: tuple[str, ...] = ()

    def unseen_score(self, result: PointResult) -> UnseenScore | None:
        """Of a point on unseen traffic; None where it is not known."""
        held = self.unseen.get(result.point.key)
        return held.score(result.point.in_words) if held else None

    @property
    def unseen_how(self) -> str:
        """Which traffic that is, in words; empty where there is none."""
        return words.join(list(dict.fromkeys(held.how for held in self.unseen.values())))

    def crossing(
        self, section: str, target: float, fixed: Mapping[str, float] | None = None, is_unseen: bool = False
    ) -> float | None:
        """The last value of the first axis, from its easy end on, at which the section still reaches the target.

        As in the authors' figures: values are taken from the easy end (many devices, low rate, low CV, loose
        deadlines) and the run of those that reach the target decides; a point without figures ends it. None if not
        even the easy end does.

        Args:
            section: name of the placement. target: SLO attainment, 0..1. fixed: values of the other axis.
            is_unseen: on unseen traffic.
        """
        axis, values = self.axes[0]
        more_is_harder = VARIATIONS[axis][1]
        reached = {}
        for result in self.results:
            at = dict(result.point.values)
            if result.point.section.name == section and all(at[k] == v for k, v in (fixed or {}).items()):
                score = self.unseen_score(result)
                met = result.slo_attainment if not is_unseen else score.mean if score else None
                reached[at[axis]] = met is not None and met >= target
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
            "complete": self.complete,
            "axes": [{"name": axis, "values": list(values)} for axis, values in self.axes],
            "points": [_point_json(r) | self._unseen_json(r) for r in self.results],
            "target": target,
            "crossings": [
                {"placement": name, **dict(fixed), self.axes[0][0]: self.crossing(name, target, dict(fixed))}
                for name in names
                for fixed in product(*others)
            ],
        } | reason_json(" ".join(self.unseen_reasons) or None)

    def _unseen_json(self, result: PointResult) -> dict:
        held = self.unseen.get(result.point.key)
        return held.to_json(result.point.in_words) if held else {}


def sweep(
    scenario: Scenario,
    axes: Sequence[tuple[str, Sequence[float]]],
    sections: Sequence[PlacementSection] | None = None,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> Sweep:
    """Evaluate placements at every combination of values; searched placements are searched anew at each.

    Args:
        scenario: what is varied; its own placements are swept unless `sections` are given.
        axes: one or two of (name in VARIATIONS, values). `devices`, `memory_gib` and `slo_scale` are absolute,
            `rate_scale` and `cv_scale` are relative to the scenario. `slo_scale` sets the deadline of every model, in
            whichever way the scenario gives it, and changes deadlines that requests bring along in the same ratio.
        on_progress, executor: see Evaluator.evaluate_all. read, profiles: see build_inputs.

    Raises:
        InputError: an unknown axis or algorithm, too many points, no placement, or not one point that can be.
    """
    sections = list(scenario.placements if sections is None else sections)
    if not sections:
        raise InputError("The scenario has no placements to sweep; list at least one under the key placements.")
    check_sections(sections)
    if not 1 <= len(axes) <= 2 or len({axis for axis, _ in axes}) != len(axes):
        raise InputError(f"{len(axes)} axes are given; one or two different ones are allowed.")
    fixed_axes = tuple((axis, tuple(dict.fromkeys(map(float, values)))) for axis, values in axes)
    for axis, values in fixed_axes:
        if axis not in VARIATIONS or not values:
            raise InputError(f"'{axis}' cannot be swept; {', '.join(VARIATIONS)} with at least one value are allowed.")
        for value in values:
            if not math.isfinite(value):
                raise InputError(f"{axis}={value}; finite numbers are allowed.")
    count = len(sections) * math.prod(len(values) for _, values in fixed_axes)
    if count > MAX_POINTS:
        raise InputError(f"The sweep has {words.count(count)} points; at most {words.count(MAX_POINTS)} are allowed.")
    points = [
        Point(section, tuple(zip((axis for axis, _ in fixed_axes), values, strict=True)))
        for section in sections
        for values in product(*(values for _, values in fixed_axes))
    ]
    evaluator = Evaluator(scenario, read, profiles, keep_requests=False)
    done = {r.point.key: r for r in evaluator.evaluate_all(points, on_progress, executor, _harder(points, fixed_axes))}
    complete = len(done) == len(points)
    results = tuple(done.get(point.key) or PointResult(point, None, evaluator.unfinished) for point in points)
    if complete and all(result.outcome is None for result in results):
        reasons = list(dict.fromkeys(result.reason for result in results))
        raise InputError(reasons[0] if len(reasons) == 1 else f"No point can be computed; the first: {reasons[0]}")
    swept = Sweep(fixed_axes, results, complete)
    return _held_out(swept, evaluator, on_progress, executor)


def _held_out(swept: Sweep, evaluator: Evaluator, on_progress: OnProgress | None, executor: Executor | None) -> Sweep:
    """The sweep with its searched placements on unseen traffic, as far as that is quick."""
    found = [r for r in swept.results if r.outcome is not None and r.outcome.search is not None]
    if not found:
        return swept
    simulated = DRAWS * sum(r.outcome.figures.total.requests for r in found if r.outcome)
    if not swept.complete:
        return replace(swept, unseen_reasons=(STOPPED,))
    if said := too_many(simulated):
        return replace(swept, unseen_reasons=(said,))
    # Points that differ in the cluster only have the same traffic.
    together: dict[Values, list[PointResult]] = {}
    for result in found:
        traffic = tuple((axis, value) for axis, value in result.point.values if axis not in CLUSTER_AXES)
        together.setdefault(traffic, []).append(result)
    unseen: dict[tuple, Unseen] = {}
    reasons: dict[str, None] = {}
    for number, (traffic, results) in enumerate(together.items()):
        tell = lambda now, at=number: goes_on(on_progress, Headway(now.phase, at, len(together)))  # noqa: E731
        held = evaluator.hold_out(_candidates(results, evaluator.inputs(traffic)), tell, traffic, executor)
        if isinstance(held, Unseen):
            unseen |= {result.point.key: held for result in results}
        elif held is not None:
            reasons[held] = None
        if held == STOPPED:
            break
    return replace(swept, unseen=unseen, unseen_reasons=tuple(reasons))


def _candidates(results: Sequence[PointResult], inputs: Inputs) -> list[Candidate]:
    return [
        Candidate(r.point.in_words, r.outcome.placement, inputs.under(r.point.section).problem.serving, True)
        for r in results
        if r.outcome is not None
    ]


def _harder(points: Sequence[Point], axes: Sequence[tuple[str, tuple[float, ...]]]) -> dict[tuple, list[Point]]:
    """For each searched point its neighbour on each axis that asks for more."""
    before: dict[tuple[str, float], float] = {}
    for axis, values in axes:
        from_hard = sorted(values, reverse=VARIATIONS[axis][1])
        before |= {(axis, value): harder for harder, value in zip(from_hard, from_hard[1:], strict=False)}
    by_key = {point.key: point for point in points}
    needs = {}
    for point in points:
        if point.section.search is not None:
            needs[point.key] = [
                by_key[point.section.name, tuple((a, before[a, v] if a == axis else v) for a, v in point.values)]
                for axis, value in point.values
                if (axis, value) in before
            ]
    return needs


def _point_json(result: PointResult) -> dict:
    document = {"placement": result.point.section.name, **dict(result.point.values)}
    document |= {
        "slo_attainment": result.slo_attainment,
        "slo_attainment_half_width": result.half_width,
        "slo_attainment_interval": result.interval,
    }
    if result.outcome is None:
        return document | {"reason": result.reason}
    document["requests"] = result.outcome.figures.total.requests
    if result.outcome.search is not None:
        document["stop_reason"] = result.outcome.search.stop_reason
    return document | ({} if result.remark is None else {"remark": result.remark})
