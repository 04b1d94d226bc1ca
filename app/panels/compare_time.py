"""When it happened: one time axis for every placement, and what every group was doing at one moment of it."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from app.controls.views import kept as kept_choice
from app.figures.compare import build_moment_figure, describe_group_moment, describe_moment
from app.figures.over_time import build_over_time_figure, describe_over_time
from app.figures.overview import add_click_columns, build_overview_figure, describe_overview, mark_moment
from app.look import words
from app.look.style import plain_text
from app.panels.compare_draw import clicked_points, dragged_stretch, draw_kept
from app.panels.compare_view import View, change_view, shown_window, spans_of, timeline_in_view
from app.panels.keep import draw_table
from app.state.answer import Answer, Answered
from app.state.session import Session
from simulator import InputError
from simulator.moment import Moment, moment

_OVERVIEW, _OVER_TIME = "compare-overview", "compare-over-time"
_GROUP_ROWS = {
    "waiting and busy": ("queue", "utilization"), "only waiting": ("queue",), "only busy": ("utilization",),
}  # fmt: skip
# Sentences about single groups stand for the busiest ones only; the table has all.
MOST_SENTENCES = 6
MOST_WITH_ALL_ROWS = 3


def draw_window(session: Session, view: View) -> None:
    """The whole run, to drag over; and the stretch in numbers."""
    whole = timeline_in_view(view.first, view, view.run_s)

    def choose() -> None:
        stretch = dragged_stretch(_OVERVIEW)
        if stretch and stretch[1] > stretch[0]:
            low, high = max(stretch[0], view.run_s[0]), min(stretch[1], view.run_s[1])
            if high > low:
                change_view(session, **shown_window(low, high, view.run_s))

    identity = (view.first.outcome_key, view.filter_key, view.window_s, view.at_s)
    draw_kept(_OVERVIEW, identity, lambda theme: (
        build_overview_figure(whole, view.window_s, theme, view.at_s), describe_overview(whole, view.window_s)
    ), on_select=choose, selection_mode=["box"])  # fmt: skip
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    for column, label, key, value in (
        (left, "From (s)", "compare.from", view.window_s[0]), (middle, "to (s)", "compare.to", view.window_s[1])
    ):  # fmt: skip
        st.session_state[key] = round(value, 3)
        column.number_input(label, min_value=0.0, step=1.0, format="%.3f", key=key, on_change=_take_window,
                            args=(session, view))  # fmt: skip
    right.button(
        "Whole run",
        key="compare.whole",
        icon=":material/zoom_out_map:",
        on_click=change_view,
        args=(session,),
        kwargs={"from_": None, "to": None},
        disabled=view.window_s == view.run_s,
    )
    if "compare.window" in session.complaints:
        st.error(plain_text(session.complaints["compare.window"]))


def _first_rows(view: View) -> str:
    """Of many placements only the queues, so that the picture is not too long to be looked at."""
    return "waiting and busy" if len(view.shown) <= MOST_WITH_ALL_ROWS else "only waiting"


def draw_over_time(session: Session, view: View) -> None:
    """Arrivals, deadlines met, rejections, queues and utilisation on one axis; a click chooses the moment."""
    chosen = kept_choice(session, st.segmented_control, "Of every group show", session.views.compare.group_rows,
                         _first_rows(view), options=list(_GROUP_ROWS), required=True)  # fmt: skip
    rows = ("arrivals", "attainment", "rejected", *_GROUP_ROWS[chosen])
    names, hues = [e.section.name for e in view.shown], [e.hue for e in view.shown]
    timelines = [timeline_in_view(entry, view, view.window_s) for entry in view.shown]

    def make(theme):
        figure = build_over_time_figure(names, timelines, theme, rows=rows, hues=hues)
        add_click_columns(figure, names, timelines, rows, theme)
        if view.mark_s is not None:
            mark_moment(figure, view.mark_s, theme)
        return figure, describe_over_time(names, timelines)

    def choose() -> None:
        points = clicked_points(_OVER_TIME)
        if points:
            change_view(session, at=float(points[0]["x"]), clicked="yes")

    identity = (tuple((e.outcome_key, e.hue, e.section.name) for e in view.shown), view.filter_key, view.window_s)
    draw_kept(_OVER_TIME, (identity, rows, view.mark_s), make, on_select=choose, selection_mode="points")
    st.caption(
        "Drag over a part to zoom; all rows move together, a double click goes back. "
        "Click anywhere to see what every group was doing then."
    )


def draw_moment(session: Session, view: View, answer: Answer) -> None:
    """What every group of every placement was doing at the moment."""
    st.markdown(f"##### What was every group doing at {words.clock(view.at_s, 2)}?")
    low_s, high_s = view.window_s
    key = "compare.at"
    st.session_state[key] = float(min(max(view.at_s, low_s), high_s))
    st.slider("Moment (s)", low_s, high_s, key=key, step=max((high_s - low_s) / 1000, 1e-4), format="%.2f",
              on_change=_take_moment, args=(session,),
              help="Or click into the chart above. Requests of all models are shown here.")  # fmt: skip
    moments = [(entry, moment(entry.outcome.result, view.at_s, spans_of(entry))) for entry in view.shown]
    for pair in (moments[i : i + 2] for i in range(0, len(moments), 2)):
        for column, (entry, now) in zip(st.columns(2, gap="large"), pair, strict=False):
            with column:
                _draw_one_moment(entry, now)
    with st.expander("Every group at this moment, as a table"):
        table = pd.DataFrame([row for entry, now in moments for row in _moment_rows(entry, now)])
        draw_table(table, "compare-moment-table", "What every group computes and who waits at the moment")


def _draw_one_moment(entry: Answered, now: Moment) -> None:
    result = entry.outcome.result
    draw_kept(f"compare-moment-{entry.hue}", (entry.outcome_key, entry.hue, now.at_s), lambda theme: (
        build_moment_figure(result, now, theme, entry.hue), describe_moment(result, now)
    ))  # fmt: skip
    busiest = sorted(now.groups, key=lambda group: -(len(group.queue) + group.busy))[:MOST_SENTENCES]
    lines = [f"- {plain_text(describe_group_moment(result, group))}" for group in busiest]
    rest = len(now.groups) - len(busiest)
    if rest > 0:
        lines.append(f"- {words.plural(rest, 'more group', 'more groups')}, none with more to do: see the table below.")
    st.markdown("\n".join(lines))


def _moment_rows(entry: Answered, now: Moment) -> list[dict]:
    result = entry.outcome.result

    def models(requests) -> str:
        counted = Counter(result.workload.model[list(requests)].tolist()).most_common()
        return ", ".join(f"{n} x {result.models[m].name}" for m, n in counted)

    return [
        {
            "placement": entry.section.name,
            "group": group.index,
            "stages that compute": group.busy,
            "stages": len(group.stages),
            "computes": models([r for stage in group.stages for r in stage]),
            "waiting": len(group.queue),
            "before stage 1": len(group.waiting),
            "between stages": len(group.between_stages),
            "waits for": models(group.queue),
        }
        for group in now.groups
    ]


def _take_window(session: Session, view: View) -> None:
    session.complaints.pop("compare.window", None)
    try:
        change_view(
            session, **shown_window(st.session_state["compare.from"], st.session_state["compare.to"], view.run_s)
        )
    except InputError as error:
        session.complaints["compare.window"] = str(error)


def _take_moment(session: Session) -> None:
    change_view(session, at=float(st.session_state["compare.at"]))
