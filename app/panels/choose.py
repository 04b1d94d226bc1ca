"""Which placement is looked at."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import shown
from app.look.style import plain
from app.panels.workspace import hear_other_tabs
from app.state.answer import AnswerOf, EntryT, InputsT
from app.state.session import Session

_KEY = "looked_at"


def choose_placement(session: Session, answer: AnswerOf[InputsT, EntryT]) -> EntryT:
    """A row of the placements; the one that is chosen, the best one before anything is chosen."""
    hear_other_tabs(session)
    entry = answer.entry(session.looked_at)
    if len(answer.shown) > 1:
        shown(
            session, st.segmented_control, "Look at", _KEY, entry.section.name, lambda name: _look_at(session, name),
            options=[e.section.name for e in answer.shown], required=True,
            format_func=plain,
            help="The tiles, the cluster and the tables below are about this placement.",
        )  # fmt: skip
    return entry


def _look_at(session: Session, name: str) -> None:
    session.looked_at = name
