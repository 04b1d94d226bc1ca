"""`capacity`: fewest devices that reach a target, per algorithm."""

from __future__ import annotations

import argparse
import sys

from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.report import percent, print_json, print_table
from planner.scenario.file import load_scenario
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.what_if.capacity import Capacity, CapacityPlan, find_capacity
from simulator import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("capacity", help="fewest devices that reach a target, per algorithm")
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--target", type=float, default=0.99, help="SLO attainment, 0..1 (default 0.99)")
    parser.add_argument("--algorithm", metavar="A", nargs="+", help="these instead of the file's searches")
    parser.add_argument(
        "--devices", metavar="LOW-HIGH", default=None, help="range to try (default 1 to 4 x the file's)"
    )
    parser.add_argument("--step", type=int, default=1, help="step between numbers of devices (default 1)")
    parser.add_argument(
        "--time-limit", type=float, metavar="S", default=2.0, help="seconds for each search (default 2)"
    )
    parser.add_argument("--confident", action="store_true", help="the lower end of the 95 %% interval must reach it")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the numbers of devices and print them."""
    scenario = load_scenario(args.scenario)
    lowest, highest = parse_range(args.devices) if args.devices else (1, 4 * scenario.cluster.devices)
    sections = search_sections(scenario, args.algorithm, args.time_limit)
    with Interrupt() as interrupt:

        def report(done: int, total: int, what: str) -> bool:
            print(what, file=sys.stderr)
            return not interrupt.requested

        capacity = find_capacity(
            scenario, args.target, sections, lowest, min(highest, 4096), args.step, args.confident, report
        )
    if args.json:
        print_json(capacity.to_json())
    else:
        _print_plans(capacity)
    return 0 if capacity.complete else INTERRUPTED


def parse_range(text: str) -> tuple[int, int]:
    """`8-64` as (8, 64); raises InputError."""
    low, _, high = text.partition("-")
    try:
        return int(low), int(high or low)
    except ValueError:
        raise InputError(f"--devices is '{text}'; two whole numbers such as 8-64 are allowed.") from None


def search_sections(scenario: Scenario, algorithms: list[str] | None, time_limit_s: float) -> list[PlacementSection]:
    """One searched placement an algorithm, or those of the scenario, each with a time limit."""
    if algorithms is None:
        found = [s for s in scenario.placements if s.search is not None]
        if found:
            return [s.model_copy(update={"search": _limited(s.search, time_limit_s)}) for s in found]
        algorithms = ["alpaserve"]
    return [PlacementSection(name=a, search=SearchSection(algorithm=a, time_limit_s=time_limit_s)) for a in algorithms]


def _limited(search: SearchSection, time_limit_s: float) -> SearchSection:
    if search.time_limit_s is not None or search.max_evaluations is not None:
        return search
    return search.model_copy(update={"time_limit_s": time_limit_s})


def _print_plans(capacity: Capacity) -> None:
    rows = [_row(plan) for plan in capacity.plans]
    print_table(
        ("algorithm", "devices", "deadlines met", "+-", "USD/h", "headroom", "misses most", "worst device lost"), rows
    )
    for plan in capacity.plans:
        if plan.devices is None:
            print(f"\n{plan.name} does not reach {percent(plan.target)}: {_best(plan)}")


def _row(plan: CapacityPlan) -> tuple:
    figures = plan.outcome.figures if plan.outcome else None
    worst = min((f.slo_attainment for f in plan.faults if f.what == "device"), default=None)
    return (
        plan.name,
        plan.devices if plan.devices else "-",
        percent(figures.total.slo_attainment if figures else None),
        percent(figures.half_width if figures else None),
        f"{plan.usd_per_hour:.2f}" if plan.usd_per_hour else "-",
        f"{plan.headroom:.2f} x" if plan.headroom else "-",
        plan.limiting_model[0] if plan.limiting_model else "-",
        percent(worst),
    )


def _best(plan: CapacityPlan) -> str:
    reasons = [tried.reason for tried in plan.tried if tried.reason]
    best = max(plan.tried, key=lambda t: t.slo_attainment)
    if best.reason or (reasons and best.slo_attainment == 0):
        return reasons[-1]
    return f"{best.devices} devices meet {percent(best.slo_attainment)}."
