"""When traffic grows: what the devices that are there bear, what more takes, and the day on which they fall short."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from app.background.cluster import machines_or_here
from app.background.slots import Job, draw_job, slot_of, start_job
from app.controls.views import kept
from app.figures.capacity import Curve, build_capacity_figure, describe_capacity
from app.look.markup import render
from app.look.style import current_theme, plain_text
from app.panels.capacity import Question, first_of, hue_of
from app.panels.keep import draw_chart, draw_table
from app.state.limits import MAX_DEVICES
from app.state.session import Session
from app.state.views import Choice
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.growth import LEAST_TIMES, MOST_TIMES, Growth, find_growth
from planner.what_if.growth_words import growth_sentences, growth_unseen_lines
from simulator.headway import Headway

AREA = "growth"
# Growth a month at first.
PERCENT = 5.0


def draw_growth(session: Session, question: Question) -> None:
    """What is asked, and the sentences with the chart that they are read from."""
    st.header("How long do my devices last?", anchor=False)
    scenario = session.scenario
    names = [section.name for section in question.sections]
    view, slot = session.views.capacity, slot_of(session, AREA)
    first = first_of(session, question) or names[0]
    name, present, times, percent = ask_growth(session, "Placed by", names, first, view.grown_algorithm, view.grown_of)
    section = next(s for s in question.sections if s.name == name)
    key = growth_key(scenario, question, section, present, times)
    if st.button("Let traffic grow", type="primary", disabled=slot.is_working, key="growth.go"):
        slot = start_job(session, AREA, key, _work(session, scenario, question, section, present, times))
        view.grown_algorithm.value = name
    draw_job(session, AREA, "Trying more traffic")
    if slot.result is None:
        if not slot.is_working:
            st.info("Press the button: more and more traffic is placed on today's devices until they no longer reach "
                    "the target, and the fewest devices for the traffic above are found.")  # fmt: skip
        return
    if slot.result_key != key:
        st.warning("The question or the scenario has changed since; press the button to answer it anew.")
    growth, asked = slot.result
    draw_answer(growth, asked, percent, hue_of(section, session, names.index(name)))


def ask_growth(
    session: Session, label: str, names: list[str], first: str, by: Choice[str], there: Choice[int]
) -> tuple[str, int, float, float]:
    """The algorithm, the devices that are there, the multiple of the traffic, and its growth a month, percent.

    first: of the names. by, there: the choices of algorithm and devices, which are of one kind of models.
    """
    scenario, view = session.scenario, session.views.capacity
    columns = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    with columns[0]:
        name = kept(session, st.selectbox, label, by, first, options=names,
                    help="Searched anew for every traffic that is tried.")  # fmt: skip
    with columns[1]:
        present = kept(session, st.number_input, "Present devices", there, scenario.cluster.devices,
                       min_value=1, max_value=MAX_DEVICES, step=1, help="The cluster's at first.")  # fmt: skip
    with columns[2]:
        times = kept(session, st.number_input, "Devices for traffic (×)", view.grown_times, 2.0, min_value=LEAST_TIMES,
                     max_value=MOST_TIMES, step=0.5, format="%g", help="1 is the scenario's own traffic.")  # fmt: skip
    with columns[3]:
        percent = kept(session, st.number_input, "Growth a month (%)", view.growth_percent, PERCENT, min_value=0.0,
                       max_value=1000.0, step=1.0, format="%g",
                       help="Of the traffic, compounded. The dates follow at once; nothing is searched.")  # fmt: skip
    return name, present, times, percent


def growth_key(scenario: Scenario, question: Question, section: PlacementSection, present: int, times: float) -> str:
    """Of the scenario and what is asked."""
    parts = [scenario.model_dump(mode="json", exclude={"placements", "name"}), question.target, question.highest,
             question.step, question.confident, section.model_dump(mode="json"), present, times]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _work(
    session: Session, scenario: Scenario, question: Question, section: PlacementSection, present: int, times: float
):
    own = session.uploads.own_profiles(scenario)

    def work(job: Job) -> tuple[Growth, Scenario]:
        def report(told: Headway) -> bool:
            return job.report(replace(told, phase=f"in this round; last: {told.phase}"))

        with machines_or_here(job.say) as executor:
            found = find_growth(
                scenario, question.target, section, times, present, max(question.highest, present), question.step,
                question.confident, report, executor, session.uploads.read_trace, own.profiles if own else {},
            )  # fmt: skip
        return found, scenario

    return work


def draw_answer(growth: Growth, scenario: Scenario, percent: float, hue: int) -> None:
    """The sentences, the chart that they are read from, and the table."""
    if not growth.complete:
        st.info("This was stopped; what is not known by then says so.")
    said = growth_sentences(growth, percent, datetime.date.today(), scenario.cluster.usd_per_device_hour)
    st.html(render("panels/recommend.html", parts=said))
    for line in growth_unseen_lines(growth):
        st.caption(plain_text(line))
    if not growth.tried:
        return
    curve = growth_curve(growth)
    draw_chart(build_capacity_figure([curve], growth.target, current_theme(), "rate_scale", [hue]), "growth-chart",
               describe_capacity([curve], growth.target, "rate_scale"))  # fmt: skip
    st.caption("The ring is the most traffic for which a placement was found. Each search begins with what was found "
               "for less and for more traffic; where that is enough, nothing is searched.")  # fmt: skip
    draw_table(growth_table(growth), "growth-table", "Deadlines met with every traffic that was tried")


def growth_curve(growth: Growth) -> Curve:
    """Deadlines met over traffic."""
    tried = growth.tried
    return Curve(
        growth.name,
        np.array([t.rate_scale for t in tried]),
        np.array([t.slo_attainment for t in tried], dtype=np.float64),
        np.array([t.half_width for t in tried], dtype=np.float64),
        growth.bears,
    )


def growth_table(growth: Growth) -> pd.DataFrame:
    """One row a multiple of the traffic; attainment in per cent."""
    return pd.DataFrame(
        {
            "traffic, times today's": t.rate_scale,
            "deadlines met (%)": None if t.slo_attainment is None else round(100 * t.slo_attainment, 3),
            "reaches the target": t.reaches,
            "placed anew": t.searched,
            "why not": t.reason or "",
        }
        for t in growth.tried
    ).astype({"deadlines met (%)": float})
