"""How a lesson's answer and pictures stand on the page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.figures.projector import enlarge
from app.lessons.frame import Picture, Said
from app.look.markup import piece
from app.look.style import current_theme, verdict_html
from app.look.theme import mix
from app.panels.keep import draw_chart
from app.state.session import Session


def draw_said(said: Said) -> None:
    """The answer, in the hue of who is ahead."""
    theme = current_theme()
    st.html(verdict_html(said.hue, said.sentences) if said.hue is not None else
            piece("verdict", mix(theme.muted, theme.background, 0.3), said.sentences))  # fmt: skip


def draw_pictures(session: Session, shown: Sequence[Picture]) -> None:
    """Pictures side by side, enlarged for a room."""
    if not shown:
        return
    with st.container(key="learn-pictures"):
        columns = st.columns(min(len(shown), 2), gap="large")
    for column, picture in zip(columns * len(shown), shown, strict=False):
        with column:
            if session.views.learn.projector.value:
                enlarge(picture.figure)
            draw_chart(picture.figure, picture.key, picture.alt)
