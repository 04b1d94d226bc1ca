"""How many devices bear a loss, in a sentence."""

from __future__ import annotations

from planner.what_if.spare import SparePlan
from planner.what_if.unseen_words import held_out_lines
from simulator import words

# What is gone with it, and what "N+1" so means.
LOST = {"node": "whichever node is lost", "device": "whichever device is lost with the group it works in"}


def spare_sentence(spare: SparePlan, usd_per_device_hour: float = 0.0) -> str:
    """How many devices keep the target without any one node, or any one device, and what they meet then."""
    goal = words.goal(spare.target)
    if spare.devices is None or spare.worst is None:
        if not spare.tried:
            return str(spare.reason)
        devices, kept = max(spare.tried, key=lambda tried: tried[1])
        missed = f" {spare.missed}" if spare.missed else ""
        return f"{spare.reason} {words.plural(devices, 'device')} keep {words.share(kept)}.{missed}"
    cost = spare.devices * usd_per_device_hour
    price = f" for {words.usd_per_hour(cost)}" if usd_per_device_hour else ""
    nodes, torn = divmod(spare.devices, spare.per_node)
    whole = f" ({words.plural(nodes, 'node')})" if spare.what == "node" and not torn else ""
    fewer = "" if spare.settled else " Whether fewer do was not all tried."
    return (
        f"{words.plural(spare.devices, 'device')}{whole}{price} keep {goal} {LOST[spare.what]}: "
        f"{words.share(spare.worst.slo_attainment)} without the worst, with nothing moved.{fewer}"
    )


def spare_unseen_lines(spare: SparePlan) -> list[str]:
    """What is kept without the worst on traffic that was not planned for, or why that is absent."""
    return held_out_lines(spare.unseen, {spare.left_over: spare.target})
