"""`sweep`: attainment while one or two things vary."""

from __future__ import annotations

import argparse
import sys

from planner.commands.capacity import search_sections
from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.report import percent, print_json, print_table
from planner.scenario.file import load_scenario
from planner.what_if.sweep import Sweep, sweep
from planner.what_if.variation import VARIATIONS
from simulator import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("sweep", help="attainment while one or two things vary")
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument(
        "--over", metavar="AXIS=V,V,...", action="append", required=True,
        help=f"{', '.join(VARIATIONS)}; once or twice",
    )  # fmt: skip
    parser.add_argument("--algorithm", metavar="A", nargs="+", help="these instead of the file's placements")
    parser.add_argument("--target", type=float, default=0.99, help="mark where this attainment is crossed")
    parser.add_argument(
        "--time-limit", type=float, metavar="S", default=2.0, help="seconds for each search (default 2)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sweep and print."""
    scenario = load_scenario(args.scenario)
    axes = [parse_axis(text) for text in args.over]
    searched = args.algorithm is not None or any(s.search is not None for s in scenario.placements)
    sections = search_sections(scenario, args.algorithm, args.time_limit) if searched else []
    if args.algorithm is None:
        sections += [s for s in scenario.placements if s.search is None]
    with Interrupt() as interrupt:

        def report(done: int, total: int, what: str) -> bool:
            print(f"{done} of {total}: {what}", file=sys.stderr)
            return not interrupt.requested

        swept = sweep(scenario, axes, sections, report)
    if args.json:
        print_json(swept.to_json(args.target))
    else:
        _print_sweep(swept, args.target)
    return 0 if swept.complete else INTERRUPTED


def parse_axis(text: str) -> tuple[str, tuple[float, ...]]:
    """`devices=8,16` as ("devices", (8.0, 16.0)); raises InputError."""
    axis, _, values = text.partition("=")
    try:
        numbers = tuple(float(value) for value in values.split(",") if value.strip())
    except ValueError:
        numbers = ()
    if axis not in VARIATIONS or not numbers:
        raise InputError(f"--over is '{text}'; {', '.join(f'{name}=V,V' for name in VARIATIONS)} are allowed.")
    return axis, numbers


def _print_sweep(swept: Sweep, target: float) -> None:
    axis_names = [axis for axis, _ in swept.axes]
    names = list(dict.fromkeys(result.point.section.name for result in swept.results))
    cells: dict[tuple, dict[str, str]] = {}
    for result in swept.results:
        cells.setdefault(tuple(v for _, v in result.point.values), {})[result.point.section.name] = percent(
            result.slo_attainment
        )
    rows = [
        (" ".join(f"{value:g}" for value in values), *(row.get(name, "-") for name in names))
        for values, row in sorted(cells.items())
    ]
    print_table((" ".join(axis_names), *names), rows)
    print(f"\n{percent(target)} is crossed at")
    crossings = swept.to_json(target)["crossings"]
    print_table(
        ("placement", *reversed(axis_names)),
        [
            (c["placement"], *("never" if c[a] is None else f"{c[a]:g}" for a in reversed(axis_names)))
            for c in crossings
        ],
    )
