"""Who gains and who loses: the pair in sentences, models, latency and groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.figures.compare import build_differences_figure, describe_differences, describe_paired, extremes
from app.figures.plan import build_latency_figure, describe_latency
from app.look import words
from app.look.style import plain_text, verdict_html
from app.panels.compare_draw import clicked_points, draw_kept
from app.panels.compare_view import TokenView, View, change_view, figures_in_view, result_in_view, spans_of
from app.panels.keep import draw_table
from app.panels.reasons import describe_reasons
from app.panels.verdict import draw_remarks, draw_wishes
from app.state.answer import Answer
from app.state.results import kept
from app.state.session import Session
from planner.explain import (
    ModelDifference,
    PairedDifference,
    explain_difference,
    model_differences,
    paired_difference,
)
from simulator.pairs import pair_outcomes

_DIFFERENCES, _MODELS, _GROUPS = "compare-differences", "compare-models", "compare-groups"
# Of tables that scroll, and of a row of shorter ones.
_TABLE_PX, _ROW_PX = 320, 36


def draw_verdict(view: View, answer: Answer) -> None:
    """By how much the second of the pair is better or worse, and why, in sentences."""
    first, second = (result_in_view(entry, view, answer) for entry in (view.first, view.second))
    key = (view.first.outcome_key, view.second.outcome_key, view.filter_key, answer.inputs.warmup_s)
    gap = kept(("paired difference", key), lambda: paired_difference(first, second))
    sentence, counted = difference_in_words(gap, view), view.filter_in_words(answer)
    if counted:
        sentence += f" Counted: {counted}."
    st.html(verdict_html(view.second.hue, sentence))
    draw_remarks(view.shown)
    draw_wishes(view.shown, answer.inputs)


def draw_reasons(view: View, answer: Answer) -> None:
    """Why the pair differs, and every request once: met by both, by one, by none."""
    first, second = (result_in_view(entry, view, answer) for entry in (view.first, view.second))
    paired = pair_outcomes(first, second)
    st.caption(plain_text(f"{describe_paired(paired, (view.first.section.name, view.second.section.name))}."))
    if view.filter_key:
        return
    key = (view.first.outcome_key, view.second.outcome_key, answer.inputs.warmup_s)
    reasons = kept(("reasons", key), lambda: explain_difference(
        view.first.outcome.result, view.second.outcome.result, answer.inputs.warmup_s,
        (spans_of(view.first), spans_of(view.second)), answer.inputs.problem.cluster,
    ))  # fmt: skip
    st.markdown(f"**Why?** {plain_text(describe_reasons(reasons))}")


def difference_in_words(gap: PairedDifference, view: View | TokenView) -> str:
    """The paired difference of the pair as two sentences."""
    second, first = (words.shorten(entry.section.name, 48) for entry in (view.second, view.first))
    if not math.isfinite(gap.difference):
        return "No request is counted here, so there is nothing to compare."
    points = words.points_difference(gap.difference, 0.0)
    if points == "same" or gap.difference == 0:
        return f"{second} meets as many deadlines as {first}."
    more = "more" if gap.difference > 0 else "fewer"
    width = words.half_width(gap.half_width)
    amount = points.lstrip(f"+{words.MINUS}")
    sentence = f"{second} meets {amount}{f' ({width})' if width else ''} {more} deadlines than {first}."
    if width and not gap.is_clear:
        sentence += " The difference is within its uncertainty, so either may be the better one."
    elif not width:
        sentence += " There are too few requests to say how certain this is."
    return sentence


def draw_models(session: Session, view: View, answer: Answer) -> None:
    """Which models gain and lose, the extremes as a picture and all as a table; both choose a model."""
    key = (view.first.outcome_key, view.second.outcome_key, view.filter_key, answer.inputs.warmup_s)
    found = kept(("differences by model", key), lambda: model_differences(
        result_in_view(view.first, view, answer), result_in_view(view.second, view, answer)
    ))  # fmt: skip
    names = view.first.section.name, view.second.section.name
    hues = view.first.hue, view.second.hue
    draw_kept(_DIFFERENCES, (key, names, hues), lambda theme: (
        _clickable(build_differences_figure(found, names, theme, hues)), describe_differences(found, names)
    ), on_select=lambda: _pick_bar(session, found), selection_mode="points")  # fmt: skip
    st.caption(chance_note(len(found)))
    st.header("Model by model", anchor=False)
    table = model_table(found, view, answer)
    percent = [entry.section.name for entry in view.shown]
    numbers = {name: st.column_config.NumberColumn(f"{words.shorten(name, 30)} (%)", format="%.2f")
               for name in percent}  # fmt: skip
    draw_table(
        table, _MODELS, "Deadlines met by every model with every placement",
        on_select=lambda: _pick_model(session, table), selection_mode="single-row", height=_height_px(table),
        column_config={"model": "Model", "requests": "Requests",
                       "difference": st.column_config.NumberColumn("Difference (points)", format="%+.2f"),
                       "half_width": st.column_config.NumberColumn("± (points)", format="%.2f"), **numbers},
    )  # fmt: skip


def chance_note(models: int) -> str:
    """What the bars say, and how many of so many models would look clear by chance alone."""
    note = "Light bars are within their 95 % interval, so either placement may be the better one for them."
    expected = round(0.05 * models)
    if expected:
        note += (
            f" Among so many models, about {words.count(expected)} of {words.count(models)} would have a dark bar by "
            f"chance, even if the placements were equally good for all."
        )
    return note


def model_table(found: Sequence[ModelDifference], view: View, answer: Answer) -> pd.DataFrame:
    """One row a model with requests, the largest gain on top: the difference, and deadlines met in per cent."""
    met = {e.section.name: dict(figures_in_view(e, view, answer).models) for e in view.shown}
    return pd.DataFrame(
        {
            "difference": 100 * row.gap.difference,
            "half_width": 100 * row.gap.half_width,
            "model": row.name,
            "requests": row.requests,
            **{name: 100 * of[row.name].slo_attainment for name, of in met.items()},
            **{f"remark on {e.section.name}": e.outcome.remark for e in view.shown if e.outcome.remark},
        }
        for row in found
    )


def draw_latency(view: View, answer: Answer) -> None:
    """Latency of what was answered, all on one axis."""
    results = [result_in_view(entry, view, answer) for entry in view.shown]
    hues = [entry.hue for entry in view.shown]
    draw_kept("compare-latency", _identity(view, answer), lambda theme: (
        build_latency_figure(results, theme, hues=hues, model=view.model), describe_latency(results, model=view.model)
    ))  # fmt: skip


def draw_groups(session: Session, view: View, answer: Answer) -> None:
    """Every group of every placement; choosing a row filters everything to its requests."""
    rows = [
        (entry.section.name, group.index, f"pp {group.pp}, tp {group.tp}", len(group.models),
         group.fates.requests, 100 * group.fates.slo_attainment, 100 * group.utilization, group.mean_queue,
         group.mean_queue_between_stages, group.max_queue)
        for entry in view.shown for group in entry.outcome.figures.groups
    ]  # fmt: skip
    names = [
        "placement",
        "group",
        "size",
        "models",
        "requests",
        "met",
        "busy",
        "mean_queue",
        "between_stages",
        "max_queue",
    ]
    table = pd.DataFrame(rows, columns=names)
    st.header("Group by group", anchor=False)

    def choose() -> None:
        chosen = st.session_state[_GROUPS]["selection"]["rows"]
        if chosen:
            row = table.iloc[chosen[0]]
            change_view(session, model=None, in_=str(row["placement"]), group=int(row["group"]))

    draw_table(
        table, _GROUPS, "Requests, deadlines met, utilisation and queue of every group", on_select=choose,
        selection_mode="single-row", height=_height_px(table),
        column_config={"placement": "Placement", "group": "Group", "size": "Size",
                       "models": "Models held", "requests": "Requests sent to it",
                       "met": st.column_config.NumberColumn("Met (%)", format="%.2f"),
                       "busy": st.column_config.NumberColumn("Busy (%)", format="%.1f"),
                       "mean_queue": st.column_config.NumberColumn("Waiting, mean", format="%.2f"),
                       "between_stages": st.column_config.NumberColumn("of them between stages", format="%.2f"),
                       "max_queue": "Waiting, most"},
    )  # fmt: skip


def _height_px(table: pd.DataFrame) -> int:
    return min(_TABLE_PX, (len(table) + 1) * _ROW_PX + 2)


def _identity(view: View, answer: Answer) -> tuple:
    shown = tuple((entry.outcome_key, entry.hue, entry.section.name) for entry in view.shown)
    return shown, view.filter_key, answer.inputs.warmup_s


def _clickable(figure):
    return figure.update_layout(clickmode="event+select", dragmode="zoom", hovermode="closest")


def _pick_bar(session: Session, found: Sequence[ModelDifference]) -> None:
    points = clicked_points(_DIFFERENCES)
    gains, losses = extremes(found)
    if points:
        change_view(session, model=[*gains, *losses][points[0]["point_index"]].name, in_=None, group=None)


def _pick_model(session: Session, table: pd.DataFrame) -> None:
    rows = st.session_state[_MODELS]["selection"]["rows"]
    if rows:
        change_view(session, model=str(table["model"][rows[0]]), in_=None, group=None)
