"""What went in: what the trace holds, where the profiles come from, how far the simulator is to be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app.look import words
from app.look.style import facts_html, plain_text
from app.look.table import show_table
from app.panels.verdict import placement_now
from app.state.answer import Answer
from app.state.results import trace_facts
from planner.evidence.validate import known_errors
from planner.scenario.inputs import Inputs
from planner.scenario.schema import Scenario
from simulator import Workload
from simulator.traces import FORMATS, count_arrivals

MANY_SOURCES = 200
# What is left out of a trace is said from this share of it on.
WHOLE = 0.02
# How planner.evidence.validate calls the runs on real devices.
_REAL_RUNS = "measured on 16 V100s"
_SOURCES = {
    "measured": "measured on the device",
    "recovered": "recovered from published results, within about 1 %",
    "estimated": "estimated; the published results do not determine it",
    "modelled": "from the parallelisation model",
}


def draw_trace(answer: Answer) -> None:
    """What is replayed, what the file holds, and what was done to it."""
    if answer.built is None:
        return
    st.header("What arrives", anchor=False)
    workload, trace = answer.inputs.problem.workload, answer.inputs.trace
    st.html(facts_html([("simulated", words.plural(len(workload), "request")), *_workload_facts(workload)]))
    for notice in answer.notices:
        st.caption(f":material/info: {plain_text(notice)}")
    if trace is None:
        return
    summary, _ = trace_facts(trace)
    st.html(
        facts_html(
            [
                ("the file", FORMATS.get(summary.format, summary.format)),
                ("holds", words.plural(summary.requests, "request")),
                ("over", words.span(summary.span_s)),
                ("mean rate", words.rate(summary.rate_per_s)),
                ("burstiness (CV)", "counts only" if summary.cv is None else words.number(summary.cv)),
                ("peak to mean", words.peak(summary.peak_to_mean, summary.peak_bin_s)),
                ("sources", words.count(len(summary.sources))),
            ]
        )
    )
    with st.expander("Requests of each source"):
        table = pd.DataFrame(summary.sources[:MANY_SOURCES], columns=["source", "requests"])
        show_table(table, height=240)
        if len(summary.sources) > MANY_SOURCES:
            st.caption(f"The {MANY_SOURCES} largest of {words.count(len(summary.sources))} sources.")


def draw_part(answer: Answer) -> None:
    """Above the pictures: that a part of the trace alone is planned for, and that sources share models."""
    if answer.built is not None and (said := part_sentence(answer.inputs, answer.scenario)):
        st.caption(f":material/info: {plain_text(said)}")


def part_sentence(inputs: Inputs, scenario: Scenario) -> str:
    """How much of the trace is planned for and how many sources share how many models; empty where that is all."""
    trace, section = inputs.trace, scenario.workload.trace
    if trace is None or section is None:
        return ""
    span_s = trace.end_s
    end_s = min(section.start_s + (section.duration_s or span_s), span_s)
    said = []
    if end_s - section.start_s < (1 - WHOLE) * span_s:
        part = f"{words.span(end_s - section.start_s)} of the trace's {words.span(span_s)}"
        said.append(f"Planned for are {part}, from {words.span(section.start_s)} on")
    sources, models = len(trace.sources), len(inputs.problem.models)
    if section.map_models != "by_name" and sources > models:
        said.append(f"{words.count(sources)} sources share {words.plural(models, 'model')}")
    if not said:
        return ""
    said[0] = said[0][0].upper() + said[0][1:]
    where = "Both are set" if len(said) > 1 else "That is set"
    return f"{'; '.join(said)}. {where} under Traffic, Which part, on which models."


def draw_sources(answer: Answer) -> None:
    """Where every latency and weight comes from that the pictures use."""
    if not answer.shown:
        return
    with st.expander("Where the numbers come from"):
        st.markdown(_accuracy())
        show_table(_entries_used(answer))


def arrival_facts(arrival_s: np.ndarray) -> list[tuple[str, str]]:
    """How long, how fast, how bursty."""
    numbers = count_arrivals(arrival_s)
    return [
        ("over", words.span(numbers.span_s)),
        ("mean rate", words.rate(numbers.rate_per_s)),
        ("burstiness (CV)", words.number(numbers.cv)),
    ]


def _workload_facts(workload: Workload) -> list[tuple[str, str]]:
    return [
        *arrival_facts(workload.arrival_s),
        ("models asked for", words.count(int((workload.requests_per_model() > 0).sum()))),
    ]


def _accuracy() -> str:
    measured = [summary for summary in known_errors() if summary.runs == _REAL_RUNS]
    lines = [
        "Every request is simulated from the latency of each pipeline stage in the table below. "
        "± (or both ends, near all and nothing) is the 95 % interval of this run (batch means)."
    ]
    for summary in measured:
        lines.append(
            f"Against {words.plural(summary.count, 'published run')} {summary.runs} the simulated attainment is off by "
            f"{words.fixed(100 * summary.mean_abs, 1)} points on average, "
            f"{words.fixed(100 * summary.max_abs, 1)} at most "
            f"(preset {summary.preset})."
        )
    return "  \n".join(lines)


def _entries_used(answer: Answer) -> pd.DataFrame:
    profiles = {model.name: model.profile for model in answer.inputs.problem.models}
    used = {
        (profiles[name].name, group.pp, group.tp): profiles[name].entry(group.pp, group.tp)
        for entry in answer.shown
        for group in placement_now(entry).groups
        for name in group.models
        if name in profiles
    }
    return pd.DataFrame(
        {
            "Profile": name,
            "Cut into": words.group_size(pp, tp),
            "Latency alone (s)": entry.latency_s,
            "Slowest stage (s)": max(entry.stage_latency_s),
            "Weights on a device (GiB)": entry.max_weight_gib,
            "Source": _SOURCES[entry.source],
        }
        for (name, pp, tp), entry in sorted(used.items())
    )
