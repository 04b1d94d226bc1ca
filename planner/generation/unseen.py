"""What placements of generating models meet on traffic that they were not planned for; see planner.what_if.unseen.

Held out is the next stretch of the trace where there is one, else requests whose arrivals and lengths are drawn with
other seeds, or drawn like those of the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from planner.generation.compare import TokenComparison, evaluate
from planner.generation.inputs import TokenInputs, build_token_inputs
from planner.generation.paired import met_requests
from planner.scenario.schema import PlacementSection, Scenario
from planner.search.training import resample, resample_workload
from planner.what_if.robustness import FIRST_SEED, later_stretch, with_seed
from planner.what_if.unseen import STOPPED, HeldOut, peaks_to_mean, scores_of
from simulator import Cancelled, Placement, Workload, words
from simulator.headway import Headway, OnProgress, goes_on, tell

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
) -> HeldOut:
    """The placements of a comparison on unseen traffic; a sentence where that is left out, None without a search."""
    outcomes = comparison.outcomes
    if not any(outcome.search is not None for outcome in outcomes):
        return None
    if not comparison.complete:
        return STOPPED
    if said := too_many_tokens(comparison.inputs, len(outcomes)):
        return said
    days, is_later = other_days(comparison.scenario, comparison.inputs, build)
    try:
        return _scored(comparison, days, is_later, on_progress)
    except Cancelled:
        return STOPPED


def hold_out_placement(
    scenario: Scenario,
    name: str,
    section: PlacementSection,
    placement: Placement,
    on_progress: OnProgress | None = None,
    build: Callable[[Scenario], TokenInputs] = build_token_inputs,
) -> HeldOut:
    """One searched placement, scored under a name, on traffic that it was not planned for, or why that is left out.

    scenario: that it was planned for, as it was varied. section: its rules.
    """
    inputs = build(scenario)
    if said := too_many_tokens(inputs, 1):
        return said
    days, is_later = other_days(scenario, inputs, build)

    def watch(_: Headway) -> bool:
        return goes_on(on_progress, Headway(""))

    try:
        ruled = [other.under(section) for other in (inputs, *(make() for _, make in days))]
        met = [[met_requests(evaluate(placement, None, under, watch), under)] for under in ruled]
    except Cancelled:
        return STOPPED
    return scores_of([(name, True, False)], met, is_later, [_peaks(under) for under in ruled])


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
    comparison: TokenComparison, days: Sequence[Day], is_later: bool, on_progress: OnProgress | None
) -> HeldOut:
    outcomes = comparison.outcomes
    sections = {section.name: section for section in comparison.scenario.placements}
    met: list[list[np.ndarray]] = [[met_requests(outcome, comparison.inputs) for outcome in outcomes]]
    peaks = [_peaks(comparison.inputs)]
    for number, (label, make) in enumerate(days):
        here = Headway(label, number, len(days))
        tell(on_progress, here)
        watch = lambda _, here=here: goes_on(on_progress, here)  # noqa: E731
        other = make()
        peaks.append(_peaks(other))
        ruled = [other.under(sections[outcome.name]) for outcome in outcomes]
        met.append([
            met_requests(evaluate(outcome.placement, None, under, watch), under)
            for outcome, under in zip(outcomes, ruled, strict=True)
        ])  # fmt: skip
    return scores_of([(o.name, o.search is not None, False) for o in outcomes], met, is_later, peaks)


def _peaks(inputs: TokenInputs) -> np.ndarray:
    """Of the requests to generating models."""
    return peaks_to_mean(inputs.problem.workload.arrival_s)


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
