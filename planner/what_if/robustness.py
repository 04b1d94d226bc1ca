"""Does the ranking of placements survive what one cannot know: errors in latencies, another seed, another day?

The placements stay as they are; nothing is searched anew. Deadlines stay too: an error in a latency is not in the
promise that was made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from planner.executors.cluster import Gone
from planner.explain import paired_difference
from planner.problem import Problem
from planner.scenario.inputs import Inputs, build_inputs
from planner.scenario.schema import Scenario, TraceSection
from planner.scenario.sources import kept_mapping
from planner.search.training import resample
from planner.what_if.side_by_side import side_by_side
from simulator import Cancelled, InputError, Model, Placement, Profile, ProfileEntry, Schedule, Serving, simulate, words
from simulator.headway import Headway, OnProgress, goes_on
from simulator.metrics import counted_rows
from simulator.traces import Trace

ERRORS = (0.1, 0.2)
DRAWS, SEEDS = 8, 5
# Other traffic is drawn with seeds that neither scenarios nor searches begin with.
FIRST_SEED = 7_000_001
GIVEN, COMMON, EACH, SEED, DAY = "as given", "all latencies", "each latency", "another seed", "another day"
STOPPED = "The work was stopped before this was simulated."


@dataclass(frozen=True)
class Candidate:
    """A placement of the ranking, the serving rules that hold for it, and whether a search has found it."""

    name: str
    placement: Placement | Schedule
    serving: Serving
    is_searched: bool = False


@dataclass(frozen=True)
class Variant:
    """One thing that may be otherwise, and what the placements meet then.

    Attributes:
        kind: one of GIVEN, COMMON, EACH, SEED, DAY. label: in words.
        error: of latencies, relative: 0.2 is 20 % longer; of EACH the half width it is drawn from. None elsewhere.
        attainments: 0..1, one a candidate.
    """

    kind: str
    label: str
    error: float | None
    attainments: tuple[float, ...]

    @property
    def best(self) -> int:
        """The candidate that meets most, the first of equals."""
        return int(np.argmax(self.attainments))


@dataclass(frozen=True)
class Robustness:
    """How firm a ranking is.

    Attributes:
        names: of the placements, in the scenario's order.
        given: the scenario as it stands. variants: all others that were simulated.
        is_clear: whether the first differs from each other one by more than the run's own noise, in `names` order;
            True for the first itself.
        reasons: by kind, why nothing of it was simulated, or not all.
    """

    names: tuple[str, ...]
    given: Variant
    variants: tuple[Variant, ...]
    is_clear: tuple[bool, ...]
    reasons: dict[str, str]

    @property
    def first(self) -> int:
        """The placement that meets most in the scenario as it stands."""
        return self.given.best

    @property
    def overtaken(self) -> tuple[Variant, ...]:
        """Variants in which another placement meets strictly more than the first."""
        return tuple(v for v in self.variants if max(v.attainments) > v.attainments[self.first])

    def order(self, variant: Variant) -> tuple[int, ...]:
        """The candidates from the best down, in the order of the scenario among equals."""
        return tuple(int(i) for i in np.argsort(-np.array(variant.attainments), kind="stable"))

    @property
    def kept(self) -> int:
        """Variants in which no two placements change places: whoever met more still meets as many or more."""
        order = self.order(self.given)
        return sum(all(v.attainments[a] >= v.attainments[b] for a, b in zip(order, order[1:], strict=False))
                   for v in self.variants)  # fmt: skip

    def to_json(self) -> dict:
        """The document of `robustness --json`."""
        return {
            "placements": list(self.names),
            "first": self.names[self.first],
            "clear": list(self.is_clear),
            "variants": [
                {"kind": v.kind, "label": v.label, "error": v.error,
                 "slo_attainment": dict(zip(self.names, v.attainments, strict=True)),
                 "first": self.names[v.best]}
                for v in (self.given, *self.variants)
            ],
            "overtaken": len(self.overtaken),
            "order_kept": self.kept,
            "reasons": self.reasons,
        }  # fmt: skip


def robustness(
    inputs: Inputs,
    candidates: Sequence[Candidate],
    scenario: Scenario,
    on_progress: OnProgress | None = None,
    draws: int = DRAWS,
    seeds: int = SEEDS,
    executor: Executor | None = None,
) -> Robustness:
    """Simulate placements with other latencies and other traffic.

    Args:
        inputs: the scenario, built. candidates: at least two of its placements. scenario: for its other days.
        on_progress: returning False stops with what is there, once the scenario as it stands is simulated.
        draws: for each size of error, how often every model gets an error of its own. seeds: of other traffic.
        executor: other machines, or None.

    Raises:
        InputError: fewer than two candidates, or no request. Cancelled: stopped before anything was there.
    """
    if len(candidates) < 2:
        raise InputError("One placement alone has no ranking; two or more placements are needed.")
    if not len(inputs.problem.workload):
        raise InputError("No request arrives, so there is no ranking.")
    names = tuple(candidate.name for candidate in candidates)
    reasons: dict[str, str] = {}
    days = _other_days(inputs, scenario, seeds, reasons)
    total = 1 + (2 + draws) * len(ERRORS) + len(days)
    if not goes_on(on_progress, Headway(GIVEN, 0, total)):
        raise Cancelled
    results = [_simulated(c, inputs.problem) for c in candidates]
    given = Variant(GIVEN, "the scenario as it stands", None, tuple(_met(r, inputs.warmup_s) for r in results))
    best = given.best
    clear = tuple(
        i == best or paired_difference(r, results[best], inputs.warmup_s).is_clear for i, r in enumerate(results)
    )
    variants: list[Variant] = []
    asked = list(_variants(inputs.problem, draws, days))
    tasks = [(_met_by, (tuple(candidates), make, inputs.warmup_s)) for *_, make in asked]
    requests = len(inputs.problem.workload) * len(candidates) * len(tasks)

    def watch() -> bool:
        return goes_on(on_progress, Headway(asked[len(variants)][1], 1 + len(variants), total))

    try:
        for (kind, label, error, _), met in zip(
            asked, side_by_side(lambda _: tasks, len(tasks), requests, executor, watch), strict=True
        ):
            variants.append(Variant(kind, label, error, met))
    except (Cancelled, Gone) as error:
        reasons.setdefault(asked[len(variants)][0], str(error) if isinstance(error, Gone) else STOPPED)
    return Robustness(names, given, tuple(variants), clear, reasons)


_Made = tuple[str, str, float | None, Callable[[], Problem]]


def _variants(problem: Problem, draws: int, days: Sequence[_Made]) -> Iterator[_Made]:
    for size in ERRORS:
        for error in (-size, size):
            label = f"all latencies {words.goal(abs(error))} {'longer' if error > 0 else 'shorter'}"
            factors = np.full(len(problem.models), 1 + error)
            yield COMMON, label, error, partial(with_latencies, problem, factors)
    for size in ERRORS:
        for draw in range(draws):
            random = np.random.default_rng((FIRST_SEED, round(100 * size), draw))
            factors = 1 + random.uniform(-size, size, len(problem.models))
            label = f"each model's latencies up to {words.goal(size)} off, draw {draw + 1}"
            yield EACH, label, size, partial(with_latencies, problem, factors)
    yield from days


def with_latencies(problem: Problem, factors: np.ndarray) -> Problem:
    """The problem with the latencies of model i multiplied by factors[i]; deadlines stay."""
    made: dict[tuple[int, float], Profile] = {}

    def slowed(model: Model, factor: float) -> Model:
        key = id(model.profile), factor
        if key not in made:
            made[key] = _with_latencies(model.profile, factor)
        return replace(model, profile=made[key])

    models = tuple(slowed(m, float(f)) for m, f in zip(problem.models, factors, strict=True))
    return replace(problem, models=models)


def _with_latencies(profile: Profile, factor: float) -> Profile:
    def scaled(entry: ProfileEntry) -> ProfileEntry:
        batches = {size: tuple(factor * s for s in stages) for size, stages in entry.batches.items()}
        return replace(entry, stage_latency_s=tuple(factor * s for s in entry.stage_latency_s), batches=batches)

    return replace(profile, entries={shape: scaled(entry) for shape, entry in profile.entries.items()})


def _other_days(inputs: Inputs, scenario: Scenario, seeds: int, reasons: dict[str, str]) -> list[_Made]:
    """Traffic drawn with other seeds, and the next stretch of the trace where it has one."""
    problem = inputs.problem
    made: list[_Made] = []
    if problem.workload.slo_s is None:
        for k in range(seeds):
            draw = partial(_with_other_traffic, inputs, scenario, FIRST_SEED + 1009 * k)
            made.append((SEED, f"other traffic like it, draw {k + 1}", None, draw))
    else:
        reasons[SEED] = "Requests bring deadlines of their own, which other traffic would not have."
    later = later_stretch(scenario, inputs.trace)
    if isinstance(later, str):
        reasons[DAY] = later
    else:
        made.append((DAY, "the next stretch of the trace", None, partial(_rebuilt, inputs, later)))
    return made


def other_days(
    inputs: Inputs, scenario: Scenario, draws: int, reasons: dict[str, str]
) -> tuple[list[tuple[str, Callable[[], Problem]]], bool]:
    """Other traffic for the same placements, and whether it is the next stretch of the trace, else draws.

    `reasons` takes the sentences why there are no draws, or no next stretch.
    """
    made = _other_days(inputs, scenario, draws, reasons)
    later = [(label, make) for kind, label, _, make in made if kind == DAY]
    return (later, True) if later else ([(label, make) for _, label, _, make in made], False)


def _with_other_traffic(inputs: Inputs, scenario: Scenario, seed: int) -> Problem:
    """The same arrivals with another seed where the scenario draws them, else drawn like the requests themselves."""
    seeded = with_seed(scenario, seed)
    if seeded is None:
        return replace(inputs.problem, workload=resample(inputs.problem, seed))
    return _rebuilt(inputs, seeded)


def with_seed(scenario: Scenario, seed: int) -> Scenario | None:
    """The scenario with its arrivals drawn anew; None where it does not draw them."""
    name, section = next((n, s) for n in type(scenario.workload).model_fields
                         if (s := getattr(scenario.workload, n)) is scenario.workload.arrivals)  # fmt: skip
    is_drawn = not isinstance(section, TraceSection) or section.resample != "none"
    if not is_drawn or not hasattr(section, "seed") or name == "deterministic":
        return None
    workload = scenario.workload.model_copy(update={name: section.model_copy(update={"seed": seed})})
    return scenario.model_copy(update={"workload": workload}).in_folder(scenario.folder)


def later_stretch(scenario: Scenario, trace: Trace | None) -> Scenario | str:
    """The scenario on the next stretch of its trace, see next_stretch; else the sentence why there is none."""
    section = next_stretch(scenario, trace)
    if isinstance(section, str):
        return section
    workload = scenario.workload.model_copy(update={"trace": section})
    return scenario.model_copy(update={"workload": workload}).in_folder(scenario.folder)


def _rebuilt(inputs: Inputs, scenario: Scenario) -> Problem:
    trace = inputs.trace
    profiles = {model.profile.name: model.profile for model in inputs.problem.models}
    built = build_inputs(scenario, None if trace is None else lambda _: trace, profiles)
    return replace(inputs.problem, workload=built.problem.workload)


def next_stretch(scenario: Scenario, trace: Trace | None) -> TraceSection | str:
    """The stretch of the trace after the one that is replayed, equally long; else the sentence why there is none.

    Every source asks for the model that it asks for in the replayed stretch.
    """
    section = scenario.workload.trace
    if section is None or trace is None:
        return "The traffic is drawn here and has no other day; other seeds stand for it."
    if section.duration_s is None:
        return "All of the trace is replayed, so it has no other day; give workload.trace.duration_s to keep one back."
    begin_s = section.start_s + section.duration_s
    from simulator.traces import summarise

    if begin_s + section.duration_s > summarise(trace).span_s * (1 + 1e-9):
        return "The trace ends before another stretch as long as the one that is replayed."
    changed = {"start_s": begin_s, "sha256": None, "map_models": kept_mapping(scenario, trace)}
    return section.model_copy(update=changed)


def _simulated(candidate: Candidate, problem: Problem):
    return simulate(problem.models, candidate.placement, problem.workload, candidate.serving)


def _met_by(candidates: Sequence[Candidate], make: Callable[[], Problem], warmup_s: float) -> tuple[float, ...]:
    problem = make()
    return tuple(_met(_simulated(candidate, problem), warmup_s) for candidate in candidates)


def _met(result, warmup_s: float) -> float:
    met = result.in_slo[counted_rows(result.workload, warmup_s)]
    return float(np.mean(met)) if met.size else math.nan
