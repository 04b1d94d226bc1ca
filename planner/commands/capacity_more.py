"""What `capacity` answers beside the number of devices: more traffic and its dates."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from planner.commands.interrupt import Interrupt
from planner.commands.options import positive_number, whole_number
from planner.commands.report import PointLine
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.growth import MOST_TIMES, find_growth
from planner.what_if.growth_words import dates, growth_sentences
from simulator import words
from simulator.schema import MAX_DEVICES

MAX_GROWTH_PERCENT = 1_000.0
# Of what is asked about where only the growth is given.
FIRST_TIMES = 2.0


@dataclass(frozen=True)
class More:
    """Options; times, percent_per_month: None where nothing was asked about growth.
    present: devices that are there, None for the file's."""

    times: float | None
    percent_per_month: float | None
    present: int | None


@dataclass(frozen=True)
class MoreAnswers:
    """Keys to add to the document, what is printed, and whether all was done."""

    document: dict
    sentences: tuple[str, ...]
    complete: bool


def add_more_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--times", metavar="X", help="devices for X times the traffic, and what today's devices bear")
    parser.add_argument("--growth", metavar="PCT", help="per cent a month: the day on which today's devices stop "
                        "sufficing")  # fmt: skip
    parser.add_argument("--present", metavar="N", help="today's devices for --times and --growth (default the file's)")


def read_more(args: argparse.Namespace) -> More:
    """The options, checked; raises InputError."""
    times = None if args.times is None else positive_number("--times", args.times, MOST_TIMES)
    percent = None if args.growth is None else positive_number("--growth", args.growth, MAX_GROWTH_PERCENT)
    present = None if args.present is None else whole_number("--present", args.present, 1, MAX_DEVICES)
    return More(times, percent, present)


def answer_more(
    more: More, scenario: Scenario, sections: Sequence[PlacementSection], name: str, target: float, step: int,
    confident: bool, interrupt: Interrupt,
) -> MoreAnswers:  # fmt: skip
    """What was asked for, of the placement section of that name."""
    document: dict = {}
    said: list[str] = []
    complete = True
    section = next(section for section in sections if section.name == name)
    if more.times is not None or more.percent_per_month is not None:
        growth = find_growth(
            scenario, target, section, more.times or FIRST_TIMES, more.present, step=step,
            confident=confident, on_progress=PointLine(interrupt),
        )  # fmt: skip
        percent, today = more.percent_per_month, datetime.date.today()
        parts = growth_sentences(growth, percent or 0.0, today, scenario.cluster.usd_per_device_hour)
        sentences = [part.text for part in (parts[:-1] if percent is None else parts)]
        document["growth"] = growth.to_json() | {"sentences": [words.typed(text) for text in sentences]}
        if percent is not None:
            document["growth"] |= {"percent_per_month": percent, **dates(growth, percent, today).to_json()}
        said += sentences
        complete = growth.complete
    return MoreAnswers(document, tuple(said), complete)
