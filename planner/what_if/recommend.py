"""Recommend a plan: the placement to use, how many devices reach the target, what a lost node costs, what limits.

The answer gets better in place: `on_progress` is told what is known by now, from the simple placements, which take
milliseconds, to the number of devices that bears the loss of a node. What one search finds, the next begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial

from planner.compare import (
    MeasuredPlacement,
    PlacementOutcome,
    attained,
    evaluate,
    outcome_json,
    place,
    placement_section,
)
from planner.scenario.inputs import Inputs, TraceReader
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.search import ALGORITHMS, LOST, Bound, NoPlacement, Progress, upper_bound
from planner.what_if.capacity import Finder, check_target
from planner.what_if.climb import Climb
from planner.what_if.faults import Fault
from planner.what_if.plan import CapacityPlan, Needed
from planner.what_if.points import Evaluator, Point, PointResult
from planner.what_if.spare import SparePlan, find_spare, worst_node
from planner.what_if.unseen import STOPPED as NOT_HELD_OUT
from planner.what_if.unseen import HeldOut, Unseen, reason_json
from planner.wishes import Wishes
from simulator import Cancelled, Cluster, InputError, Placement, Profile, words
from simulator.headway import Headway, OnProgress, goes_on
from simulator.schema import MAX_DEVICES

FOUND, REPLICATED, GROUPED = "found", "replicated", "grouped"
# The placements that are tried on traffic that was not planned for.
HERE, FEWEST = "the placement on these devices", "the plan with the fewest devices"
REPLICATION = PlacementSection(
    name=ALGORITHMS["selective_replication"].title, search=SearchSection(algorithm="selective_replication")
)
# Every search ends after so many placements, so that the plan is the same everywhere; the time is for large cases.
EVALUATIONS, TIME_LIMIT_S = 1_500, 10.0
# Group sizes that are tried on other numbers of devices: the best ones on those that are there.
MOST_SIZES = 2
# Of _Adviser.advise.
STEPS = 5
# Of the devices that are there, up to so many times as many are tried.
MOST_TIMES = 4


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What is known by now of the plan; `reasons` says of what is absent why, by the name of the attribute.

    Attributes:
        target: SLO attainment, 0..1. devices, per_node, usd_per_device_hour: of the scenario's cluster. models: how
            many.
        outcomes: on that cluster, by FOUND (AlpaServe's), REPLICATED and GROUPED (the best with one size of groups).
        bound: what no placement on that cluster can pass.
        plan: the fewest devices with a placement that reaches the target, as a capacity plan: AlpaServe's search, or a
            simple placement where that reaches the targets of single models with fewer.
        needed: the same for the simple placements.
        spare: the fewest whole nodes that keep the target without any one of them.
        unseen: the placement on that cluster and the plan's (HERE, FEWEST) on traffic that was not planned for.
        complete: whether all was done.
        wishes: targets of single models, rules and weights.
    """

    target: float
    devices: int
    per_node: int
    usd_per_device_hour: float
    models: int
    outcomes: Mapping[str, MeasuredPlacement] = field(default_factory=dict)
    bound: Bound | None = None
    plan: CapacityPlan | None = None
    needed: tuple[Needed, ...] = ()
    spare: SparePlan | None = None
    unseen: HeldOut = None
    complete: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    wishes: Wishes = Wishes()

    @property
    def cluster(self) -> Cluster:
        """Where the outcomes are placed, as far as placement rules ask."""
        return Cluster(self.devices, devices_per_node=self.per_node)

    @property
    def ranked(self) -> list[MeasuredPlacement]:
        """The placements on the scenario's cluster, the best first: those that keep all wishes, then by deadlines met.

        Among equals the searched one.
        """
        known = [self.outcomes[role] for role in (FOUND, GROUPED, REPLICATED) if role in self.outcomes]
        return sorted(known, key=lambda outcome: self.wishes.rank(outcome, self.cluster), reverse=True)

    @property
    def best(self) -> MeasuredPlacement | None:
        """The first of `ranked`."""
        return next(iter(self.ranked), None)

    @property
    def worst_node(self) -> Fault | None:
        """The node of the plan whose loss costs most."""
        return worst_node(self.plan.faults) if self.plan is not None else None

    def to_json(self) -> dict:
        """The document of `recommend --json`, without its sentences; what is absent is null with its reason."""
        return {
            "target": self.target,
            "devices": self.devices,
            "complete": self.complete,
            "placements": {
                role: None if placed is None else placed | (self._unseen_json(HERE) if role == FOUND else {})
                for role in (FOUND, GROUPED, REPLICATED)
                for placed in [_placed(self.outcomes.get(role))]
            },
            "bound": None if self.bound is None else self.bound.attainment,
            "bound_reason": None if self.bound is None else self.bound.reason,
            "plan": None if self.plan is None else self.plan.to_json() | self._unseen_json(FEWEST),
            "needed": [needed.to_json() for needed in self.needed],
            "spare": None if self.spare is None else self.spare.to_json(),
            "reasons": dict(self.reasons),
        } | reason_json(self.unseen)

    def _unseen_json(self, name: str) -> dict:
        return self.unseen.to_json(name) if isinstance(self.unseen, Unseen) else {}


def _placed(outcome: MeasuredPlacement | None) -> dict | None:
    if outcome is None:
        return None
    section = placement_section(outcome.placement).model_dump(mode="json", exclude_none=True, exclude={"name"})
    return outcome_json(outcome) | section


def found_section(evaluations: int = EVALUATIONS, time_limit_s: float = TIME_LIMIT_S) -> PlacementSection:
    """AlpaServe's search as the recommendation runs it."""
    search = SearchSection(algorithm="alpaserve", max_evaluations=evaluations, time_limit_s=time_limit_s)
    return PlacementSection(name="AlpaServe", search=search)


def size_section(pp: int, tp: int) -> PlacementSection:
    """Groups of one size for all."""
    cut = f"{pp} stages" if tp == 1 else f"{tp} devices" if pp == 1 else f"{pp} stages of {tp} devices"
    search = SearchSection.model_validate({"algorithm": "uniform", "pp": pp, "tp": tp})
    return PlacementSection(name=f"Groups of {cut}", search=search)


@dataclass(frozen=True, kw_only=True)
class PlanHeadway(Headway):
    """How far a plan is: what is known by now, and how far a search is, None where none is under way."""

    now: Recommendation
    search: Progress | None


def recommend(
    scenario: Scenario,
    target: float = 0.99,
    on_progress: Callable[[PlanHeadway], bool | None] | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
    search: PlacementSection | None = None,
    highest: int | None = None,
    executor: Executor | None = None,
    start: Placement | None = None,
) -> Recommendation:
    """The plan for a scenario; its own placements do not matter.

    Args:
        target: SLO attainment, 0..1. on_progress: told what is known by now. read, profiles: see build_inputs.
        search: in place of `found_section()`. highest: the most devices that are tried, by default MOST_TIMES as many
            as there are. executor: see Evaluator.evaluate_all. start: a placement on the scenario's cluster that is
            known already, which AlpaServe's is not below; left out where no search can begin with it.

    Raises:
        InputError: the scenario cannot be built, or no model fits its cluster in any way.
    """
    check_target(target)
    evaluator = Evaluator(scenario, read, profiles)
    adviser = _Adviser(evaluator, target, on_progress, search or found_section(), highest, executor)
    return adviser.advise(start)


def planned(plan: Recommendation, scenario: Scenario) -> Scenario:
    """The scenario on the plan's devices with the plan's placement alone; raises InputError where there is none."""
    found = plan.plan
    if found is None or found.devices is None or found.outcome is None:
        raise InputError("No plan reaches the target, so there is no scenario to make of it.")
    section = placement_section(found.outcome.placement).model_copy(update={"name": found.name})
    cluster = scenario.cluster.model_copy(update={"devices": found.devices})
    return scenario.model_copy(update={"cluster": cluster, "placements": [section]}).in_folder(scenario.folder)


class _Adviser:
    """Takes one step after the other, until it is stopped; `now` is what is known."""

    def __init__(
        self,
        evaluator: Evaluator,
        target: float,
        on_progress: Callable[[PlanHeadway], bool | None] | None,
        search: PlacementSection,
        highest: int | None,
        executor: Executor | None,
    ) -> None:
        cluster = evaluator.scenario.cluster
        self.evaluator, self.on_progress, self.search = evaluator, on_progress, search
        self.inputs: Inputs = evaluator.inputs()
        self.highest = highest or min(MOST_TIMES * cluster.devices, MAX_DEVICES)
        self.finder = Finder(evaluator, target, self._on_points, executor)
        self.done = 0
        self.sizes: list[tuple[PlacementSection, PlacementOutcome]] = []
        self.now = Recommendation(
            target, cluster.devices, cluster.devices_per_node, cluster.usd_per_device_hour,
            len(self.inputs.problem.models), wishes=Wishes.of(self.inputs),
        )  # fmt: skip

    def advise(self, start: Placement | None) -> Recommendation:
        """All steps; `start`: see `recommend`."""
        steps = (self._simple, partial(self._found, start), self._devices, self._held_out, self._spare)
        for self.done, step in enumerate(steps):
            if self.finder.stopped:
                break
            try:
                step()
            except Cancelled:
                self.finder.stopped = True
        parts = {"outcomes": FOUND in self.now.outcomes, "bound": self.now.bound, "plan": self.now.plan,
                 "needed": self.now.needed, "spare": self.now.spare}  # fmt: skip
        if self.now.unseen is None and self.finder.stopped:
            self.now = replace(self.now, unseen=NOT_HELD_OUT)
        missing = {
            name: self.evaluator.unfinished for name, part in parts.items() if not part and name not in self.now.reasons
        }
        self.now = replace(self.now, complete=not self.finder.stopped, reasons=missing | dict(self.now.reasons))
        return self.now

    def _simple(self) -> None:
        """Replication, and every size of groups that fits: quick, and where the search begins."""
        problem = self.inputs.problem
        self._try(REPLICATED, REPLICATION)
        if not self._tell("the upper bound"):
            return
        self.now = replace(self.now, bound=upper_bound(problem))
        sizes = sorted(
            {size for model in problem.models for size, entry in model.profile.entries.items()
             if 1 < entry.devices <= problem.cluster.devices and entry.max_weight_gib <= problem.cluster.memory_gib},
            # The simplest sizes first: pipelines of few stages, then what also cuts the operators.
            key=lambda size: (size[1], size[0] * size[1]),
        )  # fmt: skip
        for pp, tp in sizes:
            if not self._tell(f"groups of {words.plural(pp * tp, 'device')}"):
                return
            section = size_section(pp, tp)
            outcome = self._try(GROUPED, section)
            if outcome is not None:
                self.sizes.append((section, outcome))
        self.sizes.sort(key=lambda pair: -attained(pair[1]))
        if not sizes:
            self._because("grouped", "No model is profiled for more than one device that fits.")

    def _found(self, given: Placement | None) -> None:
        """AlpaServe's placement, from the best simple one or a better given one on."""
        best = max(self.now.ranked, key=attained, default=None)
        start = best.placement if best is not None and isinstance(best.placement, Placement) else None

        def watch(headway: Headway) -> bool:
            return self._tell(headway.phase, headway if isinstance(headway, Progress) else None)

        outcome = None
        if given is not None and (best is None or self._attained(given) > attained(best)):
            outcome = self._try(FOUND, self.search, given, watch)
        if outcome is None and self._try(FOUND, self.search, start, watch) is None and not self.now.outcomes:
            raise InputError(self.now.reasons[FOUND])
        self._tell("what the placement reaches")

    def _attained(self, placement: Placement) -> float:
        return attained(evaluate(placement, None, self.inputs, lambda told: self._tell(told.phase)))

    def _devices(self) -> None:
        """The fewest devices for the target: of the simple placements, then of the search, which begins with theirs."""
        begin = [
            PointResult(Point(section, ()), outcome)
            for section, outcome in [(self.search, self.now.outcomes.get(FOUND)), *self.sizes[:MOST_SIZES]]
            if outcome is not None
        ]
        simple = [self.finder.begin(section, 1, self.highest) for section, _ in self.sizes[:MOST_SIZES]]
        replicated = self.finder.begin(REPLICATION, 1, self.highest)
        self.finder.climb([*simple, replicated])
        grouped = min(simple, key=lambda climb: climb.answer or self.highest + 1, default=None)
        needed = [self._needed(climb) for climb in (grouped, replicated) if climb is not None]
        self.now = replace(self.now, needed=tuple(needed))
        if self.finder.stopped:
            return
        grouped_results = [result for climb in simple for result in climb.results.values()]
        fewest = min((climb.answer for climb in (*simple, replicated) if climb.answer), default=self.highest)
        climb = self.finder.begin(self.search, 1, fewest, begin=[*begin, *grouped_results])
        self.finder.climb([climb])
        # A search looks for deadlines met, so where models have targets of their own a simple placement may do alone.
        reached = [one for one in (climb, *simple, replicated) if one.answer is not None]
        climb = min(reached, key=lambda one: one.answer or 0, default=climb)
        if climb.answer is not None or not self.finder.stopped:
            self.now = replace(self.now, plan=self.finder.plan(climb))
        self._tell("what a failure costs")

    def _held_out(self) -> None:
        """What the placements meet on traffic that was not planned for."""
        plan = self.now.plan
        outcomes = {HERE: self.now.outcomes.get(FOUND), FEWEST: plan.outcome if plan and plan.devices else None}
        self.now = replace(self.now, unseen=self.finder.hold_out(outcomes, lambda told: self._tell(told.phase)))

    def _spare(self) -> None:
        """The fewest whole nodes that bear the loss of one."""
        plan = self.now.plan
        if plan is None or plan.devices is None:
            self._because("spare", "No number of devices reaches the target even while every node is alive.")
            return
        sections = [self.search, *(section for section, _ in self.sizes[:MOST_SIZES])]
        begin = [PointResult(Point(self.search, (("devices", float(plan.devices)),)), plan.outcome)]
        self.now = replace(
            self.now, spare=find_spare(self.finder, sections, self.highest, plan.excluded, begin)
        )  # fmt: skip

    def _try(
        self, role: str, section: PlacementSection, start: Placement | None = None, watch: OnProgress | None = None
    ) -> PlacementOutcome | None:
        """Place and simulate on the scenario's cluster; what is better than what was known of the role is noted."""
        try:
            placement, found = place(section, self.inputs, watch, start, self.finder.executor)
            stopped = found is not None and found.stop_reason in ("cancelled", LOST)
            if found is not None and found.stop_reason == LOST:
                self.evaluator.unfinished, self.finder.stopped = found.notes[-1], True
            outcome = evaluate(placement, found, self.inputs, None if stopped else watch)
        except (InputError, NoPlacement) as error:
            self._because(role, str(error))
            return None
        known = self.now.outcomes.get(role)
        wishes, cluster = self.now.wishes, self.now.cluster
        if known is None or wishes.rank(outcome, cluster) > wishes.rank(known, cluster):
            reasons = {name: reason for name, reason in self.now.reasons.items() if name != role}
            self.now = replace(self.now, outcomes={**self.now.outcomes, role: outcome}, reasons=reasons)
        return outcome

    def _needed(self, climb: Climb) -> Needed:
        reason = None if climb.answer else (self.evaluator.unfinished if not climb.finished else self._nearest(climb))
        return Needed(climb.section.name, climb.answer, climb.is_settled, reason)

    def _nearest(self, climb: Climb) -> str:
        most = max(climb.results)
        result = climb.results[most]
        if result.outcome is None:
            return str(result.reason)
        return f"{words.plural(most, 'device')} meet {words.share(attained(result.outcome))}."

    def _because(self, name: str, reason: str) -> None:
        self.now = replace(self.now, reasons={**self.now.reasons, name: reason})

    def _tell(self, doing: str, progress: Progress | None = None) -> bool:
        if not goes_on(self.on_progress, PlanHeadway(doing, self.done, STEPS, now=self.now, search=progress)):
            self.finder.stopped = True
        return not self.finder.stopped

    def _on_points(self, told: Headway) -> bool:
        begins = told.total and not told.done
        return self._tell(f"{words.plural(told.total, 'placement')} on other devices" if begins else told.phase)
