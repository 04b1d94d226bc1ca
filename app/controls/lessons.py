"""The controls of a lesson: every setting, prediction and event stands in the address, on every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from app.controls.views import chosen, kept, write_key
from app.lessons.frame import Lesson, Moves, Pick, Slider, Trail
from app.state.session import Session
from app.state.views import Choice

# On a trail; the earliest go first.
MOST_TRIED = 12
# Whoever has stepped to the end stays there when a control changes the run, however many events it then has.
END = 999


def read_settings(session: Session, lesson: Lesson) -> Any:
    """The settings that were chosen, else those of the address, else those of the question; writes the address."""
    defaults = asdict(lesson.asked)
    values = {c.field: _read(session, _choice(session, lesson, c), defaults[c.field], _options(c))
              for c in lesson.controls}  # fmt: skip
    for control in lesson.controls:
        if isinstance(control, Trail):
            values[control.field] = _grow(session, _choice(session, lesson, control), [values[f] for f in control.of],
                                          [defaults[f] for f in control.of])  # fmt: skip
    return lesson.with_values(defaults | values)


def read_word(session: Session, choice: Choice[str], allowed: Sequence[str]) -> str:
    """A word that was chosen, else that of the address, else ""; writes the address."""
    return _read(session, choice, "", {"options": ["", *allowed]})


def read_event(session: Session, lesson: Lesson, most: int) -> int:
    """The event up to which a lesson was stepped, 0 at first; writes the address."""
    choice = session.views.learn.events[lesson.key]
    return min(_read(session, choice, 0, {"min_value": 0, "max_value": END}), most)


def draw_own_controls(session: Session, lesson: Lesson, fields: Sequence[str]) -> None:
    """The controls that hold on the visitor's own traffic."""
    _draw_side_by_side(session, lesson, [c for c in lesson.controls if isinstance(c, Slider) and c.field in fields])


def draw_controls(session: Session, lesson: Lesson, settings: Any, run: Any) -> None:
    """Presets as buttons, then the controls side by side, then what can be played next."""
    if lesson.presets:
        with st.container(horizontal=True):
            for name, preset in lesson.presets.items():
                st.button(name, key=f"preset:{lesson.key}:{name}", on_click=take_settings,
                          args=(session, lesson, preset))  # fmt: skip
    _draw_side_by_side(session, lesson, [c for c in lesson.controls if not isinstance(c, Moves | Trail)])
    for control in lesson.controls:
        if isinstance(control, Moves):
            _draw_moves(session, lesson, control, control.choices(settings, run))


def _draw_side_by_side(session: Session, lesson: Lesson, moved: Sequence[Slider | Pick]) -> None:
    defaults = asdict(lesson.asked)
    for column, control in zip(st.columns(max(len(moved), 1)), moved, strict=False):
        with column:
            widget = st.slider if isinstance(control, Slider) else st.selectbox
            more = {"format": control.format} if isinstance(control, Slider) and control.format else {}
            kept(session, widget, control.label, _choice(session, lesson, control), defaults[control.field],
                 help=control.help, **_options(control), **_step(control), **more)  # fmt: skip


def _draw_moves(session: Session, lesson: Lesson, control: Moves, choices: Mapping[str, str]) -> None:
    choice = _choice(session, lesson, control)
    played = [word for word in (choice.value or "").split(".") if word]

    def play(moves: list[str]) -> None:
        choice.value = ".".join(moves)

    st.markdown(f"**{control.label if choices else 'Nothing more fits'}**")
    with st.container(horizontal=True, key="learn-moves", gap="small"):
        for word, label in choices.items():
            st.button(label, key=f"move:{lesson.key}:{word}", on_click=play, args=([*played, word],))
        st.button("Take back", key="learn.takeback", icon=":material/undo:", shortcut="b", type="tertiary",
                  on_click=play, args=(played[:-1],), disabled=not played)  # fmt: skip
        st.button("Begin again", key="learn.again", type="tertiary", on_click=play, args=([],), disabled=not played)


def take_settings(session: Session, lesson: Lesson, settings: Any) -> None:
    """Set every control, as a preset does."""
    values = asdict(settings)
    for control in lesson.controls:
        _choice(session, lesson, control).value = values[control.field]
    session.views.learn.events[lesson.key].value = 0


def _grow(session: Session, choice: Choice[str], here: Sequence[float], start: Sequence[float]) -> str:
    """The trail with what is chosen at its end; it begins with the first change."""
    tried = [word for word in (choice.value or "").split("~") if word]
    word = "_".join(f"{value:g}" for value in here)
    if tried[-1:] != [word] and (tried or list(here) != list(start)):
        tried = [*tried, word][-MOST_TRIED:]
    choice.value = "~".join(tried)
    write_key(session, choice.key, choice.value or None)
    return choice.value


def _choice(session: Session, lesson: Lesson, control: Slider | Pick | Moves | Trail) -> Choice[Any]:
    view = session.views.learn
    return (view.numbers if isinstance(control, Slider) else view.words)[f"{lesson.key}.{control.field}"]


def _options(control: Slider | Pick | Moves | Trail) -> dict[str, Any]:
    if isinstance(control, Moves | Trail):
        return {}
    if isinstance(control, Slider):
        return {"min_value": float(control.low), "max_value": float(control.high)}
    return {"options": list(control.options)}


def _step(control: Slider | Pick) -> dict[str, Any]:
    return {"step": float(control.step)} if isinstance(control, Slider) else {}


def _read(session: Session, choice: Choice[Any], default: Any, options: Mapping[str, Any]) -> Any:
    value = choice.value = chosen(choice, default, **options)
    write_key(session, choice.key, value if value != default else None)
    return value
