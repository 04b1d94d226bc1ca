"""What devices cost: on demand, reserved or spot, per hour and per month, and what spot risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.scenario.schema import ClusterSection
from planner.what_if.capacity import Capacity
from planner.what_if.growth import Growth
from planner.what_if.spare import SparePlan
from simulator import words

HOURS_A_MONTH = 365.25 * 24 / 12
# How devices are paid for, and how that is written.
TARIFFS = {"on_demand": "on demand", "reserved": "reserved", "spot": "spot"}


@dataclass(frozen=True)
class Answer:
    """A number of devices that was found for a question; None where there is none, with the reason."""

    question: str
    devices: int | None
    reason: str | None = None


def device_prices(cluster: ClusterSection) -> dict[str, float]:
    """USD for a device and hour by tariff, those that the scenario gives."""
    given = {
        "on_demand": cluster.usd_per_device_hour,
        "reserved": cluster.reserved_usd_per_device_hour,
        "spot": cluster.spot_usd_per_device_hour,
    }
    return {tariff: price for tariff, price in given.items() if price}


def answers_of(capacity: Capacity | None, growth: Growth | None, spares: Sequence[SparePlan]) -> tuple[Answer, ...]:
    """What was asked and how many devices answer it: of every plan, of a loss, and of more traffic."""
    found = [
        Answer(f"{words.goal(plan.target)} with {plan.name}", plan.devices, plan.reasons.get("devices"))
        for plan in (capacity.plans if capacity is not None else ())
    ]
    found += [
        Answer(f"{words.goal(spare.target)} after any {spare.what} is lost", spare.devices, spare.reason)
        for spare in spares
    ]
    if growth is not None:
        question = f"{words.goal(growth.target)} of {words.times(growth.times)} the traffic"
        needed = growth.needed
        reason = growth.reasons.get("needed") if needed is None else needed.reason
        found.append(Answer(question, needed.devices if needed is not None else None, reason))
    return tuple(found)


def costs_json(answers: Sequence[Answer], cluster: ClusterSection) -> list[dict]:
    """The key `costs` of `capacity --json`: of every answer, USD per hour and per month by tariff."""
    prices = device_prices(cluster)
    return [
        {
            "question": answer.question,
            "devices": answer.devices,
            "usd_per_hour": _each(prices, answer.devices, 1.0),
            "usd_per_month": _each(prices, answer.devices, HOURS_A_MONTH),
            "reason": answer.reason,
        }
        for answer in answers
    ]


def _each(prices: dict[str, float], devices: int | None, hours: float) -> dict[str, float] | None:
    return None if devices is None else {tariff: devices * price * hours for tariff, price in prices.items()}


def cost_sentence(devices: int, cluster: ClusterSection) -> str:
    """What so many devices cost with every tariff; empty where the scenario names no price."""
    parts = [
        f"{words.usd_per_hour(devices * price)} {TARIFFS[tariff]} "
        f"({words.usd_per_month(devices * price * HOURS_A_MONTH)})"
        for tariff, price in device_prices(cluster).items()
    ]
    return f"{words.plural(devices, 'device')} cost {words.join(parts)}." if parts else ""


def spot_sentence(cluster: ClusterSection, spare: SparePlan | None) -> str:
    """What spot devices risk, and what it costs to bear it; empty where the scenario names no spot price.

    spare: the devices that bear the loss of a node, None where they were not looked for.
    """
    price = device_prices(cluster).get("spot")
    if price is None:
        return ""
    risk = (
        f"Spot devices may be taken back while they serve, a whole node of {cluster.devices_per_node} at once; "
        "nothing is moved then."
    )
    if spare is None:
        return f"{risk} How many devices bear that is not known: it was not looked for (N+1)."
    if spare.devices is None:
        return f"{risk} How many devices bear that is not known: {spare.reason}"
    hourly = spare.devices * price
    cost = f"{words.usd_per_hour(hourly)} as spot ({words.usd_per_month(hourly * HOURS_A_MONTH)})"
    return f"{risk} {words.plural(spare.devices, 'device')} bear the loss of any one node: {cost}."
