"""What a visitor needs to know of his workspace, above the page: only where there is something to say."""

from __future__ import annotations

import streamlit as st

from app.look.style import plain_text
from app.state.session import Session
from app.state.workspace import AREA, changed_elsewhere, keep_mine, own_copy, reopen

NOT_KEPT = (
    "What you do here works, but is not kept: not your scenario, uploads, way back or results. Download what you need "
    "before you close the page."
)


def draw_workspace_notices(session: Session) -> None:
    """Sentences about what is not kept, what another tab changed, and that a workspace is only read."""
    keeping = session.keeping
    if session.complaints.get(AREA):
        st.error(plain_text(session.complaints[AREA]))
    if keeping.problem:
        st.warning(plain_text(f"{keeping.problem} {NOT_KEPT}"))
    for sentence in keeping.unreadable:
        st.warning(plain_text(sentence))
    if keeping.reads:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info("Read only: somebody shared this workspace with you. What you try here changes nothing of his, and "
                    "is gone when you leave, unless you keep a copy.")  # fmt: skip
            st.button("Keep a copy of my own", key="workspace.copy", on_click=own_copy, args=(session,))
    if keeping.note:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(plain_text(keeping.note))
            st.button("Close", key="workspace.note", on_click=_close_note, args=(session,))
    sentence = keeping.heard = changed_elsewhere(session)
    if sentence:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(plain_text(sentence))
            st.button("Show what the other tab has", key="workspace.reopen", on_click=reopen,
                      args=(session, keeping.workspace))  # fmt: skip
            st.button("Keep mine", key="workspace.mine", on_click=keep_mine, args=(session,))


def hear_other_tabs(session: Session) -> None:
    """Draw the page anew, from a part of it, where another tab has changed something that the page does not say yet."""
    if changed_elsewhere(session) != session.keeping.heard:
        st.rerun()


def _close_note(session: Session) -> None:
    session.keeping.note = None
