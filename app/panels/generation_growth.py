"""Growth and losses of generating models: how long the devices last, and how many bear a loss; jobs as the others."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.background.slots import Job, draw_job, slot_of, start_job
from app.controls.views import kept
from app.look.markup import render
from app.panels.capacity import hue_of
from app.panels.capacity_growth import draw_answer
from app.panels.capacity_spare import NAMES
from app.panels.generation_jobs import builder, key_of, reporter
from app.state.limits import MAX_DEVICES
from app.state.session import Session
from planner.generation.growth import find_token_growth
from planner.generation.spare import find_token_spares
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.growth import LEAST_TIMES, MOST_TIMES, Growth
from planner.what_if.sentences import Sentences
from planner.what_if.spare import KINDS, SparePlan
from planner.what_if.spare_words import spare_sentence

GROWTH, SPARE = "growth of generating models", "spare devices of generating models"


def draw_growth(session: Session, target: float, sections: Sequence[PlacementSection]) -> None:
    """What is asked, and the sentences with the chart that they are read from."""
    st.header("How long do my devices last?", anchor=False)
    scenario, view = session.scenario, session.views.capacity
    names = [section.name for section in sections]
    columns = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    with columns[0]:
        name = kept(session, st.selectbox, "Placed anew by", view.grown_algorithm, names[0], options=names,
                    help="Searched anew for every traffic that is tried.")  # fmt: skip
    with columns[1]:
        present = kept(session, st.number_input, "Present devices", view.grown_of, scenario.cluster.devices,
                       min_value=1, max_value=MAX_DEVICES, step=1, help="The cluster's at first.")  # fmt: skip
    with columns[2]:
        times = kept(session, st.number_input, "Devices for traffic (×)", view.grown_times, 2.0, min_value=LEAST_TIMES,
                     max_value=MOST_TIMES, step=0.5, format="%g", help="1 is the scenario's own traffic.")  # fmt: skip
    with columns[3]:
        percent = kept(session, st.number_input, "Growth a month (%)", view.growth_percent, 5.0, min_value=0.0,
                       max_value=1000.0, step=1.0, format="%g",
                       help="Of the traffic, compounded. The dates follow at once; nothing is searched.")  # fmt: skip
    section = next(section for section in sections if section.name == name)
    key = key_of(scenario, "growth", target, present, times, [section])

    def work(job: Job) -> tuple[Growth, Scenario]:
        found = find_token_growth(
            scenario, target, section, times, present, None, reporter(job), builder(session)
        )  # fmt: skip
        return found, scenario

    slot = slot_of(session, GROWTH)
    if st.button("Let traffic grow", type="primary", disabled=slot.is_working, key="token_growth.go"):
        slot = start_job(session, GROWTH, key, work)
    draw_job(session, GROWTH, "Trying more traffic")
    if slot.result is None:
        return
    _draw_stale(slot.result_key, key)
    growth, asked = slot.result
    draw_answer(growth, asked, percent, hue_of(section, session, names.index(name)))


def draw_spare(session: Session, target: float, sections: Sequence[PlacementSection]) -> None:
    """What is to be borne, and how many devices do."""
    st.header("How many devices bear a loss (N+1)?", anchor=False)
    scenario, view = session.scenario, session.views.capacity
    kinds = kept(session, st.multiselect, "Bear the loss of", view.losses, list(KINDS), options=list(KINDS),
                 format_func=NAMES.get, help="Any one of them, before the traffic begins; nothing is moved. A device "
                 "takes the group along in which it works.")  # fmt: skip
    if not kinds:
        st.error("Nothing is chosen that could be lost; choose a node, a device or both.")
        return
    key = key_of(scenario, "spare", target, sorted(kinds), sections)

    def work(job: Job) -> tuple[tuple[SparePlan, ...], Scenario]:
        found = find_token_spares(
            scenario, target, sections, kinds, on_progress=reporter(job), build=builder(session)
        )  # fmt: skip
        return found, scenario

    slot = slot_of(session, SPARE)
    if st.button("Find the devices that bear it", type="primary", disabled=slot.is_working, key="token_spare.go"):
        slot = start_job(session, SPARE, key, work)
    draw_job(session, SPARE, "Trying numbers of devices without one")
    if slot.result is None:
        return
    _draw_stale(slot.result_key, key)
    plans, asked = slot.result
    price = asked.cluster.usd_per_device_hour
    said = [Sentences(NAMES[plan.what], spare_sentence(plan, price), plan.devices is not None) for plan in plans]
    st.html(render("panels/recommend.html", parts=said))


def _draw_stale(answered: str | None, asked: str) -> None:
    if answered != asked:
        st.warning("The question or the scenario has changed since; press the button to answer it anew.")
