"""How many devices reach a target, per algorithm; what limits the plan, and how much more traffic it bears."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from planner.compare import PlacementOutcome, placement_section, search_json
from planner.problem import Problem
from planner.scenario.inputs import TraceReader
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.faults import Fault, fault_what_if
from planner.what_if.points import Evaluator, OnPoint, Point, PointResult
from simulator import Cluster, InputError, Profile, Schedule
from simulator.placement import MAX_DEVICES

HEADROOM_LIMIT = 16.0
HEADROOM_PRECISION = 0.01


@dataclass(frozen=True)
class Tried:
    """One number of devices that was tried. half_width: half of the 95 % interval, NaN if unknown."""

    devices: int
    slo_attainment: float
    half_width: float
    reason: str | None


@dataclass(frozen=True, eq=False)
class CapacityPlan:
    """The fewest devices with which one algorithm reaches the target.

    Attributes:
        name: of the placement section. target: SLO attainment, 0..1.
        devices: the answer; None if even the most do not reach it. usd_per_hour: what they cost.
        outcome: the plan on these devices (the best one tried, where the target is not reached).
        limiting_model: name and missed requests of the model that misses most; None if nothing is missed.
        limiting_group: number and missed requests of the group that misses most.
        headroom: the traffic this very placement bears at the target, as a multiple of the scenario's; at most
            HEADROOM_LIMIT. None where the target is not reached or the placement changes over time.
        faults: what dies with a device or a node.
        tried: every number of devices tried, ascending.
    """

    name: str
    target: float
    devices: int | None
    usd_per_hour: float | None
    outcome: PlacementOutcome | None
    limiting_model: tuple[str, int] | None
    limiting_group: tuple[int, int] | None
    headroom: float | None
    faults: tuple[Fault, ...]
    tried: tuple[Tried, ...]


@dataclass(frozen=True, eq=False)
class Capacity:
    """Plans of all sections, cheapest first (those that do not reach the target last, best attainment first)."""

    plans: tuple[CapacityPlan, ...]
    complete: bool

    @property
    def best(self) -> CapacityPlan:
        """The plan with the fewest devices."""
        return self.plans[0]

    def to_json(self) -> dict:
        """The document of `capacity --json`."""
        return {"complete": self.complete, "plans": [_plan_json(plan) for plan in self.plans]}


def find_capacity(
    scenario: Scenario,
    target: float,
    sections: Sequence[PlacementSection] | None = None,
    lowest: int = 1,
    highest: int = 64,
    step: int = 1,
    confident: bool = False,
    on_point: OnPoint | None = None,
    executor: Executor | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> Capacity:
    """For each searched placement the fewest devices that reach a target.

    A placement for n devices also runs on more, so attainment is taken never to fall with devices, and the number is
    found by halving; the number one step below the answer has always been tried.

    Args:
        scenario: its searched placements unless `sections` are given.
        target: SLO attainment, 0..1.
        lowest, highest, step: which numbers of devices to try.
        confident: whether the lower end of the 95 % interval must reach the target, not only the estimate.
        on_point, executor: see Evaluator.evaluate_all. read, profiles: see build_inputs.

    Raises:
        InputError: a target or range that cannot be, or no searched placement.
    """
    sections = [s for s in (scenario.placements if sections is None else sections) if s.search is not None]
    if not sections:
        raise InputError("The scenario has no searched placement; give one, or name algorithms.")
    if not 0 < target <= 1:
        raise InputError(f"The target is {target}; a share above 0 and up to 1 is allowed, for example 0.99.")
    if not 1 <= lowest <= highest <= MAX_DEVICES or step < 1:
        raise InputError(
            f"Devices from {lowest} to {highest} in steps of {step} are asked for; 1 <= lowest <= highest <= "
            f"{MAX_DEVICES} and a step of at least 1 are allowed."
        )
    evaluator = Evaluator(scenario, read, profiles)
    searching = [_Halving(section, target, range(lowest, highest + 1, step), confident) for section in sections]
    complete = True
    while complete and (points := [h.next_point() for h in searching if not h.finished]):
        by_name = {h.section.name: h for h in searching}
        received = 0
        for result in evaluator.evaluate_all(points, on_point, executor):
            by_name[result.point.section.name].take(result)
            received += 1
        complete = received == len(points)
    tried = [halving for halving in searching if halving.results]
    plans = []
    for done, halving in enumerate(tried):
        what = f"{halving.section.name}: what limits it, and how much more traffic it bears"
        if complete and on_point is not None and on_point(done, len(tried), what) is False:
            complete = False
        plans.append(_plan(halving, evaluator, target, complete))
    plans.sort(key=lambda p: (p.devices is None, p.devices or 0, -_attained(p)))
    return Capacity(tuple(plans), complete)


class _Halving:
    """Looks for the first number of devices that reaches the target: the highest first, then by halving."""

    def __init__(self, section: PlacementSection, target: float, numbers: range, confident: bool) -> None:
        self.section, self.target, self.numbers, self.confident = section, target, numbers, confident
        self.results: dict[int, PointResult] = {}
        self._fails, self._reaches = -1, len(numbers)

    @property
    def finished(self) -> bool:
        return self._reaches - self._fails <= 1 and (self._reaches < len(self.numbers) or bool(self.results))

    @property
    def answer(self) -> int | None:
        return self.numbers[self._reaches] if self._reaches < len(self.numbers) else None

    def next_point(self) -> Point:
        at = len(self.numbers) - 1 if not self.results else (self._fails + self._reaches) // 2
        return Point(self.section, (("devices", float(self.numbers[at])),))

    def take(self, result: PointResult) -> None:
        devices = int(dict(result.point.values)["devices"])
        self.results[devices] = result
        at = self.numbers.index(devices)
        if self._reached(result):
            self._reaches = min(self._reaches, at)
        else:
            self._fails = max(self._fails, at)

    def _reached(self, result: PointResult) -> bool:
        half_width = result.outcome.figures.half_width if result.outcome else math.nan
        margin = half_width if self.confident and not math.isnan(half_width) else 0.0
        return result.slo_attainment - margin >= self.target


def _plan(halving: _Halving, evaluator: Evaluator, target: float, complete: bool) -> CapacityPlan:
    devices = halving.answer
    chosen = halving.results[devices] if devices else max(halving.results.values(), key=lambda r: r.slo_attainment)
    outcome = chosen.outcome
    cluster = evaluator.scenario.cluster
    rows = [
        Tried(n, r.slo_attainment, r.outcome.figures.half_width if r.outcome else math.nan, r.reason)
        for n, r in sorted(halving.results.items())
    ]
    moving = outcome is None or isinstance(outcome.placement, Schedule)
    return CapacityPlan(
        name=halving.section.name,
        target=target,
        devices=devices,
        usd_per_hour=devices * cluster.usd_per_device_hour if devices else None,
        outcome=outcome,
        limiting_model=_most_missed([(n, f.requests - f.served) for n, f in outcome.figures.models])
        if outcome
        else None,
        limiting_group=_most_missed([(g.index, g.fates.requests - g.fates.served) for g in outcome.figures.groups])
        if outcome
        else None,
        headroom=_headroom(evaluator, outcome, chosen.point, target) if complete and devices and not moving else None,
        faults=() if moving or not complete else _faults(outcome, evaluator.scenario.workload.warmup_s, cluster),
        tried=tuple(rows),
    )


def _most_missed(missed: list[tuple]) -> tuple | None:
    name, most = max(missed, key=lambda item: item[1], default=(None, 0))
    return (name, most) if most else None


def _faults(outcome: PlacementOutcome, warmup_s: float, cluster) -> tuple[Fault, ...]:
    result = outcome.result
    used = Cluster(outcome.placement.devices, cluster.memory_gib, cluster.devices_per_node)
    return fault_what_if(outcome.placement, Problem(result.models, used, result.workload, result.serving), warmup_s)


def _headroom(evaluator: Evaluator, outcome: PlacementOutcome, point: Point, target: float) -> float:
    section = placement_section(outcome.placement)

    def bears(factor: float) -> bool:
        values = (*point.values, ("rate_scale", factor))
        return evaluator.evaluate(Point(section, values)).slo_attainment >= target

    low, high = 1.0, HEADROOM_LIMIT
    if bears(high):
        return high
    while high / low > 1 + HEADROOM_PRECISION:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if bears(middle) else (low, middle)
    return low


def _attained(plan: CapacityPlan) -> float:
    return max((tried.slo_attainment for tried in plan.tried), default=0.0)


def _plan_json(plan: CapacityPlan) -> dict:
    document = {
        "name": plan.name,
        "target": plan.target,
        "devices": plan.devices,
        "usd_per_hour": plan.usd_per_hour,
        "headroom_rate_scale": plan.headroom,
        "limiting_model": plan.limiting_model and dict(zip(("name", "missed"), plan.limiting_model, strict=True)),
        "limiting_group": plan.limiting_group and dict(zip(("index", "missed"), plan.limiting_group, strict=True)),
        "tried": [
            {"devices": t.devices, "slo_attainment": t.slo_attainment, "reason": t.reason,
             "slo_attainment_half_width": None if math.isnan(t.half_width) else t.half_width}
            for t in plan.tried
        ],
        "faults": [
            {"what": f.what, "index": f.index, "devices": f.devices, "groups": list(f.groups),
             "orphans": list(f.orphans), "slo_attainment": f.slo_attainment}
            for f in plan.faults
        ],
    }  # fmt: skip
    if plan.outcome is not None:
        half = plan.outcome.figures.half_width
        document["slo_attainment"] = plan.outcome.figures.total.slo_attainment
        document["slo_attainment_half_width"] = None if math.isnan(half) else half
        document |= placement_section(plan.outcome.placement).model_dump(
            mode="json", exclude_none=True, exclude={"name"}
        )
        document["search"] = search_json(plan.outcome.search)
    return document
