"""When a recommended plan begins without being asked for."""

from __future__ import annotations

from app.settings import ONLY_ASKED, read_settings
from app.state.answer import Answer
from app.state.first_scenario import first_scenario
from app.state.session import Session

# The area of the recommendation, see app.background.slots.
AREA = "recommend"


def begins_by_itself(session: Session, answer: Answer) -> bool:
    """Whether the plan of this session begins now, without a click.

    It does once, for the scenario that a new session shows, when every placement of it has its result. Whoever
    stopped it, or came back to what it found, has a slot for it already, so it does not begin again.
    """
    if read_settings().advice == ONLY_ASKED or AREA in session.slots:
        return False
    return answer.is_current and session.scenario == first_scenario()
