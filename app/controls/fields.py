"""Widgets whose value is a part of the scenario, and complaints beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.look.style import plain_text
from app.state.session import Visit
from planner.scenario.schema import Scenario

Edit = Callable[[Scenario, Any], Scenario]


def bound(
    visit: Visit, place: str, widget: Callable[..., Any], label: str, key: str, value: Any, edit: Edit, **options: Any
) -> None:
    """A widget that shows a value of the scenario and edits the scenario when it is moved.

    Args:
        place: where a complaint about the edit is shown. widget: such as st.number_input. key: of the widget.
        edit: gives the changed scenario, or raises InputError; the scenario, and with it the widget, then stays.
        options: of the widget.
    """
    st.session_state[key] = value
    widget(label, key=key, on_change=_apply, args=(visit, place, key, edit), **options)


def draw_complaint(visit: Visit, place: str, *more: str | None) -> None:
    """What was wrong with the last edit at a place, and what is wrong with the scenario there."""
    for sentence in dict.fromkeys((visit.complaints.get(place), *more)):
        if sentence:
            st.error(plain_text(sentence))


def _apply(visit: Visit, place: str, key: str, edit: Edit) -> None:
    value = st.session_state[key]
    visit.edit(place, lambda scenario: edit(scenario, value))
