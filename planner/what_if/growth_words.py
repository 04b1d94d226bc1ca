"""What more traffic asks for, in sentences: what the devices bear, what more traffic takes, and from which day on."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from planner.what_if.growth import Growth
from planner.what_if.sentences import Sentences
from planner.what_if.unseen import Unseen
from planner.what_if.unseen_words import held_out_lines
from simulator import words

DAYS_A_MONTH = 365.25 / 12
# Nobody plans for later; the date would say nothing.
MOST_YEARS = 50


@dataclass(frozen=True)
class Dates:
    """Days at a steady growth; None where the traffic is not known or is not reached within MOST_YEARS.

    lasts: the last one on which the devices are known to reach the target; short: the first on which they are known
    not to. grown: the first with the multiple of the traffic that was asked about.
    """

    lasts: datetime.date | None
    short: datetime.date | None
    grown: datetime.date | None

    def to_json(self) -> dict:
        """By name, as ISO dates."""
        named = {"lasts_until": self.lasts, "short_from": self.short, "grown_on": self.grown}
        return {name: None if day is None else day.isoformat() for name, day in named.items()}


def dates(growth: Growth, percent: float, today: datetime.date) -> Dates:
    """The days on which the traffic passes the multiples that are known.

    percent: growth a month, compounded; the scenario's traffic is that of `today`.
    """
    fails_today = growth.fails is not None and growth.fails <= 1
    return Dates(
        _day_with(growth.bears, percent, today, math.floor),
        today if fails_today else _day_with(growth.fails, percent, today, math.ceil),
        _day_with(growth.times, percent, today, math.ceil),
    )


def _day_with(factor: float | None, percent: float, today: datetime.date, whole) -> datetime.date | None:
    if factor is None or factor < 1 or percent <= 0:
        return None
    days = DAYS_A_MONTH * math.log(factor) / math.log1p(percent / 100)
    return None if days > 365.25 * MOST_YEARS else today + datetime.timedelta(days=whole(days))


def growth_sentences(
    growth: Growth, percent: float, today: datetime.date, usd_per_device_hour: float = 0.0
) -> tuple[Sentences, ...]:
    """What the devices bear, what the multiple that was asked about takes, and the dates at a growth a month."""
    return (
        Sentences("Today's devices", borne_sentence(growth), bool(growth.tried)),
        Sentences("More traffic", needed_sentence(growth, usd_per_device_hour), growth.needed is not None),
        Sentences("Growth", date_sentence(growth, percent, today), bool(growth.tried) and percent > 0),
    )


def borne_sentence(growth: Growth) -> str:
    """Up to which traffic the devices suffice, and what is met where they stop."""
    devices, goal = words.plural(growth.devices, "device"), words.goal(growth.target)
    if not growth.tried:
        return f"How much traffic {devices} bear is not known: {growth.reasons['bears']}"
    if growth.bears is None:
        least = growth.tried[0]
        traffic = "today's traffic" if least.rate_scale == 1 else f"{words.times(least.rate_scale)} today's traffic"
        return f"{devices} do not reach {goal} even with {traffic}. {growth.reasons['bears']}"
    if growth.fails is None:
        return f"{devices} still reach {goal} at {words.times(growth.bears)} the traffic. {growth.reasons['fails']}"
    if growth.fails <= 1:
        today = growth.at(1.0)
        met = f": {words.share(today.slo_attainment)}" if today and today.slo_attainment is not None else ""
        return (
            f"{devices} do not reach {goal} with today's traffic{met}; "
            f"with {words.times(growth.bears)} today's traffic they do, "
            f"with {words.times(growth.fails)} no longer."
        )
    said = f"{devices} stop sufficing at {words.times(growth.fails)} the traffic"
    return f"{said}: at {words.times(growth.bears)} they still reach {goal}, then {_why_not(growth)}."


def _why_not(growth: Growth) -> str:
    failed = growth.at(growth.fails)
    if failed is not None and failed.excluded:
        return "no placement can"
    if failed is None or failed.slo_attainment is None:
        return "none was found that does"
    met = words.share(failed.slo_attainment)
    if failed.slo_attainment < growth.target:
        # A figure that reads as the target would contradict the sentence.
        nearly = failed.slo_attainment >= growth.target - 0.0005
        return f"the best that was found meets {'just less' if nearly else met}"
    said = f"the best that was found meets {met}"
    # What is missed then is said: a target of single models, or the lower end of the interval.
    why = (failed.reason or "its 95 % interval begins below the target").rstrip(".")
    return f"{said}, but {why[0].lower()}{why[1:]}"


def needed_sentence(growth: Growth, usd_per_device_hour: float = 0.0) -> str:
    """How many devices the multiple of the traffic takes, and what they cost."""
    traffic = f"{words.times(growth.times).capitalize()} the traffic"
    goal, needed = words.goal(growth.target), growth.needed
    if needed is None:
        return f"{traffic} needs a number of devices that is not known: {growth.reasons['needed']}"
    if needed.devices is None:
        return f"{traffic} reaches {goal} with no number of devices that was tried: {needed.reason}"
    most = "" if needed.settled else "at most "
    price = f" for {words.usd_per_hour(needed.devices * usd_per_device_hour)}" if usd_per_device_hour else ""
    more = needed.devices - growth.devices
    against = f", {words.count(more)} more than the {words.count(growth.devices)}" if more > 0 else ""
    return f"{traffic} needs {most}{words.plural(needed.devices, 'device')}{price} for {goal}{against}."


def growth_unseen_lines(growth: Growth) -> list[str]:
    """What the placements for more traffic meet on as much traffic that was not planned for, or why that is absent."""
    lines: dict[str, None] = {}
    for held in growth.unseen.values():
        targets = {score.name: growth.target for score in held.scores} if isinstance(held, Unseen) else {}
        lines |= dict.fromkeys(held_out_lines(held, targets))
    return list(lines)


def date_sentence(growth: Growth, percent: float, today: datetime.date) -> str:
    """From which day on the devices no longer reach the target, and when the multiple of the traffic is there."""
    devices, goal = words.plural(growth.devices, "device"), words.goal(growth.target)
    if percent <= 0:
        return "Without growth there is no such day; give the growth a month."
    steady = f"At {words.number(percent)}{words.SPACE}% more a month, from {words.day(today)} on,"
    found = dates(growth, percent, today)
    if found.short == today:
        return f"{steady} there is no day on which {devices} reach {goal}: they do not today.{_grown(growth, found)}"
    if found.short is not None:
        known = f" They are known to until {words.day(found.lasts)}." if found.lasts else ""
        return (
            f"{steady} {devices} no longer reach {goal} from {words.day(found.short)} on.{known}{_grown(growth, found)}"
        )
    if found.lasts is not None:
        return f"{steady} {devices} reach {goal} until {words.day(found.lasts)} at least.{_grown(growth, found)}"
    if growth.bears is None:
        return f"{steady} the day is not known: {growth.reasons.get('bears', '')}".rstrip()
    return f"{steady} {devices} reach {goal} for {MOST_YEARS} years at least."


def _grown(growth: Growth, found: Dates) -> str:
    if found.grown is None or growth.times <= 1:
        return ""
    return f" {words.times(growth.times).capitalize()} the traffic is there on {words.day(found.grown)}."
