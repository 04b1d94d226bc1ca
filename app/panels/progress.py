"""What is being worked on, what is wrong, and that the picture is an earlier one."""

from __future__ import annotations

import streamlit as st

from app.background.jobs import Job, unfinished
from app.look import words
from app.look.style import guarded, plain
from app.state.compute import Answer, search_again, was_stopped
from app.state.session import Session

POLL_S = 0.25


def draw_progress(session: Session, answer: Answer) -> None:
    """Sentences about problems and running searches, above the answer."""
    if answer.problems and answer.shown and not answer.best.is_current:
        st.warning("These settings cannot be simulated, see the message beside the control. Shown is the last result.")
    elif answer.shown and not answer.best.is_current:
        st.info("Shown is the result of the earlier settings, until there is a new one.")
    # A job may have ended since the answer was made; the watch then asks for the new answer.
    if any(entry.job is not None and entry.problem is None for entry in answer.waiting):
        _watch(session)
    for entry in answer.waiting:
        if entry.problem is not None and entry.job is not None:
            st.button(f"Search {plain(entry.section.name)} again", key=f"again:{entry.section.name}",
                      icon=":material/refresh:", on_click=search_again, args=(session, entry))  # fmt: skip
    for entry in answer.shown:
        if entry.is_current and (was_stopped(entry.outcome) or (entry.job is not None and entry.job.is_stopped)):
            st.info(f"{plain(entry.section.name)} was stopped; its best placement so far is shown.")
            st.button(f"Search {plain(entry.section.name)} again", key=f"again:{entry.section.name}",
                      icon=":material/refresh:", on_click=search_again, args=(session, entry))  # fmt: skip


def draw_nothing_yet(answer: Answer) -> None:
    """What to do where there is no result to show."""
    if answer.problems:
        for sentence in answer.problems.values():
            st.error(sentence.replace("$", "\\$"))
    elif not answer.waiting:
        st.info("There is no placement to compare. Add one under Placements on the left.")


@st.fragment(run_every=POLL_S)
@guarded
def _watch(session: Session) -> None:
    running = unfinished(session.jobs)
    if not running:
        st.rerun()
    for job in running:
        left, right = st.columns([5, 1], vertical_alignment="center")
        with left:
            st.progress(_share_done(job), text=_sentence(job))
        right.button("Stop", key=f"stop:{job.name}", on_click=job.stop, disabled=job.is_stopped)


def _share_done(job: Job) -> float:
    progress = job.progress
    if progress is None or progress.time_left_s is None:
        return 0.0
    return min(progress.seconds / max(progress.seconds + progress.time_left_s, 1e-9), 1.0)


def _sentence(job: Job) -> str:
    progress = job.progress
    parts = [f"{plain(job.name)}: {'stopping' if job.is_stopped else job.what}"]
    if progress is not None:
        if progress.best_score is not None:
            parts.append(f"best so far {words.share(progress.best_score)} of deadlines")
        parts.append(f"{words.count(progress.evaluations)} placements tried in {words.span(progress.seconds)}")
        if progress.time_left_s is not None:
            parts.append(f"at most {words.span(progress.time_left_s)} left")
    return ", ".join(parts)
