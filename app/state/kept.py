"""Where a session is kept, and what was written of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.state.typed_json import to_json
from app.store import Part
from planner.search import SearchResult

VERSION = 1


@dataclass
class Kept:
    """The file of each search that was kept, so that a long history is written once. The result is held with it."""

    files: dict[int, tuple[SearchResult, str]] = field(default_factory=dict)

    def file_of(self, result: SearchResult, bring: Callable[[bytes], str]) -> str:
        """The SHA-256 of the file, written first if need be."""
        if id(result) not in self.files:
            content = json.dumps({"version": VERSION, "search": to_json(result)}, separators=(",", ":"))
            self.files[id(result)] = result, bring(content.encode())
        return self.files[id(result)][1]

    def forget_others(self, results: Iterable[SearchResult]) -> None:
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
        elsewhere: the parts that another tab changed since; problem: why the last save failed, a sentence.
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
    problem: str | None = None
    unreadable: list[str] = field(default_factory=list)
    searches: Kept = field(default_factory=Kept)
    marks: list[object] = field(default_factory=list)
    due_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_opened: bool = True
