"""Fewest devices for a target, and attainment while one or two things vary, for generating models."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.generation.compare import TokenOutcome, evaluate, place
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.unseen import hold_out_placement
from planner.scenario.inputs import build_cluster
from planner.scenario.schema import PlacementSection, Scenario
from planner.search import NoPlacement
from planner.what_if.unseen import HeldOut, Unseen, reason_json
from planner.what_if.variation import vary
from simulator import Cancelled, InputError, Placement
from simulator.headway import Headway, OnProgress, goes_on

MAX_POINTS = 400
# Called with points done, points in all (so far, where not known), and what was found; False stops.
# Gives the inputs of a scenario; a server passes one that opens no files.
InputBuilder = Callable[[Scenario], TokenInputs]


@dataclass(frozen=True, eq=False)
class MeasuredTokens:
    """What is kept of an outcome, without its requests.

    Attributes:
        slo_attainment: 0..1; interval: both ends of its 95 % interval; each None where it is not known.
        usd_per_million_tokens: of output; None without a price. groups_in_words: see TokenOutcome.
        document: of the outcome.
    """

    placement: Placement
    slo_attainment: float | None
    interval: tuple[float, float] | None
    usd_per_million_tokens: float | None
    groups_in_words: str
    document: dict[str, Any]

    @staticmethod
    def of(outcome: TokenOutcome) -> MeasuredTokens:
        """The figures of an outcome."""
        figures = outcome.figures
        return MeasuredTokens(
            outcome.placement, outcome.slo_attainment, figures.interval(), figures.usd_per_million_tokens,
            outcome.groups_in_words, outcome.to_json(),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class TokenPoint:
    """A placement at one setting: what varied, and the outcome or the reason why there is none."""

    name: str
    values: tuple[tuple[str, float], ...]
    outcome: MeasuredTokens | None
    reason: str | None = None

    @property
    def slo_attainment(self) -> float | None:
        return None if self.outcome is None else self.outcome.slo_attainment

    @property
    def placement(self) -> Placement | None:
        return None if self.outcome is None else self.outcome.placement

    @property
    def was_cut(self) -> bool:
        """Whether its search ended at its time limit."""
        return self.outcome is not None and self.outcome.document.get("search", {}).get("stop_reason") == "time limit"

    def to_json(self) -> dict:
        """What varied, and the figures."""
        figures = {"slo_attainment": None, "reason": self.reason} if self.outcome is None else self.outcome.document
        return {**figures, "placement": self.name, **dict(self.values)}


@dataclass(frozen=True, eq=False)
class TokenCapacity:
    """Fewest devices of one algorithm: the point that reaches the target, None with the reason; all that were tried;
    and what its placement meets on traffic that was not planned for."""

    name: str
    target: float
    best: TokenPoint | None
    tried: tuple[TokenPoint, ...]
    complete: bool
    unseen: HeldOut = None

    @property
    def devices(self) -> int | None:
        return None if self.best is None else int(dict(self.best.values)["devices"])

    @property
    def placement(self) -> Placement:
        """The one that reaches the target; only where there is one."""
        if self.best is None or self.best.outcome is None:
            raise LookupError(f"{self.name} has no placement that reaches the target")
        return self.best.outcome.placement

    @property
    def remark(self) -> str | None:
        """That fewer devices may do, where searches for fewer were cut short, a sentence."""
        if self.devices is None or not any(p.was_cut and dict(p.values)["devices"] < self.devices for p in self.tried):
            return None
        return "Searches for fewer devices ended at their time limit; with more time fewer may do."

    @property
    def reason(self) -> str | None:
        """Why there is no number of devices."""
        if self.best is not None:
            return None
        if not self.complete:
            return "The work was stopped before the target was reached."
        known = [(p.slo_attainment, dict(p.values)["devices"]) for p in self.tried if p.slo_attainment is not None]
        if not known:
            return self.tried[-1].reason
        _, devices = max(known, key=lambda pair: pair[0])
        return f"The target was not reached; the best was {devices:g} devices."

    def to_json(self) -> dict:
        """The answer and what was tried."""
        tried = [{"devices": int(dict(p.values)["devices"]), "slo_attainment": p.slo_attainment} for p in self.tried]
        best = None if self.best is None else self.best.to_json()
        held = self.unseen.to_json(self.name) if isinstance(self.unseen, Unseen) else reason_json(self.unseen)
        return {
            "algorithm": self.name, "devices": self.devices, "reason": self.reason, "complete": self.complete,
            "best": best, "tried": tried, **held,
        }  # fmt: skip


def find_token_capacity(
    scenario: Scenario,
    target: float,
    sections: Sequence[PlacementSection],
    lowest: int,
    highest: int,
    on_progress: OnProgress | None = None,
    build: InputBuilder = build_token_inputs,
) -> list[TokenCapacity]:
    """Fewest devices from lowest to highest for which each search reaches the target: upwards in doubling steps, then
    by halving between the last two.
    """
    base = build(scenario)
    found = [_capacity(scenario, base, target, section, lowest, highest, on_progress) for section in sections]
    return [
        one if one.devices is None or not one.complete else replace(one, unseen=hold_out_placement(
            vary(scenario, "devices", one.devices), one.name, section, one.placement, on_progress, build
        ))
        for one, section in zip(found, sections, strict=True)
    ]  # fmt: skip


def _capacity(
    scenario: Scenario, base: TokenInputs, target: float, section: PlacementSection, lowest: int, highest: int,
    on_progress: OnProgress | None,
) -> TokenCapacity:  # fmt: skip
    tried: dict[int, TokenPoint] = {}
    stopped = False

    def reaches(devices: int) -> bool:
        nonlocal stopped
        if devices not in tried:
            varied = vary(scenario, "devices", devices)
            known = [n for n in sorted(tried) if n < devices and tried[n].outcome is not None]
            # What fewer devices hold, more hold too, so a search that is cut short never falls behind it.
            start = tried[known[-1]].placement if known else None
            point = token_point(varied, base, section, (("devices", float(devices)),), on_progress, start)
            tried[devices] = point
            stopped = not _told(on_progress, len(tried), len(tried), point)
        attainment = tried[devices].slo_attainment
        return attainment is not None and attainment >= target

    try_fewest(reaches, lowest, highest, lambda: stopped)
    reached = [devices for devices in sorted(tried) if reaches(devices)]
    best = tried[reached[0]] if reached else None
    return TokenCapacity(section.name, target, best, tuple(tried[d] for d in sorted(tried)), not stopped)


def try_fewest(
    reaches: Callable[[int], bool], lowest: int, highest: int, stopped: Callable[[], bool]
) -> None:  # fmt: skip
    """Ask numbers from lowest to highest: upwards in doubling steps until one reaches, then halving between two."""
    below, above = lowest - 1, lowest
    while not stopped() and not reaches(above) and above < highest:
        below, above = above, min(2 * above, highest)
    while not stopped() and reaches(above) and above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if reaches(middle) else (middle, above)


def sweep_tokens(
    scenario: Scenario,
    axes: Sequence[tuple[str, Sequence[float]]],
    sections: Sequence[PlacementSection],
    on_progress: OnProgress | None = None,
    build: InputBuilder = build_token_inputs,
) -> tuple[list[TokenPoint], bool]:
    """Every placement at every combination of the axes' values; and whether all were done."""
    settings = list(itertools.product(*([(axis, value) for value in values] for axis, values in axes)))
    total = len(settings) * len(sections)
    if total > MAX_POINTS:
        raise InputError(f"The sweep has {total} points; at most {MAX_POINTS} are allowed.")
    points: list[TokenPoint] = []
    for setting in settings:
        varied = scenario
        for axis, value in setting:
            varied = vary(varied, axis, value)
        inputs = build(varied)
        for section in sections:
            point = token_point(varied, inputs, section, setting, on_progress)
            points.append(point)
            if not _told(on_progress, len(points), total, point):
                return points, len(points) == total
    return points, True


def token_point(
    scenario: Scenario,
    inputs: TokenInputs,
    section: PlacementSection,
    values: tuple[tuple[str, float], ...],
    on_progress: OnProgress | None = None,
    start: Placement | None = None,
) -> TokenPoint:
    """One placement of a varied scenario, on `inputs` with the cluster of that scenario."""
    cluster = build_cluster(scenario)
    fixed = None if inputs.fixed is None else replace(inputs.fixed, cluster=cluster)
    inputs = replace(inputs, problem=replace(inputs.problem, cluster=cluster), fixed=fixed).under(section)

    def asked(_: Headway) -> bool:
        return goes_on(on_progress, Headway(""))

    try:
        placement, found = place(section, inputs, asked, start)
        return TokenPoint(section.name, values, MeasuredTokens.of(evaluate(placement, found, inputs)))
    except Cancelled:
        return TokenPoint(section.name, values, None, "The work was stopped before this point was simulated.")
    except (NoPlacement, InputError) as error:
        return TokenPoint(section.name, values, None, str(error))


def _told(on_progress: OnProgress | None, done: int, total: int, point: TokenPoint) -> bool:
    where = ", ".join(f"{axis} {value:g}" for axis, value in point.values)
    return goes_on(on_progress, Headway(f"{point.name}, {where}", done, total))
