"""What the jobs on generating models have in common: inputs, progress, and the key of what is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.background.slots import Job, draw_job, slot_of, start_job
from app.state.compute import token_inputs_of
from app.state.results import shared_cache
from app.state.session import Session
from planner.generation.what_if import InputBuilder, TokenCapacity
from planner.scenario.schema import PlacementSection, Scenario
from simulator.headway import OnProgress


@dataclass(frozen=True)
class TokenQuestion:
    """What all questions of the page share: target 0..1, the range of devices, one section a search."""

    target: float
    lowest: int
    highest: int
    sections: Sequence[PlacementSection]

    def key(self, scenario: Scenario, *more: object) -> str:
        """Of the scenario and what is asked."""
        return key_of(scenario, self.target, self.lowest, self.highest, self.sections, *more)


def fewest_first(found: Sequence[TokenCapacity]) -> list[TokenCapacity]:
    """Those that reach the target, the one with the fewest devices first."""
    return sorted((one for one in found if one.devices is not None), key=lambda one: one.devices or 0)


def builder(session: Session) -> InputBuilder:
    """Gives the inputs of a scenario, with the visitor's uploads."""
    uploads, cache = session.uploads, shared_cache()
    return lambda scenario: token_inputs_of(scenario, uploads, cache)


def reporter(job: Job) -> OnProgress:
    """Progress of points; between them the job is only asked whether it goes on."""
    return lambda told: job.report(told) if told.phase else job.goes_on()


def answered(
    session: Session, area: str, key: str, button: str, doing: str, work: Callable[[Job], Any], control: str
) -> Any:
    """A button that begins work, its progress, and the last result, which is said if it is an earlier one."""
    slot = slot_of(session, area)
    if st.button(button, type="primary", disabled=slot.is_working, key=control):
        slot = start_job(session, area, key, work)
    draw_job(session, area, doing)
    if slot.result is not None and slot.result_key != key:
        st.warning("The question or the scenario has changed since; press the button to answer it anew.")
    return slot.result


def key_of(scenario: Scenario, *asked: object) -> str:
    """Of the scenario and what is asked."""
    parts = [a if not isinstance(a, (list, tuple)) or not a or not isinstance(a[0], PlacementSection) else
             [section.model_dump(mode="json") for section in a] for a in asked]  # fmt: skip
    document = [scenario.model_dump(mode="json", exclude={"placements", "name"}), parts]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
