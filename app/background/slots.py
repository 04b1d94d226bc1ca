"""Long work that is no placement of the basket: capacity plans, sweeps, profiles. It outlasts a change of page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.background.jobs import Job, Lane
from app.look.style import guarded, plain_text

POLL_S = 0.25
# Work that is done this soon appears at once, without a progress bar.
PATIENCE_S = 0.2


@dataclass
class JobSlot:
    """What is worked on at one area of the page, and the last result there."""

    job: Job | None = None
    last: Job | None = None

    def refresh(self) -> None:
        """Take over the result of a job that has ended."""
        if self.job is not None and self.job.is_done and self.job.result is not None:
            self.last = self.job

    @property
    def result(self) -> Any:
        """The last result, None before there is one."""
        return self.last.result if self.last else None

    @property
    def result_key(self) -> str | None:
        """The key of what the last result answers, None before there is one."""
        return self.last.key if self.last else None

    @property
    def is_working(self) -> bool:
        """Whether a job waits or runs."""
        return self.job is not None and not self.job.is_done


def slot_of(session: Any, area: str) -> JobSlot:
    """The slot at a area, up to date; an empty one, which the session does not keep, before work was asked for."""
    slot = session.slots.get(area) or JobSlot()
    slot.refresh()
    return slot


def start_job(
    session: Any,
    area: str,
    key: str,
    work: Callable[[Job], Any],
    lane: Lane = Lane.SEARCH,
    patience_s: float = PATIENCE_S,
    by_itself: bool = False,
) -> JobSlot:
    """Put new work on a slot; what was worked on there is stopped, its last result stays until there is a new one."""
    slot = session.slots[area] = slot_of(session, area)
    if slot.job is not None:
        slot.job.stop()
    slot.job = Job(key, work, lane=lane, by_itself=by_itself)
    session.jobs.submit(slot.job)
    slot.job.wait(patience_s)
    slot.refresh()
    return slot


def draw_job(session: Any, area: str, doing: str, draw_partial: Callable[[Any], object] | None = None) -> None:
    """Progress with Stop while there is work, then how it was done where that is worth a sentence, or why it was not.

    Args:
        doing: a few words. draw_partial: draws what is known by now, of work that gets better in place.
    """
    slot = slot_of(session, area)
    # One element whether there is work or not: what stands beneath would else be made anew, and lose what was opened.
    with st.container():
        _draw_state(slot, area, doing, draw_partial)


def _draw_state(slot: JobSlot, area: str, doing: str, draw_partial: Callable[[Any], object] | None) -> None:
    if slot.job is not None and slot.is_working:
        left, right = st.columns([5, 1], vertical_alignment="center")
        with right:
            draw_stop(slot.job, key=f"stop-job:{area}")
        # Beneath the bar and its Stop, which so keep together however long it grows.
        _watch(slot.job, doing, left.empty(), draw_partial)
        return
    if slot.job is not None and slot.job.problem:
        st.error(plain_text(slot.job.problem))
    if slot.last is not None and slot.last.remark:
        st.info(plain_text(slot.last.remark))


@st.fragment
def draw_stop(job: Job, key: str) -> None:
    """Stop, apart from the progress that is drawn anew at every look, so that it stays still under the pointer."""
    st.button("Stop", key=key, on_click=job.stop, disabled=job.is_stopped)


@st.fragment(run_every=POLL_S)
@guarded
def _watch(job: Job, doing: str, bar: DeltaGenerator, draw_partial: Callable[[Any], object] | None) -> None:
    if job.is_done:
        st.rerun()
    count = f"{job.done} of {job.total}, " if job.total else ""
    best = f"; best so far: {job.best}" if job.best else ""
    state = "stopping" if job.is_stopped else f"{count}{job.what}{best}"
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    bar.progress(share, text=plain_text(f"{doing}: {state}"))
    if draw_partial is not None and job.partial is not None:
        draw_partial(job.partial)
