"""The fewest devices that keep a target after any one node, or any one device, is lost (N+1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from planner.compare import MeasuredPlacement, PlacementOutcome, evaluate
from planner.problem import Problem
from planner.scenario.inputs import TraceReader
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.capacity import OVER_TIME, Finder, check_target
from planner.what_if.climb import Climb
from planner.what_if.copies import with_copies
from planner.what_if.faults import Fault, fault_what_if, without
from planner.what_if.points import STOPPED, Evaluator, Point, PointResult, merit
from planner.what_if.robustness import Candidate
from planner.what_if.sections import check_sections, replans
from planner.what_if.unseen import HeldOut, Unseen, reason_json
from simulator import Cancelled, Cluster, Group, InputError, Placement, Profile, words
from simulator.headway import OnProgress
from simulator.schema import MAX_DEVICES

# What may be lost.
KINDS = ("node", "device")
# So many plans with fewer devices are tried with copies of their groups.
MOST_COPIED = 2


@dataclass(frozen=True, eq=False)
class SparePlan:
    """The fewest devices that keep the target whichever node, or device, is lost; nothing is moved then.

    Attributes:
        target: SLO attainment, 0..1. per_node: devices of a node. what: is lost, one of KINDS.
        devices: None where none was found. outcome: the placement on them, None without.
        generating: (what placed it, the placement on them) of models that generate, which have no outcome here.
        worst: what costs most when it is lost, with that placement (the best one tried, where there is no answer).
        tried: (devices, attainment without the worst one), ascending.
        settled: whether all that could be tried was. reason: why `devices` is absent or may be fewer, a sentence.
        missed: models that miss targets of their own with `worst`, a sentence; None where there are none.
        unseen: the placement without `worst` on traffic that was not planned for.
    """

    target: float
    per_node: int
    devices: int | None
    outcome: MeasuredPlacement | None
    worst: Fault | None
    tried: tuple[tuple[int, float], ...]
    settled: bool
    reason: str | None
    what: str = "node"
    missed: str | None = None
    unseen: HeldOut = None
    generating: tuple[str, Placement] | None = None

    @property
    def name(self) -> str | None:
        """What placed the placement that keeps the target; None where there is none."""
        if self.generating is not None:
            return self.generating[0]
        return self.outcome.name if self.outcome is not None else None

    @property
    def placement(self) -> Placement:
        """The one that keeps the target; only where there is one."""
        if self.generating is not None:
            return self.generating[1]
        if self.outcome is None or not isinstance(self.outcome.placement, Placement):
            raise LookupError(f"no placement keeps the target without any one {self.what}")
        return self.outcome.placement

    def to_json(self) -> dict:
        """The key `spare` of `recommend --json`."""
        without = f"slo_attainment_without_worst_{self.what}"
        return {
            "devices": self.devices,
            "devices_per_node": self.per_node,
            without: self.worst.slo_attainment if self.worst else None,
            "tried": [{"devices": n, without: met} for n, met in self.tried],
            "settled": self.settled,
            "reason": self.reason,
        } | (self.unseen.to_json(self.left_over) if isinstance(self.unseen, Unseen) else reason_json(self.unseen))

    @property
    def left_over(self) -> str:
        """What is left of the placement, as its score on unseen traffic is named."""
        return f"{words.plural(self.devices or 0, 'device')} without the worst {self.what}"


class _SpareClimb(Climb):
    """A climb whose merit is what is met without the worst node or device; lost: all of them by number of devices."""

    def __init__(self, *args, **options) -> None:
        self.lost: dict[int, tuple[Fault, ...]] = {}
        super().__init__(*args, **options)

    def merit(self, result: PointResult) -> float:
        faults = self.lost.get(int(dict(result.point.values)["devices"]), ())
        return worth(faults, self.confident)[1]

    def reaches(self, result: PointResult) -> bool:
        """Whether all requests reach the target, and every model its own, whatever is lost."""
        faults = self.lost.get(int(dict(result.point.values)["devices"]), ())
        return _keeps(faults, self.target, self.confident)


def worth(faults: Sequence[Fault], confident: bool) -> tuple[bool, float]:
    """Whether no model misses a target of its own whatever is lost, and the least that is met; -1 if nothing is."""
    least = min((f.lowest if confident else f.slo_attainment for f in faults), default=-1.0)
    return not any(fault.missed for fault in faults), least if least >= 0 else -1.0


def find_spares(
    scenario: Scenario,
    target: float,
    sections: Sequence[PlacementSection],
    kinds: Sequence[str] = KINDS,
    highest: int | None = None,
    step: int = 1,
    confident: bool = False,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> tuple[SparePlan, ...]:
    """One plan for each kind of loss, see find_spare.

    Args:
        target: SLO attainment, 0..1. sections: searched. kinds: of KINDS.
        highest: the most devices to try, by default 4 times as many as there are. step: between numbers of devices;
            the devices of a node for whole nodes.
        confident, on_progress, executor, read, profiles: see find_capacity.

    Raises:
        InputError: a target, section or algorithm that cannot be, or a scenario that cannot be built.
    """
    check_target(target)
    check_sections(sections)
    if not sections or any(section.search is None for section in sections):
        raise InputError("What is to bear a loss is searched for; name at least one algorithm, and only algorithms.")
    finder = Finder(Evaluator(scenario, read, profiles), target, on_progress, executor)
    most = highest or min(4 * scenario.cluster.devices, MAX_DEVICES)
    steady = [section for section in sections if not replans(section)]
    excluded = finder.begin(steady[0], 1, most).excluded if steady else 0
    plans: list[SparePlan] = []
    for what in kinds:
        begin = [
            PointResult(Point(steady[0], (("devices", float(plan.devices)),)), plan.outcome)
            for plan in plans
            if plan.devices is not None
        ]
        plans.append(find_spare(finder, steady, most, excluded, begin, what, step, confident))
    return tuple(_with_unseen(finder, plan) for plan in plans)


def _with_unseen(finder: Finder, plan: SparePlan) -> SparePlan:
    """With the score of what is left without the worst, on traffic that was not planned for."""
    if plan.worst is None or not isinstance(plan.outcome, PlacementOutcome):
        return plan
    rest = without(plan.placement, plan.worst.groups)
    candidate = Candidate(plan.left_over, rest, plan.outcome.result.serving, True)
    return replace(plan, unseen=finder.hold_out_candidates([candidate]))


def find_spare(
    finder: Finder,
    sections: Sequence[PlacementSection],
    highest: int,
    excluded: int,
    begin: Sequence[PointResult] = (),
    what: str = "node",
    step: int | None = None,
    confident: bool = False,
) -> SparePlan:
    """The fewest devices with a placement that meets the target without any one node, or without any one device.

    On every number of devices each section is placed, as it is and with its groups spread over the nodes so that copies
    of a model lie apart; the one that loses least with the worst node or device counts. Where none of them keeps the
    target, plans with fewer devices are tried with further copies of their groups. A device takes its group along.

    Args:
        finder: evaluates, and knows the target. sections: searched; the first begins with what the others found.
        highest: the most devices to try. excluded: with so many no placement reaches the target even with all alive.
        begin: results whose placements the searches begin with. what: is lost, one of KINDS.
        step: between numbers of devices, by default whole nodes. confident: see find_capacity.
    """
    scenario, target = finder.evaluator.scenario, finder.target
    per_node = scenario.cluster.devices_per_node
    step = step or per_node
    lost = per_node if what == "node" else 1
    most = highest // step * step
    nothing = SparePlan(target, per_node, None, None, None, (), True, None, what)
    if not sections:
        return replace(nothing, reason=OVER_TIME)
    if most <= lost:
        least = f"Two nodes of {per_node} are" if what == "node" else "Two devices are"
        return replace(nothing, reason=f"{least} more than the {words.plural(highest, 'device')} that are tried.")
    # What is left without it is a placement on the others, so as many more than the excluded are excluded too.
    climb = _SpareClimb(
        sections[0], target, step, most, step, confident, excluded=excluded + lost, begin=begin,
        targets=scenario.targets,
    )  # fmt: skip
    while not climb.finished and not finder.stopped:
        point = climb.next_point()
        try:
            result, faults = _best_kept(finder, point, sections, climb.begins_with(), what, confident)
            if not _keeps(faults, target, confident):
                plans = [*begin, *climb.results.values()]
                result, faults = _best_copied(finder, (result, faults), plans, what, confident)
        except Cancelled:
            finder.stopped = True
            break
        climb.lost[int(dict(point.values)["devices"])] = faults
        climb.take(result)
    return _plan(climb, nothing, finder.stopped)


def spread(placement: Placement, problem: Problem) -> Placement:
    """The same groups in an order that keeps copies of a model on different nodes, as far as one can see.

    Groups that are larger than a node, or do not divide it, keep their order: they lie on several nodes anyway. So do
    all where the new order would break a placement rule.
    """
    per_node = problem.cluster.devices_per_node
    if any(per_node % group.devices for group in placement.groups):
        return placement
    requests = dict(
        zip((m.name for m in problem.models), problem.workload.requests_per_model().tolist(), strict=True)
    )  # fmt: skip
    nodes: list[list[Group]] = [[] for _ in range(-(-placement.devices // per_node))]
    for group in sorted(placement.groups, key=lambda g: -g.devices):
        free = [node for node in nodes if sum(g.devices for g in node) + group.devices <= per_node]
        if not free:
            return placement
        # Requests of models that would have another copy on the same node; then the fullest node, to leave none torn.
        free.sort(key=lambda node: (_shared(node, group, requests), -sum(g.devices for g in node)))
        free[0].append(group)
    nodes.sort(key=lambda node: -sum(g.devices for g in node))
    moved = replace(placement, groups=tuple(group for node in nodes for group in node))
    return placement if problem.rules.broken(moved, problem.cluster) else moved


def _shared(node: Sequence[Group], group: Group, requests: dict[str, int]) -> int:
    there = {name for other in node for name in other.models}
    return sum(requests[name] for name in group.models if name in there)


def _best_kept(
    finder: Finder, point: Point, sections: Sequence[PlacementSection], begin: Sequence[PointResult], what: str,
    confident: bool,
) -> tuple[PointResult, tuple[Fault, ...]]:  # fmt: skip
    """The placement that keeps most, with all that can be lost of it; raises Cancelled where the work was stopped."""
    built = finder.evaluator.inputs(point.values)
    rest = [Point(section, point.values) for section in sections[1:]]
    needs = {point.key: [*rest, *(result.point for result in begin)]}
    got = list(finder.evaluator.evaluate_all([*rest, point], finder.on_progress, finder.executor, needs, begin))
    if len(got) < len(rest) + 1:
        raise Cancelled
    kept: list[tuple[PointResult, tuple[Fault, ...]]] = []
    for result in got:
        if result.outcome is None:
            continue
        found, inputs = result.outcome.placement, built.under(result.point.section)
        assert isinstance(found, Placement), "what is planned anew over time has no spare plan"
        for placement in dict.fromkeys((found, spread(found, inputs.problem))):
            used = replace(inputs.problem, cluster=_used(placement, inputs.problem))
            watch = finder.watch_faults(result.point.section.name)
            faults = fault_what_if(placement, used, inputs.warmup_s, watch, (what,), inputs.targets)
            outcome = replace(result.outcome, placement=placement, name=result.point.section.name)
            kept.append((PointResult(point, outcome), faults))
    if not kept:
        return next(result for result in got if result.point.key == point.key), ()
    return max(kept, key=lambda pair: worth(pair[1], confident))


def _keeps(faults: Sequence[Fault], target: float, confident: bool) -> bool:
    no_model_misses, least = worth(faults, confident)
    return no_model_misses and least >= target


def _best_copied(
    finder: Finder, found: tuple[PointResult, tuple[Fault, ...]], plans: Sequence[PointResult], what: str,
    confident: bool,
) -> tuple[PointResult, tuple[Fault, ...]]:  # fmt: skip
    """What keeps most of what was found and of plans with copies of their groups, up to the first that keeps enough.

    plans: with fewer devices; those that reach the target while all is alive are copied, the smallest first.
    """
    point = found[0].point
    inputs = finder.evaluator.inputs(point.values).under(point.section)
    whole = [r.outcome for r in plans if r.outcome is not None and merit(r, confident) >= finder.target]
    placements = dict.fromkeys(outcome.placement for outcome in sorted(whole, key=lambda o: o.placement.devices))
    best = found
    for plan in list(placements)[:MOST_COPIED]:
        assert isinstance(plan, Placement), "what is planned anew over time has no spare plan"
        if plan.devices >= inputs.problem.cluster.devices:
            continue
        copied = with_copies(replace(plan, name=point.section.name), inputs.problem)
        for placement in dict.fromkeys((copied, spread(copied, inputs.problem))):
            if inputs.problem.rules.broken(placement, inputs.problem.cluster):
                continue
            used = replace(inputs.problem, cluster=_used(placement, inputs.problem))
            watch = finder.watch_faults(point.section.name)
            faults = fault_what_if(placement, used, inputs.warmup_s, watch, (what,), inputs.targets)
            if worth(faults, confident) > worth(best[1], confident):
                best = PointResult(point, evaluate(placement, None, inputs, watch)), faults
            if _keeps(faults, finder.target, confident):
                return best
    return best


def worst_of(faults: Sequence[Fault]) -> Fault | None:
    """The one whose loss costs most; None where there is none."""
    return min(faults, key=lambda fault: (not fault.missed, fault.slo_attainment), default=None)


def worst_node(faults: Sequence[Fault]) -> Fault | None:
    """The node whose loss costs most; None where no node is in use."""
    nodes = [fault for fault in faults if fault.what == "node"]
    return min(nodes, key=lambda fault: fault.slo_attainment, default=None)


def _used(placement: Placement, problem: Problem) -> Cluster:
    return replace(problem.cluster, devices=placement.devices)


def _plan(climb: _SpareClimb, nothing: SparePlan, stopped: bool) -> SparePlan:
    worst = {devices: fault for devices, faults in sorted(climb.lost.items()) if (fault := worst_of(faults))}
    tried = tuple((devices, fault.slo_attainment) for devices, fault in worst.items())
    devices = climb.answer
    at = devices if devices is not None else max(tried, key=lambda t: t[1], default=(None, 0.0))[0]
    reason = None
    if stopped:
        reason = STOPPED
    elif devices is None:
        most = words.plural(max(climb.results), "device")
        reason = f"No placement that was found keeps the target without its worst {nothing.what} on up to {most}."
        if not tried:
            reason = next(iter(climb.results.values())).reason or reason
    missed = worst[at].missed if at is not None else ()
    return replace(
        nothing,
        devices=devices,
        outcome=climb.results[devices].outcome if devices is not None else None,
        worst=worst[at] if at is not None else None,
        tried=tried,
        settled=climb.is_settled and not stopped,
        reason=reason,
        missed=f"{words.join(missed)} then {_miss(missed)} of {_their(missed)} own." if missed else None,
    )


def _miss(names: Sequence[str]) -> str:
    return "misses the target" if len(names) == 1 else "miss the targets"


def _their(names: Sequence[str]) -> str:
    return "its" if len(names) == 1 else "their"
