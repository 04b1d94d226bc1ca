"""`capacity`: fewest devices that reach a target, per algorithm."""

from __future__ import annotations

import argparse

from planner.commands.capacity_more import add_more_arguments, answer_more, more_document, print_more, read_more
from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import MAX_TIME_LIMIT_S, add_cluster, positive_number, whole_number
from planner.commands.report import PointLine, marked, percent, print_json, print_remarks, print_table, say
from planner.commands.simulate import print_unseen
from planner.executors.cluster import machines
from planner.scenario.file import load_scenario
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.what_if.capacity import Capacity, find_capacity
from planner.what_if.plan import CapacityPlan, whole_nodes
from simulator import InputError, words
from simulator.schema import MAX_DEVICES

_COLUMNS = ("algorithm", "devices", "deadlines met", "95 % interval", "USD/h", "headroom", "misses most",
            "worst device lost")  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.yaml")
    parser.add_argument("--target", default="0.99", metavar="T", help="SLO attainment, 0..1 (default 0.99)")
    parser.add_argument("--algorithm", metavar="A", nargs="+", help="these instead of the file's searches")
    parser.add_argument(
        "--devices", metavar="LOW-HIGH", default=None, help="range to try (default 1 to 4 x the file's)"
    )
    parser.add_argument("--step", default="1", metavar="N", help="step between numbers of devices (default 1)")
    parser.add_argument("--whole-nodes", action="store_true", help="devices come in nodes of devices_per_node only")
    parser.add_argument("--time-limit", metavar="S", default="2", help="seconds for each search (default 2)")
    parser.add_argument("--confident", action="store_true", help="the lower end of the 95 %% interval must reach it")
    add_more_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_cluster(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the numbers of devices and print them."""
    target = positive_number("--target", args.target, 1)
    time_limit_s = positive_number("--time-limit", args.time_limit, MAX_TIME_LIMIT_S)
    step = whole_number("--step", args.step, 1, MAX_DEVICES)
    if args.whole_nodes and args.step != "1":
        raise InputError(f"--step is '{args.step}' and --whole-nodes sets the step; leave one of them out.")
    asked = parse_range(args.devices) if args.devices is not None else None
    more = read_more(args)
    scenario = load_scenario(args.scenario)
    if scenario.generates:
        # Here, because what these models need takes long to load.
        from planner.commands import tokens

        return tokens.capacity(args, scenario, target, asked, time_limit_s)
    lowest, highest = asked or (1, min(4 * scenario.cluster.devices, MAX_DEVICES))
    if args.whole_nodes:
        lowest, step = whole_nodes(lowest, highest, scenario.cluster.devices_per_node)
    sections = search_sections(scenario, args.algorithm, time_limit_s)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        capacity = find_capacity(
            scenario, target, sections, lowest, highest, step, args.confident, PointLine(interrupt), executor
        )
        best = capacity.best.name
        answers = answer_more(
            more, scenario, sections, best, target, highest, step, args.confident, interrupt, executor
        )
    if capacity.complete and all(plan.outcome is None for plan in capacity.plans):
        raise InputError(" ".join(f"{plan.name}: {plan.reasons['slo_attainment']}" for plan in capacity.plans))
    if args.json:
        print_json(capacity.to_json() | more_document(more, answers, capacity, scenario.cluster))
    else:
        _print_plans(capacity)
        print_more(more, answers, capacity, scenario.cluster)
    return 0 if capacity.complete and answers.complete else INTERRUPTED


def parse_range(text: str) -> tuple[int, int]:
    """`8-64` as (8, 64), `8` as (8, 8); raises InputError."""
    low, dash, high = text.partition("-")
    numbers = (low, high if dash else low)
    if not all(number.strip().isdecimal() and 1 <= int(number) <= MAX_DEVICES for number in numbers):
        raise InputError(
            f"--devices is '{text}'; two whole numbers from 1 to {MAX_DEVICES}, such as 8-64, are allowed."
        )
    return int(numbers[0]), int(numbers[1])


def search_sections(
    scenario: Scenario, algorithms: list[str] | None, time_limit_s: float, default: str = "alpaserve"
) -> list[PlacementSection]:
    """One searched placement an algorithm, or those of the scenario, each with a time limit."""
    if algorithms is None:
        found = [(s, _limited(s.search, time_limit_s)) for s in scenario.placements if s.search is not None]
        if found:
            return [section.model_copy(update={"search": search}) for section, search in found]
        algorithms = [default]
    return [
        PlacementSection(name=a, search=SearchSection(algorithm=a, time_limit_s=time_limit_s))
        for a in dict.fromkeys(algorithms)
    ]


def _limited(search: SearchSection, time_limit_s: float) -> SearchSection:
    if search.time_limit_s is not None or search.max_evaluations is not None:
        return search
    return search.model_copy(update={"time_limit_s": time_limit_s})


def _print_plans(capacity: Capacity) -> None:
    if not capacity.complete:
        say("Interrupted; what is missing says so, and fewer devices may do.\n")
    rows = [_row(plan) for plan in capacity.plans]
    print_table(_COLUMNS, rows)
    print_remarks((f"{p.name}, {key}", reason) for p in capacity.plans for key, reason in _said(p))
    print_unseen(capacity.unseen, capacity.targets)


def _said(plan: CapacityPlan) -> list[tuple[str, str]]:
    """The reasons that the table needs: what follows from an answer that is not there goes without saying."""
    best = plan.best
    if plan.devices is not None or best is None:
        follows = ("slo_attainment", "headroom_rate_scale", "faults") if best is None else ()
        return [(key, reason) for key, reason in plan.reasons.items() if key not in follows]
    nearest = f"{plan.reasons['devices']} {best.devices} devices meet {percent(best.slo_attainment)}."
    return [("devices", nearest)]


def _row(plan: CapacityPlan) -> tuple:
    figures = plan.outcome.figures if plan.outcome else None
    worst = min((f.slo_attainment for f in plan.faults if f.what == "device"), default=None)
    devices = "-" if plan.devices is None else str(plan.devices) if plan.settled else f"<= {plan.devices}"
    return (
        plan.name,
        devices,
        marked(percent(figures.total.slo_attainment if figures else None), plan.outcome and plan.outcome.remark),
        words.interval(*figures.interval) if figures else "-",
        "-" if plan.usd_per_hour is None else words.fixed(plan.usd_per_hour, 2),
        "-" if plan.headroom is None else f"{words.number(plan.headroom)} x",
        plan.limiting_model[0] if plan.limiting_model else "-",
        percent(worst),
    )
