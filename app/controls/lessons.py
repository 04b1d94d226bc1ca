"""The controls of a lesson: every setting, prediction and event stands in the address, on every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from app.controls.views import chosen, kept, write_key
from app.lessons.frame import Lesson, Pick, Slider
from app.state.session import Session
from app.state.views import Choice


def read_settings(session: Session, lesson: Lesson) -> Any:
    """The settings that were chosen, else those of the address, else those of the question; writes the address."""
    defaults = asdict(lesson.asked)
    values = {c.field: _read(session, _choice(session, lesson, c), defaults[c.field], _options(c))
              for c in lesson.controls}  # fmt: skip
    return lesson.with_values(defaults | values)


def read_word(session: Session, choice: Choice[str], allowed: Sequence[str]) -> str:
    """A word that was chosen, else that of the address, else ""; writes the address."""
    return _read(session, choice, "", {"options": ["", *allowed]})


def read_event(session: Session, lesson: Lesson, most: int) -> int:
    """The event up to which a lesson was stepped, 0 at first; writes the address."""
    choice = session.views.learn.events[lesson.key]
    if choice.value is not None:
        choice.value = min(choice.value, most)
    return _read(session, choice, 0, {"min_value": 0, "max_value": most})


def draw_controls(session: Session, lesson: Lesson) -> None:
    """Presets as buttons, then the controls side by side."""
    if lesson.presets:
        with st.container(horizontal=True):
            for name, settings in lesson.presets.items():
                st.button(name, key=f"preset:{lesson.key}:{name}", on_click=take_settings,
                          args=(session, lesson, settings))  # fmt: skip
    defaults = asdict(lesson.asked)
    for column, control in zip(st.columns(max(len(lesson.controls), 1)), lesson.controls, strict=False):
        with column:
            widget = st.slider if isinstance(control, Slider) else st.selectbox
            more = {"format": control.format} if isinstance(control, Slider) and control.format else {}
            kept(session, widget, control.label, _choice(session, lesson, control), defaults[control.field],
                 help=control.help, **_options(control), **_step(control), **more)  # fmt: skip


def take_settings(session: Session, lesson: Lesson, settings: Any) -> None:
    """Set every control, as a preset does."""
    values = asdict(settings)
    for control in lesson.controls:
        _choice(session, lesson, control).value = values[control.field]
    session.views.learn.events[lesson.key].value = 0


def _choice(session: Session, lesson: Lesson, control: Slider | Pick) -> Choice[Any]:
    view = session.views.learn
    return (view.numbers if isinstance(control, Slider) else view.words)[f"{lesson.key}.{control.field}"]


def _options(control: Slider | Pick) -> dict[str, Any]:
    if isinstance(control, Slider):
        return {"min_value": float(control.low), "max_value": float(control.high)}
    return {"options": list(control.options)}


def _step(control: Slider | Pick) -> dict[str, Any]:
    return {"step": float(control.step)} if isinstance(control, Slider) else {}


def _read(session: Session, choice: Choice[Any], default: Any, options: Mapping[str, Any]) -> Any:
    value = choice.value = chosen(choice, default, **options)
    write_key(session, choice.key, value if value != default else None)
    return value
