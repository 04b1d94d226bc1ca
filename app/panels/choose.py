"""Which placement is looked at."""

from __future__ import annotations

import streamlit as st

from app.look import words
from app.state.answer import Answer, Answered
from app.state.session import Session

_KEY = "looked_at"


def choose_placement(session: Session, answer: Answer) -> Answered:
    """A row of the placements; the one that is chosen, the best one before anything is chosen."""
    entry = answer.entry(session.looked_at)
    if len(answer.shown) > 1:
        st.session_state[_KEY] = entry.section.name
        st.segmented_control(
            "Look at", [e.section.name for e in answer.shown], key=_KEY, required=True,
            format_func=lambda name: words.shorten(name, 40), on_change=_chosen, args=(session,),
            help="The tiles, the cluster and the tables below are about this placement.",
        )  # fmt: skip
    return entry


def _chosen(session: Session) -> None:
    session.looked_at = st.session_state[_KEY]
