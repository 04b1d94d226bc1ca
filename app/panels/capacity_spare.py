"""N+1: the fewest devices that keep the target after any one node, or any one device, is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app.background.cluster import machines_or_here
from app.background.slots import Job, draw_job, slot_of, start_job
from app.controls.views import kept
from app.figures.spare import build_spare_figure, describe_spares
from app.look import words
from app.look.markup import render
from app.look.style import current_theme, plain_text
from app.panels.capacity import Question, use_placement
from app.panels.keep import draw_chart
from app.state.session import Session
from planner.scenario.schema import Scenario
from planner.what_if.sentences import Sentences
from planner.what_if.spare import KINDS, SparePlan, find_spares
from planner.what_if.spare_words import spare_sentence, spare_unseen_lines
from simulator.headway import Headway

AREA = "spare"
NAMES = {"node": "a node", "device": "a device"}


def draw_spare(session: Session, question: Question) -> None:
    """What is to be borne, and how many devices do."""
    st.header("How many devices bear a loss (N+1)?", anchor=False)
    scenario = session.scenario
    kinds = ask_losses(session)
    if not kinds:
        return
    key = spare_key(scenario, question, kinds)
    slot = slot_of(session, AREA)
    if st.button("Find the devices that bear it", type="primary", disabled=slot.is_working, key="spare.go"):
        slot = start_job(session, AREA, key, _work(session, scenario, question, kinds))
    draw_job(session, AREA, "Trying numbers of devices without one")
    if slot.result is None:
        if not slot.is_working:
            st.info("Press the button: placements on more and more devices lose their worst node or device, until the "
                    "target is still reached without it.")  # fmt: skip
        return
    if slot.result_key != key:
        st.warning("The question or the scenario has changed since; press the button to answer it anew.")
    plans, asked = slot.result
    draw_plans(session, plans, asked)


def ask_losses(session: Session) -> list[str]:
    """What is to be borne; none is said where none is chosen."""
    asked = session.views.capacity.losses
    kinds = kept(session, st.multiselect, "Bear the loss of", asked, list(KINDS), options=list(KINDS),
                 format_func=NAMES.get, help="Any one of them, before the traffic begins; nothing is moved. A device "
                 "takes the group along in which it works.")  # fmt: skip
    if not kinds:
        st.error("Nothing is chosen that could be lost; choose a node, a device or both.")
    return kinds


def spare_key(scenario: Scenario, question: Question, kinds: Sequence[str]) -> str:
    """Of the scenario and what is asked."""
    return hashlib.sha256(json.dumps(["spare", question.key(scenario), sorted(kinds)]).encode()).hexdigest()


def _work(session: Session, scenario: Scenario, question: Question, kinds: Sequence[str]):
    own = session.uploads.own_profiles(scenario)

    def work(job: Job) -> tuple[tuple[SparePlan, ...], Scenario]:
        def report(told: Headway) -> bool:
            return job.report(replace(told, phase=f"in this round; last: {told.phase}"))

        with machines_or_here(job.say) as executor:
            found = find_spares(
                scenario, question.target, question.sections, kinds, question.highest, question.step,
                question.confident, report, executor, session.uploads.read_trace, own.profiles if own else {},
            )  # fmt: skip
        return found, scenario

    return work


def draw_plans(session: Session, plans: Sequence[SparePlan], scenario: Scenario) -> None:
    """The answers in words, the chart that they are read from, and the placements to take over."""
    price = scenario.cluster.usd_per_device_hour
    said = [Sentences(f"Any {plan.what} lost", spare_sentence(plan, price), plan.devices is not None) for plan in plans]
    st.html(render("panels/recommend.html", parts=said))
    for line in dict.fromkeys(line for plan in plans for line in spare_unseen_lines(plan)):
        st.caption(plain_text(line))
    if any(plan.tried for plan in plans):
        draw_chart(build_spare_figure(plans, current_theme()), "spare-chart", describe_spares(plans))
    with st.container(horizontal=True):
        for plan in plans:
            if plan.devices is None or plan.name is None:
                continue
            name = f"{plan.name} that bears a lost {plan.what}"
            st.button(
                f"Add the one on {words.plural(plan.devices, 'device')} that bear the loss of {NAMES[plan.what]}",
                key=f"spare.use:{plan.what}", icon=":material/add:", on_click=use_placement,
                args=(session, name, plan.placement, plan.devices),
                help="Puts this placement into the basket, and gives the cluster as many devices where it has fewer.",
            )  # fmt: skip
