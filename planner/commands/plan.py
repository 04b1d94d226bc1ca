"""`plan`: run the searches of a scenario."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.report import ProgressLine, percent, print_json, print_notices, print_table
from planner.compare import Comparison, compare, outcome_json, placement_section
from planner.scenario.file import dump_scenario, load_scenario
from planner.scenario.inputs import build_inputs
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from simulator import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("plan", help="run the searches")
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--algorithm", metavar="A", help="this one instead of the file's")
    parser.add_argument("--seed", type=int, help="instead of the file's")
    parser.add_argument("--time-limit", type=float, metavar="S", help="seconds for each search, instead of the file's")
    parser.add_argument("--out", metavar="NEW.yaml", help="the scenario with the found placements filled in")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, simulate, print, and write the new scenario where asked."""
    scenario = load_scenario(args.scenario)
    if args.out is not None and not Path(args.out).parent.is_dir():
        raise InputError(f"--out: the folder '{Path(args.out).parent}' does not exist.")
    wanted = searches_only(scenario, args.algorithm, args.seed, args.time_limit)
    inputs = build_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt:
        comparison = compare(wanted, ProgressLine(interrupt), inputs=inputs)
    for outcome in comparison.outcomes:
        print_notices(outcome.search.notes)
    if args.out is not None:
        write_scenario(with_found(scenario, comparison), args.out)
    if args.json:
        print_json({"scenario": scenario.name, "placements": [planned_json(o) for o in comparison.outcomes]})
    else:
        _print_plans(comparison)
    return 0 if comparison.complete else INTERRUPTED


def searches_only(scenario: Scenario, algorithm: str | None, seed: int | None, time_limit_s: float | None) -> Scenario:
    """The scenario with its searches only, changed as asked; one `alpaserve` search where it has none."""
    sections = [section for section in scenario.placements if section.search is not None]
    if not sections:
        sections = [PlacementSection(name=algorithm or "alpaserve", search=SearchSection(algorithm="alpaserve"))]
    changes = {"algorithm": algorithm, "seed": seed, "time_limit_s": time_limit_s}
    given = {key: value for key, value in changes.items() if value is not None}
    placements = []
    for section in sections:
        asked = {**section.search.model_dump(exclude_none=True), **given}
        if algorithm not in (None, section.search.algorithm):
            # The options belong to the algorithm that is replaced.
            asked = {key: asked[key] for key in asked if key in SearchSection.model_fields}
        placements.append(section.model_copy(update={"search": SearchSection(**asked)}))
    return scenario.model_copy(update={"placements": placements}).in_folder(scenario.folder)


def with_found(scenario: Scenario, comparison: Comparison) -> Scenario:
    """The scenario with each searched placement filled in as found."""
    found = {outcome.name: placement_section(outcome.placement) for outcome in comparison.outcomes}
    placements = [found.pop(section.name, section) for section in scenario.placements]
    return scenario.model_copy(update={"placements": [*placements, *found.values()]}).in_folder(scenario.folder)


def write_scenario(scenario: Scenario, path: str | Path) -> None:
    """Write a scenario file; it appears when it is whole."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_text(dump_scenario(scenario), encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        raise InputError(f"--out: '{path}' cannot be written: {error.strerror or error}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def planned_json(outcome) -> dict:
    """Figures of a planned placement, with `groups` as in the scenario file and how it was found."""
    section = placement_section(outcome.placement).model_dump(mode="json", exclude_none=True)
    figures = outcome_json(outcome)
    group_figures = figures.pop("groups")
    return {**figures, **section, "group_figures": group_figures}


def _print_plans(comparison: Comparison) -> None:
    rows = []
    for outcome in comparison.outcomes:
        found = outcome.search
        rows.append(
            (outcome.name, found.algorithm, percent(outcome.figures.total.slo_attainment), f"{found.evaluations:,}",
             f"{found.seconds:.2f} s", found.stop_reason, percent(found.bound and found.bound.attainment))
        )  # fmt: skip
    print_table(
        ("placement", "algorithm", "deadlines met", "tried", "time", "stopped because", "possible at most"), rows
    )
