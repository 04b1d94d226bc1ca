"""What a trace holds and what is replayed of it, side by side: rate, gaps, skew, bursts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.controls.views import chosen, kept
from app.figures.trace import (
    MOST_MARKED_BURSTS,
    build_gaps_figure,
    build_rate_figure,
    build_share_curve_figure,
    build_skew_figure,
    describe_cv,
    describe_gaps,
    describe_rate,
    describe_skew,
)
from app.look import words
from app.look.style import current_theme, facts_html, plain_text, verdict_html
from app.look.theme import NEUTRAL_HUE
from app.panels.clock import began_at
from app.panels.keep import draw_chart, draw_table
from app.state import results
from app.state.answer import Answer, AnyAnswer
from app.state.results import trace_facts
from app.state.session import Session
from simulator import Workload
from simulator.traces import FORMATS, Events, Trace, count_arrivals
from simulator.traces.bursts import Burst, find_bursts
from simulator.traces.clock import instant_at
from simulator.traces.summary import PEAK_BIN_S

RATE_BINS = 200
# More sources are shown as a curve.
MOST_BARS = 24
# So many times the mean rate make a burst at first, and what may be chosen.
_TIMES, _TIMES_RANGE = 2.0, {"min_value": 1.25, "max_value": 10.0, "step": 0.25}


def draw_nothing(answer: AnyAnswer) -> None:
    """What to do while there is no traffic."""
    for sentence in answer.problems.values():
        st.error(plain_text(sentence))
    if not answer.is_under_way:
        st.info("Choose a sample or upload a trace under Traffic on the left.")


def draw_summary(answer: Answer) -> None:
    """One sentence: what arrives, how fast, how bursty."""
    skew = describe_skew(_by_model(answer)).replace("source", "model")
    st.html(verdict_html(NEUTRAL_HUE, f"{replayed_sentence(answer.inputs.problem.workload)} {skew}."))
    for notice in answer.inputs.notices:
        st.caption(f":material/info: {plain_text(notice)}")


def replayed_sentence(workload: Workload) -> str:
    """How much arrives, how fast, how bursty; without what so few requests, or such a short time, do not tell."""
    facts = count_arrivals(workload.arrival_s)
    many = f"{words.plural(len(workload), 'request')} {'is' if len(workload) == 1 else 'are'} replayed"
    if not facts.span_s:
        return f"{many}." if len(workload) == 1 else f"{many}, all at once."
    parts = [f"{words.rate(facts.rate_per_s)} on average"]
    if not math.isnan(facts.cv):
        parts.append(f"gaps {describe_cv(facts.cv)} (CV {words.number(facts.cv)})")
    bins = int(facts.span_s // PEAK_BIN_S) + 1
    if bins > 1:
        parts.append(f"{words.number(facts.peak_to_mean)} times the mean bin in the busiest of "
                     f"{words.count(bins)} bins of {words.span(PEAK_BIN_S)}")  # fmt: skip
    return f"{many} in {words.span(facts.span_s)}: {', '.join(parts)}."


def draw_file(session: Session, answer: Answer) -> None:
    """The trace as it is in the file."""
    st.header("In the file", anchor=False)
    trace = answer.inputs.trace
    if trace is None:
        st.info("These arrivals are made here, so there is no file. Choose a sample or upload a trace to see one.")
        return
    summary, (edges_s, rate_per_s) = trace_facts(trace)
    st.html(facts_html([
        ("format", FORMATS.get(summary.format, summary.format)),
        ("requests", words.count(summary.requests)),
        ("over", words.span(summary.span_s)),
        ("mean rate", words.rate(summary.rate_per_s)),
        ("burstiness (CV)", "counts only" if summary.cv is None else words.number(summary.cv)),
        ("peak to mean", words.peak(summary.peak_to_mean, summary.peak_bin_s)),
        ("sources", words.count(len(summary.sources))),
    ]))  # fmt: skip
    section = answer.scenario.workload.replayed
    end_s = trace.end_s if section.duration_s is None else min(section.start_s + section.duration_s, trace.end_s)
    figure = build_rate_figure(
        edges_s, rate_per_s, current_theme(), bursts_of(session, trace), (section.start_s, end_s)
    )
    draw_chart(figure, "file-rate", describe_rate(edges_s, rate_per_s), instant_at(trace, 0.0))
    st.caption(frame_caption(len(bursts_of(session, trace))))
    if isinstance(trace.content, Events):
        draw_chart(build_gaps_figure(trace.content.arrival_s, current_theme()), "file-gaps",
                   describe_gaps(trace.content.arrival_s))  # fmt: skip
    else:
        st.info("This trace only says how many requests came in each interval, so it has no gaps; they are drawn from "
                "a gamma distribution when it is replayed.")  # fmt: skip
    _draw_skew(summary.sources, "file-skew", as_curve(answer))


def frame_caption(bursts: int) -> str:
    """What the frame and the shades over the rate mean, where there are so many bursts."""
    shaded = f"the {MOST_MARKED_BURSTS} bursts with the most requests" if bursts > MOST_MARKED_BURSTS else "bursts"
    return "The frame is the part that is replayed" + (f", shaded are {shaded}." if bursts else ".")


def draw_replayed(answer: Answer) -> None:
    """What the models get, after window, mapping, scaling and resampling."""
    workload = answer.inputs.problem.workload
    facts = count_arrivals(workload.arrival_s)
    st.header(f"Replayed on {words.plural(workload.num_models, 'model')}", anchor=False)
    st.html(facts_html([
        ("requests", words.count(facts.requests)),
        ("over", words.span(facts.span_s)),
        ("mean rate", words.rate(facts.rate_per_s)),
        ("burstiness (CV)", words.number(facts.cv)),
        ("peak to mean", words.peak(facts.peak_to_mean, PEAK_BIN_S)),
        ("models asked for", words.count(int((workload.requests_per_model() > 0).sum()))),
        ("changed", "; ".join(changes(answer)) or "nothing"),
    ]))  # fmt: skip
    arrival_s = workload.arrival_s
    per_bin, edges_s = np.histogram(arrival_s, RATE_BINS, (0.0, max(float(arrival_s[-1]), 1e-3)))
    rate_per_s = per_bin / np.diff(edges_s)
    draw_chart(build_rate_figure(edges_s, rate_per_s, current_theme()), "replay-rate",
               describe_rate(edges_s, rate_per_s), began_at(answer))  # fmt: skip
    st.caption("Times are counted from the beginning of the part that is replayed.")
    draw_chart(build_gaps_figure(arrival_s, current_theme()), "replay-gaps", describe_gaps(arrival_s))
    _draw_skew(_by_model(answer), "replay-skew", as_curve(answer), "model")


def changes(answer: Answer) -> list[str]:
    """What is done to the trace on its way to the models, in a few words each."""
    section = answer.scenario.workload.trace
    if section is None:
        return []
    done = []
    if section.start_s or section.duration_s is not None:
        length = "to the end" if section.duration_s is None else f"for {words.span(section.duration_s)}"
        done.append(f"from {words.count(section.start_s)}{words.SPACE}s {length}")
    for name, value in (("rate", section.rate_scale), ("CV", section.cv_scale), ("time", section.time_scale)):
        if value != 1:
            done.append(f"{name} × {words.number(value)}")
    if section.resample != "none":
        done.append(f"drawn anew in windows of {words.span(section.window_s)}")
    if section.dequantise != "none":
        done.append(f"spread over ticks ({section.dequantise})")
    return done


def bursts_of(session: Session, trace: Trace) -> tuple[Burst, ...]:
    """The bursts of a trace at the chosen height."""
    times = chosen(session.views.traffic.burst_times, _TIMES, **_TIMES_RANGE)
    return results.kept(("bursts", trace.digest, trace.columns, times), lambda: find_bursts(trace, times))


def draw_bursts(session: Session, answer: Answer) -> None:
    """The bursts as a table, with the height above which one counts."""
    trace = answer.inputs.trace
    if trace is None:
        return
    st.header("When did it burst?", anchor=False)
    kept(session, st.slider, "A burst has at least so many times the mean rate", session.views.traffic.burst_times,
         _TIMES, **_TIMES_RANGE,
         help="Neighbouring intervals of at least this rate make one burst.")  # fmt: skip
    bursts = bursts_of(session, trace)
    if not bursts:
        st.info("No interval is that far above the mean.")
        return
    st.markdown(plain_text(burst_sentence(bursts, trace_facts(trace)[0].requests, trace.end_s)))
    draw_table(burst_table(bursts), "bursts", "Start, length, requests and height of every burst", height=250)


def burst_sentence(bursts: Sequence[Burst], requests: int, length_s: float) -> str:
    """The share of a trace's requests and of its time, from 0 to its end, that lies in bursts (at least one)."""
    hold = f"{words.plural(len(bursts), 'burst')} {'holds' if len(bursts) == 1 else 'hold'}"
    # Rounded numbers of requests may add up to one more than there are.
    inside = words.share(min(sum(b.requests for b in bursts) / max(requests, 1), 1.0))
    if not length_s:
        return f"{hold} {inside} of the requests."
    return f"{hold} {inside} of the requests in {words.share(sum(b.length_s for b in bursts) / length_s)} of the time."


def burst_table(bursts: Sequence[Burst]) -> pd.DataFrame:
    """One row a burst, those with the most requests first."""
    return pd.DataFrame(
        {
            "from (s)": round(b.start_s, 3),
            "for (s)": round(b.length_s, 3),
            "requests": b.requests,
            "times the mean": round(b.times_mean, 2),
        }
        for b in bursts
    )


def draw_tables(answer: Answer) -> None:
    """Requests of every source and of every model."""
    with st.expander("Requests of every source and model"):
        left, right = st.columns(2, gap="large")
        trace = answer.inputs.trace
        if trace is not None:
            with left:
                sources = pd.DataFrame(trace_facts(trace)[0].sources, columns=["source", "requests"])
                draw_table(sources, "sources", "Requests of every source of the file")
        with right:
            models = pd.DataFrame(_by_model(answer), columns=["model", "requests"])
            draw_table(models, "models-replayed", "Requests that every model gets")


def _by_model(answer: Answer) -> list[tuple[str, int]]:
    problem = answer.inputs.problem
    names = [model.name for model in problem.models]
    return list(zip(names, problem.workload.requests_per_model().tolist(), strict=True))


def as_curve(answer: Answer) -> bool:
    """Whether there are so many sources or models that both sides show a curve instead of bars."""
    trace = answer.inputs.trace
    return max(len(trace.sources) if trace else 0, answer.inputs.problem.workload.num_models) > MOST_BARS


def _draw_skew(parts: Sequence[tuple[str, float]], key: str, curve: bool, noun: str = "source") -> None:
    figure = (build_share_curve_figure if curve else build_skew_figure)(parts, current_theme())
    figure.layout.title.text = (figure.layout.title.text or "").replace("source", noun)
    if curve:
        figure.update_xaxes(title_text=f"busiest {noun}s")
    draw_chart(figure, key, describe_skew(parts).replace("source", noun))
