"""What dies when a device or a node dies, for every placement of the basket."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.background.slots import Job, draw_job, slot_of, start_job
from app.figures.capacity import build_faults_figure, describe_faults
from app.look import words
from app.look.style import current_theme, plain, verdict_html
from app.panels.keep import draw_chart, draw_table
from app.state import results
from app.state.answer import Answer, Answered
from app.state.session import Session
from planner.what_if.faults import Fault, fault_what_if
from simulator import Placement

# Requests times failures that are simulated while one waits.
QUICK_WORK = 3_000_000


def draw_faults(session: Session, answer: Answer) -> None:
    """The worst failure of every placement in a sentence, and each failure drawn."""
    st.header("What does a failure cost the placements compared?", anchor=False)
    placed = [(entry, entry.outcome.placement) for entry in answer.shown]
    still = [(entry, placement) for entry, placement in placed if isinstance(placement, Placement)]
    if not still:
        st.info("There is no simulated placement without replanning in the basket; add one under Placements.")
        return
    found = [(entry, _faults(session, answer, entry, placement)) for entry, placement in still]
    known = [(entry, faults) for entry, faults in found if faults is not None]
    in_use = [(entry, faults) for entry, faults in known if faults]
    if in_use:
        st.html(verdict_html(*_sentence(in_use)))
        draw_table(fault_table(in_use), "faults", "Each failure with the groups and models that go")
    for entry, faults in known:
        healthy = entry.outcome.figures.total.slo_attainment
        st.markdown(f"**{plain(entry.section.name)}**")
        draw_chart(build_faults_figure(faults, healthy, current_theme(), entry.hue), f"faults-{entry.hue}",
                   describe_faults(faults, healthy))  # fmt: skip
    st.caption("The group of a dead device serves no more, the other groups go on, nothing is moved. "
               "Models without a replica left miss all their deadlines.")  # fmt: skip


def _faults(session: Session, answer: Answer, entry: Answered, placement: Placement) -> tuple[Fault, ...] | None:
    """The failures of a placement, or None while they are being simulated in the background."""
    area, key = f"faults:{entry.section.name}", f"faults:{entry.outcome_key}"

    def work(job: Job | None = None) -> tuple[Fault, ...]:
        return fault_what_if(placement, answer.inputs.under(entry.section).problem, answer.inputs.warmup_s)

    groups = len(placement.groups)
    if len(answer.inputs.problem.workload) * 2 * groups <= QUICK_WORK:
        return results.kept(key, work)
    slot = slot_of(session, area)
    if slot.job is None or slot.job.key != key:
        slot = start_job(session, area, key, work)
    draw_job(session, area, f"Failures of {entry.section.name}")
    return slot.result if slot.last is not None and slot.result_key == key else None


def _sentence(known: list[tuple[Answered, tuple[Fault, ...]]]) -> tuple[int, str]:
    """The placement that bears its worst device best, and the sentence about all."""

    def worst(faults: tuple[Fault, ...]) -> float:
        return min(f.slo_attainment for f in faults if f.what == "device")

    ranked = sorted(known, key=lambda pair: -worst(pair[1]))
    parts = [f"{words.shorten(e.section.name)} still meets {words.share(worst(faults))}" for e, faults in ranked]
    return ranked[0][0].hue, f"After its worst device dies, {words.join(parts)} of deadlines."


def fault_table(known: list[tuple[Answered, tuple[Fault, ...]]]) -> pd.DataFrame:
    """One row a failure, worst first within each placement; attainment in per cent."""
    return pd.DataFrame(
        {
            "placement": entry.section.name,
            "what dies": f.what,
            "number": f.index,
            "same for so many devices": f.devices,
            "groups gone": ", ".join(map(str, f.groups)),
            "deadlines met (%)": round(100 * f.slo_attainment, 3),
            "models without a replica": ", ".join(f.orphans),
        }
        for entry, faults in known
        for f in sorted(faults, key=lambda f: f.slo_attainment)
    )
