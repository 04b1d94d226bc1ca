"""Every placement in one ranked table: what it meets, misses, takes and costs, and by how much the rival differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from markupsafe import Markup
from streamlit.delta_generator import DeltaGenerator

from app.controls.fields import shown
from app.look import words
from app.look.markup import render
from app.look.style import colour_of, plain_text
from app.panels.compare_view import TokenView, View, change_view, figures_in_view, left_out, result_in_view
from app.panels.keep import draw_download
from app.panels.verdict import missed, price_of
from app.state.answer import Answer, Answered, AnyAnswer
from app.state.results import kept
from app.state.session import Session
from planner.explain import PairedDifference, paired_difference
from planner.scenario.schema import PlacementSection
from planner.scenario.serving_rules import rules_in_words
from planner.what_if.unseen import Unseen, UnseenScore
from planner.what_if.unseen_words import unseen_cell
from simulator import Figures


@dataclass(frozen=True)
class Row:
    """One placement in the table: its figures for what is in view, and how it differs from the rival."""

    entry: Answered
    figures: Figures
    difference: PairedDifference
    usd_per_hour: float

    @property
    def name(self) -> str:
        return self.entry.section.name


def draw_choices(session: Session, view: View, answer: Answer) -> None:
    """Which placement is looked at, which one all others are set against, and what alone is counted."""
    models = [model.name for model in answer.inputs.problem.models]
    left, middle, right = st.columns([3, 3, 2])
    draw_pair(session, view, answer, left, middle)
    shown(session, right.selectbox, "Look at one model", "compare.model",
          None if view.model is None else models[view.model],
          lambda model: change_view(session, model=model, in_=None, group=None), options=models,
          placeholder="all models", format_func=lambda name: words.shorten(name, 48),
          help="Everything then counts only the requests of this model. A click on a model or a group in a picture or "
          "table below does the same.")  # fmt: skip
    sentence = view.filter_in_words(answer)
    if sentence:
        st.button(f"{sentence}: count all again", key="compare.clear", icon=":material/close:", on_click=_clear,
                  args=(session,))  # fmt: skip


def draw_pair(
    session: Session, view: View | TokenView, answer: AnyAnswer, left: DeltaGenerator, right: DeltaGenerator
) -> None:  # fmt: skip
    """Which placement is looked at, which one all others are set against, and which are not compared."""
    names = [entry.section.name for entry in answer.shown]
    for column, label, key, entry in (
        (left, "Gains and losses of", "second", view.second), (right, "against", "first", view.first)
    ):  # fmt: skip
        shown(session, column.selectbox, label, f"compare.{key}", entry.section.name,
              partial(_choose_pair, session, key, view), options=names,
              format_func=lambda name: words.shorten(name, 48))  # fmt: skip
    sentence = left_out(view.shown, answer.shown)
    if sentence:
        st.info(plain_text(sentence))


def draw_table(view: View, answer: Answer, unseen: Unseen | None = None) -> None:
    """The table, and a button for it as a file; `unseen`: scores on traffic that was not planned for."""
    rows, unseen = ranked_rows(view, answer), None if view.filter_in_words(answer) else unseen
    with st.container(key="ranked", gap="small"):
        st.html(table_html(rows, view, unseen))
        draw_download(as_frame(rows, view, unseen), "compare-table")


def ranked_rows(view: View, answer: Answer) -> list[Row]:
    """One row a placement, the one that meets most deadlines in view first."""
    against = result_in_view(view.first, view, answer)
    cluster = answer.inputs.problem.cluster

    def row(entry: Answered) -> Row:
        key = ("paired difference", view.first.outcome_key, entry.outcome_key, view.filter_key, answer.inputs.warmup_s)
        gap = kept(key, lambda: paired_difference(against, result_in_view(entry, view, answer)))
        price = price_of(entry.outcome, cluster)
        return Row(entry, figures_in_view(entry, view, answer), gap, price)

    rows = [row(entry) for entry in view.shown]
    return sorted(rows, key=lambda r: -r.figures.total.slo_attainment if r.figures.total.requests else 1.0)


def difference_cell(gap: PairedDifference, is_rival: bool) -> tuple[str, str]:
    """The difference to the rival, and how sure it is: ("+32.8 points", "±0.4")."""
    if is_rival:
        return "–", "compared against"
    if not math.isfinite(gap.difference):
        return words.NOTHING, "no request"
    width = words.half_width(gap.half_width)
    if not gap.difference:
        return "same", ""
    sure = "" if gap.is_clear else ", within noise" if width else "too few requests to tell"
    return words.points_difference(gap.difference, 0.0), width + sure


def table_html(rows: list[Row], view: View, unseen: Unseen | None = None) -> Markup:
    """The rows as an HTML table."""
    low = lowest([end for r in rows for end in (r.figures.interval[0], r.figures.total.slo_attainment)])
    return render(
        "panels/compare_table.html",
        rows=[_cells(row, view, low, unseen) for row in rows],
        low=words.share(low),
        priced=any(row.usd_per_hour > 0 for row in rows),
        rival=words.shorten(view.first.section.name, 40),
        rival_colour=colour_of(view.first.hue),
    )


def as_frame(rows: list[Row], view: View, unseen: Unseen | None = None) -> pd.DataFrame:
    """The table as plain numbers, shares in per cent."""
    return pd.DataFrame(
        {
            "placement": row.name,
            "serving_rules": rules_in_words(row.entry.section.serving_rules),
            "met": 100 * row.figures.total.slo_attainment,
            "met_from": 100 * row.figures.interval[0],
            "met_to": 100 * row.figures.interval[1],
            "unseen_met": None if (score := _unseen_score(unseen, row)) is None else 100 * score.mean,
            "unseen_half_width": None if score is None else 100 * score.half_width,
            "missed": missed(row.figures),
            "requests": row.figures.total.requests,
            "p99_s": row.figures.total.latency_s.p99,
            "busy": 100 * row.figures.utilization,
            "usd_per_hour": row.usd_per_hour,
            "against": view.first.section.name,
            "difference_points": 100 * row.difference.difference,
            "half_width_points": 100 * row.difference.half_width,
            "remark": row.entry.outcome.remark or "",
        }
        for row in rows
    )


def _unseen_score(unseen: Unseen | None, row: Row) -> UnseenScore | None:
    return unseen.score(row.name) if unseen else None


def _cells(row: Row, view: View, low: float, unseen: Unseen | None) -> dict[str, Any]:
    total, figures = row.figures.total, row.figures
    difference, sure = difference_cell(row.difference, row.entry is view.first)
    return {
        "name": words.shorten(row.name),
        "rules": unsaid_rules(row.entry.section),
        "colour": colour_of(row.entry.hue),
        "met": words.share(total.slo_attainment),
        "width": words.uncertainty(total.slo_attainment, figures.half_width),
        "unseen": unseen_cell(unseen, row.name),
        "range": range_marks(total.slo_attainment, figures.interval, low),
        "missed": words.count(missed(figures)),
        "requests": words.count(total.requests),
        "p99": words.duration(total.latency_s.p99),
        "busy": words.share(figures.utilization),
        "cost": words.usd_per_hour(row.usd_per_hour),
        "devices": words.plural(row.entry.outcome.placement.devices, "device"),
        "difference": difference,
        "sure": sure,
    }


def unsaid_rules(section: PlacementSection) -> str:
    """The serving rules that a placement has of its own, where its name as shown does not say them; else empty."""
    said = rules_in_words(section.serving_rules)
    return "" if said in words.shorten(section.name) else said


def lowest(ends: Sequence[float]) -> float:
    """Where the scale of all intervals begins, 0..1: a round number below all of their ends."""
    lowest = min((end for end in ends if math.isfinite(end)), default=0.0)
    step = 0.05 if lowest < 0.9 else 0.01 if lowest < 0.99 else 0.001
    return max(math.floor(lowest / step) * step, 0.0)


def range_marks(value: float, ends: tuple[float, float], low: float) -> dict[str, float | None] | None:
    """The value and the ends of its interval in per cent of the scale from `low` to 1; None where nothing counts."""
    start, end = ends
    if not math.isfinite(value):
        return None

    def place(share: float) -> float | None:
        return round(100 * (share - low) / max(1 - low, 1e-9), 2) if math.isfinite(share) else None

    return {"value": place(value), "start": place(start), "end": place(end)}


def _choose_pair(session: Session, key: str, view: View | TokenView, chosen: str) -> None:
    other_key, other = ("first", view.first) if key == "second" else ("second", view.second)
    values = {key: chosen, other_key: other.section.name}
    if chosen == other.section.name:
        # Choosing the other one turns the pair round.
        values[other_key] = (view.second if key == "second" else view.first).section.name
    change_view(session, **values)


def _clear(session: Session) -> None:
    change_view(session, model=None, in_=None, group=None)
