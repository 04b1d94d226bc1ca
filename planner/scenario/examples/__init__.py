"""Scenarios to begin with, as files that the command line reads too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from planner.scenario.file import parse_scenario
from planner.scenario.schema import Scenario

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    """A scenario that ships: its text with comments, what it is about (the comments at its head), and itself."""

    file_name: str
    text: str
    about: str
    scenario: Scenario


@cache
def examples() -> tuple[Example, ...]:
    """All examples, the simplest first."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yaml")))


def _read(path: Path) -> Example:
    text = path.read_text(encoding="utf-8")
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# "))
    return Example(path.name, text, " ".join(head), parse_scenario(text, path.name))
