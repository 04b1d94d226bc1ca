"""What comes of the models: their shares of the traffic, and what each placement meets of each one's deadlines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.look import words
from app.look.style import verdict_html
from app.look.theme import NEUTRAL_HUE
from app.panels.keep import draw_table
from app.state.answer import Answer, Answered
from planner.scenario.schema import Scenario
from planner.targets import targets_missed

_MOST_PLACEMENTS = 6


def draw_summary(scenario: Scenario, answer: Answer) -> None:
    """One sentence: how many models, who has targets, and who misses them."""
    shown = answer.shown if answer.is_current else ()
    st.html(verdict_html(NEUTRAL_HUE, summary(scenario, shown)))


def summary(scenario: Scenario, shown: Sequence[Answered]) -> str:
    """How many models of how many kinds, and with which placement how many targets are missed."""
    names = [name for section in scenario.models for name in section.names()]
    kinds = len({section.profile for section in scenario.models})
    first = f"{words.plural(len(names), 'model')} of {words.plural(kinds, 'kind')}"
    targets = scenario.targets
    if not targets:
        return f"{first}; none has a target of its own."
    parts = [
        f"{_missed_in_words(len(targets_missed(e.outcome.figures, targets)))} with {words.shorten(e.section.name)}"
        for e in shown[:_MOST_PLACEMENTS]
    ]
    with_target = f"{first}; {words.plural(len(targets), 'target')} of single models"
    return f"{with_target}: {words.join(parts)}." if parts else f"{with_target}."


def draw_outcomes(answer: Answer) -> None:
    """One row a model: share of the traffic, target, and what every placement meets."""
    st.header("What does each model get?", anchor=False)
    if answer.built is None or not answer.shown:
        st.caption("The figures appear with the first placement.")
        return
    if not answer.is_current:
        st.caption("These are the figures of the settings before.")
    table = outcome_table(answer)
    met = [f"met: {entry.section.name}" for entry in answer.shown[:_MOST_PLACEMENTS]]
    columns = {
        "model": st.column_config.TextColumn("Model", pinned=True),
        "share": st.column_config.NumberColumn("Share of the traffic", format="%.1f %%"),
        "target": st.column_config.NumberColumn("Target", format="%.4g %%"),
        "below": st.column_config.TextColumn("Below its target with", width="large"),
        **{name: st.column_config.NumberColumn(f"Met: {name.removeprefix('met: ')}", format="%.1f %%") for name in met},
    }  # fmt: skip
    draw_table(table, "models-outcomes", "Share of the traffic, target and deadlines met of every model",
               column_config=columns)  # fmt: skip
    if len(answer.shown) > _MOST_PLACEMENTS:
        st.caption(f"The first {_MOST_PLACEMENTS} of {len(answer.shown)} placements are shown; Compare has all.")


def outcome_table(answer: Answer) -> pd.DataFrame:
    """One row a model, those with most requests first; shares in per cent, absent where there is none."""
    targets, problem = answer.inputs.targets, answer.inputs.problem
    requests = problem.workload.requests_per_model()
    shown = answer.shown[:_MOST_PLACEMENTS]
    met = {e.section.name: dict(e.outcome.figures.models) for e in shown}
    below = {e.section.name: {m.model for m in targets_missed(e.outcome.figures, targets)} for e in shown}
    order: list[int] = np.argsort(-requests, kind="stable").tolist()
    rows = []
    for index in order:
        name = problem.models[index].name
        row: dict[str, object] = {"model": name, "share": 100 * requests[index] / max(requests.sum(), 1)}
        if targets:
            row["target"] = 100 * targets[name] if name in targets else None
            row["below"] = ", ".join(placement for placement, names in below.items() if name in names)
        row |= {f"met: {placement}": _percent(figures[name].slo_attainment) for placement, figures in met.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else 100 * share


def _missed_in_words(missed: int) -> str:
    return "all are met" if missed == 0 else f"{words.count(missed)} {'is' if missed == 1 else 'are'} missed"
