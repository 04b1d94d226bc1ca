"""Fewest devices for models that generate, and what happens when one thing varies: jobs with progress and Stop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.background.cluster import machines_or_here
from app.background.slots import Job, draw_job, slot_of, start_job
from app.controls.views import kept
from app.figures.generation_capacity import build_points_figure
from app.look import words
from app.look.style import current_theme, plain, plain_text, verdict_html
from app.panels import generation_growth
from app.panels.capacity import hue_of, use_placement
from app.panels.generation_jobs import TokenQuestion, answered, builder, fewest_first, key_of, reporter
from app.panels.keep import draw_chart, draw_table
from app.state.answer import TokenAnswer
from app.state.limits import MAX_DEVICES
from app.state.session import Session
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.search import TITLES, VALIDATED
from planner.generation.unseen import NOT_OF_SWEEPS
from planner.generation.what_if import TokenCapacity, TokenPoint, find_token_capacity, sweep_tokens
from planner.scenario.schema import PlacementSection, Scenario, SearchSection
from planner.what_if.unseen_words import held_out_lines

CAPACITY, SWEEP = "capacity of generating models", "sweep of generating models"
# Results of single points are held until the answer is drawn: about 40 bytes a request.
MOST_REQUESTS = 500_000
MOST_SWEPT = 20_000_000
AXES = {
    "rate_scale": ("Traffic, times today's", 0.5, 4.0),
    "devices": ("Devices", 1.0, 16.0),
    "memory_gib": ("GiB of a device", 20.0, 140.0),
    "slo_scale": ("Deadlines, times today's", 0.5, 3.0),
}


def draw(session: Session, answer: TokenAnswer) -> None:
    """Both questions, each with its answer."""
    if answer.problems or answer.built is None or not session.scenario.generates:
        for sentence in answer.problems.values():
            st.error(plain_text(sentence))
        return
    requests = len(answer.inputs.problem.workload)
    if requests > MOST_REQUESTS:
        st.error(f"The traffic has {words.count(requests)} requests; up to {words.count(MOST_REQUESTS)} are allowed "
                 "here. Choose a shorter part under Traffic.")  # fmt: skip
        return
    if answer.inputs.fixed is not None:
        st.info("This page places models of one kind; with models of both kinds, the page Plan answers groups by hand.")
        return
    question = _draw_question(session)
    if question is not None:
        found = _draw_capacity(session, question)
        generation_growth.draw_growth(session, question, found)
        generation_growth.draw_spare(session, question, found)
        _draw_sweep(session, question.target, question.sections, requests)
    st.caption(NOT_MODELLED)


def _draw_question(session: Session) -> TokenQuestion | None:
    """What is asked; None where nothing can be."""
    asked, view = session.views.capacity, session.views.generation
    left, middle, right = st.columns([2, 5, 2])
    with left:
        target = kept(session, st.number_input, "Deadlines to meet (%)", asked.target, 99.0, min_value=1.0,
                      max_value=100.0, step=0.5, format="%g", help="Of all requests.")  # fmt: skip
    with middle:
        # As the command: the searches of the scenario, or all where it has none.
        mine = [s.search.algorithm for s in session.scenario.placements if s.search is not None]
        first = [name for name in TITLES if name in mine] or list(VALIDATED)
        algorithms = kept(session, st.multiselect, "Placed by", view.algorithms, first, options=list(TITLES),
                          format_func=TITLES.get, help="Each finds engines for every number of devices.")  # fmt: skip
    with right:
        limit_s = kept(session, st.number_input, "Seconds a search", view.limit_s, 5.0, min_value=0.5,
                       max_value=600.0, step=1.0, format="%g", help="The best found by then counts.")  # fmt: skip
    left, right = st.columns(2)
    with left:
        lowest = kept(session, st.number_input, "Devices from", asked.lowest, 1, min_value=1, max_value=MAX_DEVICES,
                      step=1, help="The fewest that are tried.")  # fmt: skip
    with right:
        highest = kept(session, st.number_input, "Devices to", asked.highest,
                       min(4 * session.scenario.cluster.devices, MAX_DEVICES), min_value=1, max_value=MAX_DEVICES,
                       step=1, help="The most that are tried.")  # fmt: skip
    if not algorithms:
        st.error("No algorithm is chosen; choose at least one under Placed by.")
        return None
    if lowest > highest:
        st.error(f"Devices from {lowest} to {highest} leave nothing to try; turn them round.")
        return None
    sections = [
        PlacementSection(name=TITLES[a], search=SearchSection(algorithm=a, time_limit_s=limit_s)) for a in algorithms
    ]
    return TokenQuestion(target / 100, lowest, highest, sections)


def _draw_capacity(session: Session, question: TokenQuestion) -> list[TokenCapacity] | None:
    """The search for the number of devices, and its answer, given back where it is whole and that of the question."""
    scenario = session.scenario
    key = question.key(scenario)

    def work(job: Job) -> tuple[list[TokenCapacity], Scenario, Sequence[PlacementSection]]:
        with machines_or_here(job.say) as executor:
            found = find_token_capacity(
                scenario, question.target, question.sections, question.lowest, question.highest, reporter(job),
                builder(session), executor,
            )  # fmt: skip
        return found, scenario, question.sections

    result = answered(
        session, CAPACITY, key, "Find the number of devices", "Trying numbers of devices", work, "capacity.go"
    )
    if result is None:
        return None
    found: list[TokenCapacity] = result[0]
    _draw_found(session, *result)
    is_whole = slot_of(session, CAPACITY).result_key == key and all(one.complete for one in found)
    return found if is_whole else None


def _draw_found(
    session: Session, found: Sequence[TokenCapacity], asked: Scenario, sections: Sequence[PlacementSection]
) -> None:
    reached = fewest_first(found)
    hues = [hue_of(section, session, i) for i, section in enumerate(sections)]
    price = asked.cluster.usd_per_device_hour
    sentence = sentence_of(found, price)
    st.html(verdict_html(hues[found.index(reached[0]) if reached else 0], sentence))
    if not price:
        st.caption("To see what they cost, set the price of a device under Cluster.")
    for one in found:
        said = one.reason or one.remark
        if said is not None:
            st.caption(plain_text(f"{one.name}: {said}"))
    for line in dict.fromkeys(x for one in found for x in held_out_lines(one.unseen, {one.name: one.target})):
        st.caption(plain_text(line))
    points = [point for one in found for point in one.tried]
    draw_chart(build_points_figure(points, "devices", "devices", _title(found), found[0].target, current_theme(), hues),
               "token-capacity", sentence)  # fmt: skip
    st.caption("The numbers of devices are doubled until the target is met, then halved; others are not tried.")
    draw_table(capacity_table(found), "token-capacity-table", "Devices, deadlines met, cost and groups by algorithm")
    with st.container(horizontal=True):
        for one in reached:
            label = f"Add {one.name} on {words.plural(one.devices or 0, 'device')}"
            st.button(plain(label), key=f"capacity.use:{one.name}", on_click=use_placement,
                      args=(session, one.name, one.placement, one.devices),
                      icon=":material/add:", help="Puts this very placement into the basket.")  # fmt: skip


def sentence_of(found: Sequence[TokenCapacity], usd_per_device_hour: float = 0.0) -> str:
    """The fewest devices in words, with their price where one is known, and those of the other algorithms."""
    goal = words.goal(found[0].target)
    reached = [(one, one.devices or 0) for one in fewest_first(found)]
    if not reached:
        return f"No algorithm reaches {goal} of deadlines in this range."
    (first, fewest), *others = reached
    parts = [f"{words.plural(devices, 'device')} by {one.name}" for one, devices in others]
    parts += [f"not reached by {one.name}" for one in found if one.devices is None]
    rest = f" Others: {words.join(parts)}." if parts else ""
    price = f" for {words.usd_per_hour(fewest * usd_per_device_hour)}" if usd_per_device_hour else ""
    needs = f"{goal} of deadlines need {words.plural(fewest, 'device')}{price}, placed by {first.name}."
    return needs + rest


def capacity_table(found: Sequence[TokenCapacity]) -> pd.DataFrame:
    """One row an algorithm."""
    rows = []
    for one in found:
        outcome, met = (one.best.outcome, one.best.slo_attainment) if one.best else (None, None)
        interval = outcome.interval if outcome else None
        rows.append({
            "Placed by": one.name, "Devices": one.devices,
            "Deadlines met (%)": None if met is None else 100 * met,
            "95 % interval": words.interval(*interval) if interval else "",
            "$ per million tokens": outcome.usd_per_million_tokens if outcome else None,
            "Groups": outcome.groups_in_words if outcome else "", "Why not": one.reason or "",
        })  # fmt: skip
    return pd.DataFrame(rows).astype({"Devices": "Int64"})


def _draw_sweep(session: Session, target: float, sections: Sequence[PlacementSection], requests: int) -> None:
    st.header("What if it changes?", anchor=False)
    scenario, view = session.scenario, session.views.generation
    first, second, third, fourth = st.columns(4)
    with first:
        axis = kept(session, st.selectbox, "What varies", view.axis, "rate_scale", options=list(AXES),
                    format_func=lambda name: AXES[name][0])  # fmt: skip
    label, low, high = AXES[axis]
    ends = {"min_value": 0.01, "max_value": 512.0}
    with second:
        start = kept(session, st.number_input, "From", view.axis_low[axis], low, **ends)
    with third:
        end = kept(session, st.number_input, "To", view.axis_high[axis], high, **ends)
    with fourth:
        count = kept(session, st.number_input, "Points", view.axis_points, 6, min_value=2, max_value=20, step=1)
    values = np.linspace(start, end, count)
    values = np.unique(np.rint(values)) if axis == "devices" else np.round(values, 3)
    if requests * len(values) * len(sections) > MOST_SWEPT:
        st.error("These points times the requests are too many; choose fewer points, algorithms or requests.")
        return
    key = key_of(scenario, target, axis, values.tolist(), sections)

    def work(job: Job) -> tuple[list[TokenPoint], str]:
        axes = [(axis, [int(v) if axis == "devices" else float(v) for v in values])]
        with machines_or_here(job.say) as executor:
            points, _ = sweep_tokens(scenario, axes, sections, reporter(job), builder(session), executor)
        return points, axis

    slot = slot_of(session, SWEEP)
    if st.button("Compute the points", disabled=slot.is_working or start >= end, key="token_sweep.go"):
        slot = start_job(session, SWEEP, key, work)
    draw_job(session, SWEEP, "Computing points")
    if slot.result is None or not slot.result[0]:
        return
    if slot.result_key != key:
        st.warning("The question or the scenario has changed since; press the button to answer it anew.")
    points, drawn = slot.result
    hues = [hue_of(section, session, i) for i, section in enumerate(sections)]
    draw_chart(build_points_figure(points, drawn, AXES[drawn][0], _swept(points, drawn, target), target,
                                   current_theme(), hues), "token-sweep", _swept(points, drawn, target))  # fmt: skip
    st.caption(NOT_OF_SWEEPS)
    for reason in dict.fromkeys(f"{point.name}: {point.reason}" for point in points if point.reason):
        st.caption(plain_text(reason))
    table = pd.DataFrame({"Placement": p.name, AXES[drawn][0]: dict(p.values)[drawn], "Deadlines met (%)":
                          None if p.slo_attainment is None else 100 * p.slo_attainment} for p in points)  # fmt: skip
    draw_table(table, "token-sweep-table", "Deadlines met at every point")


def _swept(points: Sequence[TokenPoint], axis: str, target: float) -> str:
    known = [(dict(point.values)[axis], point.slo_attainment, point.name) for point in points]
    met = [(value, share, name) for value, share, name in known if share is not None]
    if not met:
        return "No point could be computed"
    far = max(value for value, _, _ in met)
    _, share, name = max((row for row in met if row[0] == far), key=lambda row: row[1])
    return f"At {AXES[axis][0].lower()} {words.number(far)} {name} meets most, {words.share(share)}"


def _title(found: Sequence[TokenCapacity]) -> str:
    return sentence_of(found).split(" Others:")[0].rstrip(".")
