"""How many devices reach a target, per algorithm; what limits the plan, and how much more traffic it bears."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from planner.compare import MeasuredPlacement, PlacementOutcome, filled
from planner.problem import Problem
from planner.scenario.inputs import TraceReader
from planner.scenario.schema import PlacementSection, Scenario
from planner.targets import misses_in_words, targets_missed
from planner.what_if.climb import Climb
from planner.what_if.faults import Fault, fault_what_if
from planner.what_if.plan import CapacityPlan, Tried
from planner.what_if.points import Evaluator, Point, PointResult, Values
from planner.what_if.robustness import Candidate
from planner.what_if.sections import check_sections
from planner.what_if.unseen import STOPPED, HeldOut, Unseen, reason_json
from simulator import Cancelled, Cluster, InputError, Profile, Schedule, words
from simulator.headway import Headway, OnProgress, goes_on
from simulator.schema import MAX_DEVICES

HEADROOM_LIMIT = 16.0
HEADROOM_PRECISION = 0.01
# A model by its name, or a group by its number.
Named = TypeVar("Named", str, int)
OVER_TIME = "The placement changes over time, so other traffic or a smaller cluster would need another plan."


@dataclass(frozen=True, eq=False)
class Capacity:
    """Plans of all sections, cheapest first (those that do not reach the target last, best attainment first).

    Attributes:
        complete: False where the work was stopped; what was not done by then has that as its reason.
        unseen: the plans on traffic that they were not planned for, by `on_devices` of each.
    """

    plans: tuple[CapacityPlan, ...]
    complete: bool
    unseen: HeldOut = None

    @property
    def best(self) -> CapacityPlan:
        """The plan with the fewest devices."""
        return self.plans[0]

    def to_json(self) -> dict:
        """The document of `capacity --json`."""
        plans = [plan.to_json() for plan in self.plans]
        if isinstance(self.unseen, Unseen):
            named = [plan.on_devices if plan.outcome else "" for plan in self.plans]
            plans = [entry | self.unseen.to_json(name) for entry, name in zip(plans, named, strict=True)]
        return {"complete": self.complete, "plans": plans} | reason_json(self.unseen)

    @property
    def targets(self) -> dict[str, float]:
        """What plans are said to reach on the traffic planned for, by `on_devices`."""
        return {plan.on_devices: plan.target for plan in self.plans if plan.devices is not None and plan.outcome}


def find_capacity(
    scenario: Scenario,
    target: float,
    sections: Sequence[PlacementSection] | None = None,
    lowest: int = 1,
    highest: int = 64,
    step: int = 1,
    confident: bool = False,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> Capacity:
    """For each searched placement the fewest devices that reach a target, and the targets of single models.

    A placement for n devices also runs on more, so every search begins with the best placement of a smaller number
    (see Climb) and attainment never falls with devices. The number one step below the answer has been tried, unless
    it is below the range or excluded: no placement can reach the target with it, by the upper bound of the searches.
    Searches are heuristics: the answer is the fewest devices for which one was found, and only what is excluded is
    proven not to do; the attainment is that of the traffic planned for, and `unseen` that of other traffic.

    Args:
        scenario: its searched placements unless `sections` are given.
        target: SLO attainment, 0..1.
        lowest, highest, step: which numbers of devices may be the answer.
        confident: whether the lower end of the 95 % interval must reach the target, not only the estimate.
        on_progress, executor: see Evaluator.evaluate_all. read, profiles: see build_inputs.

    Raises:
        InputError: a target or range that cannot be, an unknown algorithm, or no searched placement.
    """
    sections = [s for s in (scenario.placements if sections is None else sections) if s.search is not None]
    if not sections:
        raise InputError("The scenario has no searched placement; give one, or name algorithms.")
    check_sections(sections)
    check_target(target)
    if not 1 <= lowest <= highest <= MAX_DEVICES or step < 1:
        raise InputError(
            f"Devices from {lowest} to {highest} in steps of {step} are asked for; 1 <= lowest <= highest <= "
            f"{MAX_DEVICES} and a step of at least 1 are allowed."
        )
    finder = Finder(Evaluator(scenario, read, profiles), target, on_progress, executor)
    climbs = [finder.begin(section, lowest, highest, step, confident) for section in sections]
    finder.climb(climbs)
    plans = [finder.plan(climb) for climb in climbs]
    plans.sort(key=_cheapest_first)
    return Capacity(
        tuple(plans), not finder.stopped, finder.hold_out({p.on_devices: p.outcome for p in plans if p.outcome})
    )


def _cheapest_first(plan: CapacityPlan) -> tuple[bool, int, float]:
    met = plan.best.slo_attainment if plan.best else None
    return plan.devices is None, plan.devices or 0, -(met or 0.0)


def check_target(target: float) -> None:
    """Raises InputError unless a target is a share above 0."""
    if not 0 < target <= 1:
        raise InputError(f"The target is {target:g}; a share above 0 and up to 1 is allowed, for example 0.99.")


class Finder:
    """Evaluates for all climbs, and then what there is to say about each answer, until it is stopped.

    Several questions about one scenario may share one: what it evaluates begins with what it is given.
    """

    def __init__(
        self, evaluator: Evaluator, target: float, on_progress: OnProgress | None, executor: Executor | None
    ) -> None:
        self.evaluator, self.target, self.on_progress, self.executor = evaluator, target, on_progress, executor
        self.stopped = False

    def begin(
        self,
        section: PlacementSection,
        lowest: int,
        highest: int,
        step: int = 1,
        confident: bool = False,
        fixed: Values = (),
        begin: Sequence[PointResult] = (),
    ) -> Climb:
        """A climb that passes over the numbers of devices that are excluded; see Climb for the arguments."""
        excluded = 0
        try:
            if self._goes_on(f"{section.name}: which numbers of devices are excluded"):
                excluded = self.evaluator.most_excluded(section, self.target, highest, fixed)
        except Cancelled:
            self.stopped = True
        targets = self.evaluator.scenario.targets
        return Climb(section, self.target, lowest, highest, step, confident, excluded, fixed, begin, targets)

    def climb(self, climbs: Sequence[Climb]) -> None:
        """Find the answers, or as much of them as is known when the work is stopped."""
        while not self.stopped and (open_ones := {c.section.name: c for c in climbs if not c.finished}):
            points = [climb.next_point() for climb in open_ones.values()]
            before = {p.key: open_ones[p.section.name].begins_with() for p in points}
            harder = {key: [result.point for result in results] for key, results in before.items()}
            earlier = [result for results in before.values() for result in results]
            received = 0
            for result in self.evaluator.evaluate_all(points, self.on_progress, self.executor, harder, earlier):
                open_ones[result.point.section.name].take(result)
                received += 1
            self.stopped = received < len(points)

    def plan(self, climb: Climb) -> CapacityPlan:
        """What there is to say about the answer."""
        curve, devices = climb.curve(), climb.answer
        known = [result for result in curve.values() if result.outcome is not None]
        chosen = curve[devices] if devices else max(known, key=climb.merit, default=None)
        outcome = chosen.outcome if chosen else None
        reasons: dict[str, str] = {}
        if not climb.is_settled or devices is None:
            reasons["devices"] = self.why_no_answer(climb, curve)
        price = self.evaluator.scenario.cluster.usd_per_device_hour
        if not price:
            reasons["usd_per_hour"] = "The scenario names no price of a device-hour (cluster.usd_per_device_hour)."
        elif devices is None:
            reasons["usd_per_hour"] = "No number of devices reaches the target."
        if outcome is None:
            reasons["slo_attainment"] = reasons["devices"]
        elif outcome.remark is not None:
            reasons["slo_attainment"] = outcome.remark
        headroom, faults = self._headroom(climb, devices, outcome, reasons), self._faults(outcome, reasons)
        figures = outcome.figures if outcome else None
        return CapacityPlan(
            name=climb.section.name,
            target=self.target,
            devices=devices,
            usd_per_hour=devices * price if devices and price else None,
            outcome=outcome,
            limiting_model=figures and _most_missed([(n, f.requests - f.served) for n, f in figures.models]),
            limiting_group=figures
            and _most_missed([(g.index, g.fates.requests - g.fates.served) for g in figures.groups]),
            headroom=headroom,
            faults=faults,
            tried=tuple(Tried(n, r.slo_attainment, r.half_width, r.reason, r.remark) for n, r in curve.items()),
            settled=climb.is_settled,
            excluded=climb.excluded,
            reasons=reasons,
        )

    def hold_out(
        self, outcomes: Mapping[str, MeasuredPlacement | None], on_progress: OnProgress | None = None
    ) -> HeldOut:
        """Placements on traffic that was not planned for, by the names that they are given."""
        candidates = [
            Candidate(name, o.placement, o.result.serving, o.search is not None)
            for name, o in outcomes.items()
            if isinstance(o, PlacementOutcome)
        ]
        return self.hold_out_candidates(candidates, on_progress=on_progress)

    def hold_out_candidates(
        self, candidates: Sequence[Candidate], values: Values = (), on_progress: OnProgress | None = None
    ) -> HeldOut:
        """Placements that were planned for these values, on traffic with the same values that was not planned for."""
        if self.stopped:
            return STOPPED if candidates else None
        return self.evaluator.hold_out(candidates, on_progress or self.on_progress, values, self.executor)

    def why_no_answer(self, climb: Climb, curve: Mapping[int, PointResult]) -> str:
        """Why a climb has no answer, or none that stands, a sentence."""
        if not climb.finished:
            return f"{self.evaluator.unfinished} Fewer devices may do." if climb.answer else self.evaluator.unfinished
        undecided = [result.reason for result in climb.results.values() if result.undecided and result.reason]
        if climb.answer is not None:
            return f"Fewer devices may do: {undecided[-1]}"
        known = [result for result in curve.values() if result.outcome is not None]
        if not known:
            return (undecided or [result.reason for result in curve.values() if result.reason])[-1]
        best = max(known, key=climb.merit)
        if climb.merit(best) < 0:
            return "There are too few requests for a 95 % interval, so nobody can be sure of the target."
        if climb.excluded >= max(curve):
            return f"No placement can reach the target with up to {words.plural(max(curve), 'device')}."
        nothing = f"No number of devices tried reaches the target; the most were {max(curve)}."
        missed = targets_missed(best.outcome.figures, climb.targets) if best.outcome else ()
        return " ".join(filter(None, (nothing, misses_in_words(missed))))

    def _headroom(
        self, climb: Climb, devices: int | None, outcome: MeasuredPlacement | None, reasons: dict[str, str]
    ) -> float | None:
        """The most traffic at the target, in doubling steps and then by halving; None with its reason."""
        if devices is None or outcome is None:
            reasons["headroom_rate_scale"] = "The target is not reached with the scenario's own traffic."
            return None
        if isinstance(outcome.placement, Schedule):
            reasons["headroom_rate_scale"] = OVER_TIME
            return None
        section, low = filled(climb.section, outcome.placement), 1.0
        high: float | None = None
        while low < HEADROOM_LIMIT and (high is None or high / low > 1 + HEADROOM_PRECISION):
            factor = 2 * low if high is None else math.sqrt(low * high)
            point = Point(section, (("devices", float(devices)), ("rate_scale", factor)))
            evaluated: list[PointResult] = []
            if not self.stopped:
                evaluated += self.evaluator.evaluate_all([point], self.on_progress, self.executor)
            if not evaluated:
                self.stopped = True
                reasons["headroom_rate_scale"] = self.evaluator.unfinished
                return None
            (result,) = evaluated
            if result.reason is not None:
                reasons["headroom_rate_scale"] = f"At least; more could not be simulated: {result.reason}"
            if climb.reaches(result):
                low = factor
            else:
                high = factor
        if low >= HEADROOM_LIMIT:
            reasons["headroom_rate_scale"] = f"At least; more than {HEADROOM_LIMIT:g} times is not tried."
        return low

    def _faults(self, outcome: MeasuredPlacement | None, reasons: dict[str, str]) -> tuple[Fault, ...]:
        if outcome is None or isinstance(outcome.placement, Schedule):
            reasons["faults"] = OVER_TIME if outcome else "There is no placement."
            return ()
        assert isinstance(outcome, PlacementOutcome), "the evaluator keeps the requests of every point"
        result, cluster = outcome.result, self.evaluator.scenario.cluster
        used = Cluster(outcome.placement.devices, cluster.memory_gib, cluster.devices_per_node)
        problem = Problem(result.models, used, result.workload, result.serving)
        try:
            if self.stopped:
                raise Cancelled
            scenario, watch = self.evaluator.scenario, self.watch_faults(outcome.name)
            return fault_what_if(
                outcome.placement, problem, scenario.workload.warmup_s, watch, targets=scenario.targets
            )  # fmt: skip
        except Cancelled:
            self.stopped = True
            reasons["faults"] = self.evaluator.unfinished
            return ()

    def _goes_on(self, doing: str) -> bool:
        self.stopped = self.stopped or not goes_on(self.on_progress, Headway(doing))
        return not self.stopped

    def watch_faults(self, name: str) -> OnProgress:
        """What simulations of failures ask whether they go on."""
        return lambda _: goes_on(self.on_progress, Headway(f"{name}: what a failure costs", 0, 1))


def _most_missed(missed: list[tuple[Named, int]]) -> tuple[Named, int] | None:
    name, most = max(missed, key=lambda item: item[1], default=(None, 0))
    return (name, most) if name is not None and most else None
