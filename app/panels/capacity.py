"""The number of devices: what is asked, the plan of each algorithm, and taking one over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from app.background.cluster import machines_or_here
from app.background.slots import Job, draw_job, slot_of, start_job
from app.controls.placement_edits import added_section
from app.controls.views import kept
from app.figures.capacity import (
    build_capacity_figure,
    build_cost_figure,
    curve_of_plan,
    describe_capacity,
    describe_cost,
)
from app.look import words
from app.look.markup import piece
from app.look.style import current_theme, plain_text, tile_html, verdict_html
from app.panels.capacity_costs import draw_costs
from app.panels.keep import draw_chart, draw_table
from app.panels.unseen import draw_held_out
from app.state.answer import Answer
from app.state.limits import MAX_DEVICES
from app.state.session import Session, with_values
from planner.compare import placement_section
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.search import ALGORITHMS
from planner.what_if.capacity import Capacity, find_capacity
from planner.what_if.plan import CapacityPlan, whole_nodes
from planner.what_if.prices import answers_of
from planner.what_if.unseen import Unseen
from planner.what_if.unseen_words import unseen_cell
from simulator import InputError, Placement, Schedule
from simulator.headway import Headway

AREA = "capacity"
# These start from a placement instead of the models, so they cannot plan for another number of devices.
NEEDS_PLACEMENT = ("refine",)
FIRST_ALGORITHMS = ("alpaserve", "selective_replication")
# Headroom is looked for with up to 16 times the traffic.
MOST_REQUESTS = 500_000


@dataclass(frozen=True)
class Question:
    """What is asked: target 0..1, numbers of devices, one section an algorithm with its hue."""

    target: float
    lowest: int
    highest: int
    step: int
    confident: bool
    sections: tuple[PlacementSection, ...]

    def key(self, scenario: Scenario) -> str:
        """Of the scenario and what is asked."""
        parts = [scenario.model_dump(mode="json", exclude={"placements", "name"}), self.target, self.lowest,
                 self.highest, self.step, self.confident,
                 [s.model_dump(mode="json") for s in self.sections]]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def algorithm_choices() -> dict[str, str]:
    """Titles of the algorithms that can plan for any number of devices."""
    return {name: a.title for name, a in ALGORITHMS.items() if name not in NEEDS_PLACEMENT}


def draw_question(session: Session, answer: Answer) -> Question | None:
    """The controls; None where the traffic is too much, or nothing can be asked."""
    devices = session.scenario.cluster.devices
    titles, view = algorithm_choices(), session.views.capacity
    per_node = session.scenario.cluster.devices_per_node
    first, second, third, fourth = st.columns(4, vertical_alignment="bottom")
    with first:
        target = kept(session, st.number_input, "Deadlines to meet (%)", view.target, 99.0, min_value=1.0,
                      max_value=100.0, step=0.5, format="%g",
                      help="The target SLO attainment, of all requests.")  # fmt: skip
    with second:
        lowest = kept(session, st.number_input, "Devices from", view.lowest, 1, min_value=1, max_value=MAX_DEVICES,
                      step=1, help="The fewest that are tried.")  # fmt: skip
    with third:
        highest = kept(session, st.number_input, "Devices to", view.highest, min(4 * devices, MAX_DEVICES), min_value=1,
                       max_value=MAX_DEVICES, step=1, help="The most that are tried.")  # fmt: skip
    with fourth:
        step = kept(session, st.number_input, "In steps of", view.step, 1, min_value=1, max_value=64, step=1,
                    help="2 tries every other number. Whole nodes, if chosen below, decide instead.")  # fmt: skip
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        algorithms = kept(session, st.multiselect, "Placed by", view.algorithms, list(FIRST_ALGORITHMS),
                          options=list(titles), format_func=titles.get,
                          help="Each finds a placement for every number of devices that is tried.")  # fmt: skip
    with right:
        limit_s = kept(session, st.number_input, "Seconds a search", view.limit_s, 2.0, min_value=0.5, max_value=600.0,
                       step=1.0, format="%g", help="More time finds better placements.")  # fmt: skip
    with st.container(horizontal=True):
        confident = kept(session, st.checkbox, "Be sure: with the 95 % interval", view.confident, False,
                         width="content",
                         help="The lower end of the interval must reach the target, not only its middle.")  # fmt: skip
        label = f"Buy whole nodes of {words.plural(per_node, 'device')}"
        whole = kept(session, st.checkbox, label, view.whole_nodes, False, width="content",
                     help="Only such numbers are tried, here and in the tabs below.")  # fmt: skip
    sections = tuple(
        PlacementSection(name=titles[a], search=SearchSection(algorithm=a, time_limit_s=limit_s)) for a in algorithms
    )
    if whole:
        try:
            lowest, step = whole_nodes(lowest, highest, per_node)
        except InputError as error:
            st.error(plain_text(str(error)))
            return None
    question = Question(target / 100, lowest, highest, step, confident, sections)
    return question if _can_be_asked(question, answer) else None


def _can_be_asked(question: Question, answer: Answer) -> bool:
    sentences = list(answer.problems.values()) if answer.built is None else []
    if answer.built is not None and len(answer.inputs.problem.workload) > MOST_REQUESTS:
        sentences.append(
            f"The traffic has {words.count(len(answer.inputs.problem.workload))} requests; up to "
            f"{words.count(MOST_REQUESTS)} are allowed for capacity plans. Choose a shorter part under Traffic."
        )
    if question.lowest > question.highest:
        sentences.append(f"Devices from {question.lowest} to {question.highest} leave nothing to try; turn them round.")
    if not question.sections:
        sentences.append("No algorithm is chosen; choose at least one under Placed by.")
    for sentence in sentences:
        st.error(plain_text(sentence))
    return not sentences


def hue_of(section: PlacementSection, session: Session, index: int) -> int:
    """The hue: that of the basket's placement with the same algorithm, else one that the basket does not use."""
    for mine in session.scenario.placements:
        if mine.search is not None and mine.search.algorithm == section.searched.algorithm:
            return session.hue_of(mine.name)
    return session.hue_of("") + index


def draw_plans(session: Session, answer: Answer, question: Question) -> None:
    """Run the search for the number of devices, and its answer."""
    scenario, key = session.scenario, question.key(session.scenario)
    slot = slot_of(session, AREA)
    if st.button("Find the number of devices", type="primary", disabled=slot.is_working, key="capacity.go"):
        slot = start_job(session, AREA, key, _work(session, scenario, question))
    draw_job(session, AREA, "Trying numbers of devices")
    if slot.result is None:
        if not slot.is_working:
            st.info("Press the button: every algorithm is tried on more and fewer devices until the fewest that reach "
                    "the target are known.")  # fmt: skip
        return
    if slot.result_key != key:
        st.warning("The question or the scenario has changed since; press the button to answer it anew.")
    capacity: Capacity = slot.result[0]
    _draw_capacity(session, capacity, slot.result[1])


def first_of(session: Session, question: Question) -> str | None:
    """What reached the target of this question with the fewest devices; None where that is not known."""
    slot = slot_of(session, AREA)
    if slot.result is None or slot.result_key != question.key(session.scenario):
        return None
    best: CapacityPlan = slot.result[0].best
    return best.name if best.devices is not None else None


def _work(session: Session, scenario: Scenario, question: Question):
    own = session.uploads.own_profiles(scenario)

    def work(job: Job) -> tuple[Capacity, Scenario]:
        def report(told: Headway) -> bool:
            return job.report(replace(told, phase=f"in this round; last: {told.phase}"))

        with machines_or_here(job.say) as executor:
            found = find_capacity(
                scenario, question.target, question.sections, question.lowest, question.highest, question.step,
                question.confident, report, executor, session.uploads.read_trace, own.profiles if own else {},
            )  # fmt: skip
        return found, scenario

    return work


def _draw_capacity(session: Session, capacity: Capacity, scenario: Scenario) -> None:
    plans, target = list(capacity.plans), capacity.best.target
    if not capacity.complete:
        st.info("This was stopped: shown is what had been tried by then, so fewer devices may do.")
    hues = [hue_of(_section(plan), session, i) for i, plan in enumerate(plans)]
    st.html(verdict_html(hues[0], sentence_of(plans)))
    draw_held_out(capacity.unseen, capacity.targets)
    _draw_tiles(capacity, hues[0])
    curves = [curve_of_plan(plan) for plan in plans]
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_chart(build_capacity_figure(curves, target, current_theme(), "devices", hues), "capacity-curves",
                   describe_capacity(curves, target))  # fmt: skip
        st.caption("Bars at the points are 95 % intervals. Each search begins with the best placement for fewer "
                   "devices, which also runs on more, so a line never falls; numbers that could not be computed have "
                   "no point. The numbers are doubled, then halved.")  # fmt: skip
    with right:
        price = scenario.cluster.usd_per_device_hour
        if price > 0:
            draw_chart(build_cost_figure(curves, price, target, current_theme(), hues), "capacity-cost",
                        describe_cost(curves, price, target))  # fmt: skip
            st.caption(f"Devices × {words.usd_per_hour(price)}, the price of a device under Cluster. Power, network "
                       "and people are not in it.".replace("$", "\\$"))  # fmt: skip
        else:
            st.info("Give a price per device-hour under Cluster to see what the plans cost.")
    for plan in plans:
        if plan.devices is None or not plan.settled:
            st.warning(plain_text(why_not(plan)))
        for key in ("slo_attainment", "headroom_rate_scale", "faults"):
            if plan.devices is not None and key in plan.reasons:
                st.caption(plain_text(f"{plan.name}, {_COLUMN_OF[key]}: {plan.reasons[key]}"))
    draw_table(plan_table(plans, scores_of(capacity)), "capacity-plans",
               "Devices, cost, headroom and limits of every algorithm", column_config=_COLUMNS)  # fmt: skip
    draw_costs(session, scenario, answers_of(capacity, None, ()))
    _draw_use(session, plans)


def sentence_of(plans: list[CapacityPlan]) -> str:
    """The answer in words: the best plan, and the next best ones."""
    best, goal = plans[0], words.goal(plans[0].target)
    if best.devices is None:
        return f"No algorithm reaches {goal} in this range. " + why_not(best)
    price = f" for {words.usd_per_hour(best.usd_per_hour)}" if best.usd_per_hour else ""
    most = "" if best.settled else "at most "
    first = f"{goal} of deadlines need {most}{words.plural(best.devices, 'device')}{price}, placed by {best.name}."
    others = [f"{words.plural(p.devices, 'device')} by {p.name}" if p.devices else f"not reached by {p.name}"
              for p in plans[1:]]  # fmt: skip
    return f"{first} Next best: {words.join(others)}." if others else first


def why_not(plan: CapacityPlan) -> str:
    """Why a plan does not reach the target, or why its number is not settled: the constraint, or how near it came."""
    goal = words.goal(plan.target)
    if plan.devices is not None:
        return f"{plan.name}: {plan.reasons['devices']}"
    if plan.best is None:
        return f"{plan.name} has no figure: {plan.reasons['devices']}"
    limit = f", and {plan.limiting_model[0]} misses most" if plan.limiting_model else ""
    near = f"{words.plural(plan.best.devices, 'device')} meet {words.share(plan.best.met)}{limit}"
    if not plan.settled:
        return f"{plan.name} is not known to reach {goal}: {plan.reasons['devices']} The best so far: {near}."
    return f"{plan.name} does not reach {goal}: {near}. Allow more devices, looser deadlines, or less traffic."


def _section(plan: CapacityPlan) -> PlacementSection:
    found = plan.outcome.search if plan.outcome else None
    algorithm = found.algorithm if found else next(n for n, t in algorithm_choices().items() if t == plan.name)
    return PlacementSection(name=plan.name, search=SearchSection(algorithm=algorithm))


def _missing_most(found: tuple[Any, int] | None, name: Callable[[Any], str]) -> str | None:
    return f"{name(found[0])} ({words.count(found[1])} missed)" if found else None


def _draw_tiles(capacity: Capacity, hue: int) -> None:
    best, plans = capacity.best, capacity.plans
    if best.devices is None or best.outcome is None:
        return
    unseen = unseen_cell(scores_of(capacity), best.on_devices)
    figures = best.outcome.figures
    met = figures.total.slo_attainment
    rivals = [p.devices for p in plans[1:] if p.devices is not None]
    fewer = f"{words.count_difference(best.devices, rivals[0])} against next best" if rivals else ""
    dies = [fault.slo_attainment for fault in best.faults if fault.what == "device"]
    tiles = [
        tile_html("devices", words.count(best.devices), fewer),
        tile_html("cost", words.usd_per_hour(best.usd_per_hour)) if best.usd_per_hour else "",
        tile_html("deadlines met", words.share(met), words.uncertainty(met, figures.half_width),
                  [(hue, unseen)] if unseen else []),
        tile_html("traffic it bears (headroom)", f"{words.number(best.headroom)} ×" if best.headroom else words.NOTHING,
                  "today's"),
        tile_html("if the worst device dies", words.share(min(dies)) if dies else words.NOTHING, "met"),
    ]  # fmt: skip
    st.html(piece("tiles", tiles))


# What the page calls the keys of CapacityPlan.reasons.
_COLUMN_OF = {"slo_attainment": "deadlines met", "headroom_rate_scale": "traffic it bears", "faults": "failures"}

_COLUMNS = {
    "placed_by": st.column_config.TextColumn("Placed by"),
    "devices": st.column_config.NumberColumn("Devices"),
    "met_percent": st.column_config.NumberColumn("Met (%)", format="%.2f", help="Deadlines met."),
    "met_from_percent": st.column_config.NumberColumn("95 % from", format="%.2f"),
    "met_to_percent": st.column_config.NumberColumn("95 % to", format="%.2f"),
    "unseen_met_percent": st.column_config.NumberColumn(
        "Unseen (%)", format="%.2f", help="Deadlines met on unseen traffic."
    ),
    "usd_per_hour": st.column_config.NumberColumn("USD/h", format="%.2f"),
    "headroom": st.column_config.NumberColumn("Bears ×", format="%.2f"),
    "limiting_model": st.column_config.TextColumn("Misses most", help="The model."),
    "limiting_group": st.column_config.TextColumn("Group, most", help="The group that misses most."),
    "worst_device_percent": st.column_config.NumberColumn("Device dies (%)", format="%.1f", help="The worst one."),
    "worst_node_percent": st.column_config.NumberColumn("Node dies (%)", format="%.1f", help="The worst one."),
    "remarks": st.column_config.TextColumn("What is absent or open, and why"),
}


def scores_of(capacity: Capacity) -> Unseen | None:
    """The scores on unseen traffic, where they are known."""
    return capacity.unseen if isinstance(capacity.unseen, Unseen) else None


def plan_table(plans: list[CapacityPlan], unseen: Unseen | None = None) -> pd.DataFrame:
    """One row a plan; shares in per cent."""

    def held_out(plan: CapacityPlan) -> float | None:
        score = unseen.score(plan.on_devices) if unseen and plan.outcome else None
        return 100 * score.mean if score else None

    def worst(plan: CapacityPlan, what: str) -> float | None:
        return min((100 * f.slo_attainment for f in plan.faults if f.what == what), default=None)

    return pd.DataFrame(
        {
            "placed_by": plan.name,
            "devices": plan.devices,
            "met_percent": 100 * plan.outcome.figures.total.slo_attainment if plan.outcome else None,
            "met_from_percent": 100 * plan.outcome.figures.interval[0] if plan.outcome else None,
            "met_to_percent": 100 * plan.outcome.figures.interval[1] if plan.outcome else None,
            "unseen_met_percent": held_out(plan),
            "usd_per_hour": plan.usd_per_hour,
            "headroom": plan.headroom,
            "limiting_model": _missing_most(plan.limiting_model, str),
            "limiting_group": _missing_most(plan.limiting_group, lambda index: words.numbered("group", index)),
            "worst_device_percent": worst(plan, "device"),
            "worst_node_percent": worst(plan, "node"),
            "remarks": " ".join(dict.fromkeys(plan.reasons.values())),
        }
        for plan in plans
    ).astype({"devices": "Int64", "unseen_met_percent": float})  # fmt: skip


def _draw_use(session: Session, plans: list[CapacityPlan]) -> None:
    usable = [p for p in plans if p.outcome is not None and not isinstance(p.outcome.placement, Schedule)]
    with st.container(horizontal=True):
        for plan in usable:
            st.button(
                plain_text(use_label(plan, session.scenario)), key=f"capacity.use:{plan.name}", on_click=use_plan,
                args=(session, plan), icon=":material/add:", help=_use_help(plan, session.scenario),
            )  # fmt: skip
    if session.complaints.get(AREA):
        st.error(plain_text(session.complaints[AREA]))


def devices_of(plan: CapacityPlan) -> int:
    """How many devices the plan's cluster has: the answer, or as many as the best placement tried uses."""
    return plan.devices or plan.placement.devices


def use_label(plan: CapacityPlan, scenario: Scenario) -> str:
    """What the button does: add the placement, and enlarge the cluster where it is too small for the plan."""
    asked, there = devices_of(plan), scenario.cluster.devices
    add = f"Add {plan.name} on {words.plural(asked, 'device')}"
    return add if asked <= there else f"{add} and enlarge the cluster from {there} to {asked}"


def _use_help(plan: CapacityPlan, scenario: Scenario) -> str:
    if devices_of(plan) <= scenario.cluster.devices:
        return "Puts this very placement into the basket. The cluster stays as it is."
    searched = [s.name for s in scenario.placements if s.search is not None]
    anew = (
        f" Then the searches of the basket ({words.join(searched)}) run anew on the larger cluster." if searched else ""
    )
    return f"Puts this very placement into the basket and gives the scenario's cluster as many devices.{anew}"


def use_plan(session: Session, plan: CapacityPlan) -> None:
    """Put the plan's placement into the basket, and give the scenario the plan's cluster where it has a smaller one."""
    use_placement(session, plan.name, plan.placement, devices_of(plan))


def use_placement(session: Session, name: str, placement: Placement | Schedule, devices: int) -> None:
    """Put a placement into the basket, and give the scenario so many devices where it has fewer."""
    named = placement_section(placement).model_copy(
        update={"name": f"{name}, {words.plural(placement.devices, 'device')}"}
    )

    def change(scenario: Scenario) -> Scenario:
        return added_section(with_values(scenario, "cluster", devices=max(scenario.cluster.devices, devices)), named)

    if session.edit(AREA, change):
        session.edition += 1
        session.looked_at = session.scenario.placements[-1].name
        st.toast(f"{session.looked_at} is in the comparison now.")
