"""A scenario in, its answer out. What may take a moment is a job, and a later answer has its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from app.background.cluster import found_with
from app.background.jobs import Job, Jobs, Lane
from app.background.shared import UNDER_WAY
from app.look import words
from app.state.answer import (
    Answer,
    Answered,
    AnyAnswer,
    AnyAnswered,
    AnyInputs,
    AnyOutcome,
    OutcomeT,
    Pending,
    TokenAnswer,
    TokenAnswered,
    was_stopped,
)
from app.state.cache import Cache
from app.state.limits import MAX_REQUESTS, check_cluster, check_models, check_requests
from app.state.uploads import Uploads
from planner import Inputs, PlacementOutcome, Scenario
from planner.compare import evaluate, place
from planner.generation import compare as generation
from planner.generation.compare import TokenOutcome
from planner.generation.inputs import TokenInputs, build_token_inputs, generating_models
from planner.scenario.inputs import (
    RequestMaker,
    TraceReader,
    build_cluster,
    build_inputs,
    build_models,
    build_rules,
    build_serving,
    make_workload,
)
from planner.scenario.model_sections import WISHES
from planner.scenario.schema import OTHER_PRICES, SERVING_RULES, PlacementSection
from planner.search import Progress, SearchResult
from simulator import Cancelled, InputError, Placement, Profile, Schedule, Workload
from simulator.catalogue import builtin_catalogue
from simulator.headway import OnProgress
from simulator.traces import Trace

# What one visitor's results may hold, in requests times placements: about 250 MB.
MAX_RESULTS = 10_000_000
TOO_MANY = (
    f"The placements before this one fill what one visitor may keep, {words.count(MAX_RESULTS)} requests times "
    "placements; choose a shorter part of the traffic, or take placements out."
)
# What these algorithms take grows with requests, models and devices; below the bound it is well under a second.
QUICK_ALGORITHMS = ("selective_replication", "uniform", "dedicated", "round_robin", "fast_greedy", "shared")
QUICK_WORK = 100_000_000
# Of generating models every engine that is tried is a whole simulation.
QUICK_GENERATION_WORK = 1_000_000
# A page waits so long for what is quick; what takes longer has it drawn twice, which on a busy server all wait for.
PATIENCE_S = 1.0


def answer(
    scenario: Scenario,
    uploads: Uploads,
    cache: Cache,
    jobs: Jobs,
    hue_of: Callable[[str], int] = lambda name: 0,
    last: AnyAnswer | None = None,
    found: Mapping[str, SearchResult] = MappingProxyType({}),
) -> AnyAnswer:
    """The answer to a scenario as far as it is known by now; never raises InputError, its problems hold the sentences.

    Args:
        uploads: the traces and profiles that it may name.
        cache: of results; jobs: what is under way for the asker; both are added to, unwanted jobs are stopped.
        hue_of: the number of the hue of a placement by its name.
        last: the answer before, whose results are shown while there are no new ones.
        found: what searches found before, by run key; their placements are simulated, not searched again.
    """
    problems = problems_of(scenario, uploads)
    if problems:
        return _earlier(last, scenario, problems)
    keys = _keys(scenario, uploads)
    jobs.keep_only({keys.inputs, *keys.runs})
    build = lambda job: _build(scenario, uploads, cache, keys.workload)  # noqa: E731
    building = jobs.get(keys.inputs) or jobs.start(keys.inputs, build, "What arrives", Lane.INPUTS, PATIENCE_S)
    sections = [(section, hue_of(section.name)) for section in scenario.placements]
    inputs: AnyInputs | None = building.result
    if inputs is None:
        problems = {"traffic": building.problem} if building.problem and not building.is_stopped else {}
        waiting = [
            Pending(section, hue, key, building, building.problem)
            for (section, hue), key in zip(sections, keys.runs, strict=True)
        ]
        return _earlier(last, scenario, problems, waiting, None if building.problem else building)
    known = {entry.run_key: entry.outcome for entry in last.shown} if last else {}
    most = max(MAX_RESULTS // len(inputs.problem.workload), 1)
    _start(scenario.placements[:most], keys.runs, inputs, known, found, cache, jobs)
    entries = [
        _entry(section, hue, key, jobs.get(key), known.get(key) or cache.peek(key), i >= most)
        for i, ((section, hue), key) in enumerate(zip(sections, keys.runs, strict=True))
    ]
    shown = tuple(entry for entry in entries if isinstance(entry, AnyAnswered))
    waiting = tuple(entry for entry in entries if isinstance(entry, Pending))
    problems = {f"placement:{entry.section.name}": entry.problem for entry in waiting if entry.problem}
    is_soon = any(e.problem is None and e.job is not None and e.job.lane is Lane.QUICK for e in waiting)
    if last and last.shown and entries and (is_soon or not shown):
        return _earlier(last, scenario, problems, waiting)
    if isinstance(inputs, TokenInputs):
        tokens = tuple(entry for entry in shown if isinstance(entry, TokenAnswered))
        return TokenAnswer(scenario, inputs, keys.problem, tokens, waiting, problems)
    fixed = tuple(entry for entry in shown if isinstance(entry, Answered))
    return Answer(scenario, inputs, keys.problem, fixed, waiting, problems)


def run_key(inputs_key: str, section: PlacementSection) -> str:
    """Of all that the result of a placement follows from; its name is not."""
    # Rules that are not given are left out, so that what was found before there were any is found again.
    return _digest(
        inputs_key, section.model_dump(mode="json", exclude={"name", *SERVING_RULES}), *section.serving_rules.items()
    )


def outcome_of(
    section: PlacementSection,
    inputs: Inputs,
    on_progress: OnProgress | None = None,
    searched: SearchResult | None = None,
) -> PlacementOutcome:
    """A placement of models with fixed latencies, found and simulated; raises InputError if it does not fit.
    searched: what its search found before; if that does not fit, it is run.
    """
    inputs = inputs.under(section)
    if searched is not None:
        placement = replace(searched.placement, name=section.name)
        with suppress(InputError):
            placement.check(inputs.problem.models, inputs.problem.cluster)
            return evaluate(placement, searched, inputs, on_progress)
    placement, found = found_with(place, section, inputs, on_progress)
    return evaluate(placement, found, inputs, on_progress)


def _token_outcome_of(
    section: PlacementSection,
    inputs: TokenInputs,
    on_progress: OnProgress | None = None,
    searched: SearchResult | None = None,
) -> TokenOutcome:
    """The same of a scenario with models that generate."""
    inputs = inputs.under(section)
    if searched is not None and isinstance(searched.placement, Placement):
        placement = replace(searched.placement, name=section.name)
        with suppress(InputError):
            return generation.evaluate(placement, searched, inputs, on_progress)
    placement, found = found_with(generation.place, section, inputs, on_progress)
    return generation.evaluate(placement, found, inputs, on_progress)


def _any_outcome_of(
    section: PlacementSection,
    inputs: AnyInputs,
    on_progress: OnProgress | None = None,
    searched: SearchResult | None = None,
) -> AnyOutcome:
    if isinstance(inputs, TokenInputs):
        return _token_outcome_of(section, inputs, on_progress, searched)
    return outcome_of(section, inputs, on_progress, searched)


def _best_so_far(section: PlacementSection, progress: Progress, inputs: AnyInputs) -> AnyOutcome:
    """The best placement of a search that goes on for others, as if it had been stopped."""
    assert section.search is not None and progress.placement is not None
    if isinstance(progress.placement, Schedule):
        # What is missing of a schedule is known at its end only.
        raise Cancelled
    placement = replace(progress.placement, name=section.name)
    found = SearchResult(
        section.search.algorithm, placement, progress.steps[-1].score, progress.seconds, progress.evaluations,
        "cancelled", progress.steps,
    )  # fmt: skip
    return _any_outcome_of(section, inputs, searched=found)


def renamed(outcome: OutcomeT, name: str) -> OutcomeT:
    """The same run under the name that its placement has by now."""
    if outcome.name == name:
        return outcome
    if isinstance(outcome, TokenOutcome):
        named = ("placement", "fixed_result", "fixed_figures")
    else:
        named = ("placement", "result", "figures")
    parts = {part: replace(value, name=name) for part in named if (value := getattr(outcome, part)) is not None}
    return replace(outcome, name=name, **parts)


@dataclass(frozen=True)
class _Keys:
    """Digests of what the workload, results beside their placement, all inputs, and each result follow from."""

    workload: str
    problem: str
    inputs: str
    runs: tuple[str, ...]


def _keys(scenario: Scenario, uploads: Uploads) -> _Keys:
    own = uploads.own_profiles(scenario)
    names = [name for section in scenario.models for name in section.names()]
    workload = _digest("workload", scenario.workload.model_dump(mode="json"), names, uploads.identity(scenario))
    problem = _digest(
        workload,
        [section.model_dump(mode="json", exclude=set(WISHES)) for section in scenario.models],
        own.digest if own else None,
        # The device chooses the profile of a model that generates, the price is part of its figures.
        scenario.cluster.model_dump(
            exclude={*OTHER_PRICES, *(() if scenario.generates else ("device", "usd_per_device_hour"))}
        ),
        scenario.serving.model_dump(),
        _engine_rules(scenario) if scenario.generates else None,
        # Only where something is asked, so that what was found without stays found.
        *_searched_for(scenario),
    )
    cluster = scenario.cluster.model_dump(exclude=set(OTHER_PRICES))
    inputs = _digest("inputs", problem, cluster, *([scenario.targets] if scenario.targets else []))
    return _Keys(workload, problem, inputs, tuple(run_key(problem, section) for section in scenario.placements))


def _engine_rules(scenario: Scenario) -> dict[str, object]:
    """Limits and rules of engines; admission only where there is one, so that what was found before stays found."""
    section = scenario.generation
    return section.model_dump(exclude={"admission"} if section.admission == "none" else None)


def _searched_for(scenario: Scenario) -> list[object]:
    """Rules, weights and least replicas, which searches keep to; a target changes no placement."""
    wishes = [[section.weight, section.min_replicas] for section in scenario.models]
    is_asked = not scenario.rules.is_empty or any(any(wish) for wish in wishes)
    return [scenario.rules.model_dump(), wishes] if is_asked else []


def problems_of(scenario: Scenario, uploads: Uploads) -> dict[str, str]:
    """What can be seen to be wrong without making anything large, by area of the page."""
    problems: dict[str, str] = {}
    with _noted(problems, "models"):
        check_models(scenario)
        own = uploads.own_profiles(scenario)
        fixed = [section for section in scenario.models if section.generation is None]
        models = build_models(fixed, builtin_catalogue() | (own.profiles if own else {}))
        generating_models(scenario.models, build_cluster(scenario), own.generating if own else ())
        build_rules(scenario).check(models, build_cluster(scenario))
    with _noted(problems, "cluster"):
        check_cluster(scenario)
        build_cluster(scenario)
    with _noted(problems, "serving"):
        build_serving(scenario)
    with _noted(problems, "traffic"):
        uploads.identity(scenario)
    return problems


def inputs_key(scenario: Scenario, uploads: Uploads) -> str:
    """Of all that a scenario's inputs follow from; raises InputError where it names what was not uploaded."""
    return _keys(scenario, uploads).inputs


def fixed_inputs_of(scenario: Scenario, uploads: Uploads, cache: Cache) -> Inputs:
    """What a scenario with models of fixed latencies names, read, within the bounds of the page; raises InputError."""
    check_models(scenario)
    check_cluster(scenario)
    return build_inputs(scenario, *_readers(scenario, uploads, cache, _keys(scenario, uploads).workload))


def token_inputs_of(scenario: Scenario, uploads: Uploads, cache: Cache) -> TokenInputs:
    """What a scenario with models that generate names, read, within the bounds of the page; raises InputError."""
    check_models(scenario)
    check_cluster(scenario)
    return _build_tokens(scenario, uploads, cache, _keys(scenario, uploads).workload)


def _build(scenario: Scenario, uploads: Uploads, cache: Cache, key: str) -> AnyInputs:
    if scenario.generates:
        return _build_tokens(scenario, uploads, cache, key)
    return build_inputs(scenario, *_readers(scenario, uploads, cache, key))


def _build_tokens(scenario: Scenario, uploads: Uploads, cache: Cache, key: str) -> TokenInputs:
    own = uploads.own_profiles(scenario)
    return build_token_inputs(
        scenario, *_readers(scenario, uploads, cache, key), own.generating if own else ()
    )  # fmt: skip


def _readers(
    scenario: Scenario, uploads: Uploads, cache: Cache, key: str
) -> tuple[TraceReader, Mapping[str, Profile], RequestMaker]:
    """What reads the trace, the visitor's own profiles, and what makes the requests."""
    own = uploads.own_profiles(scenario)

    def requests(section, names: Sequence[str], trace: Trace | None) -> tuple[Workload, tuple[str, ...]]:
        check_requests(scenario, trace)
        made = cache.get(key, lambda: make_workload(section, names, trace, MAX_REQUESTS))
        if not 0 < len(made[0]) <= MAX_REQUESTS:
            raise InputError(
                f"These settings make {words.count(len(made[0]))} requests; from 1 to {words.count(MAX_REQUESTS)} are "
                "allowed on this page."
            )
        return made

    read = lambda scenario: uploads.read_trace(scenario, cache)  # noqa: E731
    return read, own.profiles if own else {}, requests


def _start(
    sections: Sequence[PlacementSection],
    keys: Sequence[str],
    inputs: AnyInputs,
    known: Collection[str],
    searched: Mapping[str, SearchResult],
    cache: Cache,
    jobs: Jobs,
) -> None:
    """Give what has no result to the workers, and wait a moment for what is quick."""
    started = []
    for section, key in zip(sections, keys, strict=False):
        if key in jobs or key in known or cache.peek(key) is not None:
            continue

        def work(job: Job, section: PlacementSection = section, key: str = key) -> AnyOutcome:
            found = cache.peek(key)
            if found is None:
                found = _any_outcome_of(section, inputs, job.report_placement, searched.get(key))
                if not (job.is_stopped or was_stopped(found)):
                    cache.put(key, found)
            return found

        def best(progress: Progress, section: PlacementSection = section) -> AnyOutcome:
            return _best_so_far(section, progress, inputs)

        lane = Lane.QUICK if key in searched or _is_quick(section, inputs) else Lane.SEARCH
        started.append(jobs.start(key, partial(UNDER_WAY.do, work=work, best_so_far=best), section.name, lane))
    jobs.wait([job for job in started if job.lane is Lane.QUICK], PATIENCE_S)


def _entry(
    section: PlacementSection, hue: int, key: str, job: Job | None, known: AnyOutcome | None, is_too_many: bool
) -> AnyAnswered | Pending:
    outcome: AnyOutcome | None = (job.result if job else None) or known
    if is_too_many:
        return Pending(section, hue, key, None, TOO_MANY)
    if outcome is None:
        return Pending(section, hue, key, job, job.problem if job else None)
    if isinstance(outcome, TokenOutcome):
        return TokenAnswered(section, hue, key, renamed(outcome, section.name), job)
    return Answered(section, hue, key, renamed(outcome, section.name), job)


def _earlier(
    last: AnyAnswer | None,
    scenario: Scenario,
    problems: dict[str, str],
    waiting: Sequence[Pending] = (),
    building: Job | None = None,
) -> AnyAnswer:
    # Results of different settings are never shown beside each other: it is the whole earlier answer or none of it.
    if last is None:
        kind = TokenAnswer if scenario.generates else Answer
        return kind(scenario, None, "", (), tuple(waiting), problems, building)
    return replace(last, problems=problems, waiting=tuple(waiting), building=building,
                   is_earlier=last.built is not None)  # fmt: skip


def _is_quick(section: PlacementSection, inputs: AnyInputs) -> bool:
    if section.search is None:
        return True
    problem = inputs.problem
    size = len(problem.workload) * len(problem.models) * problem.cluster.devices
    most = QUICK_GENERATION_WORK if isinstance(inputs, TokenInputs) else QUICK_WORK
    return section.search.algorithm in QUICK_ALGORITHMS and size <= most


@contextmanager
def _noted(problems: dict[str, str], area: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        problems[area] = str(error)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
