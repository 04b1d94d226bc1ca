"""Fewest devices for a target, and attainment while one or two things vary, for generating models."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from planner.executors.cluster import Gone
from planner.generation.compare import TokenOutcome, evaluate, place
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.unseen import GENERATING_COUNTS, hold_out_placement
from planner.scenario.inputs import build_cluster
from planner.scenario.schema import PlacementSection, Scenario
from planner.search import LOST, NoPlacement
from planner.what_if.side_by_side import side_by_side
from planner.what_if.unseen import HeldOut, Unseen, reason_json
from planner.what_if.variation import vary
from simulator import Cancelled, InputError, Placement
from simulator.headway import Headway, OnProgress, goes_on

MAX_POINTS = 400
# A search for engines takes as long as so many simulations, or longer.
SEARCH_COUNTS = 10
UNFINISHED = "The work was stopped before the target was reached."
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
    what its placement meets on traffic that was not planned for; and why it was not finished, where it was not."""

    name: str
    target: float
    best: TokenPoint | None
    tried: tuple[TokenPoint, ...]
    complete: bool
    unseen: HeldOut = None
    unfinished: str = UNFINISHED

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
            return self.unfinished
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
    executor: Executor | None = None,
) -> list[TokenCapacity]:
    """Fewest devices from lowest to highest for which each search reaches the target: upwards in doubling steps, then
    by halving between the last two. All searches take a step together, on other machines (`executor`) at a time.
    """
    base, unfinished = build(scenario), UNFINISHED
    climbs = [_Climb(section, target, fewest(lowest, highest)) for section in sections]
    try:
        while waiting := [climb for climb in climbs if climb.devices is not None]:
            asked, searched = [climb.asked(scenario, base) for climb in waiting], [climb.section for climb in waiting]
            for climb, point in zip(waiting, token_points(asked, searched, on_progress, executor), strict=True):
                climb.note(point)
                done = sum(len(climb.tried) for climb in climbs)
                if not _told(on_progress, done, done, point):
                    raise Cancelled
                climb.go_on(point)
    except Cancelled:
        pass
    except Gone as gone:
        unfinished = str(gone)
    found = [climb.capacity(unfinished) for climb in climbs]
    return [
        one if one.devices is None or not one.complete else replace(one, unseen=hold_out_placement(
            vary(scenario, "devices", one.devices), one.name, section, one.placement, on_progress, build, executor
        ))
        for one, section in zip(found, sections, strict=True)
    ]  # fmt: skip


# A point to evaluate: the varied scenario, inputs, section, values, and a placement to begin with; see `token_point`.
AskedPoint = tuple[Scenario, TokenInputs, PlacementSection, tuple[tuple[str, float], ...], Placement | None]


@dataclass
class _Climb:
    """One search on its way to the fewest devices. numbers: yields those to try and is sent whether they reach."""

    section: PlacementSection
    target: float
    numbers: Generator[int, bool, None]
    tried: dict[int, TokenPoint] = field(default_factory=dict[int, TokenPoint])
    devices: int | None = None

    def __post_init__(self) -> None:
        self.devices = next(self.numbers)

    def asked(self, scenario: Scenario, base: TokenInputs) -> AskedPoint:
        """The next point. What fewer devices hold, more hold too, so a search cut short never falls behind it."""
        assert self.devices is not None, "it has come to its end"
        known = [n for n in sorted(self.tried) if n < self.devices and self.tried[n].outcome is not None]
        start = self.tried[known[-1]].placement if known else None
        values = (("devices", float(self.devices)),)
        return vary(scenario, "devices", self.devices), base, self.section, values, start

    def note(self, point: TokenPoint) -> None:
        """Keep what was asked for."""
        self.tried[int(dict(point.values)["devices"])] = point

    def go_on(self, point: TokenPoint) -> None:
        """Go to the next number, if there is one."""
        self.devices = following(self.numbers, self._reaches(point))

    def capacity(self, unfinished: str) -> TokenCapacity:
        """The answer, as far as it has come; unfinished: why no further."""
        tried = tuple(self.tried[n] for n in sorted(self.tried))
        best = next(filter(self._reaches, tried), None)
        return TokenCapacity(
            self.section.name, self.target, best, tried, self.devices is None, unfinished=unfinished
        )  # fmt: skip

    def _reaches(self, point: TokenPoint) -> bool:
        return point.slo_attainment is not None and point.slo_attainment >= self.target


def fewest(lowest: int, highest: int) -> Generator[int, bool, None]:
    """Numbers to try, each sent whether it reaches: upwards in doubling steps until one does, then by halving."""
    below, above = lowest - 1, lowest
    while not (is_reached := (yield above)) and above < highest:
        below, above = above, min(2 * above, highest)
    while is_reached and above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if (yield middle) else (middle, above)


def following(numbers: Generator[int, bool, None], is_reached: bool) -> int | None:
    """The next number of `fewest`; None after the last."""
    try:
        return numbers.send(is_reached)
    except StopIteration:
        return None


def sweep_tokens(
    scenario: Scenario,
    axes: Sequence[tuple[str, Sequence[float]]],
    sections: Sequence[PlacementSection],
    on_progress: OnProgress | None = None,
    build: InputBuilder = build_token_inputs,
    executor: Executor | None = None,
) -> tuple[list[TokenPoint], bool]:
    """Every placement at every combination of the axes' values; and whether all were done.

    executor: other machines. Where they are lost, points carry that as their reason.
    """
    settings = list(itertools.product(*([(axis, value) for value in values] for axis, values in axes)))
    asked = [(setting, section) for setting in settings for section in sections]
    if len(asked) > MAX_POINTS:
        raise InputError(f"The sweep has {len(asked)} points; at most {MAX_POINTS} are allowed.")

    def built() -> Iterator[AskedPoint]:
        for setting in settings:
            varied = scenario
            for axis, value in setting:
                varied = vary(varied, axis, value)
            inputs = build(varied)
            yield from ((varied, inputs, section, setting, None) for section in sections)

    points: list[TokenPoint] = []
    try:
        for point in token_points(built(), [section for _, section in asked], on_progress, executor):
            points.append(point)
            if not _told(on_progress, len(points), len(asked), point):
                return points, len(points) == len(asked)
    except Cancelled:
        return points, False
    except Gone as gone:
        left = asked[len(points) :]
        return [*points, *(TokenPoint(section.name, setting, None, str(gone)) for setting, section in left)], False
    return points, True


def token_points(
    asked: Iterable[AskedPoint],
    sections: Sequence[PlacementSection],
    on_progress: OnProgress | None,
    executor: Executor | None,
) -> Iterator[TokenPoint]:
    """Points in order: one alone is spread over other machines, several go there whole.

    Args:
        sections: of all points.

    Raises Cancelled where the work was stopped, Gone where other machines are gone.
    """
    given = iter(asked)
    first = next(given, None)
    if first is None:
        return
    if len(sections) == 1:
        scenario, inputs, section, values, start = first
        yield token_point(scenario, inputs, section, values, on_progress, start, executor)
        return
    runs = sum(1 if section.search is None else SEARCH_COUNTS for section in sections)
    requests = len(first[1].problem.workload) * GENERATING_COUNTS * runs
    tasks = lambda watch: ((_point, (*one, watch)) for one in itertools.chain([first], given))  # noqa: E731
    yield from side_by_side(tasks, len(sections), requests, executor, lambda: goes_on(on_progress, Headway("")))


def _point(
    scenario: Scenario, inputs: TokenInputs, section: PlacementSection, values: tuple[tuple[str, float], ...],
    start: Placement | None, watch: OnProgress,
) -> TokenPoint:  # fmt: skip
    return token_point(scenario, inputs, section, values, watch, start)


def token_point(
    scenario: Scenario,
    inputs: TokenInputs,
    section: PlacementSection,
    values: tuple[tuple[str, float], ...],
    on_progress: OnProgress | None = None,
    start: Placement | None = None,
    executor: Executor | None = None,
) -> TokenPoint:
    """One placement of a varied scenario, on `inputs` with the cluster of that scenario.

    executor: where its search works. Raises Gone where other machines are gone.
    """
    cluster = build_cluster(scenario)
    fixed = None if inputs.fixed is None else replace(inputs.fixed, cluster=cluster)
    inputs = replace(inputs, problem=replace(inputs.problem, cluster=cluster), fixed=fixed).under(section)

    def asked(_: Headway) -> bool:
        return goes_on(on_progress, Headway(""))

    try:
        placement, found = place(section, inputs, asked, start, executor)
        if found is not None and found.stop_reason == LOST:
            raise Gone(found.notes[-1])
        return TokenPoint(section.name, values, MeasuredTokens.of(evaluate(placement, found, inputs)))
    except Gone:
        raise
    except Cancelled:
        return TokenPoint(section.name, values, None, "The work was stopped before this point was simulated.")
    except (NoPlacement, InputError) as error:
        if isinstance(error, NoPlacement) and error.stop_reason == LOST:
            raise Gone(str(error)) from None
        return TokenPoint(section.name, values, None, str(error))


def _told(on_progress: OnProgress | None, done: int, total: int, point: TokenPoint) -> bool:
    where = ", ".join(f"{axis} {value:g}" for axis, value in point.values)
    return goes_on(on_progress, Headway(f"{point.name}, {where}", done, total))
