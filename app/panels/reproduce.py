"""The paper's figures, run again on the page: choose one, watch it, stop it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.background.cluster import machines_or_here
from app.background.jobs import Job, Lane
from app.background.slots import draw_job, slot_of, start_job
from app.controls.views import kept
from app.figures.accuracy import build_reproduced_figure
from app.look import words
from app.look.style import current_theme
from app.panels.keep import draw_chart, draw_table, draw_wrapped
from app.state.results import kept as kept_result
from app.state.session import Session
from planner.reproduce.parts import Figure
from planner.reproduce.run import FIGURES, Reproduction, chosen, difference_summary, figure_of, reproduce
from planner.reproduce.traffic import KINDS, Given
from planner.scenario.inputs import TraceReader

AREA = "reproduce"
TIME_LIMIT_S = 10.0
_TITLES = {"12": "12, end to end", "13": "13, very large models", "14": "14, robustness", "15": "15, batching",
           "17": "17, ablation"}  # fmt: skip


def draw_reproduce(session: Session) -> None:
    """The choice of figure and panel, the run, our curves with the published points, and what differs."""
    st.header("The paper's figures, run again", anchor=False)
    view = session.views.accuracy
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        number = kept(session, st.selectbox, "Figure", view.figure, "17", options=list(FIGURES),
                      format_func=_TITLES.__getitem__)  # fmt: skip
    given = given_traces(session)
    digests = "".join(f"{name} {one.trace.digest} " for name, one in given.items())
    figure: Figure = kept_result(("figure", number, digests), lambda: figure_of(number, given))
    names = [panel.name for panel in figure.panels]
    with right:
        name = kept(session, st.selectbox, "Panel", view.panel, names[0], options=names)
    one = chosen(figure, [name])
    key = f"reproduce:{number}:{name}:{digests}"
    slot = slot_of(session, AREA)
    is_asked = slot.is_working and slot.job is not None and slot.job.key == key
    if st.button("Run this panel", key="reproduce.go", icon=":material/play_arrow:", disabled=is_asked):
        slot = start_job(session, AREA, key, _work(one, session.uploads.read_trace), Lane.SEARCH)
    draw_job(session, AREA, "Running the panel", draw_result)
    if slot.result is not None and slot.result_key == key and not slot.is_working:
        draw_result(slot.result)
    with st.expander("What is otherwise here than in the paper", expanded=slot.result_key == key):
        draw_wrapped(difference_table(figure), "reproduce-differences")
        for sentence in figure.not_repeated:
            st.caption(sentence)


def draw_result(result: Reproduction) -> None:
    """The curves as far as they are known, and how far off the published points they are."""
    known = [point for point in result.points if point.slo_attainment is not None]
    if not known:
        return
    figure = build_reproduced_figure(result.points, current_theme())
    draw_chart(figure, "reproduced", f"{result.points[0].panel.name}, ours and published")
    for sentence in summary_sentences(result):
        st.caption(sentence)
    table = pd.DataFrame(point.to_json() for point in result.points).drop(columns=["panel", "axis"])
    draw_table(table, "reproduced-points", "Every point, ours and published, shares of 1")


def summary_sentences(result: Reproduction) -> list[str]:
    """How far each curve is off its published points."""
    return [
        f"{curve}: {words.fixed(100 * size, 2)} points off on average over {words.plural(count, 'published point')}, "
        f"{words.points_difference(bias, 0.0)} in the mean."
        for curve, count, size, bias in difference_summary(result.points)
    ]


def difference_table(figure: Figure) -> pd.DataFrame:
    """What is otherwise, theirs and ours, and what that does."""
    return pd.DataFrame(
        {"what": d.what, "theirs": d.theirs, "here": d.ours, "effect": d.effect} for d in figure.differences
    )


def given_traces(session: Session) -> dict[str, Given]:
    """The visitor's own Azure traces, the latest upload of each kind: they stand in for the samples by themselves."""
    return {
        name: Given(names, trace)
        for names, trace in session.uploads.traces.items()
        for name, (format_name, _, _) in KINDS.items()
        if trace.format == format_name
    }


def _work(figure: Figure, read: TraceReader):
    def work(job: Job) -> Reproduction:
        def on_result(now: Reproduction) -> None:
            job.partial = now

        with machines_or_here(job.say) as executor:
            return reproduce(figure, job.report, on_result, TIME_LIMIT_S, read, executor)

    return work
