"""A recommendation in sentences: what to place, how many devices, what a lost node costs, what limits."""

from __future__ import annotations

from planner.compare import MeasuredPlacement
from planner.what_if.plan import Needed
from planner.what_if.recommend import FEWEST, FOUND, Recommendation
from planner.what_if.sentences import Sentences
from planner.what_if.spare_words import spare_sentence as said_of_spare
from planner.what_if.unseen import Unseen
from planner.what_if.unseen_words import held_out_lines
from simulator import Cluster, words


def sentences(plan: Recommendation) -> tuple[Sentences, ...]:
    """One entry a topic, always the same topics in the same order."""
    return (
        _or_reason("Placement", placement_sentence(plan), plan, FOUND),
        _or_reason("Devices", devices_sentence(plan), plan, "plan"),
        held_out_sentence(plan),
        _or_reason("A node lost", node_sentence(plan), plan, "plan"),
        _or_reason("Spare node", spare_sentence(plan), plan, "spare"),
        _or_reason("What limits", limit_sentence(plan), plan, "bound"),
    )


def placement_sentence(plan: Recommendation) -> str:
    """What the placements on the scenario's cluster meet, the best first, and what is possible at most."""
    if not plan.ranked:
        return ""
    first, *others = plan.ranked
    met = first.figures.total.slo_attainment
    width = words.uncertainty(met, first.figures.half_width)
    said = f"{first.name} on {words.plural(plan.devices, 'device')} meets {words.share(met)} of deadlines"
    said += f" ({width})" if width else ""
    wishes = plan.wishes.said_of(first, plan.cluster)
    said += f" and {wishes}" if wishes else ""
    if others:
        said += "; " + words.join([_other(outcome, plan) for outcome in others])
    weights = f" {plan.wishes.weights_sentence}" if plan.wishes.weights else ""
    return f"{said}.{_possible(plan, met)}{weights}"


def _other(outcome: MeasuredPlacement, plan: Recommendation) -> str:
    wishes = plan.wishes.said_of(outcome, plan.cluster)
    return f"{outcome.name} {words.share(outcome.figures.total.slo_attainment)}" + (f" ({wishes})" if wishes else "")


def _possible(plan: Recommendation, met: float) -> str:
    if plan.bound is None:
        return ""
    if plan.bound.attainment <= met:
        return " No placement can meet more."
    return f" Better possible: at most {words.share(plan.bound.attainment)}."


def devices_sentence(plan: Recommendation) -> str:
    """How many devices reach the target, for what price, against the simple placements, and what is excluded."""
    found = plan.plan
    if found is None:
        return ""
    goal, excluded = _goal(plan), _excluded(found.excluded, plan)
    if found.devices is None:
        return f"{goal} is not reached: {found.reasons['devices']}{_nearest(found)}{excluded}"
    most = "" if found.settled else "at most "
    price = f" for {words.usd_per_hour(found.usd_per_hour)}" if found.usd_per_hour else ""
    said = f"{goal} takes {most}{words.plural(found.devices, 'device')}{price}"
    others = [_need(need) for need in plan.needed]
    said += f", against {words.join(others)}" if others else ""
    if found.outcome is not None:
        wishes = plan.wishes.said_of(found.outcome, Cluster(found.devices, devices_per_node=plan.per_node))
        said += f"; the plan {wishes}" if wishes else ""
    there = plan.devices - found.devices
    spare = f" {words.plural(there, 'device')} of the {words.count(plan.devices)} would be free." if there > 0 else ""
    return f"{said}.{spare}{excluded}"


def _nearest(found) -> str:
    best = found.best
    return f" {words.plural(best.devices, 'device')} meet {words.share(best.slo_attainment)}." if best else ""


def _need(need: Needed) -> str:
    name = need.name[0].lower() + need.name[1:]
    if need.devices is None:
        return f"no number that was tried with {name}"
    return f"{'' if need.settled else 'at most '}{words.count(need.devices)} with {name}"


def _excluded(excluded: int, plan: Recommendation) -> str:
    if not excluded:
        return ""
    few = f"{words.count(excluded)} or fewer" if excluded > 1 else "one"
    said = f" With {few}, no placement can reach {_goal(plan)}"
    found = plan.plan.devices if plan.plan is not None and plan.plan.settled else None
    between = [] if found is None else [n for n in (excluded + 1, found - 1) if excluded < n < found]
    if not between:
        return f"{said}."
    span = words.count(between[0]) if between[0] == between[-1] else f"{words.count(between[0])} to {between[-1]}"
    return f"{said}; with {span}, none was found that does."


def held_out_sentence(plan: Recommendation) -> Sentences:
    """What the placement here and the plan meet on traffic that was not planned for, or why that is not known."""
    if plan.unseen is None:
        return Sentences("Other traffic", "Not tried yet.", is_known=False)
    said = " ".join(held_out_lines(plan.unseen, {FEWEST: plan.target}))
    return Sentences("Other traffic", said, is_known=isinstance(plan.unseen, Unseen))


def node_sentence(plan: Recommendation) -> str:
    """What the plan still meets without its worst node, and how many models then have no copy."""
    found, worst = plan.plan, plan.worst_node
    if found is None:
        return ""
    if worst is None:
        return found.reasons.get("faults", "")
    on = f"On these {words.plural(found.devices, 'device')}" if found.devices else "On the most that were tried"
    node = f"the worst node of {words.plural(plan.per_node, 'device')}"
    said = f"{on}, the loss of {node} leaves {words.share(worst.slo_attainment)} of deadlines met"
    if worst.orphans:
        have = "has" if len(worst.orphans) == 1 else "have"
        said += f"; {words.plural(len(worst.orphans), 'model')} of {words.count(plan.models)} then {have} no copy"
    if plan.wishes.targets:
        missed = words.plural(len(worst.missed), "model") if worst.missed else "no model"
        said += f"; {missed} then {'miss' if len(worst.missed) > 1 else 'misses'} {_own(len(worst.missed))}"
    return said + "."


def _own(models: int) -> str:
    return "targets of their own" if models > 1 else "a target of its own"


def spare_sentence(plan: Recommendation) -> str:
    """How many whole nodes keep the target without any one of them."""
    if plan.spare is None:
        return ""
    said = said_of_spare(plan.spare, plan.usd_per_device_hour)
    keeps = plan.wishes.targets and plan.spare.devices is not None
    return f"{said} Every model then keeps its own target, too." if keeps else said


def limit_sentence(plan: Recommendation) -> str:
    """What keeps the placement on the scenario's cluster from meeting more."""
    best = plan.best
    if best is None or plan.bound is None:
        return ""
    total = best.figures.total
    missed = total.requests - total.served
    if not missed:
        return f"Nothing: all deadlines are met on {words.plural(plan.devices, 'device')}."
    name, worst = max(best.figures.models, key=lambda item: item[1].requests - item[1].served)
    who = (
        f"{name} misses most, {words.count(worst.requests - worst.served)} of its {words.count(worst.requests)}, "
        f"and all models {words.count(missed)} of {words.count(total.requests)}."
    )
    return f"{plan.bound.reason} {who}"


def _goal(plan: Recommendation) -> str:
    return words.goal(plan.target)


def _or_reason(topic: str, said: str, plan: Recommendation, part: str) -> Sentences:
    if said:
        return Sentences(topic, said)
    return Sentences(topic, plan.reasons.get(part, ""), is_known=False)
