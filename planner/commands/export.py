"""`export`: a placement as configuration of a serving system."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import check_output, whole_file
from planner.commands.report import ProgressLine, print_notices, say
from planner.compare import place
from planner.export import TARGETS, export_engines, export_placement
from planner.rules import rule_notices
from planner.scenario.file import load_scenario
from planner.scenario.inputs import Inputs, build_inputs
from planner.scenario.schema import PlacementSection, Scenario
from planner.spans import node_notices
from simulator import InputError, Placement, Schedule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--placement", metavar="NAME", help="which one; needed if the scenario has several")
    parser.add_argument("--to", required=True, choices=TARGETS, help="the serving system, or json")
    parser.add_argument("--epoch", type=int, metavar="N", help="of a placement over time, the N-th one, 0 first")
    parser.add_argument("--out", metavar="FILE_OR_FOLDER", help="where to write; one file goes to the screen without")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the placement where it has to be searched, export it, and write or print the files."""
    scenario = load_scenario(args.scenario)
    section = chosen_section(scenario, args.placement)
    files = _engine_files(args, scenario, section) if scenario.generates else _files(args, scenario, section)
    if files is None:
        say("Interrupted; nothing was written.", sys.stderr)
        return INTERRUPTED
    if args.out is not None:
        for path in write_files(files, args.out):
            say(str(path), sys.stderr)
    elif len(files) == 1:
        sys.stdout.write(next(iter(files.values())))
    else:
        raise InputError(f"The export has {len(files)} files; name a folder for them with --out.")
    return 0


def _files(args: argparse.Namespace, scenario: Scenario, section: PlacementSection) -> dict[str, str] | None:
    """The files of models with fixed latencies; None if it was interrupted."""
    inputs = build_inputs(scenario).under(section)
    print_notices(inputs.notices)
    with Interrupt() as interrupt:
        placement, found = place(section, inputs, ProgressLine(interrupt))
        if interrupt.requested:
            return None
    cluster, rules = inputs.problem.cluster, inputs.problem.rules
    said = (*rule_notices(placement, cluster, rules), *node_notices(placement, cluster))
    print_notices((*said, *(found.notes if found else ())))
    return export_files(placement, inputs, args.to, args.epoch)


def _engine_files(args: argparse.Namespace, scenario: Scenario, section: PlacementSection) -> dict[str, str] | None:
    """The same of models that generate."""
    # Here, because scenarios without engines do without it.
    from planner.generation.compare import place as place_engines
    from planner.generation.inputs import build_token_inputs

    if args.epoch is not None:
        raise InputError(f"--epoch: placement '{section.name}' does not change over time.")
    inputs = build_token_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt:
        placement, found = place_engines(section, inputs, ProgressLine(interrupt))
        if interrupt.requested:
            return None
    print_notices(found.notes if found else ())
    return export_engines(placement, inputs.problem, args.to)


def chosen_section(scenario: Scenario, name: str | None) -> PlacementSection:
    """The placement of this name, or the only one; raises InputError naming those that exist."""
    sections = scenario.placements
    names = ", ".join(section.name for section in sections) or "none"
    if name is None:
        if len(sections) != 1:
            raise InputError(f"--placement is needed, because the scenario has {len(sections)} placements: {names}.")
        return sections[0]
    found = next((section for section in sections if section.name == name), None)
    if found is None:
        raise InputError(f"--placement: the scenario has no placement '{name}'; it has {names}.")
    return found


def export_files(
    placement: Placement | Schedule, inputs: Inputs, target: str, epoch: int | None = None
) -> dict[str, str]:
    """The files of a placement, or of one epoch (counted from 0) of a schedule; raises InputError."""
    problem = inputs.problem
    if epoch is not None:
        if not isinstance(placement, Schedule):
            raise InputError(f"--epoch: placement '{placement.name}' does not change over time.")
        if not 0 <= epoch < len(placement.epochs):
            raise InputError(f"--epoch is {epoch}; from 0 to {len(placement.epochs) - 1} are allowed.")
        placement = placement.epochs[epoch][1]
    return export_placement(placement, problem.models, problem.cluster, problem.serving, target)


def write_files(files: dict[str, str], out: str | Path) -> list[Path]:
    """Write one file to `out` (or into it, if it is a folder), several into the folder `out`; gives their paths.

    The files appear when all are whole, or none does; shell scripts can be run.
    """
    out_path = Path(out)
    into = len(files) > 1 or _is_folder(out)
    paths = [out_path / name if into else out_path for name in files]
    for path in paths if into else ():
        _make_folder(path.parent)
        # Before any takes its name: what cannot be replaced would leave the files before it there alone.
        check_output("--out", str(path))
    with ExitStack() as written:
        for path, text in zip(paths, files.values(), strict=True):
            unfinished = written.enter_context(whole_file("--out", path))
            unfinished.write_text(text, encoding="utf-8")
            if path.suffix == ".sh":
                unfinished.chmod(0o755)
    return paths


def _is_folder(out: str | Path) -> bool:
    return Path(out).is_dir() or str(out).endswith(os.sep)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: '{folder}' cannot be written: {error.strerror or error}.") from None
