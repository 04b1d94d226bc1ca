"""Growth and losses of generating models: how long the devices last, and how many bear a loss; jobs as the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app.background.cluster import machines_or_here
from app.background.slots import Job, slot_of
from app.look import words
from app.panels.capacity import hue_of
from app.panels.capacity_growth import ask_growth, draw_answer
from app.panels.capacity_spare import ask_losses, draw_plans
from app.panels.generation_jobs import TokenQuestion, answered, builder, fewest_first, reporter
from app.state.session import Session
from planner.generation.growth import find_token_growth
from planner.generation.spare import find_token_spares
from planner.generation.what_if import TokenCapacity, find_token_capacity
from planner.scenario.schema import Scenario
from planner.what_if.growth import Growth
from planner.what_if.spare import SparePlan
from simulator import InputError

GROWTH, SPARE = "growth of generating models", "spare devices of generating models"


def draw_growth(session: Session, question: TokenQuestion, found: Sequence[TokenCapacity] | None) -> None:
    """What is asked, and the sentences with the chart that they are read from.

    found: the fewest devices for the same question, None where they are not known.
    """
    st.header("How long do my devices last?", anchor=False)
    scenario, view, names = session.scenario, session.views.generation, [section.name for section in question.sections]
    reached = fewest_first(found or ())
    name, present, times, percent = ask_growth(
        session, "Placed anew by", names, reached[0].name if reached else names[0], view.grown_algorithm, view.grown_of
    )
    section = next(section for section in question.sections if section.name == name)
    alone = replace(question, highest=max(question.highest, present), sections=[section])
    key = alone.key(scenario, "growth", present, times)

    def work(job: Job) -> tuple[Growth, Scenario]:
        with machines_or_here(job.say) as executor:
            found = find_token_growth(
                scenario, alone.target, section, times, present, alone.highest, reporter(job), builder(session),
                executor,
            )  # fmt: skip
        return found, scenario

    result = answered(session, GROWTH, key, "Let traffic grow", "Trying more traffic", work, "token_growth.go")
    if slot_of(session, GROWTH).job is not None:
        # What was asked about stays, whatever is found to do with fewer devices afterwards.
        view.grown_algorithm.value = name
    if result is None:
        return
    growth, asked = result
    draw_answer(growth, asked, percent, hue_of(section, session, names.index(name)))


def draw_spare(session: Session, question: TokenQuestion, found: Sequence[TokenCapacity] | None) -> None:
    """What is to be borne, and how many devices do. found: see draw_growth."""
    st.header("How many devices bear a loss (N+1)?", anchor=False)
    scenario = session.scenario
    kinds = ask_losses(session)
    if not kinds:
        return
    key = question.key(scenario, "spare", sorted(kinds))

    def work(job: Job) -> tuple[tuple[SparePlan, ...], Scenario]:
        # What is left after a loss is a placement on fewer devices, so it begins where nothing is lost.
        with machines_or_here(job.say) as executor:
            whole = found or find_token_capacity(
                scenario, question.target, question.sections, question.lowest, question.highest, reporter(job),
                builder(session), executor,
            )  # fmt: skip
            reached = fewest_first(whole)
            if not reached:
                raise InputError(not_even_whole(whole, question.highest))
            sections = [section for section in question.sections if section.name in {one.name for one in reached}]
            plans = find_token_spares(
                scenario, question.target, sections, kinds, reached[0].devices or 1, question.highest, reporter(job),
                builder(session), executor,
            )  # fmt: skip
        return plans, scenario

    result = answered(
        session, SPARE, key, "Find the devices that bear it", "Trying numbers of devices without one", work,
        "token_spare.go",
    )  # fmt: skip
    if result is None:
        return
    draw_plans(session, *result)


def not_even_whole(whole: Sequence[TokenCapacity], highest: int) -> str:
    """That the target is not reached with nothing lost, or that this is not known."""
    stopped = next((str(one.reason) for one in whole if not one.complete), None)
    most, goal = words.plural(highest, "device"), words.goal(whole[0].target)
    return stopped or f"Even with nothing lost, {goal} was not reached on up to {most}, so no loss was tried."
