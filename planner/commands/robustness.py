"""`robustness`: whether the ranking of a scenario's placements survives errors in latencies and other traffic."""

from __future__ import annotations

import argparse
import sys

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import add_cluster, whole_number
from planner.commands.report import ProgressLine, percent, print_json, print_notices, print_remarks, print_table, say
from planner.commands.simulate import check_any
from planner.compare import compare
from planner.executors.cluster import machines
from planner.scenario.file import load_scenario
from planner.scenario.inputs import build_inputs
from planner.what_if.robustness import DRAWS, SEEDS, STOPPED, Candidate, Robustness, robustness
from planner.what_if.robustness_words import sentence
from simulator import InputError
from simulator.headway import Headway


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--draws", metavar="N", default=str(DRAWS),
                        help=f"draws of errors of single models, 10 %% and 20 %% each (default {DRAWS})")  # fmt: skip
    parser.add_argument("--seeds", metavar="N", default=str(SEEDS), help=f"draws of other traffic (default {SEEDS})")
    add_cluster(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the placements, vary, print."""
    draws = whole_number("--draws", args.draws, 0, 1000)
    seeds = whole_number("--seeds", args.seeds, 0, 1000)
    scenario = load_scenario(args.scenario)
    if scenario.generates:
        raise InputError("The command robustness is for models with fixed latencies; these generate token by token.")
    inputs = build_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        comparison = compare(scenario, ProgressLine(interrupt), inputs=inputs, executor=executor)
        check_any(comparison)

        def on_progress(now: Headway) -> bool:
            if now.done % 5 == 0:
                say(f"{now.done} of {now.total}: {now.phase}", sys.stderr)
            return not interrupt.requested

        candidates = [Candidate(o.name, o.placement, o.result.serving) for o in comparison.outcomes]
        found = robustness(inputs, candidates, scenario, on_progress, draws, seeds, executor)
    said = sentence(found)
    if args.json:
        print_json({"scenario": scenario.name, "sentence": said, **found.to_json()})
    else:
        _print(found, said)
    return INTERRUPTED if STOPPED in found.reasons.values() else 0


def _print(found: Robustness, said: str) -> None:
    say(f"{said}\n")
    print_table(
        ("case", *found.names, "first"),
        [(v.label, *map(percent, v.attainments), found.names[v.best]) for v in (found.given, *found.variants)],
    )
    print_remarks(found.reasons.items(), "- ")
