"""`simulate`: run every placement of a scenario."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.report import ProgressLine, percent, print_json, print_notices, print_table, seconds
from planner.compare import Comparison, compare
from planner.scenario.file import load_scenario
from planner.scenario.inputs import build_inputs
from simulator import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("simulate", help="run every placement that is given or searched")
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--placement", metavar="NAME", help="only this placement")
    parser.add_argument("--requests", metavar="OUT", help="one row a request, into OUT.csv or OUT.parquet")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate, print, and write the requests where asked."""
    if args.requests is not None:
        _check_requests_path(args.requests)
    scenario = load_scenario(args.scenario)
    inputs = build_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt:
        comparison = compare(scenario, ProgressLine(interrupt), args.placement, inputs)
    for outcome in comparison.outcomes:
        print_notices(outcome.search.notes if outcome.search else ())
    if args.requests is not None and comparison.complete:
        write_requests(comparison, args.requests)
    if args.json:
        print_json(comparison.to_json())
    else:
        _print_comparison(comparison)
    return 0 if comparison.complete else INTERRUPTED


def write_requests(comparison: Comparison, path: str | Path) -> None:
    """One row a request and placement; the file appears when it is whole."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    frames = (frame for result in comparison.results for frame in result.request_frames())
    try:
        if path.suffix == ".parquet":
            writer = None
            for frame in frames:
                table = pa.Table.from_pandas(frame, preserve_index=False)
                writer = writer or pq.ParquetWriter(unfinished, table.schema)
                writer.write_table(table)
            writer.close()
        else:
            for number, frame in enumerate(frames):
                frame.to_csv(unfinished, mode="a" if number else "w", header=number == 0, index=False)
        os.replace(unfinished, path)
    except OSError as error:
        raise InputError(f"--requests: '{path}' cannot be written: {error.strerror or error}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _check_requests_path(name: str) -> None:
    path = Path(name)
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"--requests is '{name}'; a name that ends in .csv or .parquet is allowed.")
    if not path.parent.is_dir():
        raise InputError(f"--requests: the folder '{path.parent}' does not exist.")


def _print_comparison(comparison: Comparison) -> None:
    rows = []
    for outcome in comparison.outcomes:
        f = outcome.figures
        rows.append(
            (outcome.name, percent(f.total.slo_attainment), f"{f.total.requests:,}", f"{f.total.served:,}",
             f"{f.total.late:,}", f"{f.total.rejected:,}", f"{f.total.unplaced:,}", seconds(f.total.latency_s.mean),
             seconds(f.total.latency_s.p99), percent(f.utilization))
        )  # fmt: skip
    print_table(
        ("placement", "deadlines met", "requests", "served", "late", "rejected", "unplaced", "mean", "p99", "busy"),
        rows,
    )
