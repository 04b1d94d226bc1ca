"""Recommend a plan: one button from traffic, models and deadlines to the whole answer, which gets better in place."""

from __future__ import annotations

import hashlib
import json

import streamlit as st
from markupsafe import Markup

from app.background.cluster import machines_or_here
from app.background.jobs import Job, Lane
from app.background.slots import PATIENCE_S, draw_job, slot_of, start_job
from app.controls.placement_edits import added_section
from app.controls.views import kept
from app.look import words
from app.look.markup import render
from app.look.style import plain, plain_text
from app.panels.capacity import MOST_REQUESTS, use_plan
from app.panels.verdict import missed
from app.state.advice import AREA, begins_by_itself
from app.state.answer import Answer, Answered
from app.state.results import shared_cache
from app.state.session import Session
from planner.compare import MeasuredPlacement, attained, placement_section
from planner.what_if.recommend import FOUND, PlanHeadway, Recommendation, recommend
from planner.what_if.recommend_words import sentences
from simulator import Placement


def draw_recommendation(session: Session, answer: Answer) -> None:
    """The question with its button, and the plan as far as it is known."""
    if answer.built is None:
        return
    slot = slot_of(session, AREA)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # The same target as on the page Capacity.
        percent = kept(session, st.number_input, "Deadlines to meet (%)", session.views.capacity.target, 99.0,
                       min_value=1.0, max_value=100.0, step=0.5, format="%g", width=220,
                       help="The target SLO attainment, of all requests.")  # fmt: skip
        target = percent / 100
        # Results of earlier settings may stay on the page; a plan is for what is asked now.
        is_current = answer.scenario == session.scenario and not answer.is_earlier
        key, too_much = recommendation_key(answer, target), _too_much(answer)
        if slot.job is not None and slot.is_working and is_current and slot.job.key != key:
            # Nobody asks that any more.
            slot.job.stop()
        is_asked = slot.job is not None and slot.is_working and slot.job.key == key
        begins = too_much is None and begins_by_itself(session, answer)
        pressed = st.button("Recommend a plan", type="primary", key="recommend.go",
                            disabled=is_asked or begins or not is_current or too_much is not None)  # fmt: skip
        # Not on hover, where it would cover the label of the target.
        st.caption("Finds the placement, the number of devices and what a lost node costs.", width="content")
    if pressed or begins:
        work = work_of(session, answer, target, key)
        slot = start_job(session, AREA, key, work, Lane.ADVICE, PATIENCE_S if pressed else 0.0, not pressed)
    if too_much is not None:
        st.caption(too_much)
    draw_job(session, AREA, "Working on the plan", lambda now: st.html(advice_html(now)))
    if slot.is_working or slot.result is None:
        return
    in_use = _name_in_use(session, slot.result)
    is_earlier = slot.result_key != key and in_use is None
    if is_earlier:
        st.warning("The scenario or the target has changed since; press the button for a plan of what is asked now.")
    st.html(advice_html(slot.result, is_earlier))
    _draw_use(session, slot.result, in_use, answer, is_earlier or not is_current)


def _known_best(answer: Answer) -> Answered | None:
    """The best of the comparison under the scenario's own rules: a plan on these devices begins with it."""
    known = [
        entry for entry in answer.shown
        if not entry.section.serving_rules and isinstance(entry.outcome.placement, Placement)
    ]  # fmt: skip
    return max(known, key=lambda entry: attained(entry.outcome), default=None)


def against_comparison(found: MeasuredPlacement, best: Answered) -> str:
    """The recommended placement on these devices against the best one of the comparison, in one sentence."""
    name, fewer = words.shorten(best.section.name), missed(best.outcome.figures) - missed(found.figures)
    if fewer < 0:
        return f"{name} in the comparison misses {words.count(-fewer)} fewer; a plan asked for now begins with it."
    less = f"{words.count(fewer)} fewer deadlines than" if fewer else "as many deadlines as"
    return f"On these devices it misses {less} {name} in the comparison."


def _name_shown(answer: Answer, found: MeasuredPlacement | None) -> str | None:
    """The name of the placement found for these devices in the comparison; None where it is not there."""
    if found is None:
        return None
    groups = placement_section(found.placement).groups
    return next((e.section.name for e in answer.shown if placement_section(e.outcome.placement).groups == groups), None)


def _name_in_use(session: Session, plan: Recommendation) -> str | None:
    """The name of the plan's placement in the comparison; None where it is not there."""
    if plan.plan is None or plan.plan.outcome is None:
        return None
    groups = placement_section(plan.plan.outcome.placement).groups
    return next((s.name for s in session.scenario.placements if groups and s.groups == groups), None)


def recommendation_key(answer: Answer, target: float) -> str:
    """Of all that a recommendation follows from."""
    cluster = answer.inputs.problem.cluster
    price = answer.scenario.cluster.usd_per_device_hour
    parts = ["recommend", answer.inputs_key, cluster.devices_per_node, price, target]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def advice_html(plan: Recommendation, is_earlier: bool = False) -> Markup:
    """The sentences of a plan; what is not known, or was asked earlier, is said more quietly."""
    said = render("panels/recommend.html", parts=sentences(plan))
    return Markup('<div class="of-earlier">{}</div>').format(said) if is_earlier else said


def work_of(session: Session, answer: Answer, target: float, key: str):
    """The work of a job: the recommendation of this answer's scenario; other visitors get it from the cache."""
    scenario, own, cache = answer.scenario, session.uploads.own_profiles(answer.scenario), shared_cache()
    best = _known_best(answer)
    placement = None if best is None else best.outcome.placement
    start = placement if isinstance(placement, Placement) else None

    def work(job: Job) -> Recommendation:
        found = cache.peek(key)
        if found is not None and not _is_below(found, best):
            return found

        def on_progress(headway: PlanHeadway) -> bool:
            job.partial = headway.now
            if headway.search is not None and headway.search.best_score is not None:
                job.best = f"{words.share(headway.search.best_score)} of deadlines"
            return job.report(headway)

        with machines_or_here(job.say) as executor:
            plan = recommend(
                scenario, target, on_progress, session.uploads.read_trace, own.profiles if own else {},
                executor=executor, start=start,
            )  # fmt: skip
        if plan.complete:
            cache.put(key, plan)
        return plan

    return work


def _is_below(plan: Recommendation, best: Answered | None) -> bool:
    here = plan.outcomes.get(FOUND)
    return best is not None and here is not None and attained(here) < attained(best.outcome)


def _too_much(answer: Answer) -> str | None:
    requests = len(answer.inputs.problem.workload)
    if requests <= MOST_REQUESTS:
        return None
    return (
        f"The traffic has {words.count(requests)} requests; up to {words.count(MOST_REQUESTS)} are allowed for a "
        "recommended plan. Choose a shorter part under Traffic."
    )


def _draw_use(
    session: Session, plan: Recommendation, in_use: str | None, answer: Answer, is_earlier: bool
) -> None:  # fmt: skip
    found, on_these = plan.plan, plan.outcomes.get(FOUND)
    here, best = _name_shown(answer, on_these), _known_best(answer)
    for name in dict.fromkeys(filter(None, (in_use, here))):
        st.caption(f":material/check: In the comparison as {plain(name)}.")
    if on_these is not None and here is None and best is not None and not is_earlier:
        st.caption(plain_text(against_comparison(on_these, best)))
    with st.container(horizontal=True):
        if in_use is None and found is not None and found.devices is not None and found.outcome is not None:
            st.button(f"Use the plan with {words.plural(found.devices, 'device')}", key="recommend.use",
                      icon=":material/check:", on_click=use_plan, args=(session, found), disabled=is_earlier,
                      help="Puts this placement into the comparison, and gives the cluster as many devices where it "
                      "has fewer.")  # fmt: skip
        if on_these is not None and here is None:
            st.button(f"Compare the one on {words.plural(plan.devices, 'device')}", key="recommend.compare",
                      icon=":material/add:", on_click=_compare, args=(session, plan), disabled=is_earlier,
                      help="Puts the placement that was found for this cluster into the comparison.")  # fmt: skip
        st.download_button("Plan (JSON)", lambda: json.dumps(plan.to_json(), indent=1), "plan.json",
                           "application/json", key="recommend.json", on_click="ignore", type="tertiary",
                           icon=":material/download:", help="All of it, as `recommend --json` prints it.")  # fmt: skip


def _compare(session: Session, plan: Recommendation) -> None:
    section = placement_section(plan.outcomes[FOUND].placement).model_copy(update={"name": "AlpaServe, recommended"})
    if session.edit(AREA, lambda scenario: added_section(scenario, section)):
        session.edition += 1
