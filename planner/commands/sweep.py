"""`sweep`: attainment while one or two things vary."""

from __future__ import annotations

import argparse

from planner.commands.capacity import search_sections
from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import MAX_TIME_LIMIT_S, add_cluster, positive_number
from planner.commands.report import PointLine, marked, percent, print_json, print_remarks, print_table, say
from planner.executors.cluster import machines
from planner.scenario.file import load_scenario
from planner.what_if.points import PointResult
from planner.what_if.sweep import Sweep, sweep
from planner.what_if.variation import VARIATIONS
from simulator import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument(
        "--over", metavar="AXIS=V,V,...", action="append", required=True,
        help=f"{', '.join(VARIATIONS)}; once or twice",
    )  # fmt: skip
    parser.add_argument("--algorithm", metavar="A", nargs="+", help="these instead of the file's placements")
    parser.add_argument("--target", default="0.99", metavar="T", help="mark where this attainment is crossed")
    parser.add_argument("--time-limit", metavar="S", default="2", help="seconds for each search (default 2)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_cluster(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sweep and print."""
    target = positive_number("--target", args.target, 1)
    time_limit_s = positive_number("--time-limit", args.time_limit, MAX_TIME_LIMIT_S)
    axes = [parse_axis(text) for text in args.over]
    scenario = load_scenario(args.scenario)
    if scenario.generates:
        # Here, because what these models need takes long to load.
        from planner.commands import tokens

        return tokens.sweep(args, scenario, axes, target, time_limit_s)
    searched = args.algorithm is not None or any(s.search is not None for s in scenario.placements)
    sections = search_sections(scenario, args.algorithm, time_limit_s) if searched else []
    if args.algorithm is None:
        sections += [s for s in scenario.placements if s.search is None]
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        swept = sweep(scenario, axes, sections, PointLine(interrupt), executor)
    if args.json:
        print_json(swept.to_json(target))
    else:
        _print_sweep(swept, target)
    return 0 if swept.complete else INTERRUPTED


def parse_axis(text: str) -> tuple[str, tuple[float, ...]]:
    """`devices=8,16` as ("devices", (8.0, 16.0)); raises InputError."""
    axis, _, values = text.partition("=")
    try:
        numbers = tuple(float(value) for value in values.split(","))
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
        row = cells.setdefault(tuple(v for _, v in result.point.values), {})
        row[result.point.section.name] = marked(percent(result.slo_attainment), result.remark)
    rows = [
        (" ".join(f"{value:g}" for value in values), *(row[name] for name in names))
        for values, row in sorted(cells.items())
    ]
    if not swept.complete:
        say("Interrupted; what is missing says so.\n")
    print_table((" ".join(axis_names), *names), rows)
    print_remarks((_where(result), result.remark) for result in swept.results)
    print_remarks(((_where(result), result.reason) for result in swept.results), "- ")
    say(f"\n{percent(target)} is crossed at")
    crossings = swept.to_json(target)["crossings"]
    print_table(
        ("placement", *reversed(axis_names)),
        [
            (c["placement"], *("never" if c[a] is None else f"{c[a]:g}" for a in reversed(axis_names)))
            for c in crossings
        ],
    )


def _where(result: PointResult) -> str:
    values = ", ".join(f"{axis} {value:g}" for axis, value in result.point.values)
    return f"{result.point.section.name}, {values}"
