"""Runs a figure point by point, with progress and stop, and sets the published points beside ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from planner.compare import MeasuredPlacement, evaluate, place
from planner.executors.cluster import Gone, Machines
from planner.executors.shared import Lent
from planner.reproduce.azure import end_to_end, robustness
from planner.reproduce.made import ablation, batching, very_large_models
from planner.reproduce.parts import TARGET, Curve, Figure, Panel
from planner.reproduce.traffic import Given, bursty_traffic, steady_traffic
from planner.scenario.inputs import Inputs, TraceReader, build_inputs, make_workload, read_scenario_trace
from planner.scenario.schema import PlacementSection, Scenario, SearchSection, WorkloadSection
from planner.search import NoPlacement
from planner.search.budget import Asked, Budget, Stopped
from planner.search.workers import Workers
from simulator import Cancelled, InputError, Placement, Workload
from simulator.headway import Headway, OnProgress, goes_on
from simulator.traces import Trace

FIGURES = ("12", "13", "14", "15", "17")
STOPPED = "The work was stopped before this was computed."


@dataclass(frozen=True, eq=False)
class ReproducedPoint:
    """One point of a figure.

    Attributes:
        panel, curve: it belongs to. value: of the panel's axis.
        outcome: placement, search and figures; None with its reason.
        published: what the authors have there, 0..1; None where it is not known, or the settings are others.
    """

    panel: Panel
    curve: Curve
    value: float
    outcome: MeasuredPlacement | None
    reason: str | None = None
    published: float | None = None

    @property
    def slo_attainment(self) -> float | None:
        """0..1; None where there are no figures."""
        return self.outcome.slo_attainment if self.outcome else None

    @property
    def placement(self) -> Placement | None:
        """What was found; None where nothing was, or what changes over time."""
        found = self.outcome and self.outcome.placement
        return found if isinstance(found, Placement) else None

    @property
    def difference(self) -> float | None:
        """Ours minus theirs, 0..1; None where one of them is missing."""
        ours = self.slo_attainment
        return None if ours is None or self.published is None else ours - self.published

    def to_json(self) -> dict:
        """One of `points`."""
        half = math.nan if self.outcome is None else self.outcome.figures.half_width
        return {
            "panel": self.panel.name,
            "axis": self.panel.axis.name,
            "value": self.value,
            "curve": self.curve.name,
            "slo_attainment": self.slo_attainment,
            "half_width": None if math.isnan(half) else half,
            "published": self.published,
            "difference": self.difference,
            "reason": self.reason,
            "remark": None if self.outcome is None else self.outcome.remark,
        }


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A figure, run. `complete` is False where it was stopped; points that are missing have their reason."""

    figure: Figure
    points: tuple[ReproducedPoint, ...]
    complete: bool

    def crossings(self) -> list[tuple[str, str, float | None, float | None]]:
        """(panel, curve, ours, theirs): the last value, from the easy end, that reaches 99 %; None if none does."""
        found = []
        for panel in dict.fromkeys(point.panel.name for point in self.points):
            mine = [point for point in self.points if point.panel.name == panel]
            for curve in dict.fromkeys(point.curve.name for point in mine):
                of = [point for point in mine if point.curve.name == curve]
                ours, theirs = (
                    _crossing(of[0].panel.axis.more_is_harder, [(p.value, getattr(p, name)) for p in of])
                    for name in ("slo_attainment", "published")
                )
                found.append((panel, curve, ours, theirs))
        return found

    def to_json(self) -> dict:
        """The document of `reproduce --json`."""
        return {
            "figure": self.figure.number,
            "title": self.figure.title,
            "complete": self.complete,
            "differences": [asdict(difference) for difference in self.figure.differences],
            "not_repeated": list(self.figure.not_repeated),
            "points": [point.to_json() for point in self.points],
            "target": TARGET,
            "crossings": [
                {"panel": panel, "curve": curve, "ours": ours, "published": theirs}
                for panel, curve, ours, theirs in self.crossings()
            ],
        }


def figure_of(number: str, traces: Mapping[str, Given] | None = None) -> Figure:
    """A figure of FIGURES; raises InputError for another one.

    traces: in place of "MAF1" and "MAF2"; the shipped samples where they are absent.
    """
    given = traces or {}
    if number not in FIGURES:
        raise InputError(f"Figure '{number}' cannot be reproduced; {', '.join(FIGURES)} are allowed.")
    if number in ("13", "15", "17"):
        return {"13": very_large_models, "15": batching, "17": ablation}[number]()
    steady = steady_traffic(given.get("MAF1"))
    if number == "14":
        return robustness({"MAF1": steady})
    return end_to_end({"MAF1": steady, "MAF2": bursty_traffic(given.get("MAF2"))})


def chosen(figure: Figure, panels: Sequence[str] = (), values: Sequence[float] = ()) -> Figure:
    """Only the panels whose name holds one of some texts, at some values; raises InputError where nothing is left."""
    kept = [p for p in figure.panels if not panels or any(text.casefold() in p.name.casefold() for text in panels)]
    if not kept:
        names = "; ".join(panel.name for panel in figure.panels[:12])
        raise InputError(f"Figure {figure.number} has no panel '{panels[0]}'; it has {names}.")
    if values:
        kept = [replace(p, values=tuple(v for v in p.values if v in values)) for p in kept]
        kept = [panel for panel in kept if panel.values]
    if not kept:
        raise InputError(f"None of these panels of figure {figure.number} has a point at {values[0]:g}.")
    return replace(figure, panels=tuple(kept))


def reproduce(
    figure: Figure,
    on_progress: OnProgress | None = None,
    on_result: Callable[[Reproduction], object] | None = None,
    time_limit_s: float | None = None,
    read: TraceReader | None = None,
    executor: Executor | None = None,
) -> Reproduction:
    """Run a figure: here one point after the other, on other machines the curves of a value together.

    Args:
        on_progress: told what is being done, here also within a search; returning False stops with what is there.
        on_result: called with all that is known after each point.
        time_limit_s: of each search that improves step by step. read: gives a trace, as for build_inputs.
        executor: other machines, or None.
    """
    columns = [
        [ReproducedPoint(panel, curve, value, None, STOPPED, panel.published.get((curve.name, value)))
         for curve in panel.curves]
        for panel in figure.panels for value in panel.values
    ]  # fmt: skip
    points, done = [point for column in columns for point in column], list[ReproducedPoint]()
    builder, stopped = Builder(read or read_scenario_trace), False

    def watch() -> bool:
        nonlocal stopped
        if not stopped and len(done) < len(points):
            now = points[len(done)]
            doing = f"{now.panel.name} {now.value:g}, {now.curve.name}"
            stopped = not goes_on(on_progress, Headway(doing, len(done), len(points)))
        return not stopped

    why = STOPPED
    try:
        for outcome, reason in _outcomes(columns, builder, watch, time_limit_s, executor):
            done.append(replace(points[len(done)], outcome=outcome, reason=reason))
            if on_result is not None and not stopped:
                on_result(Reproduction(figure, tuple(done), False))
    except Cancelled:
        stopped = True
    except Gone as gone:
        stopped, why = True, str(gone)
    left = [replace(point, reason=why) for point in points[len(done) :]]
    return Reproduction(figure, (*done, *left), not stopped)


@dataclass(frozen=True)
class _Asked:
    """A point as it goes to another machine: what it is tested on, and planned on where that is another traffic.

    begins_with: which of the points beside it gives the placement that the search begins with.
    """

    tested: Scenario
    planned: Scenario | None
    section: PlacementSection
    begins_with: int | None


_Outcome = tuple[MeasuredPlacement | None, str | None]


def _outcomes(
    columns: Sequence[Sequence[ReproducedPoint]],
    builder: Builder,
    watch: Callable[[], bool],
    time_limit_s: float | None,
    executor: Executor | None,
) -> Iterator[_Outcome]:
    """Outcome, or the reason why there is none, of each point in order; raises Cancelled once `watch` says no."""
    asked = ([_asked(column, point, time_limit_s) for point in column] for column in columns)
    if not isinstance(executor, Machines):
        for column in asked:
            yield from _column(column, builder, watch)
        return
    columns_asked = list(asked)
    for one in (one for column in columns_asked for one in column):
        builder.read(one.tested, one.planned)
    workers = Workers(Budget(None, None, Asked(watch)), executor)
    try:
        tasks = [(_column_there, (column, builder, workers.control)) for column in columns_asked]
        for found in workers.each(tasks, abandon=True):
            yield from found
    except Stopped:
        raise Cancelled if workers.lost is None else Gone(workers.lost) from None
    finally:
        workers.close()


def _asked(column: Sequence[ReproducedPoint], point: ReproducedPoint, time_limit_s: float | None) -> _Asked:
    section, panel = point.curve.section, point.panel
    search = section.searched
    if time_limit_s is not None and search.max_evaluations is not None:
        limited = SearchSection.model_validate(search.model_dump() | {"time_limit_s": time_limit_s})
        section = section.model_copy(update={"search": limited})
    planned = panel.planned_on(point.value) if panel.planned_on is not None and not point.curve.knows else None
    names = [other.curve.name for other in column]
    before = point.curve.begins_with
    return _Asked(panel.scenario(point.value), planned, section, names.index(before) if before in names else None)


def _column_there(asked: Sequence[_Asked], builder: Builder, control: np.ndarray) -> list[_Outcome]:
    return list(_column(asked, builder, lambda: not control[0]))


def _column(asked: Sequence[_Asked], builder: Builder, watch: Callable[[], bool]) -> Iterator[_Outcome]:
    """The points of one value, one after the other."""
    found: list[_Outcome] = []
    for one in asked:
        before = None if one.begins_with is None else found[one.begins_with][0]
        start = before.placement if before is not None and isinstance(before.placement, Placement) else None
        found.append(_computed(one, builder, watch, start) if watch() else (None, STOPPED))
        yield found[-1]


def _computed(asked: _Asked, builder: Builder, watch: Callable[[], bool], start: Placement | None) -> _Outcome:
    tell = lambda *_: watch()  # noqa: E731
    try:
        tested = builder.inputs(asked.tested).under(asked.section)
        planned = tested if asked.planned is None else builder.inputs(asked.planned).under(asked.section)
        placement, found = place(asked.section, planned, tell, start)
        if not watch():
            return None, STOPPED
        return evaluate(placement, found, tested, tell).without_requests, None
    except Cancelled:
        return None, STOPPED
    except (InputError, NoPlacement) as error:
        return None, str(error)


class Builder(Lent):
    """Builds scenarios; keeps the traces it has read, and the requests that neighbouring points share.

    To other machines it goes with these traces.
    """

    def __init__(self, read: TraceReader, traces: Mapping[tuple[str, ...], Trace] | None = None) -> None:
        self._reader = read
        self._traces = dict(traces or {})
        self._made: dict[str, tuple[Workload, tuple[str, ...]]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Builder, (read_scenario_trace, self._traces)

    def read(self, *scenarios: Scenario | None) -> None:
        """Read the traces of scenarios; those that cannot be read are read again where they are needed."""
        for scenario in scenarios:
            if scenario is not None and scenario.workload.trace is not None:
                with suppress(InputError):
                    self._read(scenario)

    def inputs(self, scenario: Scenario) -> Inputs:
        """A scenario, built; raises InputError."""
        return build_inputs(scenario, self._read, None, self._requests)

    def _read(self, scenario: Scenario) -> Trace:
        paths = tuple(scenario.workload.replayed.paths)
        if paths not in self._traces:
            self._traces[paths] = self._reader(scenario)
        return self._traces[paths]

    def _requests(
        self, section: WorkloadSection, names: Sequence[str], trace: Trace | None
    ) -> tuple[Workload, tuple[str, ...]]:
        key = f"{section.model_dump_json()}{','.join(names)}"
        if key not in self._made:
            self._made = dict([*self._made.items(), (key, make_workload(section, names, trace))][-_KEPT:])
        return self._made[key]


# A panel with other traffic to plan for needs two at a time.
_KEPT = 2


def _crossing(more_is_harder: bool, values: Sequence[tuple[float, float | None]]) -> float | None:
    last = None
    for value, attainment in sorted(values, reverse=not more_is_harder):
        if attainment is None or attainment < TARGET:
            break
        last = value
    return last


def curve_rows(points: Sequence[ReproducedPoint]) -> Iterator[tuple[float, list[ReproducedPoint]]]:
    """The points of one panel by value, in the order of its curves."""
    for value in dict.fromkeys(point.value for point in points):
        yield value, [point for point in points if point.value == value]


def difference_summary(points: Sequence[ReproducedPoint]) -> list[tuple[str, int, float, float]]:
    """(curve, points with a published one, mean absolute difference, mean difference), shares of 1."""
    rows = []
    for curve in dict.fromkeys(point.curve.name for point in points):
        gaps = [p.difference for p in points if p.curve.name == curve and p.difference is not None]
        if gaps:
            mean_abs = sum(map(abs, gaps)) / len(gaps)
            rows.append((curve, len(gaps), mean_abs, sum(gaps) / len(gaps)))
    return rows
