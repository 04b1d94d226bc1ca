"""What is being worked on, what is wrong, and that the picture is an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.background.jobs import Job, Lane
from app.background.slots import draw_stop
from app.background.warm_up import is_prepared, share_prepared
from app.look import words
from app.look.style import dim_earlier, guarded, plain
from app.state.answer import AnyAnswer, AnyAnswered, Pending
from app.state.results import search_again
from app.state.session import Session, current_session
from simulator.preparation import SIMULATING

POLL_S = 0.25
# Streamlit collects garbage after every look, which takes compiling, with its very many objects, most of its time.
PREPARING_POLL_S = 3.0
EARLIER = "Shown is the result of the earlier settings"


def draw_progress(session: Session, answer: AnyAnswer) -> None:
    """Sentences about problems and work under way, above the answer; an earlier answer is dimmed."""
    # One container, so that what stands below keeps its place on the page when they come and go.
    with st.container():
        _draw_state(session, answer)


def _draw_state(session: Session, answer: AnyAnswer) -> None:
    if answer.is_earlier:
        dim_earlier()
        if answer.problems:
            st.warning(
                "These settings cannot be simulated, see the message beside the control. Shown is the last result."
            )
        else:
            st.info(f"{EARLIER}, until there is a new one." if answer.is_under_way else f"{EARLIER}.")
    if answer.is_under_way:
        _draw_jobs(session, answer)
    # Placements that wait for what arrives have one job.
    stopped = {
        e.job.key: (e.job, e) for e in answer.waiting if e.job is not None and e.job.is_stopped and e.job.is_done
    }
    for job, entry in stopped.values():
        if job.lane is Lane.INPUTS:
            st.info(entry.problem)
        _draw_again(session, entry)
    for entry in answer.shown:
        if entry.is_stopped and not answer.is_earlier:
            st.info(f"{plain(entry.section.name)} was stopped; its best placement so far is shown.")
            _draw_again(session, entry)


def draw_nothing_yet(answer: AnyAnswer) -> None:
    """What to do where there is no result to show."""
    if answer.problems:
        for sentence in answer.problems.values():
            st.error(sentence.replace("$", "\\$"))
    elif not answer.waiting:
        st.info("There is no placement to compare. Add one under Placements on the left.")


def draw_preparing() -> bool:
    """Whether the simulator is prepared; until then how far it is, and the page is drawn anew when it is ready."""
    if not SIMULATING.is_ready:
        _watch_preparation()
    return SIMULATING.is_ready


@st.fragment(run_every=PREPARING_POLL_S)
def _watch_preparation() -> None:
    if SIMULATING.is_ready:
        st.rerun()
    st.progress(SIMULATING.share_done, text=f"The simulator: {SIMULATING.words}")


def _draw_again(session: Session, entry: AnyAnswered | Pending) -> None:
    is_inputs = entry.job is not None and entry.job.lane is Lane.INPUTS
    label = "Make what arrives again" if is_inputs else f"Search {plain(entry.section.name)} again"
    st.button(label, key=f"again:{entry.section.name}", icon=":material/refresh:", on_click=search_again,
              args=(session, entry))  # fmt: skip


def _draw_jobs(session: Session, answer: AnyAnswer) -> None:
    bars = []
    for job in session.jobs.unfinished():
        left, right = st.columns([5, 1], vertical_alignment="center")
        bars.append((left.empty(), job))
        with right:
            draw_stop(job, key=f"stop:{job.key}")
    watch(answer, bars)


def watch(answer: AnyAnswer, bars: Sequence[tuple[DeltaGenerator, Job]] = ()) -> None:
    """Draw the page anew when one of the jobs that the answer waits for ends; until then the progress in the bars."""
    st.fragment(_look, run_every=POLL_S if is_prepared() else PREPARING_POLL_S)(answer, bars)


@guarded
def _look(answer: AnyAnswer, bars: Sequence[tuple[DeltaGenerator, Job]]) -> None:
    awaited = [answer.building, *(entry.job for entry in answer.waiting if entry.problem is None)]
    # A job may have ended since the answer was made, or the scenario been changed: then there is a new answer.
    if current_session().is_behind or any(job is None or job.is_done for job in awaited[answer.building is None :]):
        st.rerun()
    for bar, job in bars:
        bar.progress(_share_done(job), text=_sentence(job))


def _share_done(job: Job) -> float:
    progress = job.progress
    if progress is None or progress.time_left_s is None:
        return share_prepared(job.what)
    return min(progress.seconds / max(progress.seconds + progress.time_left_s, 1e-9), 1.0)


def _sentence(job: Job) -> str:
    progress = job.progress
    parts = [f"{plain(job.name)}: {'stopping' if job.is_stopped else job.what}"]
    if progress is not None:
        if progress.best_score is not None:
            parts.append(f"best so far {words.share(progress.best_score)} of deadlines")
        if progress.evaluations:
            parts.append(f"{words.count(progress.evaluations)} placements tried in {words.span(progress.seconds)}")
        if progress.time_left_s is not None:
            parts.append(f"at most {words.span(progress.time_left_s)} left")
    return ", ".join(parts)
