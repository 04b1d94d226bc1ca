"""From a session to its answer: each workload, placement and timeline is computed once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app.background.jobs import Job
from app.look import words
from app.state.cache import Cache
from app.state.limits import MAX_REQUESTS, check_cluster, check_models, check_requests
from app.state.session import Session
from planner import Inputs, PlacementOutcome, Problem, Scenario
from planner.compare import Comparison, OnProgress, evaluate, place, placement_section
from planner.scenario.inputs import (
    SAMPLE_PREFIX,
    assemble_inputs,
    build_cluster,
    build_models,
    build_serving,
    make_workload,
)
from planner.scenario.schema import PlacementSection
from planner.search import SearchResult
from simulator import InputError, Model, Placement, Timeline, Workload, build_timeline
from simulator.catalogue import builtin_catalogue
from simulator.metrics import counted_arrivals_s
from simulator.traces import Trace, TraceSummary, rate_over_time, summarise

# Of all results that the server keeps for whoever asks for them again.
CACHE_BYTES = 512 * 1024**2
# What one visitor's results may hold, in requests times placements: about 250 MB.
MAX_RESULTS = 10_000_000
_TOO_MANY = (
    f"The placements before this one fill what one visitor may keep, {words.count(MAX_RESULTS)} requests times "
    f"placements; "
    "choose a shorter part of the traffic, or take placements out."
)
# What these algorithms take grows with requests times models; below the bound it is well under a second.
QUICK_ALGORITHMS = ("selective_replication", "uniform", "dedicated", "round_robin", "fast_greedy")
QUICK_WORK = 5_000_000
QUICK_THREADS = 4
TIMELINE_BINS = 240


@dataclass(frozen=True)
class Entry:
    """One placement of the basket and what is known of it.

    Attributes:
        section: as in the scenario; hue: the number of its hue.
        run_key: of all that its result follows from, its name aside; outcome: its result, None if there is none.
        job: the search for it, if one runs or was stopped; problem: why it cannot be done.
        is_earlier: whether the result belongs to earlier settings.
    """

    section: PlacementSection
    hue: int
    run_key: str
    outcome: PlacementOutcome | None
    job: Job | None = None
    problem: str | None = None
    is_earlier: bool = False

    @property
    def outcome_key(self) -> str:
        """Of this very result: of its name too, and told apart from that of another run of the same search."""
        found = self.outcome.search if self.outcome else None
        run = f"{found.seconds!r}:{found.evaluations}:{found.score!r}" if found else ""
        return f"{self.run_key}:{run}:{self.section.name}"

    @property
    def is_current(self) -> bool:
        """Whether there is a result and it belongs to the scenario as it stands."""
        return self.outcome is not None and not self.is_earlier


@dataclass(frozen=True)
class Answer:
    """The scenario answered as far as it can be.

    Attributes:
        scenario, inputs, inputs_key: what the entries were computed from.
        entries: one a placement, in the order of the basket.
        waiting: placements of the scenario as it stands that have no result, because they are still being searched or
            because of a problem.
        problems: what is wrong with the scenario as it stands, by area of the page; the inputs and outcomes
            are then those of the last scenario without problems.
    """

    scenario: Scenario
    inputs: Inputs | None
    inputs_key: str
    entries: tuple[Entry, ...]
    problems: Mapping[str, str]
    waiting: tuple[Entry, ...] = ()

    @property
    def shown(self) -> list[Entry]:
        """The entries that have a result."""
        return [entry for entry in self.entries if entry.outcome is not None]

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what went in, and about the placements that have a result."""
        outcomes = tuple(entry.outcome for entry in self.shown)
        return Comparison(self.scenario, self.inputs, outcomes).notices if self.inputs else ()

    @property
    def best(self) -> Entry | None:
        """The placement that meets most deadlines; the first of equals."""
        return max(self.shown, key=lambda entry: entry.outcome.figures.total.slo_attainment, default=None)

    @property
    def is_current(self) -> bool:
        """Whether everything shown belongs to the scenario as it stands."""
        return not self.problems and all(entry.is_current for entry in self.entries)

    def entry(self, name: str | None) -> Entry | None:
        """The shown placement of this name, else the best one."""
        return next((entry for entry in self.shown if entry.section.name == name), self.best)


@st.cache_resource(show_spinner=False)
def _cache() -> Cache:
    return Cache(CACHE_BYTES)


def answer(session: Session) -> Answer:
    """The answer to the session's scenario; never raises InputError, its problems hold the sentences.

    Placements that are given or found quickly are computed here; other searches are handed to the pool and appear
    in a later answer.
    """
    session.answer = _answer(session, session.answer)
    return session.answer


def _answer(session: Session, last: Answer | None) -> Answer:
    scenario, problems = session.scenario, {}
    inputs, key = _inputs(session, problems)
    if inputs is None:
        return _earlier(last, problems) if last else Answer(scenario, None, "", (), problems)
    most = max(MAX_RESULTS // len(inputs.problem.workload), 1)
    keys = [_run_key(key, section) for section in scenario.placements]
    found, quick_problems = _quick_outcomes(
        inputs, dict(zip(keys[:most], scenario.placements[:most], strict=True)), session
    )
    entries = tuple(
        _entry(
            session,
            inputs,
            Entry(section, session.hue_of(section.name), keys[i], found.get(keys[i])),
            _TOO_MANY if i >= most else quick_problems.get(keys[i]),
        )
        for i, section in enumerate(scenario.placements)
    )
    wanted = {entry.run_key for entry in entries}
    for job_key in [k for k in session.jobs if k not in wanted]:
        session.jobs.pop(job_key).stop()
    problems |= {f"placement:{e.section.name}": e.problem for e in entries if e.problem}
    fresh = Answer(scenario, inputs, key, entries, problems, tuple(e for e in entries if e.outcome is None))
    if entries and not fresh.shown and last and last.shown:
        return _earlier(last, problems, fresh.waiting)
    return fresh


def _earlier(last: Answer, problems: dict[str, str], waiting: tuple[Entry, ...] = ()) -> Answer:
    # Results of different settings are never shown beside each other: it is the whole earlier answer or none of it.
    stale = tuple(replace(entry, is_earlier=True) for entry in last.entries)
    return replace(last, entries=stale, problems=problems, waiting=waiting)


def kept(key: Hashable, make: Callable[[], Any]) -> Any:
    """Something that follows from results, made once: its key must name them and everything else it shows."""
    return _cache().get(key, make)


def trial(placement: Placement, hue: int, answer: Answer) -> Entry:
    """A placement that is not in the basket, simulated as if it stood there with this hue.

    Raises InputError if it does not fit.
    """
    section = placement_section(placement)
    key = _run_key(answer.inputs_key, section)
    outcome = _cache().get(key, lambda: _outcome(section, answer.inputs))
    return Entry(section, hue, key, _renamed(outcome, section.name))


def timeline(entry: Entry, answer: Answer, bins: int = TIMELINE_BINS) -> Timeline:
    """The timeline of a placement over the counted arrivals, the same bins for every placement."""
    span_s = counted_arrivals_s(answer.inputs.problem.workload, answer.inputs.warmup_s)
    make = lambda: build_timeline(entry.outcome.result, bins, *span_s)  # noqa: E731
    return _cache().get(("timeline", entry.outcome_key, bins, span_s), make)


def trace_facts(trace: Trace) -> tuple[TraceSummary, tuple]:
    """The summary of a trace, and its rate over time as (edges_s, rate_per_s)."""
    key = ("facts", trace.digest, trace.sources)
    return _cache().get(key, lambda: (summarise(trace), rate_over_time(trace)))


def _inputs(session: Session, problems: dict[str, str]) -> tuple[Inputs | None, str]:
    scenario, trace, own = session.scenario, None, None
    with _noted(problems, "models"):
        check_models(scenario)
        own = session.own_profiles(scenario)
        models = build_models(scenario.models, builtin_catalogue() | (own.profiles if own else {}))
    with _noted(problems, "cluster"):
        check_cluster(scenario)
        cluster = build_cluster(scenario)
    with _noted(problems, "serving"):
        serving = build_serving(scenario)
    if problems:
        return None, ""
    with _noted(problems, "traffic"):
        trace = _trace(session)
        check_requests(scenario, trace)
        workload, notices, workload_key = _workload(scenario, models, trace)
        problem = Problem(models, cluster, workload, serving)
        inputs = assemble_inputs(problem, scenario.workload.warmup_s, trace, notices)
    if problems:
        return None, ""
    key = _digest(
        workload_key,
        [section.model_dump(mode="json") for section in scenario.models],
        own.digest if own else None,
        scenario.cluster.model_dump(exclude={"device", "usd_per_device_hour"}),
        scenario.serving.model_dump(),
    )
    return inputs, key


def _trace(session: Session) -> Trace | None:
    section = session.scenario.workload.trace
    if section is None:
        return None
    if all(path.startswith(SAMPLE_PREFIX) for path in section.paths):
        key = ("trace", *section.paths, section.format, section.columns, section.sha256)
        return _cache().get(key, lambda: session.read_trace(session.scenario))
    return session.read_trace(session.scenario)


def _workload(
    scenario: Scenario, models: tuple[Model, ...], trace: Trace | None
) -> tuple[Workload, tuple[str, ...], str]:
    names = [model.name for model in models]
    identity = [trace.digest, list(trace.sources)] if trace else None
    key = _digest(scenario.workload.model_dump(mode="json"), names, identity)
    made = _cache().get(key, lambda: make_workload(scenario.workload, names, trace, MAX_REQUESTS))
    if not 0 < len(made[0]) <= MAX_REQUESTS:
        raise InputError(
            f"These settings make {words.count(len(made[0]))} requests; from 1 to {words.count(MAX_REQUESTS)} are "
            f"allowed on this page."
        )
    return *made, key


def _quick_outcomes(
    inputs: Inputs, sections: dict[str, PlacementSection], session: Session
) -> tuple[dict[str, PlacementOutcome], dict[str, str]]:
    """What is known of the placements or quickly computed, several at a time; and what is wrong with them, by key."""
    last = {entry.run_key: entry.outcome for entry in session.answer.entries} if session.answer else {}
    found = {key: last.get(key) or _cache().peek(key) for key in sections}
    found = {key: outcome for key, outcome in found.items() if outcome is not None}
    missing = [k for k, s in sections.items() if k not in found and k not in session.jobs and _is_quick(s, inputs)]
    problems: dict[str, str] = {}

    def compute(key: str) -> None:
        with _noted(problems, key):
            found[key] = _cache().get(key, lambda: _outcome(sections[key], inputs))

    if len(missing) == 1:
        compute(missing[0])
    elif missing:
        with ThreadPoolExecutor(QUICK_THREADS) as executor:
            list(executor.map(compute, missing))
    return found, problems


def _entry(session: Session, inputs: Inputs, entry: Entry, problem: str | None) -> Entry:
    job, outcome = session.jobs.get(entry.run_key), entry.outcome
    if outcome is None and job is None and problem is None:
        section = entry.section
        known = session.found.get(entry.run_key)
        work = lambda job: _outcome(section, inputs, job.on_placement, known)  # noqa: E731
        job = session.jobs[entry.run_key] = Job(entry.run_key, work, section.name)
        session.submit(job)
    if job is not None and job.is_done:
        outcome, problem = job.result or outcome, job.problem
        if outcome is not None and not (job.is_stopped or was_stopped(outcome)):
            _cache().put(entry.run_key, outcome)
    outcome = outcome and _renamed(outcome, entry.section.name)
    return replace(entry, outcome=outcome, job=job, problem=problem)


def was_stopped(outcome: PlacementOutcome) -> bool:
    """Whether a result is the best of a search that was stopped, by the visitor or by the end of the server."""
    return outcome.search is not None and outcome.search.stop_reason == "cancelled"


def search_again(session: Session, entry: Entry) -> None:
    """Forget a search that was stopped, so that the next answer begins it anew."""
    session.jobs.pop(entry.run_key, None)
    session.found.pop(entry.run_key, None)
    if session.answer is not None:
        others = tuple(e for e in session.answer.entries if e.run_key != entry.run_key)
        session.answer = replace(session.answer, entries=others)


def _outcome(
    section: PlacementSection,
    inputs: Inputs,
    on_progress: OnProgress | None = None,
    known: SearchResult | None = None,
) -> PlacementOutcome:
    """The placement of a section, simulated. known: what its search found before; if that does not fit, it is run."""
    if known is not None:
        placement = replace(known.placement, name=section.name)
        with suppress(InputError):
            placement.check(inputs.problem.models, inputs.problem.cluster)
            return evaluate(placement, known, inputs, on_progress)
    placement, found = place(section, inputs, on_progress)
    return evaluate(placement, found, inputs, on_progress)


def _run_key(inputs_key: str, section: PlacementSection) -> str:
    return _digest(inputs_key, section.model_dump(mode="json", exclude={"name"}))


def _renamed(outcome: PlacementOutcome, name: str) -> PlacementOutcome:
    """The same run under the name that its placement has by now."""
    if outcome.name == name:
        return outcome
    parts = {part: replace(getattr(outcome, part), name=name) for part in ("placement", "result", "figures")}
    return replace(outcome, name=name, **parts)


def _is_quick(section: PlacementSection, inputs: Inputs) -> bool:
    if section.search is None:
        return True
    size = len(inputs.problem.workload) * len(inputs.problem.models)
    return section.search.algorithm in QUICK_ALGORITHMS and size <= QUICK_WORK


@contextmanager
def _noted(problems: dict[str, str], area: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        problems[area] = str(error)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
