"""A lesson's experiment on the visitor's own traffic: a job, its answer, and what was taken of the scenario."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.background.jobs import Job, Lane
from app.background.slots import draw_job, slot_of, start_job
from app.controls.lessons import draw_own_controls
from app.lessons.frame import Lesson, Own
from app.look.style import current_theme, plain_text
from app.panels.learn_shown import draw_pictures, draw_said
from app.state.compute import fixed_inputs_of, inputs_key
from app.state.results import shared_cache
from app.state.session import Session
from planner.lessons.own_traffic import bring
from simulator import InputError

AREA = "lesson-own"
# Most answers are there by then, and no progress bar comes and goes.
_PATIENCE_S = 2.0


def draw_own(session: Session, lesson: Lesson, own: Own, settings: Any) -> None:
    """The controls that hold, the answer and its pictures, or why there is none."""
    draw_own_controls(session, lesson, own.fields)
    why = why_not(session)
    if why is not None:
        st.info(plain_text(why))
        return
    values = ",".join(f"{getattr(settings, field):g}" for field in own.fields)
    key = f"{AREA}:{lesson.key}:{values}:{inputs_key(session.scenario, session.uploads)}"
    slot = slot_of(session, AREA)
    if slot.result_key != key and (slot.job is None or slot.job.key != key):
        slot = start_job(
            session, AREA, key, _work(session, own, settings, key), Lane.QUICK, _PATIENCE_S, by_itself=True
        )
    draw_job(session, AREA, "Trying it on your traffic")
    if slot.result_key != key:
        return
    draw_said(own.say(settings, slot.result))
    draw_pictures(session, own.pictures(settings, slot.result, current_theme()))
    st.caption(plain_text(own.bound(slot.result)))


def why_not(session: Session) -> str | None:
    """Why the visitor's scenario cannot be tried; None if it can, as far as can be seen without building it."""
    if session.scenario.generates:
        return (
            "The models of your scenario generate token by token. This lesson is about models that take the same time "
            "for every request, so it stays with its own traffic."
        )
    try:
        inputs_key(session.scenario, session.uploads)
    except InputError as error:
        return f"Your scenario cannot be tried here. {error}"
    return None


def _work(session: Session, own: Own, settings: Any, key: str):
    scenario, uploads = session.scenario, session.uploads

    def work(job: Job) -> Any:
        make = lambda: own.run(settings, bring(fixed_inputs_of(scenario, uploads, shared_cache()).problem))  # noqa: E731
        return shared_cache().get(key, make)

    return work
