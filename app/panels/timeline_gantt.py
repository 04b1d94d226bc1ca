"""The execution itself: a stretch of the run, every stage of every group in it, and the life of one request."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.figures.gantt import MOST_BARS, build_gantt_figure, describe_gantt, describe_request
from app.figures.life import build_life_figure
from app.look import words
from app.look.style import plain_text
from app.panels.clock import began_at
from app.panels.compare_draw import clicked_points, draw_kept
from app.panels.compare_view import spans_of
from app.panels.timeline_view import COMFORTABLE, GanttView, busiest, change_gantt_view, most_that_fits, next_of
from app.panels.timeline_window import AREA, draw_stretch, draw_stretch_requests, draw_strip, show_stretch
from app.state.answer import Answer
from app.state.results import kept, timeline
from app.state.session import Session
from simulator import STATUS
from simulator.loads import list_waits

_GANTT = "timeline-gantt"


def draw_window(session: Session, view: GanttView, answer: Answer) -> None:
    """The whole run with arrivals and waiting requests, to drag over; and the stretch in numbers."""
    whole = timeline(view.entry, answer)
    rate, waiting = whole.arrivals / np.diff(whole.edges_s), whole.mean_queue.sum(axis=0)
    draw_strip(session, view.entry, whole.edges_s, rate, waiting, view.window_s, began_at(answer))
    st.caption("Grey: arrivals; coloured: requests that wait, highest where the queues are longest.")
    draw_stretch(session, view.window_s, "Busiest", "The shortest stretch in which as many stages begin as can be "
                 "told apart.", lambda: _show_busiest(session, view, COMFORTABLE))  # fmt: skip


def draw_groups(session: Session, view: GanttView) -> None:
    """Which groups are drawn."""
    groups = list(range(len(view.result.groups)))
    if len(groups) < 2:
        return
    shown(
        session,
        st.multiselect,
        "Groups",
        "timeline.groups",
        list(view.groups),
        lambda chosen: change_gantt_view(session, groups=",".join(map(str, sorted(chosen))) or None),
        sorted,
        options=groups,
        format_func=lambda g: words.numbered("group", g),
        help="A group is devices that work together. Empty shows the busiest ones again.",
    )
    if len(view.groups) < len(groups):
        st.caption(f"{len(view.groups)} of {len(groups)} groups are drawn; others can be chosen here.")


def draw_gantt(session: Session, view: GanttView, answer: Answer) -> None:
    """Every execution in the stretch; a click on one chooses its request. Says so where there are too many."""
    spans = spans_of(view.entry)
    bars = executions(view)
    if bars > MOST_BARS:
        st.info(
            f"This stretch holds {words.count(bars)} executions of stages; at most {words.count(MOST_BARS)} can be "
            "drawn. Choose a shorter stretch or fewer groups."
        )
        st.button("Show the busiest stretch that fits", key="timeline.fit", type="primary", on_click=_show_busiest,
                  args=(session, view, most_that_fits(view.groups, view.result)))  # fmt: skip
        return

    def make(theme):
        waits = kept(("waits", view.entry.outcome_key), lambda: list_waits(view.result))
        figure = build_gantt_figure(
            view.result, spans, *view.window_s, theme, view.entry.hue, view.groups, waits, view.request
        )
        figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
        figure.update_layout(clickmode="event+select", dragmode="zoom")
        return figure, describe_gantt(view.result, spans, *view.window_s, view.groups)

    def choose() -> None:
        points = clicked_points(_GANTT)
        if points and "customdata" in points[0]:
            change_gantt_view(session, request=int(_first(points[0]["customdata"])))

    identity = (view.entry.outcome_key, view.entry.hue, view.window_s, view.groups, view.request)
    draw_kept(_GANTT, identity, make, began_at(answer), on_select=choose, selection_mode="points")
    st.caption(
        "One bar is one stage computing one request; areas are requests that wait. Click a bar or a red mark, and "
        "that request is coloured and its life told below."
    )


def draw_request(session: Session, view: GanttView) -> None:
    """The life of one request in words and as a picture."""
    st.header("What happened to one request?", anchor=False)
    total = len(view.result.workload)
    left, right = st.columns([2, 5], vertical_alignment="bottom")
    shown(session, left.number_input, "Request", "timeline.request", view.request,
          lambda request: change_gantt_view(session, request=int(request)), min_value=0, max_value=total - 1, step=1,
          help=f"Numbers from 0 to {total - 1}, in order of arrival.")  # fmt: skip
    with right, st.container(horizontal=True, gap="small"):
        for fate in STATUS:
            following = next_of(view.result, view.request, fate)
            st.button(f"Next {fate}", key=f"timeline.next.{fate}", disabled=following is None, on_click=_show_request,
                      args=(session, view, following))  # fmt: skip
    st.markdown(f"**{plain_text(describe_request(view.result, view.request))}**")
    arrival_s = float(view.result.workload.arrival_s[view.request])
    if not view.window_s[0] <= arrival_s <= view.window_s[1]:
        st.button("Show its arrival in the picture above", key="timeline.goto", on_click=_show_request,
                  args=(session, view, view.request))  # fmt: skip
    spans = spans_of(view.entry)
    if view.result.ran[view.request]:
        draw_kept("timeline-life", (view.entry.outcome_key, view.entry.hue, view.request), lambda theme: (
            build_life_figure(view.result, spans, view.request, theme, view.entry.hue),
            describe_request(view.result, view.request),
        ))  # fmt: skip


def draw_requests(view: GanttView) -> None:
    """The requests that arrived in the stretch, as a table."""
    arrival_s = view.result.workload.arrival_s
    draw_stretch_requests(arrival_s, view.window_s, lambda rows: request_table(view, rows))


def request_table(view: GanttView, rows: np.ndarray) -> pd.DataFrame:
    """One row a request, with what became of it."""
    result = view.result
    names = np.array([model.name for model in result.models], dtype=object)
    return pd.DataFrame(
        {
            "request": rows,
            "model": names[result.workload.model[rows]],
            "arrival_s": result.workload.arrival_s[rows],
            "group": [None if g < 0 else g for g in result.group[rows].tolist()],
            "start_s": result.start_s[rows],
            "finish_s": result.finish_s[rows],
            "status": np.array(STATUS, dtype=object)[result.status[rows]],
        }
    )


def executions(view: GanttView) -> int:
    """How many bars the stretch holds."""
    spans = spans_of(view.entry)
    start_s, end_s = view.window_s
    wanted = np.isin(view.result.group[spans.request], view.groups)[:, None]
    return int(((spans.begin_s < end_s) & (spans.end_s > start_s) & wanted).sum())


def _first(customdata: list[int] | tuple[int, ...] | dict[str, int]) -> int:
    return customdata["0"] if isinstance(customdata, dict) else customdata[0]


def _show_busiest(session: Session, view: GanttView, count: int) -> None:
    window_s = busiest(view.entry, view.groups, count)
    if window_s is None:
        session.complaints[AREA] = "Nothing ran on these groups, so no stretch is busier than another."
    else:
        show_stretch(session, *window_s)


def _show_request(session: Session, view: GanttView, request: int) -> None:
    change_gantt_view(session, request=request)
    arrival_s = float(view.result.workload.arrival_s[request])
    length_s = view.window_s[1] - view.window_s[0]
    if not view.window_s[0] <= arrival_s <= view.window_s[1]:
        show_stretch(session, arrival_s - length_s / 4, arrival_s + 3 * length_s / 4)
