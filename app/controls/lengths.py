"""Controls of the lengths of requests: from the trace, or drawn where it brings none."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.controls.fields import bound
from app.state.results import shared_cache
from app.state.session import Session, with_values
from planner.scenario.inputs import SAMPLE_PREFIX
from planner.scenario.schema import LengthSection, Scenario, TokensSection
from sample_traces import sample_paths
from simulator import InputError
from simulator.traces import Trace, read_trace
from simulator.traces.trace import MAX_TOKENS

_AREA = "traffic"
FROM_TRACE, LOGNORMAL, FIXED, SAMPLE, OTHER = "trace", "lognormal", "fixed", "sample", "other"
_TITLES = {
    FROM_TRACE: "as the trace has them",
    LOGNORMAL: "drawn (lognormal)",
    FIXED: "the same for every request",
    SAMPLE: "pairs of the sample with tokens",
    OTHER: "as in the scenario",
}
_WITH_TOKENS = f"{SAMPLE_PREFIX}language-models"
_DRAWN = {
    "input": {"lognormal": {"median": 800, "sigma": 0.9}},
    "output": {"lognormal": {"median": 200, "sigma": 0.8}},
}
_ALIKE = {"input": {"fixed": 800}, "output": {"fixed": 200}}
_SECTIONS = {FROM_TRACE: None, LOGNORMAL: _DRAWN, FIXED: _ALIKE, SAMPLE: {"trace": _WITH_TOKENS}}


def has_lengths(trace: Trace) -> bool:
    """Whether all requests of a trace bring prompt and output tokens."""
    return getattr(trace.content, "has_tokens", False)


def brings_some(trace: Trace | None) -> bool:
    """Whether at least some requests of a trace bring prompt and output tokens."""
    content = trace and trace.content
    pair = getattr(content, "input_tokens", None), getattr(content, "output_tokens", None)
    return all(side is not None for side in pair)


def sample_trace(path: str) -> Trace:
    """A trace that ships."""
    return shared_cache().get(
        ("sample", path), lambda: read_trace(list(sample_paths(path.removeprefix(SAMPLE_PREFIX))))
    )


def lengths_for(scenario: Scenario, brings_lengths: bool) -> dict | None:
    """`workload.tokens` for other traffic: none where it brings lengths, else those of before, or drawn ones."""
    if brings_lengths:
        return None
    tokens = scenario.workload.tokens
    return _DRAWN if tokens is None else tokens.model_dump()


def draw_length_controls(session: Session) -> None:
    """Where prompt and output lengths come from."""
    scenario, trace = session.scenario, _trace(session)
    brings = trace is not None and has_lengths(trace)
    tokens, kind = scenario.workload.tokens, _kind(scenario.workload.tokens)
    options = [FROM_TRACE] if brings else [LOGNORMAL, FIXED, SAMPLE]
    if not brings and kind == FROM_TRACE:
        lack = "Some requests have" if brings_some(trace) else "The traffic has"
        st.warning(f"{lack} no prompt and output lengths, and models that generate need them: choose some here.")
        options = [FROM_TRACE, *options]
    label = "Lengths of requests that bring none" if brings_some(trace) and not brings else "Prompt and output lengths"
    bound(session, _AREA, st.selectbox, label, "tokens.kind", kind,
          lambda s, value: s if value == OTHER else with_values(s, "workload", tokens=_SECTIONS[value]),
          options=options if kind in options else [*options, kind], format_func=_TITLES.get,
          help="Tokens of the prompt and of the answer. A trace that has them keeps its own.")  # fmt: skip
    if kind in (LOGNORMAL, FIXED):
        left, right = st.columns(2)
        for column, side, title in ((left, "input", "Prompt"), (right, "output", "Output")):
            with column:
                _draw_side(session, side, title, getattr(tokens, side))


def _draw_side(session: Session, side: str, title: str, section: LengthSection) -> None:
    def field(label: str, key: str, value: Any, change, **options: Any) -> None:
        bound(session, _AREA, st.number_input, label, f"tokens.{side}.{key}", value,
              lambda s, v: with_values(s, "workload.tokens", **{side: change(v)}), **options)  # fmt: skip

    drawn = section.given
    if isinstance(drawn, int):
        field(f"{title} (tokens)", "fixed", drawn, lambda v: {"fixed": v}, min_value=1, max_value=MAX_TOKENS,
              step=50)  # fmt: skip
        return
    if isinstance(drawn, list):
        return
    field(f"{title}, median (tokens)", "median", float(drawn.median),
          lambda v: {"lognormal": {"median": v, "sigma": drawn.sigma}}, min_value=1.0, max_value=float(MAX_TOKENS),
          step=50.0, format="%g")  # fmt: skip
    field("Spread (sigma)", "sigma", float(drawn.sigma),
          lambda v: {"lognormal": {"median": drawn.median, "sigma": v}}, min_value=0.0, max_value=5.0, step=0.1,
          format="%g", help="Standard deviation of the logarithm; 0 makes all alike, 1 is wide.")  # fmt: skip


def _kind(tokens: TokensSection | None) -> str:
    if tokens is None:
        return FROM_TRACE
    if isinstance(tokens.given, str):
        return SAMPLE if tokens.given == _WITH_TOKENS else OTHER
    if all(side.lognormal is not None for side in tokens.given):
        return LOGNORMAL
    return FIXED if all(side.fixed is not None for side in tokens.given) else OTHER


def _trace(session: Session) -> Trace | None:
    """The trace of the traffic, None where there is none or it is not at hand."""
    if session.scenario.workload.trace is None:
        return None
    try:
        return session.uploads.read_trace(session.scenario, shared_cache())
    except InputError:
        return None
