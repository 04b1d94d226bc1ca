"""Widgets whose value is no part of the scenario: how a page looks at it. They keep it when the page is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.state.session import Session
from app.state.views import Choice

T = TypeVar("T")


def kept(session: Session, widget: Callable[..., Any], label: str, choice: Choice[T], default: T, **options: Any) -> T:
    """A widget that begins with what was chosen last in this session, else with the address (?key=...), else `default`.

    A choice other than the default stands in the address, so that a link shows the same view; a list as its values with
    commas between them.

    Args:
        widget: such as st.number_input. choice: of `session.views`. options: of the widget.
    """
    value = chosen(choice, default, **options)
    # A default is not kept: it may be another one for another scenario.
    if value != default:
        choice.value = value
    name = session.control_key(choice.key, value)
    st.session_state[name] = value
    if widget is st.number_input:
        options["value"] = None
    said = ",".join(map(str, value)) if isinstance(value, list) else value
    write_key(session, choice.key, said if value != default and isinstance(said, (str, int, float)) else None)
    widget(label, key=name, on_change=_keep, args=(session, choice, name, label), **options)
    return value


def kept_tabs(session: Session, choice: Choice[str], titles: Mapping[str, str]) -> Sequence[DeltaGenerator]:
    """Tabs by name, with their titles; the one that is open is kept as by `kept`. All of them are drawn."""
    names = {title: name for name, title in titles.items()}
    value = chosen(choice, next(iter(titles)), options=list(titles))
    choice.value = value
    key = session.control_key(choice.key, titles[value])
    st.session_state[key] = titles[value]
    write_key(session, choice.key, value if value != next(iter(titles)) else None)

    def keep() -> None:
        title = st.session_state[key]
        if session.brought(choice.key, key, title):
            choice.value = names[title]

    return st.tabs(list(names), key=key, on_change=keep)


def chosen(choice: Choice[T], default: T, **options: Any) -> T:
    """What `kept` shows, for what is drawn before its widget."""
    value: T = _from_address(choice.key, default, options) if choice.value is None else choice.value
    return value if _is_offered(value, options) else default


def write_key(session: Session, key: str, value: str | float | None) -> None:
    """Put a value into the address, None takes its key out: the address always says what is shown."""
    if value is None:
        session.addressed.pop(key, None)
        st.query_params.pop(key, None)
        return
    session.addressed[key] = session.drawn
    if st.query_params.get(key) != str(value):
        st.query_params[key] = str(value)


def drop_hidden_keys(session: Session) -> None:
    """At the end of a page: take out of the address what the page no longer shows. `kept` writes it when it does."""
    for key, drawn in list(session.addressed.items()):
        if drawn != session.drawn:
            write_key(session, key, None)


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
    if given is None or not isinstance(default, (str, int, float, list)):
        return default
    if isinstance(default, list):
        values = given.split(",") if given else []
        return values if len({*values}) == len(values) and {*values} <= {*options["options"]} else default
    if isinstance(default, bool):
        return given == "True"
    try:
        value = type(default)(given)
    except ValueError:
        return default
    low, high = options.get("min_value", value), options.get("max_value", value)
    allowed = options.get("options", [value])
    return value if low <= value <= high and value in allowed else default
