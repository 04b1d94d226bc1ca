"""What a capacity search answers for one algorithm, and its JSON document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.compare import MeasuredPlacement, placement_section, search_json
from planner.what_if.faults import Fault
from simulator import InputError, Placement, Schedule, words
from simulator.intervals import known_interval


@dataclass(frozen=True)
class Tried:
    """One number of devices that was tried.

    slo_attainment: 0..1; half_width: half of its 95 % interval; each None where it is not known. reason: why there
    are no figures. remark: why the figures are not those of a finished plan.
    """

    devices: int
    slo_attainment: float | None
    half_width: float | None
    reason: str | None
    remark: str | None = None

    @property
    def met(self) -> float:
        """Its attainment, 0..1; only where it is known."""
        if self.slo_attainment is None:
            raise LookupError(f"no figures for {self.devices} devices")
        return self.slo_attainment


@dataclass(frozen=True, eq=False)
class CapacityPlan:
    """The fewest devices with which one algorithm reaches the target.

    Attributes:
        name: of the placement section. target: SLO attainment, 0..1.
        devices: the answer; None if no number reaches it. usd_per_hour: devices x the price of a device-hour; None
            where one of them is not known.
        outcome: the plan on these devices (the best one tried, where the target is not reached).
        limiting_model: name and missed requests of the model that misses most; None if nothing is missed.
        limiting_group: number and missed requests of the group that misses most.
        headroom: the traffic this very placement bears at the target, as a multiple of the scenario's; at most
            HEADROOM_LIMIT. None where the target is not reached or the placement changes over time.
        faults: what dies with a device or a node.
        tried: every number of devices tried, ascending. The best placement of fewer devices is one for more, so
            attainment never falls. Numbers below the range asked for are those that others began with.
        settled: whether fewer devices are known not to do: False where the work was stopped, or where a search for
            fewer was cut short before it had a placement.
        excluded: with up to so many devices no placement reaches the target, by the upper bound of the searches; 0
            where none is excluded.
        reasons: by key of the JSON document, why a value is absent or in what it is incomplete, a sentence.
    """

    name: str
    target: float
    devices: int | None
    usd_per_hour: float | None
    outcome: MeasuredPlacement | None
    limiting_model: tuple[str, int] | None
    limiting_group: tuple[int, int] | None
    headroom: float | None
    faults: tuple[Fault, ...]
    tried: tuple[Tried, ...]
    settled: bool = True
    excluded: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def placement(self) -> Placement | Schedule:
        """The placement of the outcome; only where there is one."""
        if self.outcome is None:
            raise LookupError(f"{self.name} has no placement")
        return self.outcome.placement

    @property
    def on_devices(self) -> str:
        """The name, and on how many devices: the answer, or what the best placement tried uses."""
        return f"{self.name} on {words.plural(self.devices or self.placement.devices, 'device')}"

    @property
    def best(self) -> Tried | None:
        """The number of devices with the highest attainment; None where none has figures."""
        return max((t for t in self.tried if t.slo_attainment is not None), key=lambda t: t.met, default=None)

    def to_json(self) -> dict:
        """One of the `plans` of `capacity --json`; what is not known is null and has its reason in `reasons`."""
        document = {
            "name": self.name,
            "target": self.target,
            "devices": self.devices,
            "settled": self.settled,
            "excluded_devices": self.excluded,
            "usd_per_hour": self.usd_per_hour,
            "headroom_rate_scale": self.headroom,
            "limiting_model": self.limiting_model and dict(zip(("name", "missed"), self.limiting_model, strict=True)),
            "limiting_group": self.limiting_group and dict(zip(("index", "missed"), self.limiting_group, strict=True)),
            "tried": [_tried_json(tried) for tried in self.tried],
            "faults": [
                {"what": f.what, "index": f.index, "devices": f.devices, "groups": list(f.groups),
                 "orphans": list(f.orphans), "slo_attainment": f.slo_attainment}
                for f in self.faults
            ],
            "reasons": dict(self.reasons),
            "slo_attainment": None,
            "slo_attainment_half_width": None,
            "slo_attainment_interval": None,
        }  # fmt: skip
        if self.outcome is None:
            return document
        half = self.outcome.figures.half_width
        document["slo_attainment"] = self.outcome.figures.total.slo_attainment
        document["slo_attainment_half_width"] = None if math.isnan(half) else half
        document["slo_attainment_interval"] = None if math.isnan(half) else list(self.outcome.figures.interval)
        placed = placement_section(self.outcome.placement)
        document |= placed.model_dump(mode="json", exclude_none=True, exclude={"name"})
        return document | ({} if self.outcome.search is None else {"search": search_json(self.outcome.search)})


def whole_nodes(lowest: int, highest: int, per_node: int) -> tuple[int, int]:
    """The fewest devices in whole nodes from `lowest` on, and the step; raises InputError where the range has none."""
    first = -(-lowest // per_node) * per_node
    if first > highest:
        raise InputError(f"From {lowest} to {highest} devices there is no whole number of nodes of {per_node} devices.")
    return first, per_node


@dataclass(frozen=True)
class Needed:
    """How many devices a placement needs for the target: None with its reason; settled as in CapacityPlan."""

    name: str
    devices: int | None
    settled: bool
    reason: str | None = None

    def to_json(self) -> dict:
        """Its values by name."""
        return {"name": self.name, "devices": self.devices, "settled": self.settled, "reason": self.reason}


def _tried_json(tried: Tried) -> dict:
    return {
        "devices": tried.devices,
        "slo_attainment": tried.slo_attainment,
        "slo_attainment_half_width": tried.half_width,
        "slo_attainment_interval": known_interval(tried.slo_attainment, tried.half_width),
        "reason": tried.reason,
    } | ({} if tried.remark is None else {"remark": tried.remark})
