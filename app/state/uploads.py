"""The files of one visitor: traces and profiles that he uploaded, and no file of the server."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from app.look import words
from app.settings import SETTINGS
from app.state.cache import Cache, size_bytes
from app.state.importing import TableImport
from app.state.limits import MAX_UPLOAD_BYTES, TRACE_LIMITS
from planner.scenario.inputs import SAMPLE_PREFIX, read_scenario_trace
from planner.scenario.schema import Scenario
from simulator import InputError, Profile
from simulator.catalogue import parse_catalogue
from simulator.generation import GenerationProfile
from simulator.generation.catalogue import parse_generation_profiles
from simulator.traces import Columns, Trace, read_trace

MIB = 1024**2
# Old uploads give way to new ones, so that a visitor's memory stays bounded.
MAX_TRACES, MAX_PROFILE_FILES = 4, 8
MAX_SESSION_BYTES, MAX_SERVER_BYTES = SETTINGS.visitor_mb * MIB, SETTINGS.server_mb * MIB
# Before the name of a profiles file in Uploads.files. No upload is called so.
PROFILES = "profiles\0"


@dataclass
class UploadedFile:
    """A file as it was uploaded; its content is let go of once the store has it under its SHA-256."""

    name: str
    content: bytes | None
    sha256: str | None = None


@dataclass(frozen=True)
class OwnProfiles:
    """A profiles file that was uploaded: profiles of fixed latencies by name, and those of models that generate."""

    digest: str
    profiles: Mapping[str, Profile]
    generating: tuple[GenerationProfile, ...] = ()


class Uploads:
    """What one visitor uploaded, bounded in number and in bytes of memory, for him and for all together.

    Attributes:
        traces: by the names of their files, oldest first.
        files: the files behind traces (by their names) and profiles (by (PROFILES, name)).
        mappings: the columns that each of them was to be read by, None where the file told them.
        table: the last upload that is a table, while its columns can be set.
        profiles: by the name of the file, oldest first.
    """

    def __init__(self) -> None:
        self.traces: dict[tuple[str, ...], Trace] = {}
        self.files: dict[tuple[str, ...], tuple[UploadedFile, ...]] = {}
        self.mappings: dict[tuple[str, ...], Columns | None] = {}
        self.table: TableImport | None = None
        self.profiles: dict[str, OwnProfiles] = {}
        self._sizes: dict[Hashable, int] = {}
        _OF_ALL_SESSIONS.add(self)

    @property
    def held_bytes(self) -> int:
        """How much memory the uploads take."""
        raw = [file.content for files in self.files.values() for file in files if file.content]
        raw += [content for _, content in (self.table.files if self.table else ())]
        return sum(self._sizes.values()) + sum(len(content) for content in {id(c): c for c in raw}.values())

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
        self._keep(self.traces, names, trace, MAX_TRACES)
        self.mappings = {known: kept for known, kept in self.mappings.items() if known in self.traces}
        self.mappings[names] = columns
        self.files[names] = tuple(UploadedFile(name, _content(data)) for name, data in files)
        self._forget_files()
        return trace

    def add_profiles(self, name: str, content: bytes) -> OwnProfiles:
        """Read an uploaded profiles file and keep it; raises InputError."""
        digest = hashlib.sha256(content).hexdigest()
        own = OwnProfiles(digest, parse_catalogue(content, name), parse_generation_profiles(content, name))
        self._keep(self.profiles, name, own, MAX_PROFILE_FILES)
        self.files[PROFILES, name] = (UploadedFile(name, content),)
        self._forget_files()
        return own

    def read_trace(self, scenario: Scenario, cache: Cache | None = None) -> Trace:
        """The trace of a scenario: a sample, from a cache if one is given, or an upload.

        Raises InputError if it was not uploaded, or another file has its name.
        """
        section = scenario.workload.replayed
        if not _is_sample(scenario):
            return self._uploaded(scenario)
        if cache is None:
            return read_scenario_trace(scenario)
        key = ("trace", *section.paths, section.format, section.columns, section.sha256)
        return cache.get(key, lambda: read_scenario_trace(scenario))

    def identity(self, scenario: Scenario) -> list | None:
        """What tells the uploaded trace of a scenario from others; None where it needs none.

        Raises InputError as read_trace does.
        """
        if scenario.workload.trace is None or _is_sample(scenario):
            return None
        trace = self._uploaded(scenario)
        return [trace.digest, list(trace.sources)]

    def own_profiles(self, scenario: Scenario) -> OwnProfiles | None:
        """The profiles file of a scenario, if it names one; raises InputError if it was not uploaded."""
        if scenario.profiles is None:
            return None
        if scenario.profiles not in self.profiles:
            raise InputError(f"The scenario needs the profiles file {scenario.profiles}; upload it under Models.")
        return self.profiles[scenario.profiles]

    def take_over(self, other: Uploads) -> None:
        """What another tab of the same visitor has read."""
        self.traces |= other.traces
        self.files |= other.files
        self.mappings |= other.mappings
        self._sizes |= {name: other._sizes[name] for name in other.traces}
        self.table = other.table

    def _forget_files(self) -> None:
        kept = {*self.traces, *((PROFILES, name) for name in self.profiles)}
        self.files = {key: files for key, files in self.files.items() if key in kept}

    def _uploaded(self, scenario: Scenario) -> Trace:
        section = scenario.workload.replayed
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

    def _keep(self, kept: dict, name: Hashable, value: Any, most: int) -> None:
        """Keep an upload; raises InputError if there is no room for it even without the older ones of its kind."""
        size = size_bytes(value)
        others = self.held_bytes - sum(self._sizes[known] for known in kept)
        _check_room(size, others, MAX_SESSION_BYTES, "one visitor's uploads")
        everybody = sum(uploads.held_bytes for uploads in _OF_ALL_SESSIONS if uploads is not self)
        _check_room(size, everybody + others, MAX_SERVER_BYTES, "the uploads of all visitors of this server")
        self._forget(kept, name)
        while kept and (
            len(kept) >= most
            or self.held_bytes + size > MAX_SESSION_BYTES
            or everybody + self.held_bytes + size > MAX_SERVER_BYTES
        ):
            self._forget(kept, next(iter(kept)))
        kept[name], self._sizes[name] = value, size

    def _forget(self, kept: dict, name: Hashable) -> None:
        if kept.pop(name, None) is not None:
            del self._sizes[name]


# Weak, because uploads end with their session.
_OF_ALL_SESSIONS: weakref.WeakSet[Uploads] = weakref.WeakSet()


def _is_sample(scenario: Scenario) -> bool:
    section = scenario.workload.trace
    return section is not None and all(path.startswith(SAMPLE_PREFIX) for path in section.paths)


def _content(data: Any) -> bytes:
    return data if isinstance(data, bytes) else data.getvalue()


def _check_sizes(files: list[tuple[str, Any]]) -> None:
    size = sum(len(data) if isinstance(data, bytes) else data.size for _, data in files)
    if size > MAX_UPLOAD_BYTES:
        raise InputError(
            f"{', '.join(name for name, _ in files)}: {words.count(size / MIB)} MB were given; at most "
            f"{MAX_UPLOAD_BYTES // MIB} MB are allowed for all files together."
        )


def _check_room(size_bytes: int, others_bytes: int, most_bytes: int, whose: str) -> None:
    if size_bytes + others_bytes > most_bytes:
        beside = f" beside {words.count(others_bytes / MIB)} MiB of others" if others_bytes else ""
        raise InputError(
            f"The upload takes {words.count(size_bytes / MIB)} MiB of memory{beside}; {whose} may take "
            f"{words.count(most_bytes / MIB)} MiB together. Upload a shorter part of it, or try again later."
        )
