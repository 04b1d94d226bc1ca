"""The scenario as text: what the visitor wrote, whether it can be read, and which scenario is in force."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.state.plannable import check_plannable
from app.state.session import Session
from planner import dump_scenario, parse_scenario
from planner.scenario.schema import Scenario
from simulator import InputError

AREA = "scenario"
_KEY = "scenario.text"


@dataclass(frozen=True)
class Written:
    """A text of the visitor.

    Attributes:
        text: as written, with his comments.
        scenario: what it says; None if it cannot be read or planned.
        complaint: the sentence that says why it cannot, empty if it can.
    """

    text: str
    scenario: Scenario | None
    complaint: str = ""

    @property
    def line(self) -> int:
        """The number of the line that the complaint names, 1 first; 0 if it names none."""
        found = re.search(r"line (\d+)", self.complaint)
        return int(found[1]) if found else 0


def written(session: Session) -> Written:
    """What stands in the editor: the visitor's text as long as it is wrong or says the scenario in force, else that
    scenario as text.
    """
    last = session.views.written
    if last is not None and (last.scenario is None or last.scenario == session.scenario):
        return last
    return Written(dump_scenario(session.scenario), session.scenario)


def write(session: Session, text: str, name: str = "scenario") -> bool:
    """Take a text; if it can be planned, its scenario comes into force, else the last one stays. True if it can."""
    try:
        scenario = parse_scenario(text, name)
        if scenario != session.scenario:
            check_plannable(scenario, session.uploads)
    except InputError as error:
        session.views.written = Written(text, None, str(error))
        return False
    session.views.written = Written(text, scenario)
    session.replace(AREA, scenario)
    return True


def forget(session: Session) -> None:
    """Put the visitor's text away; the editor shows the scenario in force."""
    session.views.written = None
