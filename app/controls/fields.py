"""Widgets whose value is a part of the scenario, and complaints beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.look.style import plain_text
from app.state.session import Session
from planner.scenario.schema import Scenario

Edit = Callable[[Scenario, Any], Scenario]


def bound(
    session: Session,
    area: str,
    widget: Callable[..., Any],
    label: str,
    key: str,
    value: Any,
    edit: Edit,
    **options: Any,
) -> None:
    """A widget that shows a value of the scenario and edits the scenario when it is moved.

    Args:
        area: where a complaint about the edit is shown. widget: such as st.number_input. key: of the widget.
        edit: gives the changed scenario, or raises InputError; the scenario, and with it the widget, then stays.
        options: of the widget.
    """
    name = session.control_key(key, value)
    st.session_state[name] = value
    if widget is st.number_input:
        # Without this a field that is emptied would jump to its lowest value.
        options["value"] = None
    widget(label, key=name, on_change=_apply, args=(session, area, key, name, label, edit), **options)


def shown(
    session: Session,
    widget: Callable[..., Any],
    label: str,
    key: str,
    value: Any,
    take: Callable[[Any], object],
    same: Callable[[Any], Any] = lambda value: value,
    **options: Any,
) -> None:
    """A widget that shows a value kept elsewhere, and tells `take` the one that the visitor chose.

    Args:
        key: of the widget. same: what of a value tells it from another one, such as a rounded number.
        options: of the widget.
    """
    name = session.control_key(key, same(value))
    # Only another value is handed over, so that nothing typed in the meantime is lost.
    if name not in st.session_state or st.session_state[name] != value:
        st.session_state[name] = value
    widget(label, key=name, on_change=_tell, args=(session, key, name, take, same), **options)


def draw_complaint(session: Session, area: str, *more: str | None) -> None:
    """What was wrong with the last edit at a area, and what is wrong with the scenario there."""
    for sentence in dict.fromkeys((session.complaints.get(area), *more)):
        if sentence:
            st.error(plain_text(sentence))


def _tell(session: Session, key: str, name: str, take: Callable[[Any], object], same: Callable[[Any], Any]) -> None:
    value = st.session_state[name]
    if session.brought(key, name, same(value)):
        take(value)


def _apply(session: Session, area: str, key: str, name: str, label: str, edit: Edit) -> None:
    value, before = st.session_state[name], session.controls[key][1]
    if not session.brought(key, name, value):
        return
    if not session.edit(area, lambda scenario: edit(scenario, value)) and value is None:
        session.complaints[area] = f"{label} was left empty; it stays {before}."
