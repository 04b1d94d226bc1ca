"""What `capacity` answers beside the number of devices: more traffic, what bears a loss, what it costs."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from planner.commands.interrupt import Interrupt
from planner.commands.options import positive_number, whole_number
from planner.commands.report import PointLine, print_table, say
from planner.scenario.schema import OTHER_PRICES, ClusterSection, PlacementSection, Scenario
from planner.what_if.capacity import Capacity
from planner.what_if.growth import MOST_TIMES, Growth, find_growth
from planner.what_if.growth_words import dates, growth_sentences, growth_unseen_lines
from planner.what_if.prices import TARIFFS, Answer, answers_of, costs_json, spot_sentence
from planner.what_if.spare import KINDS, SparePlan, find_spares
from planner.what_if.spare_words import spare_sentence, spare_unseen_lines
from simulator import InputError, words
from simulator.schema import MAX_DEVICES

MAX_GROWTH_PERCENT = 1_000.0
# Of what is asked about where only the growth is given.
FIRST_TIMES = 2.0


@dataclass(frozen=True)
class More:
    """Options; times, percent_per_month: None where nothing was asked about growth.

    present: devices that are there, None for the file's. kinds: of losses to bear.
    """

    times: float | None
    percent_per_month: float | None
    present: int | None
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class MoreAnswers:
    """What was asked for beside the numbers of devices; growth: None where it was not asked about."""

    growth: Growth | None
    spares: tuple[SparePlan, ...]

    @property
    def complete(self) -> bool:
        return (self.growth is None or self.growth.complete) and all(spare.settled for spare in self.spares)


def add_more_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--times", metavar="X", help="devices for X times the traffic, and what today's devices bear")
    parser.add_argument("--growth", metavar="PCT", help="per cent a month: the day on which today's devices stop "
                        "sufficing")  # fmt: skip
    parser.add_argument("--present", metavar="N", help="today's devices for --times and --growth (default the file's)")
    parser.add_argument("--spare", metavar="WHAT", nargs="+", default=[],
                        help=f"devices that keep the target after any one {' or '.join(KINDS)} is lost")  # fmt: skip


def read_more(args: argparse.Namespace) -> More:
    """The options, checked; raises InputError."""
    times = None if args.times is None else positive_number("--times", args.times, MOST_TIMES)
    percent = None if args.growth is None else positive_number("--growth", args.growth, MAX_GROWTH_PERCENT)
    present = None if args.present is None else whole_number("--present", args.present, 1, MAX_DEVICES)
    for what in args.spare:
        if what not in KINDS:
            raise InputError(f"--spare is '{what}'; {' and '.join(KINDS)} are allowed.")
    return More(times, percent, present, tuple(dict.fromkeys(args.spare)))


def answer_more(
    more: More, scenario: Scenario, sections: Sequence[PlacementSection], name: str, target: float, highest: int,
    step: int, confident: bool, interrupt: Interrupt,
    executor: Executor | None,
) -> MoreAnswers:  # fmt: skip
    """Growth of the placement section of that name, and losses of the best of all."""
    line, growth = PointLine(interrupt), None
    if more.times is not None or more.percent_per_month is not None:
        section = next(section for section in sections if section.name == name)
        growth = find_growth(
            scenario, target, section, more.times or FIRST_TIMES, more.present, step=step, confident=confident,
            on_progress=line, executor=executor,
        )  # fmt: skip
    spares: tuple[SparePlan, ...] = ()
    if more.kinds:
        spares = find_spares(scenario, target, sections, more.kinds, highest, step, confident, line, executor)
    return MoreAnswers(growth, spares)


def more_document(more: More, answers: MoreAnswers, capacity: Capacity, cluster: ClusterSection) -> dict:
    """Keys to add to the document."""
    document: dict = {"costs": costs_json(answers_of(capacity, answers.growth, answers.spares), cluster)}
    return document | answers_document(more, answers, cluster)


def answers_document(more: More, answers: MoreAnswers, cluster: ClusterSection) -> dict:
    """Growth and spare devices, each where it was asked for."""
    document: dict = {}
    if answers.growth is not None:
        said = [words.typed(text) for text in _growth_lines(more, answers.growth, cluster)]
        document["growth"] = answers.growth.to_json() | {"sentences": said}
        if more.percent_per_month is not None:
            found = dates(answers.growth, more.percent_per_month, datetime.date.today())
            document["growth"] |= {"percent_per_month": more.percent_per_month, **found.to_json()}
    if answers.spares:
        document["spare"] = {
            spare.what: spare.to_json() | {"sentence": words.typed(spare_sentence(spare, cluster.usd_per_device_hour))}
            for spare in answers.spares
        }
    return document


def print_more(more: More, answers: MoreAnswers, capacity: Capacity, cluster: ClusterSection) -> None:
    """The sentences, and what the answers cost where there is more than one of them or more than one price."""
    for line in answer_lines(more, answers, cluster):
        say(f"\n{line}")
    if answers.growth or answers.spares or any(getattr(cluster, name) for name in OTHER_PRICES):
        _print_costs(answers_of(capacity, answers.growth, answers.spares), cluster)
    node = next((spare for spare in answers.spares if spare.what == "node"), None)
    if risk := spot_sentence(cluster, node):
        say(f"\n{risk}")


def answer_lines(more: More, answers: MoreAnswers, cluster: ClusterSection) -> list[str]:
    """Growth and spare devices in sentences, each with what is met on traffic that was not planned for."""
    lines = [] if answers.growth is None else _growth_lines(more, answers.growth, cluster)
    lines += [] if answers.growth is None else growth_unseen_lines(answers.growth)
    for spare in answers.spares:
        lines += [spare_sentence(spare, cluster.usd_per_device_hour), *spare_unseen_lines(spare)]
    return list(dict.fromkeys(lines))


def _growth_lines(more: More, growth: Growth, cluster: ClusterSection) -> list[str]:
    percent = more.percent_per_month
    parts = growth_sentences(growth, percent or 0.0, datetime.date.today(), cluster.usd_per_device_hour)
    return [part.text for part in (parts if percent is not None else parts[:-1])]


def _print_costs(answers: Sequence[Answer], cluster: ClusterSection) -> None:
    rows = costs_json(answers, cluster)
    tariffs = [tariff for tariff in TARIFFS if any(tariff in (row["usd_per_hour"] or {}) for row in rows)]
    if not tariffs:
        return
    say()
    header = [f"{TARIFFS[tariff]}, USD/{unit}" for tariff in tariffs for unit in ("h", "month")]
    print_table(
        ("what it costs", "devices", *header),
        [
            (
                row["question"],
                "-" if row["devices"] is None else str(row["devices"]),
                *("-" if row["devices"] is None else words.fixed(row[key][tariff], digits)
                  for tariff in tariffs for key, digits in (("usd_per_hour", 2), ("usd_per_month", 0))),
            )
            for row in rows
        ],
    )  # fmt: skip
