"""`plan`: run the searches of a scenario."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import (
    MAX_SEED,
    MAX_TIME_LIMIT_S,
    add_cluster,
    check_output,
    positive_number,
    whole_file,
    whole_number,
)
from planner.commands.report import ProgressLine, marked, percent, print_json, print_notices, print_table
from planner.commands.simulate import check_any, print_remarks_of, print_unseen
from planner.compare import Comparison, PlacementOutcome, compare, filled, outcome_json, placement_section
from planner.executors.cluster import machines
from planner.scenario.file import dump_scenario, load_scenario
from planner.scenario.inputs import SAMPLE_PREFIX, build_inputs
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.search import Bound, SearchResult, upper_bound
from planner.what_if.unseen import held_out, with_unseen
from simulator import Placement, Schedule, words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--algorithm", metavar="A", help="this one instead of the file's")
    parser.add_argument("--seed", metavar="N", help="instead of the file's")
    parser.add_argument("--time-limit", metavar="S", help="seconds for each search, instead of the file's")
    parser.add_argument("--bound-seconds", metavar="S", help="tighten the bound for so long; by default not at all")
    parser.add_argument("--out", metavar="NEW.yaml", help="the scenario with the found placements filled in")
    add_cluster(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, simulate, print, and write the new scenario where asked."""
    check_output("--out", args.out)
    seed = None if args.seed is None else whole_number("--seed", args.seed, 0, MAX_SEED)
    time_limit_s = _seconds("--time-limit", args.time_limit)
    bound_s = _seconds("--bound-seconds", args.bound_seconds)
    scenario = load_scenario(args.scenario)
    if scenario.generates:
        # Here, because what these models need takes long to load.
        from planner.commands import tokens

        return tokens.plan(
            args, searches_only(scenario, args.algorithm, seed, time_limit_s, tokens.ALGORITHM), scenario
        )
    wanted = searches_only(scenario, args.algorithm, seed, time_limit_s)
    inputs = build_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        progress = ProgressLine(interrupt)
        comparison = compare(wanted, progress, inputs=inputs, executor=executor)
        if bound_s is not None and comparison.outcomes:
            comparison = with_bound(comparison, upper_bound(inputs.problem, bound_s, progress))
        unseen = held_out(comparison, lambda _: not interrupt.requested, executor)
    print_notices(comparison.placement_notices)
    for _, found in _searched(comparison):
        print_notices(found.notes)
    check_any(comparison)
    if args.json:
        print_json(with_unseen(comparison.document(planned_json), unseen))
    else:
        _print_plans(comparison)
        print_unseen(unseen)
    # Last, so that a full disk does not take the plans along.
    if args.out is not None:
        found = {outcome.name: outcome.placement for outcome in comparison.outcomes}
        write_scenario(with_found(scenario, found), args.out)
        left = ", ".join(missing.name for missing in comparison.missing)
        print_notices([f"'{args.out}' still has as searches, because nothing was found: {left}."] if left else [])
    return 0 if comparison.complete else INTERRUPTED


def _seconds(option: str, text: str | None) -> float | None:
    return None if text is None else positive_number(option, text, MAX_TIME_LIMIT_S)


def searches_only(
    scenario: Scenario, algorithm: str | None, seed: int | None, time_limit_s: float | None, default: str = "alpaserve"
) -> Scenario:
    """The scenario with its searches only, changed as asked; one `default` search where it has none."""
    searches = [(s, s.search) for s in scenario.placements if s.search is not None]
    if not searches:
        search = SearchSection(algorithm=default)
        searches = [(PlacementSection(name=algorithm or default, search=search), search)]
    changes = {"algorithm": algorithm, "seed": seed, "time_limit_s": time_limit_s}
    given = {key: value for key, value in changes.items() if value is not None}
    placements = []
    for section, search in searches:
        asked = {**search.model_dump(exclude_none=True), **given}
        if algorithm not in (None, search.algorithm):
            # The options belong to the algorithm that is replaced.
            asked = {key: asked[key] for key in asked if key in SearchSection.model_fields}
        placements.append(section.model_copy(update={"search": SearchSection(**asked)}))
    return scenario.model_copy(update={"placements": placements}).in_folder(scenario.folder)


def with_bound(comparison: Comparison, bound: Bound) -> Comparison:
    """The comparison with another bound beside every placement that was found; schedules have none."""

    def changed(outcome: PlacementOutcome) -> PlacementOutcome:
        if outcome.search is None or isinstance(outcome.placement, Schedule):
            return outcome
        return replace(outcome, search=replace(outcome.search, bound=bound))

    return replace(comparison, outcomes=tuple(map(changed, comparison.outcomes)))


def with_found(scenario: Scenario, found: Mapping[str, Placement | Schedule]) -> Scenario:
    """The scenario with each searched placement filled in as found; those of other names come last."""
    rest = dict(found)
    placements = [filled(s, rest.pop(s.name)) if s.name in rest else s for s in scenario.placements]
    others = map(placement_section, rest.values())
    return scenario.model_copy(update={"placements": [*placements, *others]}).in_folder(scenario.folder)


def write_scenario(scenario: Scenario, path: str | Path) -> None:
    """Write a scenario file, with relative paths as seen from there; it appears when it is whole."""
    with whole_file("--out", path) as unfinished:
        unfinished.write_text(dump_scenario(seen_from(scenario, Path(path).resolve().parent)), encoding="utf-8")


def seen_from(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario for a file in another folder: its relative paths lead to the same trace and profiles."""
    if folder == scenario.folder.resolve():
        return scenario

    def moved(path: str) -> str:
        if path.startswith(SAMPLE_PREFIX) or Path(path).is_absolute():
            return path
        return Path(os.path.relpath(scenario.folder.resolve() / path, folder)).as_posix()

    update = {}
    if scenario.profiles is not None:
        update["profiles"] = moved(scenario.profiles)
    trace = scenario.workload.trace
    if trace is not None:
        paths = moved(trace.path) if isinstance(trace.path, str) else [moved(path) for path in trace.path]
        update["workload"] = scenario.workload.model_copy(update={"trace": trace.model_copy(update={"path": paths})})
    return scenario.model_copy(update=update).in_folder(folder)


def planned_json(outcome: PlacementOutcome) -> dict:
    """Figures of a planned placement, with `groups` as in the scenario file and how it was found."""
    section = placement_section(outcome.placement).model_dump(mode="json", exclude_none=True)
    figures = outcome_json(outcome)
    group_figures = figures.pop("groups")
    return {**figures, **section, "group_figures": group_figures}


def _searched(comparison: Comparison) -> list[tuple[PlacementOutcome, SearchResult]]:
    return [(outcome, outcome.search) for outcome in comparison.outcomes if outcome.search is not None]


def _print_plans(comparison: Comparison) -> None:
    rows = []
    for outcome, found in _searched(comparison):
        rows.append(
            (outcome.name, found.algorithm, marked(percent(outcome.figures.total.slo_attainment), outcome.remark),
             words.count(found.evaluations),
             words.span(found.seconds), found.stop_reason, percent(found.bound and found.bound.attainment))
        )  # fmt: skip
    rows += [(missing.name, *["-"] * 6) for missing in comparison.missing]
    print_table(
        ("placement", "algorithm", "deadlines met", "tried", "time", "stopped because", "possible at most"), rows
    )
    print_remarks_of(comparison)
