"""When it happened: one row a placement on one time axis, and beside it what every placement was doing at a moment."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.controls.views import kept as kept_choice
from app.figures.over_time import build_over_time_figure, describe_over_time, mark_moment
from app.look import words
from app.look.style import plain_text
from app.panels.compare_draw import clicked_points, draw_kept
from app.panels.compare_moment import moment_html, moment_rows
from app.panels.compare_view import View, change_view, shown_window, spans_of, timeline_in_view
from app.panels.keep import draw_table
from app.state.session import Session
from simulator import InputError
from simulator.moment import moment

_OVER_TIME = "compare-over-time"
# Stretches below this are not made shorter.
LEAST_S = 0.1
_KINDS = {"missed deadlines": "missed", "waiting requests": "queue", "busy devices": "busy"}


def draw_time(session: Session, view: View, began: datetime | None) -> None:
    """What is shown of which stretch, the rows over time, and the moment docked beside them. began: when time 0 was."""
    chosen = _draw_window(session, view)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _draw_rows(session, view, _KINDS[chosen], began)
        low_s, high_s = view.window_s
        shown(session, st.slider, "Moment (s)", "compare.at", float(min(max(view.at_s, low_s), high_s)),
              lambda at_s: change_view(session, at=float(at_s)), lambda at_s: round(at_s, 3), min_value=low_s,
              max_value=high_s, step=max((high_s - low_s) / 1000, 1e-4), format="%.2f",
              help="Or click into the chart. Dragging zooms the chart, a double click goes back.")  # fmt: skip
    moments = [(entry, moment(entry.outcome.result, view.at_s, spans_of(entry))) for entry in view.shown]
    with right:
        st.html(f'<div class="chart-title">What happened at {words.clock(view.at_s, 2)}?</div>{moment_html(moments)}')
    with st.expander("Every group at this moment, as a table"):
        table = pd.DataFrame([row for entry, now in moments for row in moment_rows(entry, now)])
        draw_table(table, "compare-moment-table", "What every group computes and who waits at the moment")


def _draw_window(session: Session, view: View) -> str:
    """What the rows show, and the stretch in numbers; gives the former."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = kept_choice(session, st.segmented_control, "Over time show", session.views.compare.group_rows,
                             next(iter(_KINDS)),
                             options=list(_KINDS), required=True)  # fmt: skip
        start_s, end_s = view.window_s
        for label, key, value, take in (
            ("From (s)", "compare.from", start_s, lambda s: _take_window(session, view, s, end_s)),
            ("to (s)", "compare.to", end_s, lambda s: _take_window(session, view, start_s, s)),
        ):
            shown(session, st.number_input, label, key, round(value, 3), take, lambda s: round(s, 3), min_value=0.0,
                  step=1.0, format="%.3f", width=150)  # fmt: skip
        length_s = view.window_s[1] - view.window_s[0]
        closer = shown_window(
            max(view.at_s - length_s / 8, view.run_s[0]), min(view.at_s + length_s / 8, view.run_s[1]), view.run_s
        )
        st.button("Closer", key="compare.closer", icon=":material/zoom_in:", on_click=change_view, args=(session,),
                  kwargs=closer | {"at": view.at_s}, disabled=length_s < LEAST_S,
                  help="A quarter of the stretch, around the moment, counted more finely.")  # fmt: skip
        st.button("Whole run", key="compare.whole", icon=":material/zoom_out_map:", on_click=change_view,
                  args=(session,), kwargs={"from_": None, "to": None},
                  disabled=view.window_s == view.run_s)  # fmt: skip
    if "compare.window" in session.complaints:
        st.error(plain_text(session.complaints["compare.window"]))
    return chosen


def _draw_rows(session: Session, view: View, kind: str, began: datetime | None) -> None:
    """The rows; a click chooses the moment, dragging zooms all of them."""
    names, hues = [e.section.name for e in view.shown], [e.hue for e in view.shown]
    timelines = [timeline_in_view(entry, view, view.window_s) for entry in view.shown]

    def make(theme):
        figure = build_over_time_figure(names, timelines, theme, (kind,), hues)
        if view.mark_s is not None:
            mark_moment(figure, view.mark_s, theme)
        return figure, describe_over_time(names, timelines)

    def choose() -> None:
        points = clicked_points(_OVER_TIME)
        if points:
            change_view(session, at=float(points[0]["x"]), clicked="yes")

    identity = (tuple((e.outcome_key, e.hue, e.section.name) for e in view.shown), view.filter_key, view.window_s)
    draw_kept(_OVER_TIME, (identity, kind, view.mark_s), make, began, on_select=choose, selection_mode="points")


def _take_window(session: Session, view: View, start_s: float, end_s: float) -> None:
    session.complaints.pop("compare.window", None)
    try:
        change_view(session, **shown_window(start_s, end_s, view.run_s))
    except InputError as error:
        session.complaints["compare.window"] = str(error)
