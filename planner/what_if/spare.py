"""The fewest whole nodes that keep a target after any one of them is lost (N+1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from planner.compare import MeasuredPlacement
from planner.problem import Problem
from planner.scenario.schema import PlacementSection
from planner.what_if.capacity import Finder
from planner.what_if.climb import Climb
from planner.what_if.faults import Fault, fault_what_if
from planner.what_if.points import STOPPED, Point, PointResult
from simulator import Cancelled, Cluster, Group, Placement, words


@dataclass(frozen=True, eq=False)
class SparePlan:
    """The fewest devices, in whole nodes, that keep the target whichever node is lost; nothing is moved then.

    Attributes:
        target: SLO attainment, 0..1. per_node: devices of a node.
        devices: None where none was found. outcome: the placement on them, None without.
        worst: the node whose loss costs most with that placement (the best one tried, where there is no answer).
        tried: (devices, attainment without the worst node), ascending.
        settled: whether all that could be tried was. reason: why `devices` is absent or may be fewer, a sentence.
    """

    target: float
    per_node: int
    devices: int | None
    outcome: MeasuredPlacement | None
    worst: Fault | None
    tried: tuple[tuple[int, float], ...]
    settled: bool
    reason: str | None

    def to_json(self) -> dict:
        """The key `spare` of `recommend --json`."""
        return {
            "devices": self.devices,
            "devices_per_node": self.per_node,
            "slo_attainment_without_worst_node": self.worst.slo_attainment if self.worst else None,
            "tried": [{"devices": n, "slo_attainment_without_worst_node": met} for n, met in self.tried],
            "settled": self.settled,
            "reason": self.reason,
        }


class _SpareClimb(Climb):
    """A climb whose merit is what is met without the worst node; worst: by number of devices."""

    def __init__(self, *args, **options) -> None:
        self.worst: dict[int, Fault] = {}
        super().__init__(*args, **options)

    def merit(self, result: PointResult) -> float:
        worst = self.worst.get(int(dict(result.point.values)["devices"]))
        return -1.0 if worst is None else worst.slo_attainment


def find_spare(
    finder: Finder,
    sections: Sequence[PlacementSection],
    highest: int,
    excluded: int,
    begin: Sequence[PointResult] = (),
) -> SparePlan:
    """The fewest whole nodes with a placement that meets the target without any one of them.

    On every number of nodes each section is placed, as it is and with its groups spread over the nodes so that copies
    of a model lie apart; the one that loses least with its worst node counts.

    Args:
        finder: evaluates, and knows the target. sections: searched; the first begins with what the others found.
        highest: the most devices to try. excluded: with so many no placement reaches the target even with all alive.
        begin: results whose placements the searches begin with.
    """
    scenario, target = finder.evaluator.scenario, finder.target
    per_node = scenario.cluster.devices_per_node
    most = highest // per_node * per_node
    if most < 2 * per_node:
        reason = f"Two nodes of {per_node} are more than the {words.count(highest)} devices that are tried."
        return SparePlan(target, per_node, None, None, None, (), True, reason)
    # What is left without a node is a placement on the others, so one node more than the excluded is excluded too.
    climb = _SpareClimb(
        sections[0], target, per_node, most, per_node, excluded=excluded + per_node, begin=begin
    )  # fmt: skip
    while not climb.finished and not finder.stopped:
        point = climb.next_point()
        try:
            result, worst = _best_kept(finder, point, sections, climb.begins_with())
        except Cancelled:
            finder.stopped = True
            break
        if worst is not None:
            climb.worst[int(dict(point.values)["devices"])] = worst
        climb.take(result)
    return _plan(climb, per_node, finder.stopped)


def spread(placement: Placement, problem: Problem) -> Placement:
    """The same groups in an order that keeps copies of a model on different nodes, as far as one can see.

    Groups that are larger than a node, or do not divide it, keep their order: they lie on several nodes anyway.
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
    return replace(placement, groups=tuple(group for node in nodes for group in node))


def _shared(node: Sequence[Group], group: Group, requests: dict[str, int]) -> int:
    there = {name for other in node for name in other.models}
    return sum(requests[name] for name in group.models if name in there)


def _best_kept(
    finder: Finder, point: Point, sections: Sequence[PlacementSection], begin: Sequence[PointResult]
) -> tuple[PointResult, Fault | None]:
    """The placement that keeps most without its worst node; raises Cancelled where the work was stopped."""
    inputs = finder.evaluator.inputs(point.values).under(point.section)
    rest = [Point(section, point.values) for section in sections[1:]]
    needs = {point.key: [*rest, *(result.point for result in begin)]}
    got = list(finder.evaluator.evaluate_all([*rest, point], finder.on_progress, finder.executor, needs, begin))
    if len(got) < len(rest) + 1:
        raise Cancelled
    best: tuple[PointResult, Fault] | None = None
    for result in got:
        if result.outcome is None:
            continue
        found = result.outcome.placement
        assert isinstance(found, Placement), "what is planned anew over time has no spare plan"
        for placement in dict.fromkeys((found, spread(found, inputs.problem))):
            used = replace(inputs.problem, cluster=_used(placement, inputs.problem))
            watch = lambda *_: finder.evaluator.watch()  # noqa: E731
            worst = worst_node(fault_what_if(placement, used, inputs.warmup_s, watch, ("node",)))
            if worst is not None and (best is None or worst.slo_attainment > best[1].slo_attainment):
                outcome = replace(result.outcome, placement=placement, name=result.point.section.name)
                best = PointResult(point, outcome), worst
    if best is None:
        failed = next(result for result in got if result.point.key == point.key)
        return failed, None
    return best


def worst_node(faults: Sequence[Fault]) -> Fault | None:
    """The node whose loss costs most; None where no node is in use."""
    nodes = [fault for fault in faults if fault.what == "node"]
    return min(nodes, key=lambda fault: fault.slo_attainment, default=None)


def _used(placement: Placement, problem: Problem) -> Cluster:
    return replace(problem.cluster, devices=placement.devices)


def _plan(climb: _SpareClimb, per_node: int, stopped: bool) -> SparePlan:
    tried = tuple((devices, fault.slo_attainment) for devices, fault in sorted(climb.worst.items()))
    devices = climb.answer
    at = devices if devices is not None else max(tried, key=lambda t: t[1], default=(None, 0.0))[0]
    reason = None
    if stopped:
        reason = STOPPED
    elif devices is None:
        most = max(climb.results)
        reason = f"No placement that was found keeps the target without its worst node on up to {most} devices."
        if not tried:
            reason = next(iter(climb.results.values())).reason or reason
    return SparePlan(
        target=climb.target,
        per_node=per_node,
        devices=devices,
        outcome=climb.results[devices].outcome if devices is not None else None,
        worst=climb.worst[at] if at is not None else None,
        tried=tried,
        settled=climb.is_settled and not stopped,
        reason=reason,
    )
