"""Placement rules: models pinned to devices, models kept apart, groups inside nodes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.controls.table_editor import Row, draw_editor
from app.state.session import Session, with_values
from planner.scenario.schema import Scenario
from simulator import InputError

AREA = "models rules"


def draw_rules(session: Session) -> None:
    """Tables of pins and of models that keep apart; searches and edits by hand obey them."""
    st.header("Rules for placements", anchor=False)
    st.caption("Searches and edits by hand keep to them; a placement that breaks one says so on Plan and Compare.")
    scenario = session.scenario
    names = _known_names(scenario)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("Pinned: only these devices may hold the model")
        number: dict[str, Any] = {"min_value": 0, "max_value": scenario.cluster.devices - 1, "step": 1}
        pins = [{"model": name, "first": first, "last": last} for name, (first, last) in scenario.rules.pin.items()]
        draw_editor(
            session, "rules.pin", pins, lambda: session.scenario.rules.pin,
            lambda rows: session.edit(AREA, lambda s: with_pins(s, rows)),
            {"model": st.column_config.SelectboxColumn("Model", options=names),
             "first": st.column_config.NumberColumn("First device", **number, default=0),
             "last": st.column_config.NumberColumn("Last device", **number, default=scenario.cluster.devices - 1)},
            "Models with the first and the last device that may hold them",
        )  # fmt: skip
    with right:
        st.markdown("Kept apart: no group holds two models of one row")
        apart = [{"models": list(together)} for together in scenario.rules.apart]
        draw_editor(
            session, "rules.apart", apart, lambda: session.scenario.rules.apart,
            lambda rows: session.edit(AREA, lambda s: with_apart(s, rows)),
            {"models": st.column_config.MultiselectColumn("Models", options=names, width="large",
                                                          help="An entry such as ads-{i} stands for all its models.")},
            "Lists of models that share no group",
        )  # fmt: skip
    bound(session, AREA, st.checkbox, "No group spans nodes", "rules.within_node", scenario.rules.within_node,
          lambda s, value: _with_rule(s, within_node=value),
          help="Every group that holds a model lies inside one node.")  # fmt: skip
    draw_complaint(session, AREA)


def with_pins(scenario: Scenario, rows: list[Row]) -> Scenario:
    """The scenario with the pins of the table; rows that are not filled in yet are passed over."""
    whole = [row for row in rows if not any(_is_open(row.get(key)) for key in ("model", "first", "last"))]
    names = [row["model"] for row in whole]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"'{twice}' is pinned twice; one row a model is allowed.")
    return _with_rule(scenario, pin={row["model"]: [int(row["first"]), int(row["last"])] for row in whole})


def with_apart(scenario: Scenario, rows: list[Row]) -> Scenario:
    """The scenario with the lists of the table; a list of one model is passed over until there is another one."""
    lists = [list(row.get("models") or []) for row in rows]
    return _with_rule(scenario, apart=[names for names in lists if len(names) > 1 or any("{i}" in n for n in names)])


def _with_rule(scenario: Scenario, **values: Any) -> Scenario:
    return with_values(scenario, "rules", **values)


def _known_names(scenario: Scenario) -> list[str]:
    """Entries that stand for several models, and every model."""
    entries = [section.name for section in scenario.models if section.count > 1]
    return [*entries, *(name for section in scenario.models for name in section.names())]


def _is_open(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 (NaN)
