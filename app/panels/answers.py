"""The answers that a visitor has beside his comparison, for the report: each as its page says it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import Any

from app.background.slots import slot_of
from app.look import words
from app.panels import capacity, capacity_growth, capacity_spare, generation_capacity, generation_growth
from app.panels.recommend import recommendation_key
from app.report.answers import AnswerInReport
from app.state import advice
from app.state.answer import Answer, AnyAnswer, TokenAnswer
from app.state.session import Session
from planner.generation.what_if import TokenCapacity
from planner.scenario.schema import Scenario
from planner.what_if.capacity import Capacity
from planner.what_if.growth import Growth
from planner.what_if.growth_words import growth_sentences, growth_unseen_lines
from planner.what_if.recommend import Recommendation
from planner.what_if.recommend_words import sentences
from planner.what_if.sentences import Sentences
from planner.what_if.spare import SparePlan
from planner.what_if.spare_words import spare_sentence, spare_unseen_lines
from planner.what_if.unseen_words import held_out_lines

PLAN, DEVICES, GROWTH, LOSS = "Recommended plan", "Number of devices", "When traffic grows", "When something is lost"
_EARLIER = "Was answered for other settings than those of this report, so it is left out."
_STOPPED = "stopped before its end"


def answers_in_report(session: Session, answer: AnyAnswer) -> tuple[AnswerInReport, ...]:
    """One entry a question, in the order in which they are asked; what has no answer says why."""
    generates = isinstance(answer, TokenAnswer)
    areas = generation_capacity.CAPACITY, generation_growth.GROWTH, generation_growth.SPARE
    devices, growth, loss = areas if generates else (capacity.AREA, capacity_growth.AREA, capacity_spare.AREA)
    say_devices = _tokens_need if generates else _devices_need
    return (
        *([_plan(session, answer)] if isinstance(answer, Answer) else []),
        _asked(session, devices, DEVICES, "Find the number of devices", say_devices),
        _asked(session, growth, GROWTH, "Let traffic grow", lambda found, of: _grows(session, found, of)),
        _asked(session, loss, LOSS, "Find the devices that bear it", _loses),
    )


def _plan(session: Session, answer: Answer) -> AnswerInReport:
    slot = slot_of(session, advice.AREA)
    working = slot.job is not None and slot.is_working
    found: Recommendation | None = slot.result
    key = slot.result_key
    if working and slot.job is not None and slot.job.partial is not None:
        found, key = slot.job.partial, slot.job.key
    if found is None:
        return AnswerInReport(PLAN, reason="Not asked for: Recommend a plan, on the page Plan.")
    if key != recommendation_key(answer, found.target):
        return AnswerInReport(PLAN, reason=_EARLIER)
    state = "" if found.complete else f" · {'not finished when this was made' if working else _STOPPED}"
    return AnswerInReport(PLAN, f"Target {words.goal(found.target)} of deadlines{state}", sentences(found))


def _asked(
    session: Session, area: str, title: str, button: str,
    say: Callable[[Any, Scenario], tuple[str, tuple[Sentences, ...]]],
) -> AnswerInReport:  # fmt: skip
    slot = slot_of(session, area)
    if slot.result is None:
        state = "Not finished when this was made" if slot.is_working else "Not asked for"
        return AnswerInReport(title, reason=f"{state}: {button}, on the page Capacity.")
    found, scenario = slot.result[:2]
    if _what_counts(scenario) != _what_counts(session.scenario):
        return AnswerInReport(title, reason=_EARLIER)
    return AnswerInReport(title, *say(found, scenario))


def _what_counts(scenario: Scenario) -> dict:
    return scenario.model_dump(mode="json", exclude={"placements", "name"})


def _settings(target: float, *more: str, complete: bool = True) -> str:
    return " · ".join([f"Target {words.goal(target)} of deadlines", *more, *([] if complete else [_STOPPED])])


def _devices_need(found: Capacity, _: Scenario) -> tuple[str, tuple[Sentences, ...]]:
    tried = sorted({tried.devices for plan in found.plans for tried in plan.tried})
    said = [Sentences("Devices", capacity.sentence_of(list(found.plans)), found.best.devices is not None)]
    said += _unseen(held_out_lines(found.unseen, found.targets))
    placed = f"placed by {words.join([plan.name for plan in found.plans])}"
    return _settings(found.best.target, placed, *_range(tried), complete=found.complete), tuple(said)


def _tokens_need(found: list[TokenCapacity], scenario: Scenario) -> tuple[str, tuple[Sentences, ...]]:
    tried = sorted({int(dict(point.values)["devices"]) for one in found for point in one.tried})
    known = any(one.devices is not None for one in found)
    placed = f"placed by {words.join([one.name for one in found])}"
    settings = _settings(found[0].target, placed, *_range(tried), complete=all(one.complete for one in found))
    said = generation_capacity.sentence_of(found, scenario.cluster.usd_per_device_hour)
    unseen = dict.fromkeys(x for one in found for x in held_out_lines(one.unseen, {one.name: one.target}))
    return settings, (Sentences("Devices", said, known), *_unseen(unseen))


def _range(tried: list[int]) -> list[str]:
    return [f"tried on {words.count(tried[0])} to {words.plural(tried[-1], 'device')}"] if tried else []


def _grows(session: Session, found: Growth, scenario: Scenario) -> tuple[str, tuple[Sentences, ...]]:
    percent = session.views.capacity.growth_percent.value
    percent = capacity_growth.PERCENT if percent is None else percent
    said = growth_sentences(found, percent, datetime.date.today(), scenario.cluster.usd_per_device_hour)
    present = f"{words.plural(found.devices, 'device')} at present"
    settings = _settings(found.target, f"placed by {found.name}", present, complete=found.complete)
    return settings, (*said, *_unseen(growth_unseen_lines(found)))


def _loses(found: tuple[SparePlan, ...], scenario: Scenario) -> tuple[str, tuple[Sentences, ...]]:
    price = scenario.cluster.usd_per_device_hour
    said = [Sentences(f"Any {plan.what} lost", spare_sentence(plan, price), plan.devices is not None) for plan in found]
    unseen = dict.fromkeys(line for plan in found for line in spare_unseen_lines(plan))
    return _settings(found[0].target, complete=all(plan.settled for plan in found)), (*said, *_unseen(unseen))


def _unseen(lines: Iterable[str]) -> list[Sentences]:
    return [Sentences("Other traffic", line) for line in lines]
