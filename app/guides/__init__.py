"""Guides for people, in Markdown: shown on the page Guide, read in the repository."""

from __future__ import annotations

from pathlib import Path

from planner.version import VERSION

TITLES = {
    "tutorial": "Ten-minute tutorial",
    "request": "The life of a request",
    "glossary": "Glossary",
    "extending": "Adding an algorithm, a trace format, an export",
    "cite": "How to cite",
}


def guide(name: str) -> str:
    """The Markdown of a guide, without its title."""
    text = Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")
    return text.replace("VERSION", VERSION)
