"""The fewest devices of generating models that keep a target after any one device, or any one node, is lost (N+1)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from planner.executors.cluster import Gone
from planner.generation.compare import evaluate
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.problem import served_models
from planner.generation.unseen import GENERATING_COUNTS, hold_out_placement
from planner.generation.what_if import InputBuilder, TokenPoint, fewest, following, token_points
from planner.scenario.inputs import build_cluster
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.capacity import check_target
from planner.what_if.faults import Fault
from planner.what_if.points import STOPPED
from planner.what_if.side_by_side import side_by_side
from planner.what_if.spare import SparePlan, worst_of
from planner.what_if.variation import vary
from simulator import Cancelled, Group, Placement, words
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
    executor: Executor | None = None,
) -> tuple[SparePlan, ...]:
    """One plan for each kind of loss: "node", "device" (a device takes its group along).

    On every number of devices each section is placed, as it is and with the groups dealt out over the nodes; the
    placement that loses least with the worst node or device counts. Nothing is moved then.

    Args:
        sections: searched. lowest: devices that hold the target with all alive. highest: the most devices to try, by
            default 4 times as many as there are. build: gives the inputs of a scenario.
        executor: other machines, or None.

    Raises InputError: a target that cannot be, or a scenario that cannot be built.
    """
    check_target(target)
    most, base = highest or min(4 * scenario.cluster.devices, MAX_DEVICES), build(scenario)
    searches = [_Search(scenario, base, sections, what, on_progress, executor) for what in kinds]
    plans = [search.plan(target, max(lowest + 1, 2), most) for search in searches]
    return tuple(_with_unseen(plan, scenario, sections, on_progress, build, executor) for plan in plans)


def _with_unseen(
    plan: SparePlan, scenario: Scenario, sections: Sequence[PlacementSection], on_progress: OnProgress | None,
    build: InputBuilder, executor: Executor | None,
) -> SparePlan:  # fmt: skip
    """With the score of what is left without the worst, on traffic that was not planned for."""
    if plan.devices is None or plan.worst is None or len(plan.worst.groups) == len(plan.placement.groups):
        return plan
    rest = tuple(group for g, group in enumerate(plan.placement.groups) if g not in plan.worst.groups)
    section = next(section for section in sections if section.name == plan.name)
    varied, left = vary(scenario, "devices", plan.devices), replace(plan.placement, groups=rest)
    return replace(plan, unseen=hold_out_placement(varied, plan.left_over, section, left, on_progress, build, executor))


def losses(
    placement: Placement, inputs: TokenInputs, what: str, on_progress: OnProgress | None = None,
    executor: Executor | None = None,
) -> tuple[Fault, ...]:  # fmt: skip
    """Attainment without any one device (one for each different group), or without any one node that holds a group.

    Raises Cancelled where `on_progress` stops it, Gone where other machines are gone.
    """
    per_node = inputs.problem.cluster.devices_per_node
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
    rests = [tuple(group for g, group in enumerate(placement.groups) if g not in gone) for *_, gone in gone_by]
    # What is left in another order is simulated once.
    apart = {_alike(rest): rest for rest in reversed(rests) if rest}
    requests = len(inputs.problem.workload) * GENERATING_COUNTS * len(apart)
    tasks = lambda _: ((_attained, (replace(placement, groups=rest), inputs)) for rest in apart.values())  # noqa: E731
    found = side_by_side(tasks, len(apart), requests, executor, lambda: goes_on(on_progress, Headway("")))
    # Without any group nothing is served.
    known = {(): 0.0} | dict(zip(apart, found, strict=True))
    return tuple(
        Fault(what, index, devices, gone, tuple(sorted(names - served_models(rest))), known[_alike(rest)])
        for (index, devices, gone), rest in zip(gone_by, rests, strict=True)
    )


def _alike(groups: Sequence[Group]) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    return tuple(sorted((group.role or "", group.tp, group.models) for group in groups))


def _attained(placement: Placement, inputs: TokenInputs) -> float:
    return evaluate(placement, None, inputs).slo_attainment or 0.0


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


@dataclass
class _Search:
    """The search for what bears one kind of loss.

    Attributes:
        worst, best: by number of devices, the worst loss of the placement that bears it best; its section and itself.
        known: by number of devices, all that was placed. was_cut: whether a search ended at its time limit.
        why: the last reason why something has no figure.
    """

    scenario: Scenario
    base: TokenInputs
    sections: Sequence[PlacementSection]
    what: str
    on_progress: OnProgress | None
    executor: Executor | None
    worst: dict[int, Fault] = field(default_factory=dict[int, Fault])
    best: dict[int, tuple[str, Placement]] = field(default_factory=dict[int, tuple[str, Placement]])
    known: dict[int, list[TokenPoint]] = field(default_factory=dict[int, list[TokenPoint]])
    was_cut: bool = False
    why: str = ""

    def plan(self, target: float, lowest: int, highest: int) -> SparePlan:
        """The fewest devices from lowest to highest that keep the target."""
        numbers, unfinished = fewest(lowest, highest), ""
        number = next(numbers) if lowest <= highest else None
        try:
            while number is not None:
                self._try(number)
                if not goes_on(self.on_progress, Headway(self._phase(number), len(self.known), len(self.known))):
                    raise Cancelled
                number = following(numbers, self._met(number) >= target)
        except Cancelled:
            unfinished = STOPPED
        except Gone as gone:
            unfinished = str(gone)
        devices = min((n for n in self.worst if self._met(n) >= target), default=None)
        at = devices if devices is not None else max(self.worst, key=self._met, default=None)
        reason = unfinished or None
        if reason is None and devices is None:
            most = words.plural(highest, "device")
            reason = f"No placement that was found keeps the target without its worst {self.what} on up to {most}."
            reason = reason if self.worst else self.why or reason
        return SparePlan(
            target, self.scenario.cluster.devices_per_node, devices, None, self.worst[at] if at is not None else None,
            tuple((n, self._met(n)) for n in sorted(self.worst)), not unfinished and not self.was_cut, reason,
            self.what, generating=self.best[devices] if devices is not None else None,
        )  # fmt: skip

    def _phase(self, devices: int) -> str:
        return f"{devices} devices, without the worst {self.what}"

    def _met(self, devices: int) -> float:
        return self.worst[devices].slo_attainment if devices in self.worst else -1.0

    def _try(self, devices: int) -> None:
        varied = vary(self.scenario, "devices", devices)
        inputs = replace(self.base, problem=replace(self.base.problem, cluster=build_cluster(varied)))
        fewer = self.known[max(self.known)] if self.known and max(self.known) < devices else []
        before = {point.name: point.placement for point in fewer}
        values = (("devices", float(devices)),)
        asked = [(varied, self.base, section, values, before.get(section.name)) for section in self.sections]
        points = self.known[devices] = list(token_points(asked, self.sections, self.on_progress, self.executor))
        self.was_cut |= any(point.was_cut for point in points)
        kept: list[tuple[Fault, tuple[str, Placement]]] = []
        for point in points:
            self.why = point.reason or self.why
            if point.placement is None:
                continue
            dealt = dealt_out(point.placement, self.scenario.cluster.devices_per_node)
            for placement in dict.fromkeys((point.placement, dealt)):
                lost = worst_of(losses(placement, inputs, self.what, self.on_progress, self.executor))
                if lost is not None:
                    kept.append((lost, (point.name, placement)))
        if kept:
            self.worst[devices], self.best[devices] = max(kept, key=lambda pair: pair[0].slo_attainment)
