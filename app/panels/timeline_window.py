"""The stretch of the run that the page Timeline draws: a strip of the whole run to drag over, numbers and buttons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pandas as pd
import streamlit as st

from app.controls.fields import shown
from app.figures.overview import build_overview_figure, describe_overview
from app.look import words
from app.look.style import plain_text
from app.panels.compare_draw import dragged_stretch, draw_kept
from app.panels.keep import draw_table
from app.panels.timeline_view import change_gantt_view
from app.state.answer import AnyAnswered
from app.state.session import Session

_OVERVIEW = "timeline-overview"
AREA = "timeline.window"
_MOST_ROWS = 5_000


def draw_strip(
    session: Session, entry: AnyAnswered, edges_s: np.ndarray, rate: np.ndarray, waiting: np.ndarray,
    window_s: tuple[float, float], began: datetime | None,
) -> None:  # fmt: skip
    """The whole run to drag over: arrivals a second and requests waiting, (B,) each between the (B + 1,) edges.

    began: when time 0 was.
    """

    def choose() -> None:
        stretch = dragged_stretch(_OVERVIEW)
        if stretch and stretch[1] > stretch[0]:
            show_stretch(session, *stretch)

    draw_kept(_OVERVIEW, (entry.outcome_key, entry.hue, window_s), lambda theme: (
        build_overview_figure(edges_s, rate, window_s, theme, [(entry.hue, waiting)]),
        describe_overview(edges_s, window_s),
    ), began, on_select=choose, selection_mode=["box"])  # fmt: skip


def draw_stretch(
    session: Session, window_s: tuple[float, float], busiest: str, says: str, show_busiest: Callable[[], None]
) -> None:
    """Where the stretch begins and how long it is, and buttons that move it.

    busiest, says: label and help of the button that calls show_busiest.
    """
    start_s, end_s = window_s
    length_s = end_s - start_s
    left, middle, right = st.columns([2, 2, 5], vertical_alignment="bottom")
    for column, label, key, value, take in (
        (left, "From (s)", "timeline.start", start_s, lambda s: show_stretch(session, s, s + length_s)),
        (middle, "for (s)", "timeline.length", length_s, lambda s: _take_length(session, start_s, s)),
    ):
        shown(session, column.number_input, label, key, round(value, 4), take, lambda s: round(s, 4), min_value=0.0,
              step=max(round(length_s / 2, 3), 0.001), format="%.3f")  # fmt: skip
    with right, st.container(horizontal=True, gap="small"):
        moves = (
            ("Earlier", ":material/chevron_left:", start_s - length_s / 2, end_s - length_s / 2),
            ("Later", ":material/chevron_right:", start_s + length_s / 2, end_s + length_s / 2),
            ("Closer", ":material/zoom_in:", start_s + length_s / 4, end_s - length_s / 4),
            ("Wider", ":material/zoom_out:", start_s - length_s / 2, end_s + length_s / 2),
        )
        for label, icon, low, high in moves:
            st.button(label, key=f"timeline.{label}", icon=icon, on_click=show_stretch, args=(session, low, high))
        st.button(busiest, key="timeline.busiest", icon=":material/local_fire_department:", on_click=show_busiest,
                  help=says)  # fmt: skip
    if AREA in session.complaints:
        st.error(plain_text(session.complaints[AREA]))


def show_stretch(session: Session, start_s: float, end_s: float) -> None:
    """Look at another stretch."""
    session.complaints.pop(AREA, None)
    change_gantt_view(session, start=max(float(start_s), 0.0), end=float(end_s))


def _take_length(session: Session, start_s: float, length_s: float) -> None:
    if length_s <= 0:
        session.complaints[AREA] = f"A stretch of {length_s:g} s has nothing in it; more than 0 s are allowed."
    else:
        show_stretch(session, start_s, start_s + length_s)


def draw_stretch_requests(
    arrival_s: np.ndarray, window_s: tuple[float, float], table: Callable[[np.ndarray], pd.DataFrame], where: str = ""
) -> None:
    """The requests that arrived in the stretch, as a table. arrival_s: of all, seconds, sorted; table: of some rows."""
    low, high = np.searchsorted(arrival_s, window_s)
    rows = np.arange(low, high)
    with st.expander(f"{words.plural(rows.size, 'request')} that arrived in this stretch{where}"):
        if rows.size > _MOST_ROWS:
            st.caption(f"The first {words.count(_MOST_ROWS)} of them; all requests are on the page Plan as files.")
        draw_table(table(rows[:_MOST_ROWS]), "timeline-requests", "Every request of the stretch")
