"""`reproduce`: run a figure of the paper again, with the published points beside ours."""

from __future__ import annotations

import argparse
import math
import sys

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import MAX_TIME_LIMIT_S, add_cluster, positive_number
from planner.commands.report import marked, percent, print_json, print_remarks, print_table, print_wrapped, say
from planner.executors.cluster import machines
from planner.reproduce.run import (
    FIGURES,
    ReproducedPoint,
    Reproduction,
    chosen,
    curve_rows,
    difference_summary,
    figure_of,
    reproduce,
)
from planner.reproduce.traffic import read_given
from simulator import InputError
from simulator.headway import Headway


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help=f"of the paper: {', '.join(FIGURES)}")
    parser.add_argument("--maf1", metavar="FILE", nargs="+", default=[],
                        help="Azure Functions 2019, in place of the shipped sample (figures 12 and 14)")  # fmt: skip
    parser.add_argument("--maf2", metavar="FILE", nargs="+", default=[],
                        help="Azure Functions 2021, in place of the shipped sample (figure 12)")  # fmt: skip
    parser.add_argument("--panel", metavar="TEXT", action="append", default=[],
                        help="only panels whose name holds this, e.g. 'S3, MAF1'; may be repeated")  # fmt: skip
    parser.add_argument("--values", metavar="V,V,...", default="", help="only at these values of the axis")
    parser.add_argument("--time-limit", metavar="S", default="10",
                        help="seconds for each search that improves step by step (default 10)")  # fmt: skip
    add_cluster(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the figure and print it."""
    time_limit_s = positive_number("--time-limit", args.time_limit, MAX_TIME_LIMIT_S)
    values = parse_values(args.values)
    files = {"MAF1": args.maf1, "MAF2": args.maf2}
    given = {name: read_given(name, paths) for name, paths in files.items() if paths}
    figure = chosen(figure_of(args.figure, given), args.panel, values)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        told = -1

        def on_progress(now: Headway) -> bool:
            nonlocal told
            if now.done != told:
                told = now.done
                say(f"{now.done} of {now.total}: {now.phase}", sys.stderr)
            return not interrupt.requested

        result = reproduce(figure, on_progress, time_limit_s=time_limit_s, executor=executor)
    if args.json:
        print_json(result.to_json())
    else:
        print_reproduction(result)
    return 0 if result.complete else INTERRUPTED


def parse_values(text: str) -> tuple[float, ...]:
    """`8,16` as (8.0, 16.0); raises InputError."""
    try:
        values = tuple(float(value) for value in text.split(",")) if text else ()
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise InputError(f"--values is '{text}'; numbers with commas between them are allowed.")
    return values


def print_reproduction(result: Reproduction) -> None:
    """One table a panel, ours with the published in brackets; then what differs, and where 99 % is crossed."""
    figure = result.figure
    say(f"Figure {figure.number}: {figure.title}. Deadlines met here (published where the settings agree).")
    if not result.complete:
        say("Interrupted; what is missing says so.")
    for panel in figure.panels:
        points = [point for point in result.points if point.panel.name == panel.name]
        say(f"\n{panel.name}")
        names = [curve.name for curve in panel.curves]
        rows = [(f"{value:g}", *map(_cell, row)) for value, row in curve_rows(points)]
        print_table((panel.axis.title, *names), rows)
        print_remarks((f"{p.curve.name}, {p.value:g}", p.outcome.remark if p.outcome else None) for p in points)
        print_remarks(((f"{p.curve.name}, {p.value:g}", p.reason) for p in points), "- ")
    _print_differences(result)


def _cell(point: ReproducedPoint) -> str:
    ours = marked(percent(point.slo_attainment), point.outcome.remark if point.outcome else None)
    return ours if point.published is None else f"{ours} ({percent(point.published)})"


def _print_differences(result: Reproduction) -> None:
    summary = difference_summary(result.points)
    if summary:
        say("\nOurs minus published, in points (hundredths of all requests)")
        print_table(
            ("curve", "points", "mean |difference|", "mean difference"),
            [(name, str(count), f"{100 * size:.2f}", f"{100 * bias:+.2f}") for name, count, size, bias in summary],
        )
    say("\n99 % of deadlines are met up to (from the easy end)")
    print_table(
        ("panel", "curve", "ours", "published"),
        [(panel, curve, _value(ours), _value(theirs)) for panel, curve, ours, theirs in result.crossings()],
    )
    say("\nWhat is otherwise here")
    print_wrapped(
        ("what", "theirs", "ours", "effect"),
        [(d.what, d.theirs, d.ours, d.effect) for d in result.figure.differences],
    )
    for sentence in result.figure.not_repeated:
        say(f"\n{sentence}")


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
