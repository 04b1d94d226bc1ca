"""What placements meet on traffic that they were not planned for, computed by itself and kept with the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from app.background.cluster import machines_or_here
from app.background.jobs import Job, Lane
from app.background.slots import draw_job, slot_of, start_job
from app.look.style import plain_text
from app.panels.robustness import candidates_of
from app.state.answer import Answer, AnyAnswer, TokenAnswer
from app.state.compute import token_inputs_of
from app.state.results import shared_cache
from app.state.session import Session
from planner.generation.compare import TokenComparison
from planner.generation.unseen import hold_out_tokens, too_many_tokens
from planner.what_if.unseen import DRAWS, HeldOut, Unseen, hold_out_traffic, too_many
from planner.what_if.unseen_words import held_out_lines, unseen_remark
from simulator.headway import OnProgress

AREA = "unseen"
# A verdict waits so long for its score, so that the page need not be drawn again; not where more requests than these
# are simulated for it.
# It stands beside searches, which say where they ran.
UNSAID = len
PATIENCE_S, SOON_REQUESTS = 0.6, 5_000_000


def unseen_of(session: Session, answer: AnyAnswer) -> Unseen | None:
    """The scores on unseen traffic, if they are known by now; where they are to be had, their work begins."""
    key = unseen_key(answer)
    if key is None:
        return None
    known = shared_cache().peek(key)
    if known is not None or not answer.is_current:
        # What is shown of earlier settings keeps its score.
        return known
    slot = slot_of(session, AREA)
    if slot.job is None or slot.job.key != key:
        patience_s = PATIENCE_S if _requests(answer) < SOON_REQUESTS else 0.0
        slot = start_job(session, AREA, key, _work(session, answer, key), Lane.QUICK, patience_s, by_itself=True)
    return slot.result if slot.result_key == key and isinstance(slot.result, Unseen) else None


def draw_unseen_job(session: Session) -> None:
    """The progress of that work, with Stop."""
    draw_job(session, AREA, "Scoring on traffic that was not planned for")


def draw_unseen_remark(session: Session, answer: AnyAnswer, name: str) -> None:
    """The score of one placement on unseen traffic, beneath its other one."""
    found = unseen_of(session, answer)
    said = unseen_remark(found, name) if found else None
    with st.container():
        if said is not None:
            st.caption(plain_text(said))


def unseen_key(answer: AnyAnswer) -> str | None:
    """Of all that the scores follow from; None where there is nothing to hold out."""
    if answer.built is None or not answer.shown:
        return None
    searched = any(entry.outcome.search is not None and not entry.is_stopped for entry in answer.shown)
    if not searched or _too_much(answer):
        return None
    return "unseen:" + ":".join([answer.inputs_key, *(entry.outcome_key for entry in answer.shown)])


def left_out(session: Session, answer: AnyAnswer) -> str:
    """Why scores of searches stand without one on unseen traffic; empty where they do not, or not for good."""
    if not (answer.is_current and any(entry.outcome.search is not None for entry in answer.shown)):
        return ""
    slot = slot_of(session, AREA)
    none = slot.result if slot.result_key == unseen_key(answer) and isinstance(slot.result, str) else ""
    return _too_much(answer) or none


def _requests(answer: AnyAnswer) -> int:
    """How many are simulated for the scores."""
    return len(answer.inputs.problem.workload) * len(answer.shown) * DRAWS if answer.inputs else 0


def _too_much(answer: AnyAnswer) -> str:
    if isinstance(answer, TokenAnswer):
        return too_many_tokens(answer.inputs, len(answer.shown))
    return too_many(_requests(answer))


def draw_held_out(held: HeldOut, targets: Mapping[str, float]) -> None:
    """What placements of an answer about other clusters meet on unseen traffic, or why that is not known."""
    for said in held_out_lines(held, targets):
        st.caption(plain_text(said))


def _work(session: Session, answer: AnyAnswer, key: str):
    held_out = _of_tokens(session, answer) if isinstance(answer, TokenAnswer) else _of_requests(session, answer)

    def work(job: Job) -> HeldOut:
        found = held_out(job.report)
        if isinstance(found, Unseen):
            shared_cache().put(key, found)
        return found

    return work


def _of_requests(session: Session, answer: Answer) -> Callable[[OnProgress], HeldOut]:
    candidates = candidates_of(answer)

    def held_out(report: OnProgress) -> HeldOut:
        with machines_or_here(UNSAID) as executor:
            return hold_out_traffic(answer.inputs, candidates, answer.scenario, report, executor)

    return held_out


def _of_tokens(session: Session, answer: TokenAnswer) -> Callable[[OnProgress], HeldOut]:
    comparison = TokenComparison(answer.scenario, answer.inputs, tuple(entry.outcome for entry in answer.shown))
    uploads, cache = session.uploads, shared_cache()

    def held_out(report: OnProgress) -> HeldOut:
        with machines_or_here(UNSAID) as executor:
            return hold_out_tokens(comparison, report, lambda s: token_inputs_of(s, uploads, cache), executor)

    return held_out
