"""One visitor: his scenario, what he uploaded, and the way back. Nothing here is seen by anybody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st
from pydantic import ValidationError

from app.background.jobs import Jobs, Presence
from app.state.first_scenario import first_scenario, renamed
from app.state.kept import Keeping
from app.state.limits import check_growth
from app.state.uploads import Uploads
from app.state.views import Views
from planner.scenario.schema import Scenario
from simulator import InputError
from simulator.schema import first_problem

if TYPE_CHECKING:
    from app.background.slots import JobSlot
    from app.state.answer import AnyAnswer
    from app.state.drafting import Draft
    from planner.search import SearchResult

MAX_UNDO = 50
_KEY = "session"


@dataclass
class Session:
    """What one visitor has.

    Attributes:
        scenario: what he asks; every edit makes a new one.
        uploads: his traces and profiles files.
        found: what searches found before this session began, by run key, see `compute.answer`.
        keeping: where all this is kept, see `workspace`.
        complaints: what was wrong with the last edit or upload, by area of the page.
        undo: earlier scenarios, latest last.
        jobs: what is under way for his answer, and has ended.
        answer: what the page shows; that of earlier settings while a new one is not to be had.
        looked_at: the name of the placement that is drawn in detail; None for the best one.
        slots: capacity plans, sweeps and profiles under way and their last results, by area of the pages.
        views: what was chosen on the pages beside the scenario.
        hues: the number of the hue by name of placement, see hue_of.
        presence: whether his tab is open; his jobs end with it.
        drafts: placements that he edits by hand, by the name they began as; drafting: the one he looks at.
        controls: how often a control was replaced and what it shows, see control_key.
        owner: who is logged in, None on a server without logins.
        drawn: counts how often a page was drawn as a whole; addressed: the count when each key of the address was
            written last.
        asked: the count, and the scenario that the page then asked the answer to.
        edition: counts changes that did not come from a control, so that tables start afresh.
        refused: counts refused uploads, so that an uploader does not keep a wrong file beside the next one.
    """

    scenario: Scenario = field(default_factory=first_scenario)
    uploads: Uploads = field(default_factory=Uploads)
    found: dict[str, SearchResult] = field(default_factory=dict)
    keeping: Keeping = field(default_factory=lambda: Keeping(is_opened=False))
    complaints: dict[str, str] = field(default_factory=dict)
    undo: list[Scenario] = field(default_factory=list)
    answer: AnyAnswer | None = None
    looked_at: str | None = None
    slots: dict[str, JobSlot] = field(default_factory=dict)
    views: Views = field(default_factory=Views)
    owner: str | None = None
    drawn: int = 0
    addressed: dict[str, int] = field(default_factory=dict)
    asked: tuple[int, Scenario] | None = None
    edition: int = 0
    refused: int = 0
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    presence: Presence = field(default_factory=Presence)
    drafts: dict[str, Draft] = field(default_factory=dict)
    drafting: str | None = None
    controls: dict[str, tuple[int, Any]] = field(default_factory=dict)
    hues: dict[str, int] = field(default_factory=dict)
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.name, self.presence)

    def hue_of(self, name: str) -> int:
        """The number of the hue of a placement of the basket: it keeps it while it stays, whoever else leaves.

        A name that is not in the basket gets the first hue that nobody there has.
        """
        names = [section.name for section in self.scenario.placements]
        self.hues = {known: hue for known, hue in self.hues.items() if known in names}
        for new in names:
            self.hues.setdefault(new, self._free_hue())
        return self.hues.get(name, self._free_hue())

    def _free_hue(self) -> int:
        taken = set(self.hues.values())
        return next(hue for hue in range(len(taken) + 1) if hue not in taken)

    def _follow_renames(self, before: Scenario, after: Scenario) -> None:
        if len(before.placements) == len(after.placements):
            for old, new in zip(before.placements, after.placements, strict=True):
                if old.name == new.name:
                    continue
                if old.name in self.hues:
                    self.hues[new.name] = self.hues.pop(old.name)
                if old.name in self.drafts:
                    self.drafts[new.name] = replace(self.drafts.pop(old.name), start_name=new.name)
                self.looked_at = new.name if self.looked_at == old.name else self.looked_at
                self.drafting = new.name if self.drafting == old.name else self.drafting

    def control_key(self, key: str, value: Any) -> str:
        """The key of the widget of a control that shows this value.

        A value that the widget itself did not bring makes another widget of it. The browser may still send the state
        of the old one, which was drawn before a job or an upload changed the value; see `brought`.
        """
        number, shown = self.controls.get(key, (0, value))
        number += shown != value
        self.controls[key] = number, value
        return _widget_key(key, number)

    def brought(self, key: str, name: str, value: Any) -> bool:
        """Note what the widget `name` of a control shows since the visitor moved it. False if nobody moved it.

        The browser sends the state of all widgets it still has, also of those that have just been replaced or taken
        off the page. Streamlit has forgotten the values of these, and takes what comes for a change.
        """
        number, shown = self.controls[key]
        if name != _widget_key(key, number) or value == shown:
            return False
        self.controls[key] = number, value
        return True

    def edit(self, area: str, change: Callable[[Scenario], Scenario]) -> bool:
        """Apply a change; if it is wrong, keep the scenario and note the sentence for the area. True if it was done."""

        def within_bounds(scenario: Scenario) -> Scenario:
            changed = change(scenario)
            check_growth(scenario, changed)
            return renamed(scenario, changed)

        return self._change(area, within_bounds)

    def _change(self, area: str, change: Callable[[Scenario], Scenario]) -> bool:
        self.complaints.pop(area, None)
        try:
            changed = change(self.scenario)
        except InputError as error:
            self.complaints[area] = str(error)
            return False
        if changed != self.scenario:
            self.undo = [*self.undo[1 - MAX_UNDO :], self.scenario]
            self._follow_renames(self.scenario, changed)
            self.scenario = changed
        return True

    @property
    def is_behind(self) -> bool:
        """Whether the scenario was changed while the page was drawn, which so shows the answer to another one."""
        return self.asked is not None and self.asked[0] == self.drawn and self.asked[1] != self.scenario

    def step_back(self) -> None:
        """Return to the scenario before the last change."""
        if self.undo:
            self.scenario = self.undo.pop()
            self.complaints.clear()
            self.edition += 1

    def replace(self, area: str, scenario: Scenario) -> None:
        """Take another scenario as a whole, with its name."""
        if self._change(area, lambda _: scenario):
            self.edition += 1

    def refuse(self, area: str, error: InputError) -> None:
        """Note what is wrong with an upload."""
        self.complaints[area] = str(error)
        self.refused += 1


def _widget_key(key: str, number: int) -> str:
    return f"{key}~{number}" if number else key


def current_session() -> Session:
    """The session of this browser tab; a new one begins with the first scenario."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session()
    return st.session_state[_KEY]


def with_values(scenario: Scenario, section: str, **values: Any) -> Scenario:
    """The scenario with some keys of a section (dotted, such as "workload.trace") changed; raises InputError."""
    document = scenario.model_dump()
    target = document
    for part in section.split(".") if section else ():
        target = target[part]
    target.update(values)
    return checked_scenario(document)


def checked_scenario(document: dict) -> Scenario:
    """The scenario of a document; raises InputError naming the key, what was found and what is allowed."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        called = lambda path: ".".join(map(str, path)) or "The scenario"  # noqa: E731
        raise InputError(first_problem(error, document, called, Scenario)) from None
