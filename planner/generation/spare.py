"""The fewest devices of generating models that keep a target after any one device, or any one node, is lost (N+1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planner.generation.compare import evaluate
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.problem import served_models
from planner.generation.unseen import hold_out_placement
from planner.generation.what_if import InputBuilder, TokenPoint, token_point, try_fewest
from planner.scenario.inputs import build_cluster
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.capacity import check_target
from planner.what_if.faults import Fault
from planner.what_if.points import STOPPED
from planner.what_if.spare import SparePlan, worst_of
from planner.what_if.variation import vary
from simulator import Placement, words
from simulator.headway import Headway, OnProgress, goes_on
from simulator.schema import MAX_DEVICES


def find_token_spares(
    scenario: Scenario,
    target: float,
    sections: Sequence[PlacementSection],
    kinds: Sequence[str],
    lowest: int = 1,
    highest: int | None = None,
    on_progress: OnProgress | None = None,
    build: InputBuilder = build_token_inputs,
) -> tuple[SparePlan, ...]:
    """One plan for each kind of loss: "node", "device" (a device takes its group along).

    On every number of devices each section is placed, as it is and with the groups dealt out over the nodes; the
    placement that loses least with the worst node or device counts. Nothing is moved then.

    Args:
        sections: searched. lowest: devices that hold the target with all alive. highest: the most devices to try, by
            default 4 times as many as there are. build: gives the inputs of a scenario.

    Raises InputError: a target that cannot be, or a scenario that cannot be built.
    """
    check_target(target)
    most, base = highest or min(4 * scenario.cluster.devices, MAX_DEVICES), build(scenario)
    plans = [_spare(scenario, base, target, sections, what, lowest, most, on_progress) for what in kinds]
    return tuple(_with_unseen(plan, scenario, sections, on_progress, build) for plan in plans)


def _with_unseen(
    plan: SparePlan, scenario: Scenario, sections: Sequence[PlacementSection], on_progress: OnProgress | None,
    build: InputBuilder,
) -> SparePlan:  # fmt: skip
    """With the score of what is left without the worst, on traffic that was not planned for."""
    if plan.devices is None or plan.worst is None or len(plan.worst.groups) == len(plan.placement.groups):
        return plan
    rest = tuple(group for g, group in enumerate(plan.placement.groups) if g not in plan.worst.groups)
    section = next(section for section in sections if section.name == plan.name)
    varied, left = vary(scenario, "devices", plan.devices), replace(plan.placement, groups=rest)
    return replace(plan, unseen=hold_out_placement(varied, plan.left_over, section, left, on_progress, build))


def losses(placement: Placement, inputs: TokenInputs, what: str) -> tuple[Fault, ...]:
    """Attainment without any one device (one for each different group), or without any one node that holds a group."""
    per_node, faults, known = inputs.problem.cluster.devices_per_node, [], dict[tuple, float]()
    begins = [sum(group.devices for group in placement.groups[:g]) for g in range(len(placement.groups))]
    nodes = range(-(-placement.devices // per_node))
    gone_by = {
        "device": [(begin, group.devices, (g,)) for g, (begin, group) in enumerate(zip(begins, placement.groups,
                                                                                     strict=True))],
        "node": [(n, 1, tuple(g for g, (begin, group) in enumerate(zip(begins, placement.groups, strict=True))
                              if begin < (n + 1) * per_node and begin + group.devices > n * per_node))
                 for n in nodes],
    }[what]  # fmt: skip
    names = {name for group in placement.groups for name in group.models}
    for index, devices, gone in gone_by:
        rest = tuple(group for g, group in enumerate(placement.groups) if g not in gone)
        alike = tuple(sorted((group.role or "", group.tp, group.models) for group in rest))
        if alike not in known:
            # Without any group nothing is served.
            outcome = evaluate(replace(placement, groups=rest), None, inputs) if rest else None
            known[alike] = (outcome.slo_attainment or 0.0) if outcome is not None else 0.0
        orphans = tuple(sorted(names - served_models(rest)))
        faults.append(Fault(what, index, devices, gone, orphans, known[alike]))
    return tuple(faults)


def dealt_out(placement: Placement, per_node: int) -> Placement:
    """The same groups in an order that lays copies of a model on different nodes, where groups divide nodes evenly."""
    groups = sorted(placement.groups, key=lambda group: (group.tp, group.models))
    nodes = -(-placement.devices // per_node)
    if nodes < 2 or len({group.tp for group in groups}) > 1 or per_node % groups[0].devices:
        return placement
    # Every node but the last is full, so that no number of a device changes node.
    room = [min(per_node, placement.devices - n * per_node) // groups[0].devices for n in range(nodes)]
    held: list[list] = [[] for _ in range(nodes)]
    for group in groups:
        free = [n for n in range(nodes) if len(held[n]) < room[n]]
        n = min(free, key=lambda n: (sum(other == group for other in held[n]), len(held[n]) / room[n]))
        held[n].append(group)
    return replace(placement, groups=tuple(group for node in held for group in node))


def _spare(
    scenario: Scenario, base: TokenInputs, target: float, sections: Sequence[PlacementSection], what: str, lowest: int,
    highest: int, on_progress: OnProgress | None,
) -> SparePlan:  # fmt: skip
    per_node, stopped, cut, why = scenario.cluster.devices_per_node, False, False, ""
    worst: dict[int, Fault] = {}
    best: dict[int, tuple[str, Placement]] = {}
    known: dict[int, dict[str, TokenPoint]] = {}

    def reaches(devices: int) -> bool:
        nonlocal stopped, cut, why
        if devices not in known:
            varied = vary(scenario, "devices", devices)
            inputs = replace(base, problem=replace(base.problem, cluster=build_cluster(varied)))
            before = known[max(known)] if known and max(known) < devices else {}
            points = {s.name: token_point(varied, base, s, (("devices", float(devices)),), on_progress,
                                          before[s.name].placement if s.name in before else None)
                      for s in sections}  # fmt: skip
            known[devices] = points
            cut |= any(point.was_cut for point in points.values())
            kept = []
            for point in points.values():
                why = point.reason or why
                for placement in dict.fromkeys(
                    (point.placement, dealt_out(point.placement, per_node)) if point.placement is not None else ()
                ):
                    lost = worst_of(losses(placement, inputs, what))
                    if lost is not None:
                        kept.append((lost, (point.name, placement)))
            if kept:
                worst[devices], best[devices] = max(kept, key=lambda pair: pair[0].slo_attainment)
            phase = f"{devices} devices, without the worst {what}"
            stopped = not goes_on(on_progress, Headway(phase, len(known), len(known)))
        return devices in worst and worst[devices].slo_attainment >= target

    first = max(lowest + 1, 2)
    if first <= highest:
        try_fewest(reaches, first, highest, lambda: stopped)
    reached = [devices for devices in sorted(known) if reaches(devices)]
    devices = reached[0] if reached else None
    tried = tuple((n, worst[n].slo_attainment) for n in sorted(worst))
    at = devices if devices is not None else max(worst, key=lambda n: worst[n].slo_attainment, default=None)
    reason = STOPPED if stopped else None
    if reason is None and devices is None:
        most = words.plural(highest, "device")
        reason = f"No placement that was found keeps the target without its worst {what} on up to {most}."
        reason = reason if tried else why or reason
    return SparePlan(
        target, per_node, devices, None, worst[at] if at is not None else None, tried,
        not stopped and not cut, reason, what, generating=best[devices] if devices is not None else None,
    )  # fmt: skip
