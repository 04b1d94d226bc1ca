"""`simulate`: run every placement of a scenario."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import add_cluster, check_output, whole_file
from planner.commands.report import (
    ProgressLine,
    marked,
    percent,
    print_json,
    print_notices,
    print_remarks,
    print_table,
    say,
    seconds,
)
from planner.compare import Comparison, compare
from planner.executors.cluster import machines
from planner.scenario.file import load_scenario
from planner.scenario.inputs import build_inputs
from planner.scenario.serving_rules import rules_in_words
from planner.what_if.unseen import HeldOut, held_out, with_unseen
from planner.what_if.unseen_words import held_out_lines
from simulator import InputError, words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--placement", metavar="NAME", help="only this placement")
    parser.add_argument("--requests", metavar="OUT", help="one row a request, into OUT.csv or OUT.parquet")
    add_cluster(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate, print, and write the requests where asked."""
    if args.requests is not None:
        _check_requests_path(args.requests)
    scenario = load_scenario(args.scenario)
    if scenario.generates:
        # Here, because what these models need takes long to load.
        from planner.commands import tokens

        return tokens.simulate(args, scenario)
    inputs = build_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        comparison = compare(scenario, ProgressLine(interrupt), args.placement, inputs, executor)
        unseen = held_out(comparison, lambda _: not interrupt.requested, executor)
    print_notices(comparison.placement_notices)
    for outcome in comparison.outcomes:
        print_notices(outcome.search.notes if outcome.search else ())
    check_any(comparison)
    if args.json:
        print_json(with_unseen(comparison.to_json(), unseen))
    else:
        _print_comparison(comparison)
        print_unseen(unseen)
    # Last, so that a full disk does not take the figures along.
    if args.requests is not None and comparison.complete:
        write_requests(comparison, args.requests)
    elif args.requests is not None:
        print_notices([f"Interrupted, so '{args.requests}' was not written."])
    return 0 if comparison.complete else INTERRUPTED


def print_unseen(held: HeldOut, targets: Mapping[str, float] | None = None) -> None:
    """Beneath a table of placements: what they meet on traffic that was not planned for, or why that is not known."""
    for number, sentence in enumerate(held_out_lines(held, targets)):
        say(sentence if number else f"\n{sentence}")


def check_any(comparison: Comparison) -> None:
    """Raises InputError with the reasons where the work came to its end and not one placement has figures."""
    if comparison.complete and not comparison.outcomes:
        raise InputError(" ".join(f"{missing.name}: {missing.reason}" for missing in comparison.missing))


def write_requests(comparison: Comparison, path: str | Path) -> None:
    """One row a request and placement; the file appears when it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frames = (frame for result in comparison.results for frame in result.request_frames())
    with whole_file("--requests", path) as unfinished:
        if Path(path).suffix == ".parquet":
            first = pa.Table.from_pandas(next(frames), preserve_index=False)
            with pq.ParquetWriter(unfinished, first.schema) as writer:
                writer.write_table(first)
                for frame in frames:
                    writer.write_table(pa.Table.from_pandas(frame, preserve_index=False))
        else:
            with open(unfinished, "w", encoding="utf-8", newline="") as file:
                for number, frame in enumerate(frames):
                    frame.to_csv(file, header=number == 0, index=False)


def _check_requests_path(name: str) -> None:
    path = Path(name)
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"--requests is '{name}'; a name that ends in .csv or .parquet is allowed.")
    check_output("--requests", name)


def _print_comparison(comparison: Comparison) -> None:
    rows = []
    for outcome in comparison.outcomes:
        f = outcome.figures
        rows.append(
            (outcome.name, marked(percent(f.total.slo_attainment), outcome.remark),
             *(words.count(n) for n in (f.total.requests, f.total.served, f.total.late, f.total.rejected,
                                        f.total.unplaced)),
             seconds(f.total.latency_s.mean), seconds(f.total.latency_s.p99), percent(f.utilization))
        )  # fmt: skip
    rows += [(missing.name, *["-"] * 9) for missing in comparison.missing]
    print_table(
        ("placement", "deadlines met", "requests", "served", "late", "rejected", "unplaced", "mean", "p99", "busy"),
        rows,
    )
    print_remarks_of(comparison)


def print_remarks_of(comparison: Comparison) -> None:
    """Beneath a table: serving rules, figures that are not of a finished plan or missing, models below targets."""
    rules = ((section.name, rules_in_words(section.serving_rules)) for section in comparison.scenario.placements)
    print_remarks(((name, f"served under its own rules: {said}.") for name, said in rules if said), "= ")
    print_remarks((outcome.name, outcome.remark) for outcome in comparison.outcomes)
    print_remarks(((missing.name, missing.reason) for missing in comparison.missing), "- ")
    print_remarks(comparison.target_notices, "- ")
