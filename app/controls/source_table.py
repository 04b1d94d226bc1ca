"""Which source of the trace asks for which model, with its share of the traffic; every source can be sent elsewhere."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import draw_complaint
from app.controls.table_editor import Row, draw_editor
from app.look import words
from app.state.answer import Answer
from app.state.results import kept
from app.state.session import Session, with_values
from planner.scenario.schema import Scenario
from planner.scenario.sources import SourceShare, source_shares

AREA = "models sources"
LEFT_OUT = "(left out)"
# More are not sent elsewhere one by one.
MOST_SOURCES = 2_000


def scale_note(rate_scale: float) -> str:
    """That the counts are of the trace, where more or fewer requests are simulated; empty where as many are."""
    if rate_scale == 1:
        return ""
    return f"Counted in the trace; {words.times(rate_scale)} as many are simulated (Rate, times). "


def draw_source_table(session: Session, answer: Answer) -> None:
    """One row a source with requests in the window; nothing but a sentence where arrivals are made here."""
    st.header("Who asks for which model?", anchor=False)
    trace = answer.inputs.trace if answer.built is not None and not answer.problems else None
    if trace is None or session.scenario.workload.trace is None:
        st.caption("These arrivals are made for each model, so there are no sources to map." if answer.built else
                   "The sources appear once the traffic can be replayed.")  # fmt: skip
        return
    scenario = session.scenario
    names = [name for section in scenario.models for name in section.names()]
    section = scenario.workload.replayed
    key = ("source shares", trace.digest, trace.columns, section.model_dump_json(), tuple(names))
    shares: list[SourceShare] = kept(key, lambda: source_shares(scenario, trace))
    counted = f"{sentence(shares)} {scale_note(section.rate_scale)}"
    st.caption(f"{counted}Choose another model for a source to send its requests there.")
    rows = [{"source": s.name, "requests": words.count(s.requests), "share": 100 * s.share,
             "model": s.model or LEFT_OUT} for s in shares[:MOST_SOURCES]]  # fmt: skip
    draw_editor(
        session, "models.sources", rows, lambda: _shown(session),
        lambda changed: session.edit(AREA, lambda s: with_sources(s, shares, changed)),
        {"source": st.column_config.TextColumn("Source", disabled=True),
         "requests": st.column_config.TextColumn("Requests", disabled=True, alignment="right"),
         "share": st.column_config.NumberColumn("Share of the traffic", disabled=True, format="%.1f %%"),
         "model": st.column_config.SelectboxColumn("Goes to model", options=[*names, LEFT_OUT], required=True)},
        "Sources of the trace with requests, share of the traffic and the model they go to", is_fixed=True,
    )  # fmt: skip
    draw_complaint(session, AREA)
    if not isinstance(section.map_models, str):
        st.button("Deal the sources out in turn again", key="models.stripe", icon=":material/shuffle:",
                  on_click=_deal_out, args=(session,))  # fmt: skip


def sentence(shares: list[SourceShare]) -> str:
    """How many sources ask, and what the busiest brings."""
    left_out = sum(s.share for s in shares if s.model is None)
    first = f"{words.plural(len(shares), 'source')}; the busiest brings {words.share(shares[0].share)} of the traffic."
    return first + (f" {words.share(left_out)} of it is left out." if left_out else "")


def with_sources(scenario: Scenario, shares: list[SourceShare], rows: list[Row]) -> Scenario:
    """The scenario with sources mapped as in the table; those beyond the table stay with their models."""
    mapping = {s.name: s.model for s in shares if s.model is not None}
    for row in rows:
        mapping.pop(row["source"], None)
        if row["model"] not in (None, LEFT_OUT):
            mapping[row["source"]] = row["model"]
    return with_values(scenario, "workload.trace", map_models=mapping)


def _deal_out(session: Session) -> None:
    session.edit(AREA, lambda s: with_values(s, "workload.trace", map_models="stripe"))


def _shown(session: Session) -> object:
    """What the table follows from: the trace, its window and mapping, and the models."""
    trace = session.scenario.workload.trace
    return trace, tuple(name for section in session.scenario.models for name in section.names())
