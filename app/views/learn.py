"""Learn: lessons on why sharing beats dedicating, and when it does not."""

from __future__ import annotations

from app.panels import progress
from app.panels.learn import draw_lessons
from app.state.session import current_session

session = current_session()
if progress.draw_preparing():
    draw_lessons(session)
