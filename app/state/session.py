"""One visitor: his scenario, what he uploaded, and the way back. Nothing here is seen by anybody else."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st
from pydantic import ValidationError

from app.background.jobs import Presence, shared_workers
from app.look import words
from app.state.first_scenario import first_scenario
from app.state.limits import MAX_UPLOAD_BYTES, TRACE_LIMITS
from planner.scenario.inputs import SAMPLE_PREFIX, read_scenario_trace
from planner.scenario.schema import Scenario
from simulator import InputError, Profile
from simulator.catalogue import parse_catalogue
from simulator.schema import first_problem
from simulator.traces import Columns, Trace, read_trace

if TYPE_CHECKING:
    from app.background.jobs import Job
    from app.background.slots import JobSlot
    from app.state.compute import Answer
    from app.state.drafting import Draft
    from app.state.importing import TableImport
    from app.state.keeping import Keeping
    from planner.search import SearchResult

MAX_UNDO = 50
# Old uploads give way to new ones, so that a visitor's memory stays bounded.
MAX_TRACES, MAX_PROFILE_FILES = 4, 8
# Before the name of a profiles file in Session.files. No upload is called so.
PROFILES = "profiles\0"
_KEY = "session"


@dataclass(frozen=True)
class OwnProfiles:
    """A profiles file that was uploaded."""

    digest: str
    profiles: Mapping[str, Profile]


@dataclass
class UploadedFile:
    """A file as it was uploaded; its content is let go of once the store has it under its SHA-256."""

    name: str
    content: bytes | None
    sha256: str | None = None


@dataclass
class Session:
    """What one visitor has.

    Attributes:
        scenario: what he asks; every edit makes a new one.
        traces: his uploads by the names of the files, oldest first.
        mappings: the columns that each of them was to be read by, None where the file told them.
        table: the last upload that is a table, while its columns can be set.
        profiles: his profiles files by name, oldest first.
        files: the uploads behind traces (by their names) and profiles (by (PROFILES, name)).
        found: what searches found before this session began, by run key, see `compute.answer`.
        keeping: where all this is kept, see `workspace`; None before the page has asked.
        complaints: what was wrong with the last edit or upload, by area of the page.
        undo: earlier scenarios, latest last.
        jobs: running and stopped searches by the key of what they look for.
        answer: what the page shows; that of earlier settings while a new one is not to be had.
        looked_at: the name of the placement that is drawn in detail; None for the best one.
        slots: capacity plans, sweeps and profiles under way and their last results, by area of the pages.
        views: what was chosen on the pages beside the scenario, by the name of the control.
        hues: the number of the hue by name of placement, see hue_of.
        presence: whether his tab is open; his jobs end with it.
        drafts: placements that he edits by hand, by the name they began as; drafting: the one he looks at.
        controls: how often a control was replaced and what it shows, see control_key.
        edition: counts changes that did not come from a control, so that tables start afresh.
        refused: counts refused uploads, so that an uploader does not keep a wrong file beside the next one.
    """

    scenario: Scenario = field(default_factory=first_scenario)
    traces: dict[tuple[str, ...], Trace] = field(default_factory=dict)
    mappings: dict[tuple[str, ...], Columns | None] = field(default_factory=dict)
    table: TableImport | None = None
    profiles: dict[str, OwnProfiles] = field(default_factory=dict)
    files: dict[tuple[str, ...], tuple[UploadedFile, ...]] = field(default_factory=dict)
    found: dict[str, SearchResult] = field(default_factory=dict)
    keeping: Keeping | None = None
    complaints: dict[str, str] = field(default_factory=dict)
    undo: list[Scenario] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    answer: Answer | None = None
    looked_at: str | None = None
    slots: dict[str, JobSlot] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict)
    edition: int = 0
    refused: int = 0
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    presence: Presence = field(default_factory=Presence)
    drafts: dict[str, Draft] = field(default_factory=dict)
    drafting: str | None = None
    controls: dict[str, tuple[int, Any]] = field(default_factory=dict)
    hues: dict[str, int] = field(default_factory=dict)

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

    def submit(self, job: Job) -> None:
        """Queue a job, which ends with the session."""
        job.is_wanted = self.presence.is_here
        shared_workers().submit(self.name, job)

    def control_key(self, key: str, value: Any) -> str:
        """The key of the widget of a control that shows this value.

        A value that the widget itself did not bring makes another widget of it. The browser may still send the state
        of the old one, which was drawn before a job or an upload changed the value; nobody listens to it any more.
        """
        number, shown = self.controls.get(key, (0, value))
        number += shown != value
        self.controls[key] = number, value
        return f"{key}~{number}" if number else key

    def brought(self, key: str, value: Any) -> None:
        """Note what the widget of a control shows since the visitor moved it."""
        self.controls[key] = self.controls.get(key, (0, None))[0], value

    def edit(self, area: str, change: Callable[[Scenario], Scenario]) -> bool:
        """Apply a change; if it is wrong, keep the scenario and note the sentence for the area. True if it was done."""
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

    def step_back(self) -> None:
        """Return to the scenario before the last change."""
        if self.undo:
            self.scenario = self.undo.pop()
            self.complaints.clear()
            self.edition += 1

    def replace(self, area: str, scenario: Scenario) -> None:
        """Take another scenario as a whole."""
        if self.edit(area, lambda _: scenario):
            self.edition += 1

    def refuse(self, area: str, error: InputError) -> None:
        """Note what is wrong with an upload."""
        self.complaints[area] = str(error)
        self.refused += 1

    def add_trace(
        self, files: list[tuple[str, Any]], names: tuple[str, ...] | None = None, columns: Columns | None = None
    ) -> Trace:
        """Read uploaded files, (name, binary file) each, and keep them, by default under their own names.

        Args:
            columns: which column of a table is what.

        Raises InputError.
        """
        _check_sizes(files)
        names = names or tuple(name for name, _ in files)
        trace = read_trace(files, limits=TRACE_LIMITS, columns=columns)
        _keep(self.traces, names, trace, MAX_TRACES)
        _keep(self.mappings, names, columns, MAX_TRACES)
        self.files[names] = tuple(UploadedFile(name, _content(data)) for name, data in files)
        self._forget_files()
        return trace

    def add_profiles(self, name: str, content: bytes) -> OwnProfiles:
        """Read an uploaded profiles file and keep it; raises InputError."""
        own = OwnProfiles(hashlib.sha256(content).hexdigest(), parse_catalogue(content, name))
        _keep(self.profiles, name, own, MAX_PROFILE_FILES)
        self.files[PROFILES, name] = (UploadedFile(name, content),)
        self._forget_files()
        return own

    def _forget_files(self) -> None:
        kept = {*self.traces, *((PROFILES, name) for name in self.profiles)}
        self.files = {key: files for key, files in self.files.items() if key in kept}

    def read_trace(self, scenario: Scenario) -> Trace:
        """The trace of a scenario: a sample, or an upload of this session. No file of the server is ever opened.

        Raises InputError if it was not uploaded, or another file has its name.
        """
        section = scenario.workload.trace
        if all(path.startswith(SAMPLE_PREFIX) for path in section.paths):
            return read_scenario_trace(scenario)
        names = tuple(section.paths)
        if section.sha256 is not None and (names not in self.traces or self.traces[names].digest != section.sha256):
            same = [kept for kept, trace in self.traces.items() if trace.digest == section.sha256]
            if names in self.traces and not same:
                raise InputError(
                    f"The scenario was made with a trace whose SHA-256 begins {section.sha256[:12]}, the upload "
                    f"{', '.join(section.paths)} begins {self.traces[names].digest[:12]}; upload the same file."
                )
            names = same[0] if same else ()
        if names not in self.traces:
            raise InputError(f"The scenario needs the trace {', '.join(section.paths)}; upload it under Traffic.")
        return self._read_by(names, section.columns)

    def _read_by(self, names: tuple[str, ...], columns: Columns | None) -> Trace:
        """An upload as read by these columns; it is read again where it was read by others."""
        trace = self.traces[names]
        if columns in (self.mappings.get(names), trace.columns):
            return trace
        if self.table is None or self.table.names != names:
            raise InputError(f"The scenario reads {', '.join(names)} by other columns; upload it again under Traffic.")
        return self.add_trace(self.table.files, names, columns)

    def own_profiles(self, scenario: Scenario) -> OwnProfiles | None:
        """The profiles file of a scenario, if it names one; raises InputError if it was not uploaded."""
        if scenario.profiles is None:
            return None
        if scenario.profiles not in self.profiles:
            raise InputError(f"The scenario needs the profiles file {scenario.profiles}; upload it under Models.")
        return self.profiles[scenario.profiles]


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


def _check_sizes(files: list[tuple[str, Any]]) -> None:
    size = sum(len(data) if isinstance(data, bytes) else data.size for _, data in files)
    if size > MAX_UPLOAD_BYTES:
        raise InputError(
            f"{', '.join(name for name, _ in files)}: {words.count(size / 1024**2)} MB were given; at most "
            f"{MAX_UPLOAD_BYTES // 1024**2} MB are allowed for all files together."
        )


def _content(data: Any) -> bytes:
    return data if isinstance(data, bytes) else data.getvalue()


def _keep(kept: dict, name: Any, value: Any, most: int) -> None:
    kept.pop(name, None)
    kept[name] = value
    while len(kept) > most:
        del kept[next(iter(kept))]
