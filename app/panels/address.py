"""How a page looks at things, kept in the session and standing in the address, so that a link shows the same view."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.controls.views import write_key
from app.state.session import Session
from app.state.views import Choice, Views


@dataclass(frozen=True)
class Address:
    """The part of the address that belongs to one page: where the page keeps it, and the keys of its view."""

    choice: Callable[[Views], Choice[dict[str, str]]]
    keys: tuple[str, ...]

    def given(self, session: Session) -> dict[str, str]:
        """What was chosen in this session; at first what the address says."""
        choice = self.choice(session.views)
        if choice.value is None:
            choice.value = {key: st.query_params[key] for key in self.keys if key in st.query_params}
        return choice.value

    def change(self, session: Session, **values: str | float | None) -> None:
        """Look at something else; None takes a part of the view back to what it begins with.

        A key that is a word of Python is given with an underscore behind it.
        """
        given = self.given(session)
        for key, value in values.items():
            key = key.rstrip("_")
            given.pop(key, None)
            if value is not None:
                given[key] = str(round(value, 4)) if isinstance(value, float) else str(value)
        self.write(session)

    def write(self, session: Session) -> None:
        """Put the view into the address."""
        given = self.given(session)
        for key in self.keys:
            write_key(session, key, given.get(key))


def finite(text: str | None) -> float | None:
    """A number of the address; None where there is none, or no finite one."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
