"""Growth and losses of generating models: how long the devices last, and how many bear a loss; jobs as the others."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.background.slots import Job
from app.panels.capacity import hue_of
from app.panels.capacity_growth import ask_growth, draw_answer
from app.panels.capacity_spare import ask_losses, draw_plans
from app.panels.generation_jobs import answered, builder, key_of, reporter
from app.state.session import Session
from planner.generation.growth import find_token_growth
from planner.generation.spare import find_token_spares
from planner.scenario.schema import PlacementSection, Scenario
from planner.what_if.growth import Growth
from planner.what_if.spare import SparePlan

GROWTH, SPARE = "growth of generating models", "spare devices of generating models"


def draw_growth(session: Session, target: float, sections: Sequence[PlacementSection]) -> None:
    """What is asked, and the sentences with the chart that they are read from."""
    st.header("How long do my devices last?", anchor=False)
    scenario = session.scenario
    names = [section.name for section in sections]
    name, present, times, percent = ask_growth(session, "Placed anew by", names)
    section = next(section for section in sections if section.name == name)
    key = key_of(scenario, "growth", target, present, times, [section])

    def work(job: Job) -> tuple[Growth, Scenario]:
        found = find_token_growth(
            scenario, target, section, times, present, None, reporter(job), builder(session)
        )  # fmt: skip
        return found, scenario

    result = answered(session, GROWTH, key, "Let traffic grow", "Trying more traffic", work, "token_growth.go")
    if result is None:
        return
    growth, asked = result
    draw_answer(growth, asked, percent, hue_of(section, session, names.index(name)))


def draw_spare(session: Session, target: float, sections: Sequence[PlacementSection]) -> None:
    """What is to be borne, and how many devices do."""
    st.header("How many devices bear a loss (N+1)?", anchor=False)
    scenario = session.scenario
    kinds = ask_losses(session)
    if not kinds:
        return
    key = key_of(scenario, "spare", target, sorted(kinds), sections)

    def work(job: Job) -> tuple[tuple[SparePlan, ...], Scenario]:
        found = find_token_spares(
            scenario, target, sections, kinds, on_progress=reporter(job), build=builder(session)
        )  # fmt: skip
        return found, scenario

    result = answered(
        session, SPARE, key, "Find the devices that bear it", "Trying numbers of devices without one", work,
        "token_spare.go",
    )  # fmt: skip
    if result is None:
        return
    draw_plans(session, *result)
