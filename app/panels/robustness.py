"""Does the ranking of my placements survive errors in latencies, other seeds, another day? A sentence, a picture."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.background.cluster import machines_or_here
from app.background.jobs import Job, Lane
from app.background.slots import draw_job, slot_of, start_job
from app.figures.accuracy import build_robustness_figure, describe_robustness
from app.look import words
from app.look.style import current_theme, verdict_html
from app.panels.keep import draw_chart, draw_table
from app.state.answer import Answer
from app.state.session import Session
from planner.what_if.robustness import Candidate, Robustness, robustness
from planner.what_if.robustness_words import sentence

AREA = "robustness"
# Requests times placements times cases; some minutes on one core.
MOST_SIMULATED = 2_000_000_000
_CASES = 40


def draw_robustness(session: Session, answer: Answer) -> None:
    """The button, progress with Stop, the sentence, the picture and the table."""
    st.header("Does the ranking of my placements survive?", anchor=False)
    why = why_not(answer)
    if why is not None:
        st.info(why)
        return
    key = robustness_key(answer)
    slot = slot_of(session, AREA)
    is_asked = slot.is_working and slot.job is not None and slot.job.key == key
    if st.button("Try errors and other traffic", type="primary", key="robustness.go", icon=":material/science:",
                 disabled=is_asked or slot.result_key == key,
                 help="Latencies 10 and 20 % off, for all models and for each; other seeds; another day of the trace. "
                 "The placements stay as they are."):  # fmt: skip
        slot = start_job(session, AREA, key, _work(answer), Lane.QUICK)
    draw_job(session, AREA, "Trying other latencies and other traffic")
    if slot.result is None:
        if not slot.is_working:
            st.caption("Latencies are never known exactly, and tomorrow's traffic is not today's. This replays every "
                       "placement with both otherwise, and says whether the first one stays first.")  # fmt: skip
        return
    if slot.result_key != key:
        st.warning("The scenario has changed since; press the button for the ranking of what is asked now.")
        return
    draw_found(slot.result, answer)


def draw_found(found: Robustness, answer: Answer) -> None:
    """What was found, the sentence first."""
    hues = {entry.section.name: entry.hue for entry in answer.shown}
    st.html(verdict_html(hues[found.names[found.first]], sentence(found)))
    draw_chart(build_robustness_figure(found, [hues[name] for name in found.names], current_theme()), "robustness",
               describe_robustness(found))  # fmt: skip
    for reason in dict.fromkeys(found.reasons.values()):
        st.caption(reason)
    with st.expander("Every case"):
        draw_table(case_table(found), "robustness-cases", "Deadlines met by every placement in every case")


def case_table(found: Robustness) -> pd.DataFrame:
    """One row a case, shares in per cent."""
    return pd.DataFrame(
        {
            "case": variant.label,
            **{name: round(100 * met, 3) for name, met in zip(found.names, variant.attainments, strict=True)},
            "first": found.names[variant.best],
        }
        for variant in (found.given, *found.variants)
    )


def why_not(answer: Answer) -> str | None:
    """Why the question cannot be asked now; None if it can."""
    if not answer.is_current:
        return "When every placement has its result, this page says whether their ranking survives."
    if len(answer.shown) < 2:
        return "One placement alone has no ranking. Add another one on the left."
    requests = len(answer.inputs.problem.workload)
    if not requests:
        return "No request arrives, so there is no ranking."
    if requests * len(answer.shown) * _CASES > MOST_SIMULATED:
        return (
            f"{words.count(requests)} requests on {words.plural(len(answer.shown), 'placement')} are too many to "
            f"replay some {_CASES} times on this page; choose a shorter part under Traffic, or use "
            "`python -m planner robustness`."
        )
    return None


def candidates_of(answer: Answer) -> list[Candidate]:
    """The placements that are shown, as they are tried elsewhere."""
    return [
        Candidate(e.section.name, e.outcome.placement, e.outcome.result.serving, e.outcome.search is not None)
        for e in answer.shown
    ]


def robustness_key(answer: Answer) -> str:
    """Of all that the result follows from."""
    return "robustness:" + ":".join([answer.inputs_key, *(entry.outcome_key for entry in answer.shown)])


def _work(answer: Answer):
    candidates = candidates_of(answer)

    def work(job: Job) -> Robustness:
        with machines_or_here(job.say) as executor:
            return robustness(answer.inputs, candidates, answer.scenario, job.report, executor=executor)

    return work
