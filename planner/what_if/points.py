"""One placement under one variation of a scenario: what sweeps and capacity plans are made of.

What cannot be computed is never a figure: its point carries the reason instead.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from planner.compare import MeasuredPlacement, PlacementOutcome, attained, evaluate, place
from planner.executors.cluster import Gone, Machines
from planner.executors.shared import Lent
from planner.scenario.inputs import Inputs, TraceReader, build_inputs, make_workload, read_scenario_trace
from planner.scenario.schema import PlacementSection, Scenario, WorkloadSection
from planner.search import LOST, SEARCHING, NoPlacement, SearchResult, upper_bound
from planner.what_if.elsewhere import begin, pool_of
from planner.what_if.robustness import Candidate
from planner.what_if.sections import replans
from planner.what_if.unseen import HeldOut, hold_out
from planner.what_if.variation import vary, with_own_deadlines
from simulator import Cancelled, InputError, Placement, Profile, Workload, words
from simulator.catalogue import load_catalogue
from simulator.headway import Headway, OnProgress, goes_on
from simulator.intervals import known_interval
from simulator.traces import Trace

# Progress is told whenever a point is done and at least every so often.
POLL_S = 0.1
STOPPED = "The work was stopped before this was computed."
# So many different workloads are kept: points that differ in the cluster only share one.
_KEPT_WORKLOADS = 4

Result = TypeVar("Result")
Values = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Point:
    """What is to be evaluated: a placement section, and the values of the varied axes."""

    section: PlacementSection
    values: Values

    @property
    def key(self) -> tuple:
        """What tells points of one work apart."""
        return self.section.name, self.values

    @property
    def in_words(self) -> str:
        """The placement and the values."""
        return ", ".join((self.section.name, *(f"{axis} {value:g}" for axis, value in self.values)))


@dataclass(frozen=True, eq=False)
class PointResult:
    """A point, evaluated.

    Attributes:
        point: what was asked.
        outcome: placement, search and figures, a PlacementOutcome where requests are kept; None if there are none.
        reason: why there are none, a sentence; None if there are.
        undecided: whether that is so only because a search was cut short: with more time there may be figures.
    """

    point: Point
    outcome: MeasuredPlacement | None
    reason: str | None = None
    undecided: bool = False

    @property
    def slo_attainment(self) -> float | None:
        """0..1; None where there are no figures."""
        return self.outcome.figures.total.slo_attainment if self.outcome else None

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % interval; None where it is not known."""
        half = self.outcome.figures.half_width if self.outcome else math.nan
        return None if math.isnan(half) else half

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of that interval, within 0..1; None where it is not known."""
        return known_interval(self.slo_attainment, self.half_width)

    @property
    def remark(self) -> str | None:
        """Why the figures are not those of a finished plan."""
        return self.outcome.remark if self.outcome else None


# A point, and the evaluated ones that it begins with.
Asked = tuple[Point, Sequence[PointResult]]


class Evaluator(Lent):
    """Evaluates points of one scenario; reads its trace once.

    Args:
        scenario: what is varied. read, profiles: as in build_inputs.
        keep_requests: whether outcomes hold the fate of every request; a thousand of them would fill the memory.

    Attributes:
        unfinished: why points that were not evaluated were not, a sentence.
        control: int64 (1,), set by `stop`, here and on other machines that evaluate for this one.
    """

    def __init__(
        self,
        scenario: Scenario,
        read: TraceReader | None = None,
        profiles: Mapping[str, Profile] | None = None,
        keep_requests: bool = True,
    ) -> None:
        self.scenario = scenario
        self.profiles = profiles
        self.keep_requests = keep_requests
        self.unfinished = STOPPED
        self.control = np.zeros(1, np.int64)
        self._read = read or read_scenario_trace
        self._trace = self._read(scenario) if scenario.workload.trace is not None else None
        if (trace := self._trace) is not None:
            self._read = lambda _: trace
        self._made: dict[str, tuple[Workload, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Goes to other machines with the trace that it has read."""
        profiles = self.profiles
        if profiles is None and self.scenario.profiles is not None:
            profiles = load_catalogue(self.scenario.folder / self.scenario.profiles)
        own = None if profiles is None else dict(profiles)
        return _evaluator, (self.scenario, self._trace, own, self.keep_requests, self.control)

    def stop(self) -> None:
        """Ask running evaluations to stop."""
        self.control[0] = 1

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return bool(self.control[0])

    def evaluate(
        self, point: Point, harder: Sequence[PointResult] = (), executor: Executor | None = None
    ) -> PointResult:
        """Search where the section asks for it, simulate, measure.

        Args:
            point: what to evaluate.
            harder: points that ask for more (fewer devices, less memory, more traffic, ...), evaluated. The search
                begins with the best of their placements that fit, and what it finds is never worse than that one.
            executor: where the search works, see `search`.

        Raises Cancelled after `stop`, Gone where other machines are gone.
        """
        if self.is_stopped:
            raise Cancelled
        try:
            inputs = self.inputs(point.values).under(point.section)
            outcome = self._outcome(
                point.section, inputs, [r.outcome for r in harder if r.outcome is not None], executor
            )
        except Gone:
            raise
        except NoPlacement as nothing:
            if nothing.stop_reason == LOST:
                raise Gone(str(nothing)) from None
            result = PointResult(point, None, str(nothing), undecided=nothing.stop_reason != "done")
        except InputError as error:
            result = PointResult(point, None, str(error))
        else:
            result = PointResult(point, outcome if self.keep_requests else outcome.without_requests)
            if not outcome.figures.total.requests:
                result = PointResult(point, None, "No request is left to be counted, so there is no figure.")
        if self.is_stopped:
            raise Cancelled
        return result

    def hold_out(
        self,
        candidates: Sequence[Candidate],
        on_progress: OnProgress | None = None,
        values: Values = (),
        executor: Executor | None = None,
    ) -> HeldOut:
        """What placements that were found meet on traffic that was not planned for; see planner.what_if.unseen."""
        inputs = self.inputs(values)
        if "slo_scale" in dict(values) and inputs.problem.workload.slo_s is not None:
            return "Requests bring deadlines of their own, which other traffic would have unscaled."
        return hold_out(inputs, candidates, self.varied(values), on_progress, executor)

    def watch(self, *_: object) -> bool:
        """False after `stop`: what long computations ask."""
        return not self.is_stopped

    def varied(self, values: Values) -> Scenario:
        """The scenario with these values of the axes; raises InputError."""
        scenario = self.scenario
        for axis, value in values:
            scenario = vary(scenario, axis, value)
        return scenario

    def inputs(self, values: Values = ()) -> Inputs:
        """The same, built; raises InputError."""
        inputs = build_inputs(self.varied(values), self._read, self.profiles, self._requests)
        if "slo_scale" in dict(values) and inputs.problem.workload.slo_s is not None:
            before = build_inputs(self.scenario, self._read, self.profiles, self._requests).problem.models
            inputs = replace(inputs, problem=with_own_deadlines(inputs.problem, before))
        return inputs

    def most_excluded(self, section: PlacementSection, target: float, highest: int, values: Values = ()) -> int:
        """The most devices, up to `highest`, with which no placement reaches the target; 0 if none is excluded.

        That is by the upper bound of `planner.search`, so it is certain, and a search below is in vain. `values`: of
        other axes. Raises Cancelled after `stop`.
        """
        if not self.is_bounded(section):
            return 0
        SEARCHING.wait(lambda _: self.watch())
        low, high = 0, highest + 1
        while high - low > 1:
            if self.is_stopped:
                raise Cancelled
            devices = (low + high) // 2
            if self.is_excluded(section, (("devices", float(devices)), *values), target):
                low = devices
            else:
                high = devices
        return low

    def is_bounded(self, section: PlacementSection) -> bool:
        """Whether the upper bound holds for what the section finds: not for placements that change over time."""
        # The bound is of all requests, the figures may leave some out.
        return section.search is not None and not replans(section) and not self.scenario.workload.warmup_s > 0

    def is_excluded(self, section: PlacementSection, values: Values, target: float) -> bool:
        """Whether no placement whatever reaches the target with these values of the axes, by the upper bound."""
        try:
            return upper_bound(self.inputs(values).under(section).problem).attainment < target
        except InputError:
            # No model fits so few devices.
            return True

    def _requests(
        self, section: WorkloadSection, names: Sequence[str], trace: Trace | None
    ) -> tuple[Workload, tuple[str, ...]]:
        key = section.model_dump_json()
        with self._lock:
            made = self._made.get(key)
        if made is None:
            made = make_workload(section, names, trace)
            with self._lock:
                self._made = dict([*self._made.items(), (key, made)][-_KEPT_WORKLOADS:])
        return made

    def _outcome(
        self, section: PlacementSection, inputs: Inputs, harder: Sequence[MeasuredPlacement], executor: Executor | None
    ) -> PlacementOutcome:
        if section.search is None:
            return evaluate(*place(section, inputs), inputs, self.watch)
        given = [self._again(outcome, inputs) for outcome in harder if _fits(outcome, inputs)]
        best = max(given, key=attained, default=None)
        start = best.placement if best is not None and isinstance(best.placement, Placement) else None
        try:
            placement, found = place(section, inputs, self.watch, start, executor)
        except NoPlacement:
            if best is None:
                raise
            return self._kept(best, best.search)
        if found is not None and found.stop_reason == LOST:
            raise Gone(found.notes[-1])
        outcome = evaluate(placement, found, inputs, self.watch)
        return self._kept(best, found) if best is not None and attained(best) > attained(outcome) else outcome

    def _again(self, outcome: MeasuredPlacement, inputs: Inputs) -> PlacementOutcome:
        return evaluate(outcome.placement, outcome.search, inputs, self.watch)

    def _kept(self, best: PlacementOutcome, found: SearchResult | None) -> PlacementOutcome:
        """The placement of a harder point, as what this point's search found."""
        if found is None:
            return best
        note = "The search found nothing better than the placement of a harder point, which is kept."
        found = replace(found, placement=best.placement, score=best.result.slo_attainment, notes=(*found.notes, note))
        return replace(best, search=found)

    def evaluate_all(
        self,
        points: Sequence[Point],
        on_progress: OnProgress | None = None,
        executor: Executor | None = None,
        harder: Mapping[tuple, Sequence[Point]] | None = None,
        earlier: Sequence[PointResult] = (),
    ) -> Iterator[PointResult]:
        """Results as they become ready; stops early, without error, once `on_progress` returns False.

        Args:
            points: what to evaluate. on_progress: told of the points that are done.
            executor: anything with the interface of concurrent.futures that shares memory with the caller, or
                Machines; threads on this machine by default.
            harder: by key of a point, those of `points` and `earlier` whose placements it begins with; they are
                evaluated first.
            earlier: results of earlier calls.
        """
        needs = harder or {}
        # By key of a point that is done: itself, or, where it has no figures, what it would have begun with.
        known: dict[tuple, list[PointResult]] = {result.point.key: [result] for result in earlier}
        waiting: list[Point] = list(points)
        running: dict[Future[list[PointResult]], Sequence[Asked]] = {}
        last = "nothing is done yet"
        with pool_of(executor) as pool:
            try:
                while waiting or running:
                    ready = [p for p in waiting if all(q.key in known for q in needs.get(p.key, ()))]
                    waiting = [p for p in waiting if p not in ready]
                    asked = [(p, [r for q in needs.get(p.key, ()) for r in known[q.key]]) for p in ready]
                    running |= begin(pool, self, asked, bool(running))
                    for future in wait(running, POLL_S, FIRST_COMPLETED).done:
                        for result, (_, before) in zip(future.result(), running.pop(future), strict=True):
                            known[result.point.key] = list(before) if result.outcome is None else [result]
                            last = describe(result)
                            yield result
                    if not goes_on(on_progress, Headway(last, len(known) - len(earlier), len(points))):
                        self._stop_all(pool)
                        return
            except Gone as gone:
                self.unfinished = str(gone)
            except BaseException as error:
                # Also when whoever reads the results goes away: what is under way must not go on.
                self._stop_all(pool)
                if not isinstance(error, Cancelled):
                    raise
            finally:
                # What is done here reads what the caller may close.
                wait([future for future in running if not future.cancel()])

    def evaluate_each(self, asked: Sequence[Asked], executor: Executor | None = None) -> list[PointResult]:
        """See `evaluate`."""
        return [self.evaluate(point, harder, executor) for point, harder in asked]

    def _stop_all(self, pool: Executor) -> None:
        self.stop()
        if isinstance(pool, Machines):
            pool.stop(self.control)


def _evaluator(
    scenario: Scenario,
    trace: Trace | None,
    profiles: dict[str, Profile] | None,
    keep_requests: bool,
    control: np.ndarray,
) -> Evaluator:
    read = None if trace is None else lambda _: trace
    evaluator = Evaluator(scenario, read, profiles, keep_requests)
    evaluator.control = control
    return evaluator


def merit(result: PointResult, confident: bool) -> float:
    """What is held against a target: attainment, or the lower end of its interval; -1 where it is not known."""
    value = result.slo_attainment
    if confident:
        value = None if result.interval is None else result.interval[0]
    return -1.0 if value is None else value


def describe(result: PointResult) -> str:
    """A few words on a point, for progress."""
    attainment = result.slo_attainment
    found = result.reason if attainment is None else f"{words.share(attainment)} of deadlines met"
    return f"{result.point.in_words}: {found}"


def _fits(outcome: MeasuredPlacement, inputs: Inputs) -> bool:
    try:
        outcome.placement.check(inputs.problem.models, inputs.problem.cluster)
    except InputError:
        return False
    return True
