"""When it happened: the same quantity of all placements of models that generate, over one time axis."""

from __future__ import annotations

import streamlit as st

from app.controls.views import kept as kept_choice
from app.figures.generation_compare import (
    QUANTITIES,
    OverTime,
    build_compared_over_time_figure,
    describe_compared_over_time,
    quantity_over_time,
)
from app.panels.clock import began_at
from app.panels.compare_draw import draw_kept
from app.panels.compare_view import TokenView
from app.state.answer import TokenAnswer, TokenAnswered
from app.state.session import Session
from planner.generation.figures import deadlines_kept
from planner.generation.paired import rows_of


def draw(session: Session, view: TokenView, answer: TokenAnswer) -> None:
    """Which quantity, and a row for each placement; of the engines and requests of one model where one is looked at."""
    st.header("When did it happen?", anchor=False)
    quantity = kept_choice(
        session, st.segmented_control, "Over time show", session.views.compare.token_rows, "met",
        options=list(QUANTITIES), format_func=lambda key: QUANTITIES[key][0], required=True,
    )  # fmt: skip
    rows = rows_of(answer.inputs, view.model)
    arrivals_s = answer.inputs.problem.workload.arrival_s[rows]
    edges_s = view.first.outcome.figures.over_time.edges_s

    def make(theme):
        found = [compared(quantity, entry, view, answer) for entry in view.shown]
        figure = build_compared_over_time_figure(quantity, found, edges_s, arrivals_s, theme)
        return figure, describe_compared_over_time(quantity, found, edges_s)

    identity = (tuple((e.outcome_key, e.hue, e.section.name) for e in view.shown), quantity, view.model,
                answer.inputs.warmup_s)  # fmt: skip
    draw_kept("compared-over-time", identity, make, began_at(answer))


def compared(quantity: str, entry: TokenAnswered, view: TokenView, answer: TokenAnswer) -> OverTime:
    """A quantity of a placement, of the engines and requests in view."""
    outcome, rows = entry.outcome, rows_of(answer.inputs, view.model)
    engines = [e.engine for e in outcome.figures.engines if view.model in (None, e.model)]
    met = deadlines_kept(answer.inputs.problem, outcome.result)["all"][rows]
    arrivals_s = answer.inputs.problem.workload.arrival_s[rows]
    bins = outcome.figures.over_time.of_engines(engines)
    return OverTime(entry.section.name, entry.hue, quantity_over_time(quantity, bins, arrivals_s, met))
