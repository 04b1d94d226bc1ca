"""Deadlines met while one or two things vary: traffic and devices, burstiness, deadlines."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import streamlit as st

from app.background.cluster import machines_or_here
from app.background.slots import Job, JobSlot, draw_job, slot_of, start_job
from app.controls.views import kept
from app.figures.capacity import (
    build_capacity_figure,
    build_rate_map_figure,
    curves_of_sweep,
    describe_capacity,
    describe_rate_map,
)
from app.look import words
from app.look.style import current_theme, plain_text, verdict_html
from app.panels.capacity import Question, hue_of
from app.panels.keep import draw_chart, draw_table
from app.state.answer import Answer
from app.state.session import Session
from planner.scenario.schema import PlacementSection, Scenario
from planner.search import ALGORITHMS
from planner.what_if.sweep import Sweep, sweep
from planner.what_if.sweep_words import sweep_unseen_lines

MAP, SWEEP = "rate-map", "sweep"
AXES = {
    "rate_scale": "more or less traffic (× the scenario's)",
    "cv_scale": "burstier or calmer traffic (× the scenario's CV)",
    "slo_scale": "tighter or looser deadlines (× the latency alone)",
    "devices": "more or fewer devices",
    "memory_gib": "devices with more or less memory (GiB)",
}
# First range of each axis: lowest, highest, points. Devices begin at the capacity question's.
_RANGES = {"rate_scale": (0.25, 2.0, 8), "cv_scale": (0.5, 4.0, 8), "slo_scale": (1.0, 10.0, 10),
           "memory_gib": (8.0, 64.0, 8)}  # fmt: skip
_SHARES = ("deadlines_met_percent", "met_from_percent", "met_to_percent", "unseen_met_percent")
MOST_SIMULATED = 400_000_000
UNSEEN_LINES = " Dotted and paler, with hollow points: the same placements on traffic that they were not planned for."


def draw_rate_map(session: Session, answer: Answer, question: Question) -> None:
    """Traffic against devices for one algorithm, with the line on which the target is reached."""
    st.header("How much traffic do how many devices bear?", anchor=False)
    names, view = [section.name for section in question.sections], session.views.capacity
    columns = st.columns([3, 2, 2, 2, 2], vertical_alignment="bottom")
    with columns[0]:
        name = kept(session, st.selectbox, "Placed by", view.map_algorithm, names[0], options=names)
    with columns[1]:
        low = kept(session, st.number_input, "Traffic from (×)", view.map_low, 0.25, min_value=0.01, max_value=16.0,
                   step=0.25, format="%g", help="1 is the scenario's own traffic.")  # fmt: skip
    with columns[2]:
        high = kept(session, st.number_input, "Traffic to (×)", view.map_high, 2.0, min_value=0.01, max_value=16.0,
                    step=0.25, format="%g")  # fmt: skip
    with columns[3]:
        rows = kept(session, st.number_input, "Steps of traffic", view.map_rows, 6, min_value=2, max_value=20, step=1)
    with columns[4]:
        count = kept(session, st.number_input, "Steps of devices", view.map_columns, 6, min_value=2, max_value=20,
                     step=1)  # fmt: skip
    section = next(s for s in question.sections if s.name == name)
    devices = np.unique(np.linspace(question.lowest, question.highest, count).round())
    axes = (("devices", tuple(devices)), ("rate_scale", tuple(_spread(low, high, rows))))
    _draw_start(session, answer, MAP, "Draw the map", axes, (section,))
    slot = slot_of(session, MAP)
    if slot.result is None:
        if not slot.is_working:
            st.info("Press the button: each field of the map is one search and one simulation.")
        return
    swept: Sweep = slot.result[0]
    draw_chart(*rate_map(swept, question.target))
    st.caption("The line joins the most traffic that still meets the target, taken from the low end as in the paper's "
               "figures. Empty fields could not be computed, or not before Stop; the table says why.")  # fmt: skip
    for said in sweep_unseen_lines(swept, question.target):
        st.caption(plain_text(said))
    draw_table(sweep_table(swept), "rate-map-table", "Deadlines met for every traffic and number of devices")


def rate_map(swept: Sweep, target: float) -> tuple:
    """The map's figure, its key and its description."""
    (_, devices), (_, rates) = swept.axes
    devices, rates = np.sort(devices), np.sort(rates)
    met = np.full((rates.size, devices.size), np.nan)
    for result in swept.results:
        at = dict(result.point.values)
        met[np.searchsorted(rates, at["rate_scale"]), np.searchsorted(devices, at["devices"])] = result.slo_attainment
    name = swept.results[0].point.section.name
    figure = build_rate_map_figure(devices, rates, met, target, name, current_theme())
    return figure, "rate-map", describe_rate_map(devices, rates, met, target)


def draw_sweep(session: Session, answer: Answer, question: Question) -> None:
    """One thing varied, the basket or the algorithms compared, and where the target is crossed."""
    view = session.views.capacity
    st.header("What if traffic, burstiness or deadlines change?", anchor=False)
    columns = st.columns([3, 3, 2, 2, 2], vertical_alignment="bottom")
    with columns[0]:
        axis = kept(session, st.selectbox, "Change", view.axis, "rate_scale", options=list(AXES), format_func=AXES.get)
    with columns[1]:
        what = kept(session, st.selectbox, "Of", view.swept, "the basket", options=["the basket", "the algorithms"],
                    help="Placements by hand stay as they are; searched ones are searched anew.")  # fmt: skip
    low, high, count = _RANGES.get(axis, (question.lowest, question.highest, 8))
    with columns[2]:
        low = kept(session, st.number_input, "From", view.axis_low[axis], float(low), min_value=0.01, max_value=4096.0,
                   format="%g")  # fmt: skip
    with columns[3]:
        high = kept(session, st.number_input, "To", view.axis_high[axis], float(high), min_value=0.01, max_value=4096.0,
                    format="%g")  # fmt: skip
    with columns[4]:
        count = kept(session, st.number_input, "Points", view.axis_points[axis], count, min_value=2, max_value=40,
                     step=1)  # fmt: skip
    values = _spread(low, high, count)
    if axis == "devices":
        values = np.unique(np.maximum(np.round(values), 1))
    sections = question.sections if what != "the basket" else _limited(session.scenario, question)
    if not sections:
        st.error("The basket is empty; add a placement on the left, or sweep the algorithms.")
        return
    _draw_start(session, answer, SWEEP, "Sweep", ((axis, tuple(values)),), sections)
    slot = slot_of(session, SWEEP)
    if slot.result is None:
        if not slot.is_working:
            st.info("Press the button: everything else stays as it is, and each point is searched and simulated.")
        return
    _draw_swept(session, slot.result[0], question.target)


def _draw_swept(session: Session, swept: Sweep, target: float) -> None:
    axis = swept.axes[0][0]
    curves = curves_of_sweep(swept, target)
    sections = {r.point.section.name: r.point.section for r in swept.results}
    names = [section.name for section in session.scenario.placements]
    hues = [
        session.hue_of(c.name) if c.name in names else hue_of(sections[c.name], session, i)
        for i, c in enumerate(curves)
    ]
    st.html(verdict_html(hues[0], describe_capacity(curves, target, axis) + "."))
    draw_chart(build_capacity_figure(curves, target, current_theme(), axis, hues), "sweep",
               describe_capacity(curves, target, axis))  # fmt: skip
    st.caption("Rings mark the last value, from the easy end on, at which the target is still reached: the paper's "
               "figures count in this way. Gaps could not be computed, or not before Stop. A searched placement is "
               "never worse than that of a smaller cluster, and is held against those of harder points."
               + (UNSEEN_LINES if swept.unseen else ""))  # fmt: skip
    for said in sweep_unseen_lines(swept, target):
        st.caption(plain_text(said))
    for reason in dict.fromkeys(said for r in swept.results if (said := r.reason or r.remark)):
        st.warning(plain_text(reason))
    draw_table(sweep_table(swept), "sweep-table", "Deadlines met at every value")


def sweep_table(swept: Sweep) -> pd.DataFrame:
    """One row a point: attainment, its 95 % interval, and that on unseen traffic, in per cent; why it cannot be."""
    return pd.DataFrame(
        {
            "placement": r.point.section.name,
            **dict(r.point.values),
            "deadlines_met_percent": None if r.slo_attainment is None else 100 * r.slo_attainment,
            "met_from_percent": 100 * r.interval[0] if r.interval else None,
            "met_to_percent": 100 * r.interval[1] if r.interval else None,
            "unseen_met_percent": 100 * score.mean if (score := swept.unseen_score(r)) else None,
            "why not": r.reason or "",
            "remark": r.remark or "",
        }
        for r in swept.results
    ).astype(dict.fromkeys(_SHARES, float))


def _draw_start(session: Session, answer: Answer, area: str, label: str, axes, sections) -> JobSlot:
    """The button that starts a sweep, its progress, and that the picture is an older one."""
    scenario = session.scenario
    parts = [scenario.model_dump(mode="json", exclude={"placements", "name"}), axes,
             [s.model_dump(mode="json") for s in sections]]  # fmt: skip
    key = hashlib.sha256(json.dumps(parts, sort_keys=True, default=float).encode()).hexdigest()
    slot = slot_of(session, area)
    if st.button(label, type="primary", disabled=slot.is_working, key=f"{area}.go"):
        if (sentence := _too_much(answer, axes, sections)) is not None:
            st.error(sentence)
        else:
            slot = start_job(session, area, key, _work(session, scenario, axes, sections))
    draw_job(session, area, "Simulating points")
    if slot.last is not None and slot.result_key != key and not slot.is_working:
        st.warning("The settings have changed since; press the button to draw it anew.")
    if slot.result is not None and not slot.result[0].complete:
        st.info("This was stopped; the points done by then are shown.")
    return slot


def _too_much(answer: Answer, axes, sections) -> str | None:
    points = len(sections) * int(np.prod([len(values) for _, values in axes]))
    rates = dict(axes).get("rate_scale", (1.0,))
    simulated = len(answer.inputs.problem.workload) * float(np.mean(rates)) * points
    if simulated <= MOST_SIMULATED:
        return None
    return (
        f"These {words.count(points)} points simulate {words.count(simulated)} requests; at most "
        f"{words.count(MOST_SIMULATED)} are allowed. Choose fewer points or a shorter part of the traffic."
    )


def _work(session: Session, scenario: Scenario, axes, sections):
    own = session.uploads.own_profiles(scenario)

    def work(job: Job) -> tuple[Sweep, Scenario]:
        with machines_or_here(job.say) as executor:
            swept = sweep(
                scenario, axes, sections, job.report, executor, session.uploads.read_trace,
                own.profiles if own else {},
            )  # fmt: skip
        return swept, scenario

    return work


def _limited(scenario: Scenario, question: Question) -> tuple[PlacementSection, ...]:
    """The basket; searches that may last get the time limit of the question, because each point is a search."""
    limit_s = question.sections[0].searched.time_limit_s

    def limited(section: PlacementSection) -> PlacementSection:
        if section.search is None or section.search.algorithm not in ALGORITHMS:
            return section
        return section.model_copy(update={"search": section.search.model_copy(update={"time_limit_s": limit_s})})

    return tuple(limited(section) for section in scenario.placements)


def _spread(low: float, high: float, count: int) -> np.ndarray:
    low, high = min(low, high), max(low, high)
    return np.array([float(f"{value:.4g}") for value in np.linspace(low, high, count)])
