"""Widgets whose value is no part of the scenario: how a page looks at it. They keep it when the page is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.state.session import Session


def kept(session: Session, widget: Callable[..., Any], label: str, key: str, default: Any, **options: Any) -> Any:
    """A widget that begins with what was chosen last in this session, else with the address (?key=...), else `default`.

    A choice other than the default stands in the address, so that a link shows the same view.

    Args:
        widget: such as st.number_input. key: of the widget, and of the value in the address. options: of the widget.
    """
    if key not in session.views:
        session.views[key] = _from_address(key, default, options)
    value = session.views[key]
    if "options" in options and not isinstance(value, list) and value not in options["options"]:
        value = session.views[key] = default
    name = session.control_key(key, value)
    st.session_state[name] = value
    if widget is st.number_input:
        options["value"] = None
    write_key(key, value if value != default and isinstance(value, (str, int, float)) else None)
    widget(label, key=name, on_change=_keep, args=(session, key, name, label), **options)
    return session.views[key]


def write_key(key: str, value: str | float | None) -> None:
    """Put a value into the address, None takes its key out: the address always says what is shown."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != str(value):
        st.query_params[key] = str(value)


def _keep(session: Session, key: str, name: str, label: str) -> None:
    value = st.session_state[name]
    if not session.brought(key, name, value):
        return
    if value is None:
        st.toast(f"{label} was left empty; it stays {session.views[key]}.")
    else:
        session.views[key] = value


def _from_address(key: str, default: Any, options: dict) -> Any:
    given = st.query_params.get(key)
    if given is None or not isinstance(default, (str, int, float)):
        return default
    if isinstance(default, bool):
        return given == "True"
    try:
        value = type(default)(given)
    except ValueError:
        return default
    low, high = options.get("min_value", value), options.get("max_value", value)
    allowed = options.get("options", [value])
    return value if low <= value <= high and value in allowed else default
