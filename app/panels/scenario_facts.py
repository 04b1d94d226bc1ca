"""Whether the scenario is answered, what it says in words, and the scenario with its found placements."""

from __future__ import annotations

import streamlit as st

from app.look import words
from app.look.style import facts_html, plain_text
from app.panels.progress import watch
from app.state.answer import AnyAnswer
from app.state.session import Session
from planner.scenario.schema import ARRIVALS, Scenario


def draw_state(session: Session, answer: AnyAnswer) -> None:
    """One line: answered, being worked on, or what is in the way."""
    if answer.problems:
        for sentence in answer.problems.values():
            st.error(plain_text(sentence))
        st.caption("Until this is mended the pages show the last scenario that could be simulated.")
    elif answer.is_under_way:
        st.info("This scenario is in force; it is being worked on, see Plan for the progress.")
        watch(answer)
    elif answer.waiting:
        st.info("This scenario is in force; the work on it was stopped, see Plan to take it up again.")
    elif answer.shown:
        st.success("This scenario is in force, and every page answers it.")
    else:
        st.info("This scenario is in force, but lists no placements; add one under the key placements.")


def draw_summary(session: Session, answer: AnyAnswer) -> None:
    """The scenario in words: what arrives, for which models, on what, and what each placement meets."""
    scenario = session.scenario
    st.header(plain_text(words.shorten(scenario.name or "scenario", 60)), anchor=False)
    cluster = scenario.cluster
    facts = [
        ("devices", f"{words.count(cluster.devices)} × {words.gib(cluster.memory_gib)}"),
        ("models", words.count(sum(section.count for section in scenario.models))),
        ("kinds", words.count(len({section.profile or section.generation for section in scenario.models}))),
        ("traffic", words.shorten(_traffic(scenario), 40)),
    ]
    if answer.built is not None and not answer.is_earlier:
        facts.append(("requests", words.count(len(answer.inputs.problem.workload))))
    st.html(facts_html(facts))
    lines = []
    entries = {entry.section.name: entry for entry in answer.shown if not answer.is_earlier}
    for section in scenario.placements:
        entry = entries.get(section.name)
        met = entry.outcome.slo_attainment if entry else None
        meets = words.NOTHING if met is None else words.share(met)
        lines.append((words.shorten(section.name, 40), meets))
    if lines:
        st.caption("Deadlines met by its placements")
        st.html(facts_html(lines))


def draw_command(session: Session) -> None:
    """How to get the same from the command line."""
    st.header("The same from the command line", anchor=False)
    st.code("python -m planner simulate scenario.yaml", language=None)
    section = session.scenario.workload.trace
    if section is not None and not all(path.startswith("sample:") for path in section.paths):
        st.caption(f"With {plain_text(words.join(section.paths))} beside it.")


def _traffic(scenario: Scenario) -> str:
    if scenario.workload.trace is not None:
        return words.join(scenario.workload.trace.paths)
    return next(name for name in ARRIVALS if getattr(scenario.workload, name) is not None).replace("_", " ")
