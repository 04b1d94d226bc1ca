"""When traffic grows: how much of it the devices that are there bear, and how many devices more of it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from planner.compare import PlacementOutcome, filled
from planner.scenario.inputs import TraceReader
from planner.scenario.schema import PlacementSection, Scenario
from planner.targets import misses_in_words, targets_met, targets_missed
from planner.what_if.capacity import Finder, check_target
from planner.what_if.plan import Needed
from planner.what_if.points import Evaluator, Point, PointResult, Values, merit
from planner.what_if.robustness import Candidate
from planner.what_if.unseen import HeldOut, Unseen
from simulator import Cancelled, InputError, Placement, Profile, words
from simulator.headway import OnProgress
from simulator.schema import MAX_DEVICES

# Multiples of the traffic that are tried, and how near to each other the last two of them are.
LEAST_TIMES, MOST_TIMES, PRECISION = 1 / 16, 16.0, 0.02
# So many placements for other multiples are begun with on other numbers of devices.
MOST_BEGUN = 3


@dataclass(frozen=True)
class TriedTraffic:
    """One multiple of the traffic on the devices that are there.

    slo_attainment, half_width: 0..1, None where not known, with the reason; that is also which models miss targets of
    their own. reaches: the targets. searched: whether a
    placement was searched for; else one that was found for another multiple was enough, or it is excluded: no
    placement whatever reaches the target, by the upper bound.
    """

    rate_scale: float
    slo_attainment: float | None
    half_width: float | None
    reaches: bool
    searched: bool
    excluded: bool = False
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Growth:
    """What more traffic asks for; `reasons` says of what is absent why, by the name of the attribute.

    Attributes:
        name: of the placement section. target: SLO attainment, 0..1. devices: that are there.
        tried: ascending. bears: the most traffic, as a multiple of the scenario's, for which a placement was found
            that reaches the target; fails: the next one tried, for which none was found. A multiple between them
            is not tried.
        times: the multiple that was asked about. needed: the fewest devices for it.
        complete: whether all was done.
        unseen: the placements of `bears` and of `needed`, by these names, on as much traffic that was not planned for.
    """

    name: str
    target: float
    devices: int
    times: float
    tried: tuple[TriedTraffic, ...] = ()
    bears: float | None = None
    fails: float | None = None
    needed: Needed | None = None
    complete: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    unseen: Mapping[str, HeldOut] = field(default_factory=dict)

    def at(self, rate_scale: float | None) -> TriedTraffic | None:
        """What was tried with a multiple of the traffic."""
        return next((tried for tried in self.tried if tried.rate_scale == rate_scale), None)

    def to_json(self) -> dict:
        """The key `growth` of `capacity --json`."""
        return {
            "name": self.name,
            "devices": self.devices,
            "bears_rate_scale": self.bears,
            "fails_rate_scale": self.fails,
            "tried": [
                {"rate_scale": t.rate_scale, "slo_attainment": t.slo_attainment, "reaches": t.reaches,
                 "searched": t.searched, "excluded": t.excluded, "reason": t.reason}
                for t in self.tried
            ],
            "rate_scale": self.times,
            "needed": None if self.needed is None else self.needed.to_json(),
            "complete": self.complete,
            "reasons": dict(self.reasons),
        } | _unseen_json(self.unseen)  # fmt: skip


def _unseen_json(unseen: Mapping[str, HeldOut]) -> dict:
    """The keys `unseen` and `unseen_reasons`, by what the score is of; each only where there is something in it."""
    scores = {
        what: held.to_json(held.scores[0].name)["unseen"] for what, held in unseen.items() if isinstance(held, Unseen)
    }
    reasons = {what: held for what, held in unseen.items() if isinstance(held, str)}
    return ({"unseen": scores} if scores else {}) | ({"unseen_reasons": reasons} if reasons else {})


def check_times(times: float) -> None:
    """Raises InputError for a multiple of the traffic that is not answered."""
    if not LEAST_TIMES <= times <= MOST_TIMES:
        raise InputError(
            f"{words.number(times)} times the traffic is asked about; {LEAST_TIMES:g} to {MOST_TIMES:g} are allowed."
        )


def find_growth(
    scenario: Scenario,
    target: float,
    section: PlacementSection,
    times: float = 2.0,
    devices: int | None = None,
    highest: int | None = None,
    step: int = 1,
    confident: bool = False,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
    read: TraceReader | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> Growth:
    """How much traffic the devices that are there bear, placed anew for it, and what `times` as much takes.

    What is found for one multiple of the traffic is simulated on the next, and searched on from where it does not do.

    Args:
        target: SLO attainment, 0..1. section: searched. times: a multiple of the traffic.
        devices: that are there; the scenario's by default.
        highest: the most devices to try for `times`, by default 4 * times as many as there are.
        step: between numbers of devices: whole nodes of n with n.
        confident, on_progress, executor, read, profiles: see find_capacity.

    Raises:
        InputError: a target or multiple that cannot be, an unknown algorithm, or a scenario that cannot be built.
    """
    check_target(target)
    if section.search is None:
        raise InputError(f"'{section.name}' is no search, so nothing can be placed anew for more traffic.")
    check_times(times)
    finder = Finder(Evaluator(scenario, read, profiles), target, on_progress, executor)
    there = devices or scenario.cluster.devices
    most = highest or min(math.ceil(4 * max(times, 1.0)) * there, MAX_DEVICES)
    search = _Traffic(finder, section, there, confident)
    search.run()
    grown = search.growth(section.name, target, there, times, finder.evaluator.unfinished if finder.stopped else "")
    if grown.bears is not None:
        borne = search.results[grown.bears]
        grown = replace(grown, unseen={"bears": _held_out(finder, borne, there, grown.bears)})
    if finder.stopped:
        return replace(grown, reasons={**grown.reasons, "needed": finder.evaluator.unfinished})
    climb = finder.begin(
        section, step, most, step, confident, (("rate_scale", times),), search.nearest(times)
    )  # fmt: skip
    finder.climb([climb])
    reason = None
    if climb.answer is None:
        reason = finder.evaluator.unfinished if finder.stopped else finder.why_no_answer(climb, climb.curve())
    needed, unseen = Needed(section.name, climb.answer, climb.is_settled, reason), dict(grown.unseen)
    if climb.answer is not None:
        unseen["needed"] = _held_out(finder, climb.curve()[climb.answer], climb.answer, times)
    return replace(grown, needed=needed, complete=not finder.stopped, unseen=unseen)


def placed_for(name: str, devices: int, times: float) -> str:
    """What a placement for a multiple of the traffic is called where its score on unseen traffic is told."""
    traffic = "today's traffic" if times == 1 else f"{words.times(times)} the traffic"
    return f"{name} on {words.plural(devices, 'device')} with {traffic}"


def _held_out(finder: Finder, found: PointResult, devices: int, times: float) -> HeldOut:
    """The placement that was found for a multiple of the traffic, on as much of other traffic."""
    assert isinstance(found.outcome, PlacementOutcome), "the evaluator keeps the requests of every point"
    name = placed_for(found.outcome.name, devices, times)
    # It was searched, if for another multiple of the same traffic.
    candidate = Candidate(name, found.outcome.placement, found.outcome.result.serving, True)
    return finder.hold_out_candidates([candidate], (("rate_scale", times),))


class Multiples:
    """Which multiple of the traffic is tried next: by doubling or halving, then between the last two."""

    def __init__(self) -> None:
        self.tried: dict[float, TriedTraffic] = {}

    def growth(self, name: str, target: float, devices: int, times: float, unfinished: str) -> Growth:
        """What is known by now. unfinished: why no more is, a sentence; empty where it came to its end."""
        bears, fails = self.ends()
        reasons: dict[str, str] = {}
        if bears is None:
            reasons["bears"] = unfinished or f"Less than {LEAST_TIMES:g} times the traffic is not tried."
        if fails is None:
            reasons["fails"] = unfinished or f"More than {MOST_TIMES:g} times the traffic is not tried."
        tried = tuple(self.tried[factor] for factor in sorted(self.tried))
        return Growth(name, target, devices, times, tried, bears, fails, reasons=reasons)

    def ends(self) -> tuple[float | None, float | None]:
        """The most that is borne, from the least traffic on, and the next one tried."""
        bears = None
        for factor in sorted(self.tried):
            if not self.tried[factor].reaches:
                return bears, factor
            bears = factor
        return bears, None

    def next(self) -> float | None:
        """The next one to try; None where the answer is known."""
        bears, fails = self.ends()
        if bears is None and fails is None:
            return 1.0
        if fails is None:
            return 2 * bears if bears is not None and bears < MOST_TIMES else None
        if bears is None:
            return fails / 2 if fails > LEAST_TIMES else None
        middle = float(f"{math.sqrt(bears * fails):.3g}")
        return middle if fails / bears > 1 + PRECISION and bears < middle < fails else None


class _Traffic(Multiples):
    """Looks for the most traffic that so many devices bear."""

    def __init__(self, finder: Finder, section: PlacementSection, devices: int, confident: bool) -> None:
        super().__init__()
        self.finder, self.section, self.devices, self.confident = finder, section, devices, confident
        # Those with a placement, by multiple of the traffic.
        self.results: dict[float, PointResult] = {}

    def run(self) -> None:
        """Try one multiple after the other, until the answer is known or the work is stopped."""
        while not self.finder.stopped and (factor := self.next()) is not None:
            try:
                self._try(factor)
            except Cancelled:
                self.finder.stopped = True

    def nearest(self, times: float) -> list[PointResult]:
        """What was found for the multiples nearest to this one."""
        near = sorted(self.results, key=lambda factor: abs(math.log(factor / times)))
        return [self.results[factor] for factor in near[:MOST_BEGUN]]

    def _try(self, factor: float) -> None:
        """By simulating what is known, by the upper bound, and else by a search that begins with what is known."""
        values: Values = (("devices", float(self.devices)), ("rate_scale", factor))
        point, near = Point(self.section, values), self._neighbours(factor)
        known = [result for placement in near if (result := self._again(placement, point)) is not None]
        best = max(known, key=self._rank, default=None)
        if best is not None and self._reaches(best):
            self._note(factor, best)
            return
        evaluator = self.finder.evaluator
        excluded = evaluator.is_bounded(self.section) and evaluator.is_excluded(
            self.section, values, self.finder.target
        )
        if best is not None and excluded:
            self._note(factor, best, excluded=True)
        else:
            self._note(factor, self._evaluate(point, near), searched=True, excluded=excluded)

    def _again(self, known: PointResult, point: Point) -> PointResult | None:
        """The placement of another point, simulated at this one; None for one that changes over time."""
        assert known.outcome is not None, "only those with a placement are kept"
        if not isinstance(known.outcome.placement, Placement):
            return None
        by_hand = Point(filled(self.section, known.outcome.placement), point.values)
        given = self._evaluate(by_hand, ())
        return PointResult(point, given.outcome, given.reason)

    def _reaches(self, result: PointResult) -> bool:
        figures = result.outcome.figures if result.outcome else None
        targets = self.finder.evaluator.scenario.targets
        held = merit(result, self.confident)
        return figures is not None and targets_met(figures, targets, held, self.finder.target)

    def _rank(self, result: PointResult) -> tuple[bool, float]:
        return self._reaches(result), merit(result, self.confident)

    def _neighbours(self, factor: float) -> list[PointResult]:
        """What was found for the next smaller and the next larger multiple."""
        less = [other for other in self.results if other < factor]
        more = [other for other in self.results if other > factor]
        return [self.results[other] for other in (*sorted(more)[:1], *sorted(less)[-1:])]

    def _evaluate(self, point: Point, begin: Sequence[PointResult]) -> PointResult:
        finder, before = self.finder, {point.key: [result.point for result in begin]}
        got = list(finder.evaluator.evaluate_all([point], finder.on_progress, finder.executor, before, begin))
        if not got:
            raise Cancelled
        return got[0]

    def _note(self, factor: float, result: PointResult, searched: bool = False, excluded: bool = False) -> None:
        if result.outcome is not None:
            self.results[factor] = result
        targets = self.finder.evaluator.scenario.targets
        missed = targets_missed(result.outcome.figures, targets) if result.outcome is not None else ()
        self.tried[factor] = TriedTraffic(
            factor, result.slo_attainment, result.half_width, self._reaches(result), searched, excluded,
            result.reason or misses_in_words(missed),
        )  # fmt: skip
