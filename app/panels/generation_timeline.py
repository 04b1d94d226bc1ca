"""What engines that generate were doing: a stretch of the run iteration by iteration, and the life of one request."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.figures.generation_life import build_token_life_figure, describe_token_request
from app.figures.generation_over_time import build_engines_figure, describe_engines, engine_name
from app.figures.generation_timeline import (
    build_iterations_figure,
    build_lives_figure,
    describe_iterations,
    describe_lives,
    drawn_lives,
)
from app.look import words
from app.look.style import plain_text
from app.panels.clock import began_at
from app.panels.compare_draw import clicked_points, draw_kept
from app.panels.generation_timeline_view import EngineView, most_waiting, next_where, recorded
from app.panels.timeline_view import change_gantt_view
from app.panels.timeline_window import draw_stretch, draw_stretch_requests, draw_strip, show_stretch
from app.panels.verdict import draw_remarks
from app.state.answer import TokenAnswer
from app.state.results import kept
from app.state.session import Session
from planner.generation.figures import BINS
from planner.generation.record import life_of, watch_stretch
from simulator.generation import STATUS, EngineSeries, TooManyIterations
from simulator.generation.run import MAX_RECORDED

_ITERATIONS, _LIVES = "engine-iterations", "engine-lives"


def draw_window(session: Session, view: EngineView, answer: TokenAnswer) -> None:
    """The whole run with arrivals and waiting requests, to drag over; and the stretch in numbers."""
    bins, arrival_s = view.entry.outcome.figures.over_time, answer.inputs.problem.workload.arrival_s
    rate = np.histogram(arrival_s, bins.edges_s)[0] / np.diff(bins.edges_s)
    draw_strip(session, view.entry, bins.edges_s, rate, np.nansum(bins.waiting, axis=0), view.window_s,
               began_at(answer))  # fmt: skip
    st.caption("Grey: arrivals; coloured: requests that wait for admission, highest where most do.")
    draw_stretch(session, view.window_s, "Fullest queue", "The engine and the moment at which most requests wait for "
                 "admission.", lambda: _show_fullest(session, view))  # fmt: skip


def draw_group(session: Session, view: EngineView) -> None:
    """Which devices with their engines are looked at, and what is to be known of their figures."""
    draw_remarks([view.entry])
    held: dict[int, list[str]] = {}
    for engine in view.entry.outcome.figures.engines:
        held.setdefault(engine.group, []).append(engine_name(engine))
    if len(held) > 1:
        shown(
            session, st.selectbox, "Engines", "timeline.engines", view.group,
            lambda group: change_gantt_view(session, groups=int(group)), options=list(held),
            format_func=lambda group: words.shorten("; ".join(held[group]), 80),
            help="Engines on the same devices take turns, so they are looked at together.",
        )  # fmt: skip


def draw_iterations(session: Session, view: EngineView, answer: TokenAnswer) -> EngineSeries | None:
    """Every iteration in the stretch, or equal parts of time where they are too many; a click chooses a request."""
    series, entry = recorded(view, answer), view.entry
    identity = (entry.outcome_key, entry.hue, view.window_s, view.group, view.request)
    if series is None:
        _draw_parts(view, answer)
        return None
    result, request = view.result, view.request
    moments: list[float] = []
    if result.served[request] and view.group in _groups_of(view):
        times = (result.workload.arrival_s, result.first_token_s, result.last_token_s)
        moments = [float(at_s[request]) for at_s in times]

    def make(theme):
        name = entry.section.name
        figure = build_iterations_figure(name, view.engines, series, view.window_s, theme, entry.hue, moments)
        figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
                             selector={"type": "bar"})  # fmt: skip
        figure.update_layout(clickmode="event+select", dragmode="zoom")
        return figure, describe_iterations(name, series, view.window_s)

    draw_kept(_ITERATIONS, identity, make, began_at(answer), on_select=lambda: _take_clicked(session, _ITERATIONS),
              selection_mode="points")  # fmt: skip
    st.caption(
        "One bar is one iteration, or several in a row that only decode the same requests. Click one that computes "
        "prompts, or a cross, to choose its request; dotted lines are arrival, first and last token of the chosen one."
    )
    return series


def draw_lives(session: Session, view: EngineView, series: EngineSeries | None, answer: TokenAnswer) -> None:
    """The requests at these engines in the stretch, a row each; a click chooses one."""
    requests, total = drawn_lives(view.result, view.engines, view.window_s, view.request)
    entry = view.entry
    identity = (entry.outcome_key, entry.hue, view.window_s, view.group, view.request)
    draw_kept(_LIVES, identity, lambda theme: (
        build_lives_figure(view.result, requests, total, view.met, series, view.window_s, theme, entry.hue,
                           view.request).update_traces(selected={"marker": {"opacity": 1}},
                                                       unselected={"marker": {"opacity": 1}}),
        describe_lives(view.result, requests, total, view.met),
    ), began_at(answer), on_select=lambda: _take_clicked(session, _LIVES), selection_mode="points")  # fmt: skip
    if total > requests.size:
        st.caption(
            f"{words.count(total - requests.size)} more are at these engines in this stretch; those in a batch come "
            "first. A shorter stretch has fewer."
        )


def draw_request(session: Session, view: EngineView, answer: TokenAnswer) -> None:
    """The life of one request in words and as a picture."""
    st.header("What happened to one request?", anchor=False)
    result, total = view.result, len(view.result.workload)
    left, right = st.columns([2, 5], vertical_alignment="bottom")
    shown(session, left.number_input, "Request", "timeline.request", view.request,
          lambda request: change_gantt_view(session, request=int(request)), min_value=0, max_value=total - 1, step=1,
          help=f"Numbers from 0 to {total - 1}, in order of arrival.")  # fmt: skip
    kinds = {
        "in time": view.met,
        "late": result.served & ~view.met,
        "preempted": result.preemptions > 0,
        "not served": ~result.served,
    }
    with right, st.container(horizontal=True, gap="small"):
        for kind, mask in kinds.items():
            following = next_where(mask, view.request)
            st.button(f"Next {kind}", key=f"timeline.next.{kind}", disabled=following is None, on_click=_show_request,
                      args=(session, view, following))  # fmt: skip
    slo = answer.inputs.problem.models[int(result.workload.model[view.request])].slo
    st.markdown(f"**{plain_text(describe_token_request(result, slo, view.request))}**")
    if not result.served[view.request]:
        return
    arrival_s = float(result.workload.arrival_s[view.request])
    if not view.window_s[0] <= arrival_s <= view.window_s[1] or view.group not in _groups_of(view):
        st.button("Show its engine and its arrival above", key="timeline.goto", on_click=_show_request,
                  args=(session, view, view.request))  # fmt: skip
    key = (view.entry.outcome_key, view.request)
    try:
        life = kept(("life", *key), lambda: life_of(view.entry.outcome, answer.inputs, view.request, MAX_RECORDED))
    except TooManyIterations:
        st.caption("Its engine does too much between its arrival and its last token to tell its steps one by one.")
        return
    draw_kept("token-life", (*key, view.entry.hue), lambda theme: (
        build_token_life_figure(result, life, slo, view.request, theme, view.entry.hue),
        describe_token_request(result, slo, view.request),
    ))  # fmt: skip


def draw_requests(view: EngineView) -> None:
    """The requests that arrived in the stretch, as a table."""
    arrival_s = view.result.workload.arrival_s
    draw_stretch_requests(arrival_s, view.window_s, lambda rows: request_table(view, rows), ", at all engines")


def request_table(view: EngineView, rows: np.ndarray) -> pd.DataFrame:
    """One row a request, with what became of it."""
    result, workload = view.result, view.result.workload
    return pd.DataFrame({
        "request": rows,
        "model": np.array(workload.models, dtype=object)[workload.model[rows]],
        "arrival_s": workload.arrival_s[rows],
        "input_tokens": workload.input_tokens[rows],
        "output_tokens": workload.output_tokens[rows],
        "engine": [None if engine < 0 else engine for engine in result.engine[rows].tolist()],
        **({} if result.handoff is None else {"last engine": [None if engine < 0 else engine
                                                              for engine in result.last_engine[rows].tolist()]}),
        "ttft_s": result.ttft_s[rows],
        "tpot_s": result.tpot_s[rows],
        "e2e_s": result.e2e_s[rows],
        "preemptions": result.preemptions[rows],
        "in_time": view.met[rows],
        "status": np.array(STATUS, dtype=object)[result.status[rows]],
    })  # fmt: skip


def _draw_parts(view: EngineView, answer: TokenAnswer) -> None:
    """The engines of the group in equal parts of a long stretch."""
    entry, window_s = view.entry, view.window_s
    bins = kept(("parts", entry.outcome_key, window_s), lambda: watch_stretch(entry.outcome, answer.inputs, window_s,
                                                                              BINS))  # fmt: skip
    numbers = [engine.engine for engine in view.engines]
    mine = bins.of_engines(numbers)
    here = np.flatnonzero(view.result.at_engines(numbers))
    arrivals_s, name = answer.inputs.problem.workload.arrival_s[here], entry.section.name
    draw_kept("engine-parts", (entry.outcome_key, entry.hue, window_s, view.group), lambda theme: (
        build_engines_figure(name, view.engines, mine, arrivals_s, view.met[here], theme, entry.hue),
        describe_engines(name, view.engines, mine),
    ), began_at(answer))  # fmt: skip
    st.caption(f"This stretch holds too many iterations to draw each, so it is drawn in {BINS} equal parts. Drag over "
               "the strip, or come closer, to see every iteration.")  # fmt: skip


def _groups_of(view: EngineView) -> set[int]:
    """The group of the request's engine, and of the one that decodes it; empty if none took it."""
    engines = (int(of[view.request]) for of in (view.result.engine, view.result.last_engine))
    return {view.entry.outcome.figures.engines[engine].group for engine in engines if engine >= 0}


def _take_clicked(session: Session, key: str) -> None:
    points = clicked_points(key)
    data = points[0].get("customdata") if points else None
    if data is not None:
        request = int(data["0"] if isinstance(data, dict) else data[0])
        # An iteration that only decodes computes nobody's prompt.
        if request >= 0:
            change_gantt_view(session, request=request)


def _show_fullest(session: Session, view: EngineView) -> None:
    engine, column = most_waiting(view.entry)
    edges_s = view.entry.outcome.figures.over_time.edges_s
    change_gantt_view(session, groups=view.entry.outcome.figures.engines[engine].group)
    half_s = (view.window_s[1] - view.window_s[0]) / 2
    middle_s = float(edges_s[column] + edges_s[column + 1]) / 2
    show_stretch(session, middle_s - half_s, middle_s + half_s)


def _show_request(session: Session, view: EngineView, request: int) -> None:
    change_gantt_view(session, request=request)
    engine = int(view.result.engine[request])
    if engine >= 0:
        change_gantt_view(session, groups=view.entry.outcome.figures.engines[engine].group)
    arrival_s = float(view.result.workload.arrival_s[request])
    length_s = view.window_s[1] - view.window_s[0]
    if not view.window_s[0] <= arrival_s <= view.window_s[1]:
        show_stretch(session, arrival_s - length_s / 4, arrival_s + 3 * length_s / 4)
