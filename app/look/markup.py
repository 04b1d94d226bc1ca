"""HTML from templates (Jinja2), which escapes every value that is put into one."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from app.look import words

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def calm(text: str) -> str:
    """Text without the signs that turn the direction of all that follows, beyond the name they stand in."""
    return _TURNS.sub("", text)


def _shown(value: object) -> object:
    return calm(value) if type(value) is str else value


_ENVIRONMENT = Environment(
    loader=PrefixLoader({room: PackageLoader(f"app.{room}") for room in ("look", "panels", "report")}),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["grouped"] = words.count


def piece(name: str, *values: object) -> Markup:
    """A macro of look/pieces.html with these values."""
    return getattr(_ENVIRONMENT.get_template("look/pieces.html").module, name)(*values)


def render(template: str, **values: object) -> Markup:
    """A template of a room of the app, such as "report/report.html", with these values."""
    return Markup(_ENVIRONMENT.get_template(template).render(values))
