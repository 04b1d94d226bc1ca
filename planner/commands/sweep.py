"""`sweep`: attainment while one or two things vary."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from planner.commands.capacity import search_sections
from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import MAX_TIME_LIMIT_S, add_cluster, positive_number
from planner.commands.report import PointLine, marked, percent, print_json, print_remarks, print_table, say
from planner.executors.cluster import machines
from planner.scenario.file import load_scenario
from planner.what_if.points import PointResult
from planner.what_if.sweep import Sweep, sweep
from planner.what_if.sweep_words import sweep_unseen_lines
from planner.what_if.unseen import UnseenScore
from planner.what_if.unseen_words import met_in_words
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
    if not swept.complete:
        say("Interrupted; what is missing says so.\n")
    _print_points(swept, lambda result: marked(percent(result.slo_attainment), result.remark))
    print_remarks((result.point.in_words, result.remark) for result in swept.results)
    print_remarks(((result.point.in_words, result.reason) for result in swept.results), "- ")
    if swept.unseen:
        say(f"\nSearched placements on traffic that was not planned for ({swept.unseen_how})")
        _print_points(swept, lambda result: unseen_share(swept.unseen_score(result)))
    for said in sweep_unseen_lines(swept, target):
        say(f"\n{said}")
    say(f"\n{percent(target)} is crossed at")
    _print_crossings(swept, target)


def _print_points(swept: Sweep, cell: Callable[[PointResult], str]) -> None:
    names = list(dict.fromkeys(result.point.section.name for result in swept.results))
    cells: dict[tuple, dict[str, str]] = {}
    for result in swept.results:
        row = cells.setdefault(tuple(v for _, v in result.point.values), {})
        row[result.point.section.name] = cell(result)
    rows = [
        (" ".join(f"{value:g}" for value in values), *(row[name] for name in names))
        for values, row in sorted(cells.items())
    ]
    print_table((" ".join(axis for axis, _ in swept.axes), *names), rows)


def _print_crossings(swept: Sweep, target: float) -> None:
    names = [axis for axis, _ in swept.axes]
    rows = []
    for c in swept.to_json(target)["crossings"]:
        row = [c["placement"], *("never" if c[axis] is None else f"{c[axis]:g}" for axis in reversed(names))]
        if swept.unseen:
            row.append(_unseen_crossing(swept, c["placement"], target, {axis: c[axis] for axis in names[1:]}))
        rows.append(row)
    print_table(("placement", *reversed(names), *(["on unseen traffic"] if swept.unseen else [])), rows)


def _unseen_crossing(swept: Sweep, name: str, target: float, fixed: dict[str, float]) -> str:
    if all(swept.unseen_score(result) is None for result in swept.results if result.point.section.name == name):
        return "-"
    value = swept.crossing(name, target, fixed, is_unseen=True)
    return "never" if value is None else f"{value:g}"


def unseen_share(score: UnseenScore | None) -> str:
    """Attainment on unseen traffic with its interval; "-" where it is not known."""
    return "-" if score is None else met_in_words(score)
