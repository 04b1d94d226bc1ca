"""What placements of generating models meet on traffic that they were not planned for; see planner.what_if.unseen.

Held out is the next stretch of the trace where there is one, else requests whose arrivals and lengths are drawn with
other seeds, or drawn like those of the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np

from planner.executors.cluster import Gone
from planner.generation.compare import TokenComparison, evaluate
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.paired import met_requests
from planner.scenario.schema import PlacementSection, Scenario
from planner.search.training import resample, resample_workload
from planner.search.workers import Task
from planner.what_if.robustness import FIRST_SEED, later_stretch, with_seed
from planner.what_if.side_by_side import side_by_side
from planner.what_if.unseen import STOPPED, HeldOut, peaks_to_mean, scores_of
from simulator import Cancelled, Placement, Workload, words
from simulator.headway import Headway, OnProgress, goes_on

# A request that generates takes as long to simulate as so many of models with fixed latencies.
GENERATING_COUNTS = 20
# An iteration of an engine costs more than a request of a pipeline, so fewer draws are made.
DRAWS = 4
NOT_OF_SWEEPS = (
    "The points are scored on the traffic that they were planned for; what a placement meets on other traffic, its "
    "comparison and the number of devices say."
)
# Output tokens times placements times draws, simulated without being asked for: some seconds.
MOST_TOKENS = 200_000_000
# Other traffic, with what it is called.
Day = tuple[str, Callable[[], TokenInputs]]


def hold_out_tokens(
    comparison: TokenComparison,
    on_progress: OnProgress | None = None,
    build: Callable[[Scenario], TokenInputs] = build_token_inputs,
    executor: Executor | None = None,
) -> HeldOut:
    """The placements of a comparison on unseen traffic; a sentence where that is left out, None without a search.

    executor: other machines, or None.
    """
    outcomes = comparison.outcomes
    if not any(outcome.search is not None for outcome in outcomes):
        return None
    if not comparison.complete:
        return STOPPED
    if said := too_many_tokens(comparison.inputs, len(outcomes)):
        return said
    days, is_later = other_days(comparison.scenario, comparison.inputs, build)
    try:
        return _scored(comparison, days, is_later, on_progress, executor)
    except Cancelled:
        return STOPPED
    except Gone as gone:
        return str(gone)


def hold_out_placement(
    scenario: Scenario,
    name: str,
    section: PlacementSection,
    placement: Placement,
    on_progress: OnProgress | None = None,
    build: Callable[[Scenario], TokenInputs] = build_token_inputs,
    executor: Executor | None = None,
) -> HeldOut:
    """One searched placement, scored under a name, on traffic that it was not planned for, or why that is left out.

    scenario: that it was planned for, as it was varied. section: its rules.
    """
    inputs = build(scenario)
    if said := too_many_tokens(inputs, 1):
        return said
    days, is_later = other_days(scenario, inputs, build)
    peaks: list[np.ndarray] = []

    def tasks(watch: OnProgress) -> Iterator[Task[np.ndarray]]:
        for make in (lambda: inputs, *(make for _, make in days)):
            made = make()
            peaks.append(_peaks(made))
            yield _met, (placement, made, section, watch)

    try:
        requests = len(inputs.problem.workload) * GENERATING_COUNTS * (1 + len(days))
        met = [
            [one]
            for one in side_by_side(tasks, 1 + len(days), requests, executor, lambda: goes_on(on_progress, Headway("")))
        ]
    except Cancelled:
        return STOPPED
    except Gone as gone:
        return str(gone)
    return scores_of([(name, True, False)], met, is_later, peaks)


def too_many_tokens(inputs: TokenInputs, placements: int) -> str:
    """Why so many placements are not held out without being asked for; empty where they are."""
    tokens = int(inputs.problem.workload.output_tokens.sum()) * placements * DRAWS
    if tokens <= MOST_TOKENS:
        return ""
    return (
        f"Scores are those of the traffic that was planned for: to hold some out, {words.count(tokens)} tokens "
        f"would be generated, and up to {words.count(MOST_TOKENS)} are without being asked."
    )


def _scored(
    comparison: TokenComparison, days: Sequence[Day], is_later: bool, on_progress: OnProgress | None,
    executor: Executor | None,
) -> HeldOut:  # fmt: skip
    outcomes = comparison.outcomes
    sections = {section.name: section for section in comparison.scenario.placements}
    met: list[np.ndarray] = []
    peaks = [_peaks(comparison.inputs)]

    def tasks(watch: OnProgress) -> Iterator[Task[np.ndarray]]:
        for _, make in days:
            other = make()
            peaks.append(_peaks(other))
            yield from ((_met, (o.placement, other, sections[o.name], watch)) for o in outcomes)

    def asked() -> bool:
        number = min(len(met) // len(outcomes), len(days) - 1)
        return goes_on(on_progress, Headway(days[number][0], number, len(days)))

    runs = len(days) * len(outcomes)
    requests = len(comparison.inputs.problem.workload) * GENERATING_COUNTS * runs
    met.extend(side_by_side(tasks, runs, requests, executor, asked))
    own = [met_requests(outcome, comparison.inputs) for outcome in outcomes]
    by_day = [met[at : at + len(outcomes)] for at in range(0, runs, len(outcomes))]
    return scores_of([(o.name, o.search is not None, False) for o in outcomes], [own, *by_day], is_later, peaks)


def _peaks(inputs: TokenInputs) -> np.ndarray:
    """Of the requests to generating models."""
    return peaks_to_mean(inputs.problem.workload.arrival_s)


def _met(placement: Placement, inputs: TokenInputs, section: PlacementSection, watch: OnProgress) -> np.ndarray:
    """Which requests meet their deadlines, under the rules of a section."""
    ruled = inputs.under(section)
    return met_requests(evaluate(placement, None, ruled, watch), ruled)


def other_days(
    scenario: Scenario, inputs: TokenInputs, build: Callable[[Scenario], TokenInputs]
) -> tuple[list[Day], bool]:
    """Other traffic with its labels, and whether it is the next stretch of the trace, else draws."""
    later = later_stretch(scenario, inputs.trace)
    if not isinstance(later, str):
        return [("the next stretch of the trace", lambda: build(later))], True

    def drawn(seed: int) -> TokenInputs:
        other = _with_seeds(scenario, seed)
        return _resampled(inputs, seed) if other is None else build(other)

    seeds = [FIRST_SEED + 1009 * k for k in range(DRAWS)]
    return [(f"other traffic like it, draw {k}", partial(drawn, seed)) for k, seed in enumerate(seeds, 1)], False


def _with_seeds(scenario: Scenario, seed: int) -> Scenario | None:
    """Arrivals, and lengths where they are drawn too, with another seed; None where arrivals are not drawn."""
    other, tokens = with_seed(scenario, seed), scenario.workload.tokens
    if other is None or tokens is None:
        return other
    workload = other.workload.model_copy(update={"tokens": tokens.model_copy(update={"seed": seed})})
    return other.model_copy(update={"workload": workload}).in_folder(scenario.folder)


def _resampled(inputs: TokenInputs, seed: int) -> TokenInputs:
    """Arrivals drawn like those of a trace; each request has both lengths of one of its model's, drawn at random."""
    tokens, random = inputs.problem.workload, np.random.default_rng(seed)
    made = resample_workload(Workload(tokens.arrival_s, tokens.model, len(tokens.models)), seed)
    row = np.zeros(len(made), dtype=np.int64)
    for number in np.unique(made.model):
        own = made.model == number
        row[own] = random.choice(np.flatnonzero(tokens.model == number), int(own.sum()))
    other = replace(tokens, arrival_s=made.arrival_s, model=made.model, input_tokens=tokens.input_tokens[row],
                    output_tokens=tokens.output_tokens[row])  # fmt: skip
    fixed = inputs.fixed and replace(inputs.fixed, workload=resample(inputs.fixed, seed))
    return replace(inputs, problem=replace(inputs.problem, workload=other), fixed=fixed)
