"""Where a session is kept, and what was written of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.state.typed_json import to_json
from app.store import Part, Version
from planner.search import SearchResult

VERSION = 1


@dataclass
class Kept:
    """The file of each search that was kept, so that a long history is written once. The result is held with it.

    Attributes:
        others: the files of what other tabs of the workspace found, by run key.
    """

    files: dict[int, tuple[SearchResult, str]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def file_of(self, result: SearchResult, bring: Callable[[bytes], str]) -> str:
        """The SHA-256 of the file, written first if need be."""
        if id(result) not in self.files:
            content = json.dumps({"version": VERSION, "search": to_json(result)}, separators=(",", ":"))
            self.files[id(result)] = result, bring(content.encode())
        return self.files[id(result)][1]

    def take_others(self, found: Part | None) -> None:
        """Keep what other tabs found beside what this one finds."""
        if found is not None and found.document.get("version") == VERSION:
            self.others |= dict(found.document["content"])

    def forget_but(self, results: Iterable[SearchResult]) -> None:
        """Let go of results that are no longer asked for."""
        wanted = set(map(id, results))
        self.files = {key: row for key, row in self.files.items() if key in wanted}


@dataclass
class Keeping:
    """Where a session is kept.

    Attributes:
        workspace: the address that writes; None where nothing was worth keeping so far, or where only `reads` is known.
        reads: the address of the workspace that is looked at and not changed; None elsewhere.
        seen: the revision that this session knows; saved: what it wrote last, by key of the part.
        elsewhere: the parts that another tab changed since and this one does not show; aside: the version that holds
            what this tab has, where it could not be written for that; heard: what the page said of it last.
        problem: why the last save failed, a sentence.
        note: what has just happened to the workspace of the tab, a sentence.
        unreadable: sentences about parts that could not be read.
        is_begun: whether the store has the workspace; due_s: no save before this, on the monotonic clock.
        searches, marks: what was written, and how the session looked then.
        is_opened: whether the page has asked for the workspace that its address names.
    """

    workspace: str | None = None
    reads: str | None = None
    is_begun: bool = False
    seen: int = 0
    saved: dict[str, Part] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    aside: Version | None = None
    heard: str | None = None
    note: str | None = None
    problem: str | None = None
    unreadable: list[str] = field(default_factory=list)
    searches: Kept = field(default_factory=Kept)
    marks: list[object] = field(default_factory=list)
    due_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_opened: bool = True
