"""`validate`: replay the published results and print the error table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.report import print_json, print_table, say
from planner.evidence.published import load_published
from planner.evidence.replays import write_replays
from planner.evidence.validate import RunError, summarise_errors, validate, write_known_errors
from planner.generation.evidence import generation_errors
from planner.generation.known_errors import (
    NOT_MODELLED,
    Error,
    known_generation_errors,
    write_generation_errors,
)
from simulator.catalogue import builtin_catalogue, load_catalogue
from simulator.headway import Headway

WORST_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--published", metavar="FILE", nargs="+", help="other published runs (.jsonl or .csv)")
    parser.add_argument("--profiles", metavar="FILE", help="a catalogue instead of the built-in one")
    parser.add_argument("--generation", metavar="FOLDER", help="measured token-by-token runs, to compare with anew")
    parser.add_argument("--write", action="store_true", help="keep the errors for the app to show")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay, summarise, print."""
    runs = [r for path in args.published for r in load_published(path)] if args.published else load_published()
    catalogue = load_catalogue(args.profiles) if args.profiles else builtin_catalogue()
    tokens = generation_errors(args.generation) if args.generation else known_generation_errors()
    with Interrupt() as interrupt:

        def report(told: Headway) -> bool:
            if told.done % 50 == 0 or told.done == told.total:
                say(f"{told.done} of {told.total} {told.phase}", sys.stderr)
            return not interrupt.requested

        errors = validate(runs, catalogue, report)
    summaries = summarise_errors(errors)
    if args.write and not interrupt.requested:
        write_known_errors(summaries)
        if not args.published:
            write_replays(errors)
        write_generation_errors(tokens)
    if args.json:
        print_json(
            {
                "summary": [asdict(s) for s in summaries],
                "runs": [_row(e) for e in errors],
                "generation": [asdict(e) for e in tokens],
            }
        )
    else:
        _print_errors(errors, summaries)
        _print_generation(tokens, "" if args.generation else " (as last measured)")
    return INTERRUPTED if interrupt.requested else 0


def _row(error: RunError) -> dict:
    run = error.run
    return {
        "source": run.source,
        "sweep": run.sweep,
        "mode": run.mode,
        "policy": run.policy,
        "devices": run.devices,
        "models": run.num_models,
        "preset": error.preset,
        "published": run.slo_attainment,
        "slo_attainment": error.slo_attainment,
        "error": error.error,
    }


def _print_errors(errors: list[RunError], summaries: list) -> None:
    say("SLO attainment, ours minus published, in points (hundredths of all requests)\n")
    print_table(
        ("published runs", "preset", "runs", "mean |error|", "max |error|", "bias"),
        [(s.runs, s.preset, str(s.count), f"{100 * s.mean_abs:.3f}", f"{100 * s.max_abs:.3f}", f"{100 * s.bias:+.3f}")
         for s in summaries],
    )  # fmt: skip
    for summary in summaries:
        mine = [e for e in errors if e.preset == summary.preset and (e.run.mode == "testbed") ==
                (summary.runs == "measured on 16 V100s")]  # fmt: skip
        worst = sorted(mine, key=lambda e: -abs(e.error))[:WORST_SHOWN]
        say(f"\nLargest errors, {summary.runs}, preset {summary.preset}")
        print_table(
            ("policy", "sweep", "devices", "models", "SLO scale", "published", "ours", "error"),
            [(e.run.policy, e.run.sweep, str(e.run.devices), str(e.run.num_models), f"{e.run.slo_scale:g}",
              f"{e.run.slo_attainment:.3f}", f"{e.slo_attainment:.4f}", f"{100 * e.error:+.2f}") for e in worst],
        )  # fmt: skip


def _print_generation(errors: Sequence[Error], remark: str) -> None:
    say(f"\nToken-by-token serving, ours over measured less 1, in percent{remark}\n")
    print_table(
        ("check", "case", "quantity", "error"),
        [(e.check, e.case, e.quantity, f"{100 * e.error:+.1f}") for e in errors],
    )
    say(f"\n{NOT_MODELLED}")
