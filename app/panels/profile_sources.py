"""Where the numbers of a profile come from, and how far off the cost model was where the truth is known."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.background.slots import Job, draw_job, slot_of, start_job
from app.look import words
from app.look.style import plain_text
from app.panels.keep import draw_table
from app.panels.profile import Made
from app.state.session import Session
from planner.parallelise import evidence
from simulator.headway import Headway

AREA = "profile:evidence"
_TABLES = {
    "recovered latencies of the paper's six models, 2048 tokens": evidence.compare_recovered,
    "measured grid of BERT-1.3B, 1024 tokens": evidence.compare_grid,
    "measured pipelines of BERT-2.6B and 6.7B, 1024 tokens": evidence.compare_pipelines,
}


def draw_evidence(session: Session, made: Made | None) -> None:
    """The sources of model and device, and the errors against known numbers."""
    st.header("Where do these numbers come from?", anchor=False)
    if made is not None:
        question = made.question
        sources = [
            ("Model", question.architecture.source),
            ("Device", question.device.source),
            ("Constants of the software", question.device.software.note),
            ("Price", f"{question.device.price_source}, {question.device.price_date}".strip(", ")),
        ]
        for what, source in sources:
            st.markdown(f"**{what}:** {plain_text(source or 'own values')}")
    st.markdown("A roofline cost model gives each operator's time, an integer program shares the operators of a stage, "
                "a dynamic program cuts the layers into stages. docs/parallelisation.md tells how.")  # fmt: skip
    slot = slot_of(session, AREA)
    if st.button("Hold the model against known numbers", key="evidence.go", disabled=slot.is_working,
                 help="Computes the known latencies anew and lists every miss; takes a second or two."):  # fmt: skip
        slot = start_job(session, AREA, "evidence", _compare)
    draw_job(session, AREA, "Comparing with known numbers")
    if slot.result is None:
        return
    for title, rows in slot.result.items():
        st.markdown(comparison_sentence(title, rows))
        with st.expander(f"All {len(rows)} numbers"):
            draw_table(comparison_table(rows), f"evidence-{len(rows)}", title)


def _compare(job: Job) -> dict[str, list[evidence.Check]]:
    found = {}
    for done, (title, compare) in enumerate(_TABLES.items()):
        job.report(Headway(title, done, len(_TABLES)))
        found[title] = compare()
    return found


def comparison_sentence(title: str, rows: list[evidence.Check]) -> str:
    """How far the model is off on average and at most, either way, in per cent of the known numbers."""
    mean, largest = (f"{words.number(100 * error)}{words.SPACE}%" for error in evidence.summary(rows))
    return f"Against {title}: off by {mean} on average, by {largest} at most."


def comparison_table(rows: list[evidence.Check]) -> pd.DataFrame:
    """One row a number; milliseconds, error in per cent of the known one."""
    return pd.DataFrame(
        {
            "what": row.what,
            "model (ms)": round(row.modelled, 2),
            "known (ms)": round(row.known, 2),
            "off by (%)": round(100 * row.error, 2),
        }
        for row in rows
    )
