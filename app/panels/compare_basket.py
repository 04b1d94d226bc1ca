"""The basket: the placements that are compared, each with its colour, to be renamed, copied, taken out or added."""

from __future__ import annotations

import html

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.controls.placement_edits import BY_HAND, added, added_section, kind_title, kinds, removed, with_name
from app.look import words
from app.look.style import dot, plain
from app.panels.compare_view import MOST_SHOWN
from app.state.answer import Answer, Answered
from app.state.session import Session
from planner.scenario.schema import MAX_PLACEMENTS
from simulator.schema import MAX_NAME

_KIND = "basket.kind"
_AREA = "basket"


def draw_basket(session: Session, answer: Answer) -> None:
    """One tile a placement and a button to add one."""
    shown = answer.shown[:MOST_SHOWN]
    columns = st.columns(max(len(shown) + 1, 3), vertical_alignment="top")
    for column, entry in zip(columns, shown, strict=False):
        with column:
            _draw_entry(session, entry)
    with columns[len(shown)]:
        _draw_add(session, answer)
    if len(answer.shown) > MOST_SHOWN:
        st.caption(
            f"The first {MOST_SHOWN} of {len(answer.shown)} placements are compared; take some out to see the others."
        )
    waiting = [entry for entry in answer.waiting if entry.problem is None]
    if waiting:
        st.caption(f"Not here yet: {words.join([plain(entry.section.name) for entry in waiting])}.")
    draw_complaint(session, _AREA)


def _draw_entry(session: Session, entry: Answered) -> None:
    name, figures = entry.section.name, entry.outcome.figures
    value, width = (
        words.share(figures.total.slo_attainment),
        words.uncertainty(figures.total.slo_attainment, figures.half_width),
    )
    st.html(
        f"<div><b>{dot(entry.hue)}{html.escape(words.shorten(name, 34))}</b>"
        f'<div class="tile-value">{value} <small>{width}</small></div>'
        '<div class="tile-label">deadlines met (SLO attainment)</div></div>'
    )
    index = next((i for i, s in enumerate(session.scenario.placements) if s.name == name), None)
    if index is None:
        return
    with st.popover("Change", type="tertiary", key=f"basket.{index}", help=f"Rename, copy or take out {plain(name)}"):
        bound(session, _AREA, st.text_input, "Name", f"basket.{index}.name", name,
              lambda scenario, value: with_name(scenario, index, value), max_chars=MAX_NAME)  # fmt: skip
        full = len(session.scenario.placements) >= MAX_PLACEMENTS
        st.button("Copy", key=f"basket.{index}.copy", icon=":material/content_copy:", disabled=full,
                  help="Puts the same placement into the basket once more, to change one of the two.",
                  on_click=lambda: session.edit(_AREA, lambda s: added_section(s, s.placements[index])))  # fmt: skip
        st.button("Take out", key=f"basket.{index}.remove", icon=":material/close:",
                  help="Takes the placement out of the basket; Undo on the left brings it back.",
                  on_click=lambda: session.edit(_AREA, lambda s: removed(s, index)))  # fmt: skip


def _draw_add(session: Session, answer: Answer) -> None:
    if len(session.scenario.placements) >= MAX_PLACEMENTS:
        return
    with st.popover("Add a placement", icon=":material/add:", key="basket.add"):
        kind = st.selectbox("Kind", list(kinds()), key=_KIND, format_func=kind_title)
        st.caption(kinds()[kind])
        st.button("Add", key="basket.add.go", type="primary", on_click=_add, args=(session, answer, kind))


def _add(session: Session, answer: Answer, kind: str) -> None:
    start = answer.entry(session.looked_at) if answer.shown and kind == BY_HAND else None
    problem = answer.inputs.problem if answer.built else None
    session.edit(_AREA, lambda scenario: added(scenario, kind, problem, start))
