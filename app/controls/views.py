"""Widgets whose value is no part of the scenario: how a page looks at it. They keep it when the page is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from app.state.session import Session
from app.state.views import Choice

T = TypeVar("T")


def kept(session: Session, widget: Callable[..., Any], label: str, choice: Choice[T], default: T, **options: Any) -> T:
    """A widget that begins with what was chosen last in this session, else with the address (?key=...), else `default`.

    A choice other than the default stands in the address, so that a link shows the same view.

    Args:
        widget: such as st.number_input. choice: of `session.views`. options: of the widget.
    """
    value: T = _from_address(choice.key, default, options) if choice.value is None else choice.value
    if not _is_offered(value, options):
        value = default
    choice.value = value
    name = session.control_key(choice.key, value)
    st.session_state[name] = value
    if widget is st.number_input:
        options["value"] = None
    write_key(choice.key, value if value != default and isinstance(value, (str, int, float)) else None)
    widget(label, key=name, on_change=_keep, args=(session, choice, name, label), **options)
    return value


def write_key(key: str, value: str | float | None) -> None:
    """Put a value into the address, None takes its key out: the address always says what is shown."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != str(value):
        st.query_params[key] = str(value)


def _keep(session: Session, choice: Choice[Any], name: str, label: str) -> None:
    value = st.session_state[name]
    if not session.brought(choice.key, name, value):
        return
    if value is None:
        st.toast(f"{label} was left empty; it stays {choice.value}.")
    else:
        choice.value = value


def _is_offered(value: object, options: Mapping[str, Any]) -> bool:
    return "options" not in options or isinstance(value, list) or value in options["options"]


def _from_address(key: str, default: Any, options: dict[str, Any]) -> Any:
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
