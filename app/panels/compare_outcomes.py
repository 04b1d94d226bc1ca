"""Who gains and who loses: deadlines met, the pair request by request, latency, models and groups."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from app.figures.compare import (
    build_differences_figure,
    build_paired_figure,
    describe_differences,
    describe_paired,
    largest_differences,
)
from app.figures.plan import build_attainment_figure, build_latency_figure, describe_attainment, describe_latency
from app.look import words
from app.look.style import plain_text, verdict_html
from app.panels.compare_draw import clicked_points, draw_kept
from app.panels.compare_view import View, change_view, figures_in_view, result_in_view, spans_of
from app.panels.keep import draw_table
from app.panels.reasons import describe_reasons
from app.panels.verdict import draw_remarks
from app.state.answer import Answer
from app.state.results import kept
from app.state.session import Session
from planner.explain import PairedDifference, explain_difference, paired_difference
from simulator.pairs import pair_outcomes

_DIFFERENCES, _MODELS, _GROUPS = "compare-differences", "compare-models", "compare-groups"


def draw_filter(session: Session, view: View, answer: Answer) -> None:
    """What everything is filtered to, with a way back; or how to filter."""
    sentence = view.filter_in_words(answer)
    names = [model.name for model in answer.inputs.problem.models]
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    key = "compare.model"
    st.session_state[key] = None if view.model is None else names[view.model]
    left.selectbox("Look at one model", names, key=key, placeholder="all models", on_change=_choose_model,
                   args=(session,), format_func=lambda name: words.shorten(name, 48),
                   help="Everything below then counts only the requests of this model.")  # fmt: skip
    with right:
        if sentence:
            st.button(sentence, key="compare.clear", icon=":material/close:", on_click=_clear, args=(session,),
                      help="Counts every request again.")  # fmt: skip
        else:
            st.caption("Click a model or a group in a picture or table below, and everything counts only its requests.")


def draw_pair(session: Session, view: View) -> None:
    """Which two placements are set against each other, where there are more than two."""
    if len(view.shown) < 3:
        return
    names = [entry.section.name for entry in view.shown]
    left, right = st.columns(2)
    for column, label, key, entry in (
        (left, "Gains and losses of", "second", view.second), (right, "against", "first", view.first)
    ):  # fmt: skip
        st.session_state[f"compare.{key}"] = entry.section.name
        column.selectbox(label, names, key=f"compare.{key}", on_change=_choose_pair, args=(session, key, view),
                         format_func=lambda name: words.shorten(name, 48))  # fmt: skip


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
    spans = (spans_of(view.first), spans_of(view.second))
    reasons = kept(("reasons", key), lambda: explain_difference(
        view.first.outcome.result, view.second.outcome.result, answer.inputs.warmup_s, spans,
        answer.inputs.problem.cluster,
    ))  # fmt: skip
    if not view.filter_key:
        st.markdown(f"**Why?** {plain_text(describe_reasons(reasons))}")


def difference_in_words(gap: PairedDifference, view: View) -> str:
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


def draw_attainment(view: View, answer: Answer) -> None:
    """Deadlines met by all, with intervals."""
    figures = [figures_in_view(entry, view, answer) for entry in view.shown]
    hues = [entry.hue for entry in view.shown]
    draw_kept("compare-attainment", _identity(view, answer), lambda theme: (
        build_attainment_figure(figures, theme, hues=hues), describe_attainment(figures)
    ))  # fmt: skip


def draw_paired(view: View, answer: Answer) -> None:
    """Every request once: met by both, by one, by none."""
    first, second = (result_in_view(entry, view, answer) for entry in (view.first, view.second))
    names, hues = (view.first.section.name, view.second.section.name), (view.first.hue, view.second.hue)
    paired = pair_outcomes(first, second)
    draw_kept("compare-paired", (*_identity(view, answer), names), lambda theme: (
        build_paired_figure(paired, names, theme, hues), describe_paired(paired, names)
    ))  # fmt: skip
    table = pd.DataFrame({
        "request": ["met by both", f"only {names[0]}", f"only {names[1]}", "met by none"],
        "count": [paired.both, paired.only_first, paired.only_second, paired.neither],
    })  # fmt: skip
    with st.expander("As numbers"):
        draw_table(table, "compare-paired-table", "Requests met by both placements, by one of them, by none",
                   column_config={"request": "Deadline", "count": "Requests"})  # fmt: skip


def draw_latency(view: View, answer: Answer) -> None:
    """Latency of what was answered, all on one axis."""
    results = [result_in_view(entry, view, answer) for entry in view.shown]
    hues = [entry.hue for entry in view.shown]
    draw_kept("compare-latency", _identity(view, answer), lambda theme: (
        build_latency_figure(results, theme, hues=hues, model=view.model),
        describe_latency(results, model=view.model),
    ))  # fmt: skip


def draw_differences(session: Session, view: View, answer: Answer) -> None:
    """Every model with both placements of the pair; a click on one filters everything to it."""
    first, second = (figures_in_view(entry, view, answer) for entry in (view.first, view.second))
    rows = largest_differences(first, second)

    def choose() -> None:
        points = clicked_points(_DIFFERENCES)
        if points and 0 <= round(points[0]["y"]) < len(rows):
            change_view(session, model=rows[round(points[0]["y"])][0], in_=None, group=None)

    draw_kept(_DIFFERENCES, (*_identity(view, answer), view.first.outcome_key, view.second.outcome_key), lambda theme: (
        _clickable(build_differences_figure(first, second, theme, (view.first.hue, view.second.hue))),
        describe_differences(first, second),
    ), on_select=choose, selection_mode="points")  # fmt: skip


def draw_models(session: Session, view: View, answer: Answer) -> None:
    """The figures behind the dumbbells; choosing a row filters everything to the model."""
    columns = {}
    for entry in view.shown:
        figures = figures_in_view(entry, view, answer)
        columns[entry.section.name] = [100 * fates.slo_attainment for _, fates in figures.models]
    counted = figures_in_view(view.first, view, answer).models
    table = pd.DataFrame({"model": [n for n, _ in counted], "requests": [f.requests for _, f in counted], **columns})
    gap = table[view.second.section.name] - table[view.first.section.name]
    table.insert(2, "difference", gap)
    table = table.sort_values("difference", ascending=False, kind="stable")
    table = table[table["requests"] > 0].reset_index(drop=True)
    st.markdown("##### Model by model")
    percent = {name: st.column_config.NumberColumn(f"{words.shorten(name, 30)} (%)", format="%.2f") for name in columns}
    remarks = {f"remark on {e.section.name}": e.outcome.remark for e in view.shown if e.outcome.remark}
    table = table.assign(**remarks)

    def choose() -> None:
        rows = st.session_state[_MODELS]["selection"]["rows"]
        if rows:
            change_view(session, model=str(table["model"][rows[0]]), in_=None, group=None)

    draw_table(
        table, _MODELS, "Deadlines met by every model with every placement", on_select=choose,
        selection_mode="single-row", height=280,
        column_config={"model": "Model", "requests": st.column_config.NumberColumn("Requests", format="localized"),
                       "difference": st.column_config.NumberColumn("Difference (points)", format="%+.2f"), **percent},
    )  # fmt: skip


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
    st.markdown("##### Group by group")

    def choose() -> None:
        chosen = st.session_state[_GROUPS]["selection"]["rows"]
        if chosen:
            row = table.iloc[chosen[0]]
            change_view(session, model=None, in_=str(row["placement"]), group=int(row["group"]))

    draw_table(
        table, _GROUPS, "Requests, deadlines met, utilisation and queue of every group", on_select=choose,
        selection_mode="single-row", height=280,
        column_config={"placement": "Placement", "group": "Group", "size": "Size",
                       "models": "Models held", "requests": st.column_config.NumberColumn("Requests sent to it"),
                       "met": st.column_config.NumberColumn("Met (%)", format="%.2f"),
                       "busy": st.column_config.NumberColumn("Busy (%)", format="%.1f"),
                       "mean_queue": st.column_config.NumberColumn("Waiting, mean", format="%.2f"),
                       "between_stages": st.column_config.NumberColumn("of them between stages", format="%.2f"),
                       "max_queue": st.column_config.NumberColumn("Waiting, most", format="%d")},
    )  # fmt: skip


def _identity(view: View, answer: Answer) -> tuple:
    shown = tuple((entry.outcome_key, entry.hue, entry.section.name) for entry in view.shown)
    pair = view.first.outcome_key, view.second.outcome_key
    return shown, pair, view.filter_key, answer.inputs.warmup_s


def _clickable(figure):
    figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
                         selector={"mode": "markers"})  # fmt: skip
    return figure.update_layout(clickmode="event+select", dragmode="zoom", hovermode="closest")


def _choose_model(session: Session) -> None:
    change_view(session, model=st.session_state["compare.model"], in_=None, group=None)


def _choose_pair(session: Session, key: str, view: View) -> None:
    chosen = st.session_state[f"compare.{key}"]
    other_key, other = ("first", view.first) if key == "second" else ("second", view.second)
    values = {key: chosen, other_key: other.section.name}
    if chosen == other.section.name:
        # Choosing the other one turns the pair round.
        values[other_key] = (view.second if key == "second" else view.first).section.name
    change_view(session, **values)


def _clear(session: Session) -> None:
    change_view(session, model=None, in_=None, group=None)
