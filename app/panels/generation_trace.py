"""What arrives for models that generate: requests, their lengths, and tokens over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app.controls.lengths import brings_some
from app.figures.generation_trace import (
    build_lengths_figure,
    build_pairs_figure,
    build_tokens_over_time_figure,
    describe_lengths,
    describe_pairs,
    describe_tokens_over_time,
)
from app.look import words
from app.look.style import current_theme, facts_html, plain_text
from app.panels.clock import began_at
from app.panels.generation_facts import workload_facts
from app.panels.keep import draw_chart, draw_table
from app.state.answer import TokenAnswer
from app.state.results import trace_facts
from simulator.traces import FORMATS


def draw(answer: TokenAnswer) -> None:
    """The requests as they are simulated: facts, lengths, tokens over time, and a row a model."""
    workload, trace = answer.inputs.problem.workload, answer.inputs.trace
    st.html(facts_html(workload_facts(workload)))
    for notice in answer.inputs.notices:
        st.caption(f":material/info: {plain_text(notice)}")
    if trace is not None:
        summary, _ = trace_facts(trace)
        st.html(facts_html([
            ("the file", FORMATS.get(summary.format, summary.format)),
            ("holds", words.plural(summary.requests, "request")),
            ("over", words.span(summary.span_s)),
            ("sources", words.count(len(summary.sources))),
        ]))  # fmt: skip
    if answer.scenario.workload.tokens is not None and not brings_some(trace):
        st.caption("The lengths are drawn as set under Traffic; the traffic itself has none.")
    theme = current_theme()
    draw_chart(build_tokens_over_time_figure(workload, theme), "tokens-over-time", describe_tokens_over_time(workload),
               began_at(answer))  # fmt: skip
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_chart(build_lengths_figure(workload, theme), "lengths", describe_lengths(workload))
    with right:
        draw_chart(build_pairs_figure(workload, theme), "pairs", describe_pairs(workload))
    draw_table(model_table(workload), "tokens-by-model", "Requests and lengths of every model")


def model_table(workload) -> pd.DataFrame:
    """One row a model: requests, share of the tokens, median and 99th percentile of both lengths."""
    rows = []
    total = float((workload.input_tokens + workload.output_tokens).sum())
    for number, name in enumerate(workload.models):
        own = workload.model == number
        row: dict = {"Model": name, "Requests": int(own.sum())}
        if own.any():
            tokens = workload.input_tokens[own], workload.output_tokens[own]
            row["Of all tokens (%)"] = round(100 * float(sum(part.sum() for part in tokens)) / total, 1)
            for title, part in zip(("Prompt", "Output"), tokens, strict=True):
                row |= {
                    f"{title}, {key}": round(float(np.percentile(part, q))) for key, q in (("p50", 50), ("p99", 99))
                }
        rows.append(row)
    return pd.DataFrame(rows)
