"""simulate, plan, capacity and sweep for scenarios with models that generate token by token."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd

from planner.commands.capacity_more import FIRST_TIMES, More, MoreAnswers, answer_lines, answers_document, read_more
from planner.commands.interrupt import INTERRUPTED, Interrupt
from planner.commands.options import whole_file
from planner.commands.report import (
    PointLine,
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
from planner.commands.simulate import print_unseen
from planner.executors.cluster import machines
from planner.generation.compare import TokenComparison, TokenOutcome, compare, never_run
from planner.generation.figures import QUANTITIES
from planner.generation.growth import find_token_growth
from planner.generation.inputs import build_token_inputs
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.search import TITLES
from planner.generation.spare import find_token_spares
from planner.generation.unseen import NOT_OF_SWEEPS, hold_out_tokens
from planner.generation.what_if import TokenCapacity, TokenPoint, find_token_capacity, sweep_tokens
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.spare import SparePlan
from planner.what_if.unseen import HeldOut, reason_json, with_unseen
from planner.what_if.unseen_words import held_out_lines
from simulator import InputError, words
from simulator.generation import GenerationFigures
from simulator.schema import MAX_DEVICES

ALGORITHM = "refine"


def simulate(args: argparse.Namespace, scenario: Scenario) -> int:
    """Simulate, print, and write the requests where asked."""
    comparison, held = _compared(scenario, args.placement, args.cluster)
    if args.json:
        print_json(with_unseen(comparison.to_json(), held))
    else:
        _print_comparison(comparison)
        print_unseen(held)
    if args.requests is not None and comparison.complete:
        _write_requests(comparison, args.requests)
    elif args.requests is not None:
        print_notices([f"Interrupted, so '{args.requests}' was not written."])
    return 0 if comparison.complete else INTERRUPTED


def plan(args: argparse.Namespace, wanted: Scenario, scenario: Scenario) -> int:
    """Search, simulate, print, and write the new scenario where asked."""
    from planner.commands.plan import with_found, write_scenario

    comparison, held = _compared(wanted, None, args.cluster)
    if args.json:
        print_json(with_unseen(comparison.to_json(), held))
    else:
        _print_comparison(comparison)
        print_unseen(held)
    if args.out is not None:
        found = {outcome.name: outcome.placement for outcome in comparison.outcomes}
        write_scenario(with_found(scenario, found), args.out)
    return 0 if comparison.complete else INTERRUPTED


def _compared(scenario: Scenario, only: str | None, address: str | None) -> tuple[TokenComparison, HeldOut]:
    inputs = build_token_inputs(scenario)
    print_notices(inputs.notices)
    with Interrupt() as interrupt, machines(address) as executor:
        comparison = compare(scenario, ProgressLine(interrupt), only, inputs, executor)
        held = hold_out_tokens(comparison, lambda _: not interrupt.requested, executor=executor)
    for outcome in comparison.outcomes:
        print_notices(outcome.search.notes if outcome.search else ())
    if comparison.complete and not comparison.outcomes:
        raise InputError(" ".join(f"{missing.name}: {missing.reason}" for missing in comparison.missing))
    return comparison, held


def capacity(
    args: argparse.Namespace, scenario: Scenario, target: float, asked: tuple[int, int] | None, time_limit_s: float
) -> int:
    """Fewest devices of each search, and what was asked beside: more traffic, what bears a loss."""
    from planner.commands.capacity import search_sections

    lowest, highest = asked or (1, min(4 * scenario.cluster.devices, MAX_DEVICES))
    if not 1 <= lowest <= highest:
        raise InputError(f"--devices is '{lowest}-{highest}'; the first number must not be larger than the second.")
    unknown = {"--confident": args.confident, "--step": args.step != "1", "--whole-nodes": args.whole_nodes}
    option = next((name for name, is_given in unknown.items() if is_given), None)
    if option is not None:
        raise InputError(f"{option} is not known for generating models; leave it out.")
    sections = search_sections(scenario, args.algorithm or _own_algorithms(scenario), time_limit_s, ALGORITHM)
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        line = PointLine(interrupt)
        found = find_token_capacity(scenario, target, sections, lowest, highest, line, executor=executor)
        answers = _answer_more(read_more(args), scenario, target, sections, found, highest, interrupt, executor)
    complete = all(one.complete for one in found) and answers.complete
    if args.json:
        plans = [one.to_json() for one in found]
        print_json({"scenario": scenario.name, "target": target, "complete": complete, "plans": plans,
                    **answers_document(read_more(args), answers, scenario.cluster),
                    "not_modelled": NOT_MODELLED})  # fmt: skip
        return 0 if complete else INTERRUPTED
    rows = []
    for one in found:
        outcome = one.best and one.best.outcome
        if outcome is None:
            rows.append((one.name, "-", "-", "-"))
        else:
            met = percent(outcome.slo_attainment)
            rows.append((one.name, str(one.devices), met, outcome.groups_in_words))
    print_table(("algorithm", "devices", "deadlines met", "groups"), rows)
    print_remarks(((one.name, one.reason or one.remark) for one in found), "- ")
    for line in dict.fromkeys(line for one in found for line in held_out_lines(one.unseen, {one.name: target})):
        say(f"\n{line}")
    for line in answer_lines(read_more(args), answers, scenario.cluster):
        say(f"\n{line}")
    say(f"\n{NOT_MODELLED}")
    return 0 if complete else INTERRUPTED


def _answer_more(
    more: More, scenario: Scenario, target: float, sections: Sequence[PlacementSection],
    found: Sequence[TokenCapacity], highest: int, interrupt: Interrupt,
    executor: Executor | None,
) -> MoreAnswers:  # fmt: skip
    """Growth of the search that takes fewest devices, and losses of the best of all."""
    line = PointLine(interrupt)
    best = min(found, key=lambda one: (one.devices is None, one.devices or 0))
    growth = None
    if more.times is not None or more.percent_per_month is not None:
        section = next(section for section in sections if section.name == best.name)
        times = more.times or FIRST_TIMES
        growth = find_token_growth(
            scenario, target, section, times, more.present, on_progress=line, executor=executor
        )  # fmt: skip
    spares: tuple[SparePlan, ...] = ()
    if more.kinds:
        lowest = best.devices or 1
        spares = find_token_spares(
            scenario, target, sections, more.kinds, lowest, highest, line, executor=executor
        )  # fmt: skip
    return MoreAnswers(growth, spares)


def _own_algorithms(scenario: Scenario) -> list[str] | None:
    return None if any(section.search is not None for section in scenario.placements) else list(TITLES)


def sweep(
    args: argparse.Namespace, scenario: Scenario, axes: Sequence[tuple], target: float, time_limit_s: float
) -> int:
    """Attainment of every placement while one or two things vary."""
    from planner.commands.capacity import search_sections

    searched = args.algorithm is not None or any(s.search is not None for s in scenario.placements)
    sections = search_sections(scenario, args.algorithm, time_limit_s) if searched else []
    if args.algorithm is None:
        sections += [section for section in scenario.placements if section.search is None]
    with Interrupt() as interrupt, machines(args.cluster) as executor:
        points, complete = sweep_tokens(scenario, axes, sections, PointLine(interrupt), executor=executor)
    reason = NOT_OF_SWEEPS if searched else None
    if args.json:
        print_json({"scenario": scenario.name, "target": target, "complete": complete,
                    "points": [point.to_json() for point in points], **reason_json(reason),
                    "not_modelled": NOT_MODELLED})  # fmt: skip
    else:
        _print_sweep(points, [axis for axis, _ in axes], sections)
        print_unseen(reason)
    return 0 if complete else INTERRUPTED


def _print_sweep(points: Sequence[TokenPoint], axes: Sequence[str], sections: Sequence[PlacementSection]) -> None:
    cells: dict[tuple, dict[str, str]] = {}
    for point in points:
        cells.setdefault(point.values, {})[point.name] = percent(point.slo_attainment)
    names = [section.name for section in sections]
    print_table(
        (" ".join(axes), *names),
        [(" ".join(f"{v:g}" for _, v in values), *(row.get(n, "-") for n in names)) for values, row in cells.items()],
    )
    print_remarks(((point.name, point.reason) for point in points), "- ")
    say(f"\n{NOT_MODELLED}")


def _print_comparison(comparison: TokenComparison) -> None:
    rows = []
    for outcome in comparison.outcomes:
        rows.append(_row(outcome.name, outcome.figures.total, marked(percent(outcome.slo_attainment), outcome.remark)))
        if len(outcome.figures.models) > 1:
            rows += [_row(f"  {name}", f, percent(f.attainment["all"])) for name, f in outcome.figures.models.items()]
    rows += [(missing.name, *["-"] * 11) for missing in comparison.missing]
    print_table(
        ("placement", "deadlines met", *(f"{name.upper()} met" for name in QUANTITIES[:3]), "requests", "TTFT p50",
         "TTFT p99", "TPOT p50", "TPOT p99", "tokens/s", "preempted"),
        rows,
    )  # fmt: skip
    print_remarks((outcome.name, outcome.remark) for outcome in comparison.outcomes)
    print_remarks(((missing.name, missing.reason) for missing in comparison.missing), "- ")
    print_remarks(((outcome.name, never_run(outcome, comparison.inputs)) for outcome in comparison.outcomes), "- ")
    say()
    print_table(
        ("placement", "groups", "devices", "goodput", "too long", "unplaced", "rejected", "USD/M tokens"),
        [_second_row(outcome) for outcome in comparison.outcomes],
    )
    fixed = [(o.name, o.fixed_figures.total) for o in comparison.outcomes if o.fixed_figures is not None]
    if fixed:
        say("\nModels with fixed latencies")
        print_table(
            ("placement", "deadlines met", "requests", "mean", "p99"),
            [(name, percent(f.slo_attainment), words.count(f.requests), seconds(f.latency_s.mean),
              seconds(f.latency_s.p99)) for name, f in fixed],
        )  # fmt: skip
    say("\nEngines")
    print_table(
        ("engine", "placement", "model", "tp", "requests", "blocks", "busy", "cache mean", "cache peak", "preempted"),
        [(str(e.engine), o.name, " ".join(filter(None, (e.model, e.role))), str(e.tp),
          words.count(e.requests), words.count(e.kv_blocks),
          percent(e.busy), percent(e.mean_cache), percent(e.peak_cache), words.count(e.preemptions))
         for o in comparison.outcomes for e in o.figures.engines],
    )  # fmt: skip
    say(f"\n{NOT_MODELLED}")


def _row(name: str, figures: GenerationFigures, met: str) -> tuple[str, ...]:
    ttft, tpot = figures.ttft_s, figures.tpot_s
    spread = [seconds(s and getattr(s, key)) for s in (ttft, tpot) for key in ("p50", "p99")]
    rate = "-" if figures.output_tokens_per_s is None else words.count(figures.output_tokens_per_s)
    return (
        name, met, *(percent(figures.attainment.get(q)) for q in QUANTITIES[:3]), words.count(figures.requests),
        *spread, rate, words.count(figures.preemptions),
    )  # fmt: skip


def _second_row(outcome: TokenOutcome) -> tuple[str, ...]:
    figures = outcome.figures
    cost, goodput = figures.usd_per_million_tokens, figures.total.goodput_per_s
    return (
        outcome.name, outcome.groups_in_words, str(figures.devices), "-" if goodput is None else words.rate(goodput),
        words.count(figures.total.too_long), words.count(figures.total.unplaced),
        words.count(figures.total.rejected),
        "-" if cost is None else words.fixed(cost, 2),
    )  # fmt: skip


def _write_requests(comparison: TokenComparison, path: str | Path) -> None:
    """One row a request of a generating model and placement; the file appears when it is whole."""
    with whole_file("--requests", path) as unfinished:
        table = pd.concat((f for o in comparison.outcomes for f in o.request_frames()), ignore_index=True)
        if Path(path).suffix == ".parquet":
            table.to_parquet(unfinished, index=False)
        else:
            table.to_csv(unfinished, index=False)
