"""`recommend`: the placement to use, how many devices reach a target, what a lost node costs, what limits."""

from __future__ import annotations

import argparse
import sys

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import MAX_TIME_LIMIT_S, add_cluster, check_output, positive_number, whole_number
from planner.commands.plan import write_scenario
from planner.commands.report import print_json, say
from planner.executors.cluster import machines
from planner.scenario.file import load_scenario
from planner.what_if.recommend import (
    EVALUATIONS,
    TIME_LIMIT_S,
    PlanHeadway,
    Recommendation,
    found_section,
    planned,
    recommend,
)
from planner.what_if.recommend_words import sentences
from simulator import words
from simulator.schema import MAX_DEVICES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--target", default="0.99", metavar="T", help="SLO attainment, 0..1 (default 0.99)")
    parser.add_argument("--most-devices", metavar="N", help="the most to try (default 4 x the file's)")
    parser.add_argument("--time-limit", metavar="S", default=f"{TIME_LIMIT_S:g}",
                        help=f"seconds for each search (default {TIME_LIMIT_S:g})")  # fmt: skip
    parser.add_argument("--out", metavar="NEW.yaml", help="the scenario with the plan's devices and placement")
    add_cluster(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the plan and print it."""
    target = positive_number("--target", args.target, 1)
    time_limit_s = positive_number("--time-limit", args.time_limit, MAX_TIME_LIMIT_S)
    most = args.most_devices
    highest = None if most is None else whole_number("--most-devices", most, 1, MAX_DEVICES)
    check_output("--out", args.out)
    scenario = load_scenario(args.scenario)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        told: list[str] = []

        def on_progress(headway: PlanHeadway) -> bool:
            if headway.search is None and told[-1:] != [headway.phase]:
                told[:] = [headway.phase]
                say(headway.phase, sys.stderr)
            return not interrupt.requested

        plan = recommend(
            scenario, target, on_progress, search=found_section(EVALUATIONS, time_limit_s), highest=highest,
            executor=executor,
        )  # fmt: skip
    if args.json:
        said = [{"topic": s.topic, "text": words.typed(s.text), "known": s.is_known} for s in sentences(plan)]
        print_json({"scenario": scenario.name, **plan.to_json(), "sentences": said})
    else:
        print_plan(plan)
    if args.out is not None:
        write_scenario(planned(plan, scenario), args.out)
    return 0 if plan.complete else INTERRUPTED


def print_plan(plan: Recommendation) -> None:
    """One paragraph a topic."""
    if not plan.complete:
        say("Interrupted; what is missing says so.\n")
    for part in sentences(plan):
        say(f"{part.topic}: {part.text}")
