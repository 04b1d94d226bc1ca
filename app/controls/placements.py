"""Controls of the placements that are compared."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.controls.placement_edits import (
    BY_HAND,
    added,
    added_section,
    group_sizes,
    groups_text,
    is_uniform,
    kind_title,
    kinds,
    removed,
    with_group_size,
    with_groups_text,
    with_name,
    with_option,
)
from app.controls.placement_rules import draw_placement_rules
from app.look import words
from app.look.markup import piece
from app.look.style import colour_of, plain
from app.state.answer import Answer, AnyAnswer
from app.state.session import Session
from planner.generation.search import DESCRIPTIONS
from planner.scenario.schema import MAX_PLACEMENTS, PlacementSection
from planner.search import ALGORITHMS, Option
from simulator.schema import MAX_NAME

_WIDGETS = {"int": st.number_input, "float": st.number_input, "bool": st.checkbox, "choice": st.selectbox}
_KIND = "placements.kind"


def draw_placement_controls(session: Session, answer: AnyAnswer) -> None:
    """Every placement of the basket with its own settings, and adding one."""
    st.header("Placements to compare", anchor=False)
    for index, section in enumerate(session.scenario.placements):
        area = f"placement:{section.name}"
        name, settings, remove = st.columns([6, 2, 1], vertical_alignment="center")
        called = plain(section.name)
        name.html(piece("named", colour_of(session.hue_of(section.name)), words.shorten(section.name, 40)))
        with settings.popover(f"Settings of {called}", icon=":material/tune:", type="tertiary",
                              key=f"placement.{index}.settings",
                              help=f"Name and settings of placement {index + 1}"):  # fmt: skip
            _draw_details(session, index, section, area)
        remove.button(f"Take out {called}", icon=":material/close:", key=f"placement.{index}.remove", type="tertiary",
                      help=f"Take out placement {index + 1}", on_click=_take_out, args=(session, index))  # fmt: skip
        _draw_settings(session, answer, index, section, area)
        draw_complaint(session, area, answer.problems.get(area))
    if len(session.scenario.placements) < MAX_PLACEMENTS:
        with st.popover("Add a placement", icon=":material/add:", width="stretch"):
            generates = session.scenario.generates
            described, key = kinds(generates), f"{_KIND}.generating" if generates else _KIND
            st.selectbox("Kind", list(described), key=key, format_func=lambda kind: kind_title(kind, generates))
            kind = st.session_state[key]
            st.caption(described[kind])
            st.button("Add", key="placements.add", type="primary", on_click=_add, args=(session, answer, kind))
    draw_complaint(session, "placements")


def _draw_settings(session: Session, answer: AnyAnswer, index: int, section: PlacementSection, area: str) -> None:
    if (
        section.search is not None
        and not session.scenario.generates
        and isinstance(answer, Answer)
        and answer.built
        and is_uniform(section)
    ):
        _draw_group_size(session, answer, index, section, area)


def _draw_details(session: Session, index: int, section: PlacementSection, area: str) -> None:
    bound(session, area, st.text_input, "Name", f"placement.{index}.name", section.name,
          lambda scenario, name: with_name(scenario, index, name), max_chars=MAX_NAME)  # fmt: skip
    st.button("Copy", key=f"placement.{index}.copy", icon=":material/content_copy:",
              disabled=len(session.scenario.placements) >= MAX_PLACEMENTS, on_click=_copy, args=(session, index),
              help="Puts the same placement into the basket once more, to change one of the two.")  # fmt: skip
    if section.search is not None and session.scenario.generates:
        st.caption(DESCRIPTIONS.get(section.search.algorithm, ""))
        _draw_time_limit(session, index, section, area)
    elif section.search is not None and section.search.algorithm in ALGORITHMS:
        st.caption(ALGORITHMS[section.search.algorithm].description)
        _draw_options(session, index, section, area)
    elif section.groups is not None:
        bound(session, area, st.text_area, "Groups (YAML)", f"placement.{index}.text", groups_text(section),
              lambda scenario, text: with_groups_text(scenario, index, text), height=200,
              help="One line a group: pp stages, tp devices a stage, and the models it holds.")  # fmt: skip
    if any(model.generation is None for model in session.scenario.models):
        draw_placement_rules(session, index, section, area)


def _draw_group_size(session: Session, answer: Answer, index: int, section: PlacementSection, area: str) -> None:
    sizes = group_sizes(answer.inputs.problem)
    options = section.searched.options
    mine = (options.get("pp"), options.get("tp"))
    if None in mine:
        mine = (options.get("pp") or 4, options.get("tp") or 1) if section.searched.algorithm != "dedicated" else None
    choices = [*([None] if section.searched.algorithm == "dedicated" else []), *sizes]
    if mine not in choices:
        choices.append(mine)

    def title(size: tuple[int, int] | None) -> str:
        if size is None:
            return "the smallest that fits each model"
        missing = len(answer.inputs.problem.models) - sizes.get(size, 0)
        lacks = f"; {words.plural(missing, 'model')} not" if missing else ""
        return words.group_size(*size) + lacks

    bound(session, area, st.selectbox, "Group size", f"placement.{index}.size", mine,
          lambda scenario, size: with_group_size(scenario, index, size), options=choices, format_func=title,
          help="How many devices work together on a request, and how a model is cut over them: pp stages one after "
          "the other, tp devices at once. Listed is what the chosen models have profiles for.")  # fmt: skip


def _draw_time_limit(session: Session, index: int, section: PlacementSection, area: str) -> None:
    bound(session, area, st.number_input, "Time limit (s)", f"placement.{index}.time_limit_s",
          section.searched.time_limit_s, lambda s, v: with_option(s, index, "time_limit_s", v), min_value=1.0,
          max_value=3600.0, step=5.0, format="%g", help="The best placement found by then counts.")  # fmt: skip


def _draw_options(session: Session, index: int, section: PlacementSection, area: str) -> None:
    algorithm = ALGORITHMS[section.searched.algorithm]
    given = section.searched.options
    options = [o for o in algorithm.options if o.kind in _WIDGETS and o.name not in ("pp", "tp")]
    _draw_time_limit(session, index, section, area)
    if not options:
        return
    changed = [option for option in options if given.get(option.name, option.default) != option.default]
    with st.expander("More options", expanded=bool(changed)):
        for option in options:
            bound(session, area, _WIDGETS[option.kind], option.label, f"placement.{index}.{option.name}",
                  given.get(option.name, option.default),
                  lambda s, v, name=option.name: with_option(s, index, name, v), help=_help(option),
                  **_bounds(option))  # fmt: skip


def _help(option: Option) -> str:
    return f"{option.help[:1].upper()}{option.help[1:]}. In a scenario file: `{option.name}`."


def _bounds(option: Option) -> dict:
    if option.kind == "choice":
        return {"options": list(option.allowed)}
    if option.kind == "bool":
        return {}
    kind = int if option.kind == "int" else float
    low, high = option.allowed
    return {"min_value": kind(low), "max_value": kind(high)}


def _add(session: Session, answer: AnyAnswer, kind: str) -> None:
    looked_at = answer.entry(session.looked_at) if answer.shown else None
    problem = answer.inputs.problem if isinstance(answer, Answer) and answer.built else None
    session.edit("placements", lambda scenario: added(scenario, kind, problem, looked_at if kind == BY_HAND else None))


def _take_out(session: Session, index: int) -> None:
    session.edit("placements", lambda scenario: removed(scenario, index))


def _copy(session: Session, index: int) -> None:
    session.edit("placements", lambda scenario: added_section(scenario, scenario.placements[index]))
