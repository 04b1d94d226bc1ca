"""Controls of the serving rules that one placement has of its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.controls.fields import bound
from app.controls.placement_edits import with_rule
from app.controls.serving import ADMISSION, DISPATCH
from app.look import words
from app.state.session import Session
from planner.scenario.schema import PlacementSection

_AS_ALL = "as under Serving details"
_SIZES = (1, 2, 4, 8, 16, 32, 64)


def draw_placement_rules(session: Session, index: int, section: PlacementSection, area: str) -> None:
    """Dispatch, admission and batching of this placement alone, so that rules are compared side by side."""

    def choose(label: str, rule: str, titles: dict[Any, str], about: str) -> None:
        bound(session, area, st.selectbox, label, f"placement.{index}.{rule}", getattr(section, rule),
              lambda scenario, value: with_rule(scenario, index, rule, value), options=[None, *titles],
              format_func=lambda value: _AS_ALL if value is None else titles[value],
              help=f"{about} In a scenario file: `{rule}` of the placement.")  # fmt: skip

    with st.expander("Its own serving rules", expanded=bool(section.serving_rules)):
        st.caption("To compare rules, copy the placement and change one of the two; its name says the rule.")
        choose("A request goes to", "dispatch", DISPATCH, "Which of the groups that hold its model gets a request.")
        choose("What would be late is", "admission", ADMISSION,
               "Turning away what is predicted to be late leaves room for others.")  # fmt: skip
        sizes = sorted({*_SIZES, section.max_batch_size or 1})
        titles = {size: "no batches" if size == 1 else f"up to {words.count(size)}" for size in sizes}
        choose("Largest batch", "max_batch_size", titles, "Requests of one model that a free group takes together.")
