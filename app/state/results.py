"""What the pages draw from: the session's answer, and all that follows from results, made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import streamlit as st

from app.state.answer import Answer, Answered, AnyAnswer, AnyAnswered, Pending
from app.state.cache import Cache
from app.state.compute import answer, outcome_of, renamed, run_key
from app.state.session import Session
from planner.compare import filled
from planner.scenario.schema import PlacementSection
from simulator import Placement, Timeline, build_timeline
from simulator.metrics import counted_arrivals_s
from simulator.traces import Trace, TraceSummary, rate_over_time, summarise

# Of all results that the server keeps for whoever asks for them again.
CACHE_BYTES = 256 * 1024**2
TIMELINE_BINS = 240


@st.cache_resource(show_spinner=False)
def shared_cache() -> Cache:
    """The results that this server keeps."""
    return Cache(CACHE_BYTES)


def answer_of(session: Session) -> AnyAnswer:
    """The answer to the session's scenario as far as it is known by now."""
    session.asked = session.drawn, session.scenario
    session.answer = answer(
        session.scenario,
        session.uploads,
        shared_cache(),
        session.jobs,
        session.hue_of,
        session.answer,
        session.found,
    )
    return session.answer


def search_again(session: Session, entry: AnyAnswered | Pending) -> None:
    """Forget what was stopped and what it brought, so that the next answer begins it anew."""
    session.jobs.forget(entry.job.key if entry.job else entry.run_key)
    session.found.pop(entry.run_key, None)
    if session.answer is not None:
        session.answer = replace(
            session.answer, shown=tuple(e for e in session.answer.shown if e.run_key != entry.run_key)
        )


def kept(key: Hashable, make: Callable[[], Any]) -> Any:
    """Something that follows from results, made once: its key must name them and everything else it shows."""
    return shared_cache().get(key, make)


def trial(placement: Placement, like: PlacementSection, hue: int, answer: Answer) -> Answered:
    """A placement that is not in the basket, simulated as if it stood there with this hue and the rules of `like`.

    Raises InputError if it does not fit.
    """
    section = filled(like, placement).model_copy(update={"name": placement.name})
    key = run_key(answer.inputs_key, section)
    outcome = kept(key, lambda: outcome_of(section, answer.inputs))
    return Answered(section, hue, key, renamed(outcome, section.name))


def timeline(entry: Answered, answer: Answer, bins: int = TIMELINE_BINS) -> Timeline:
    """The timeline of a placement over the counted arrivals, the same bins for every placement."""
    span_s = counted_arrivals_s(answer.inputs.problem.workload, answer.inputs.warmup_s)
    make = lambda: build_timeline(entry.outcome.result, bins, *span_s)  # noqa: E731
    return kept(("timeline", entry.outcome_key, bins, span_s), make)


def trace_facts(trace: Trace) -> tuple[TraceSummary, tuple]:
    """The summary of a trace, and its rate over time as (edges_s, rate_per_s)."""
    return kept(("facts", trace.digest, trace.sources), lambda: (summarise(trace), rate_over_time(trace)))
