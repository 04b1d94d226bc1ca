"""What the answers of the Capacity page cost, per hour and month, on demand, reserved and spot."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.background.slots import slot_of
from app.look.style import plain_text
from app.panels.keep import draw_table
from app.state.session import Session
from planner.scenario.schema import ClusterSection, Scenario
from planner.what_if.growth import Growth
from planner.what_if.prices import TARIFFS, Answer, answers_of, cost_sentence, costs_json, device_prices, spot_sentence
from planner.what_if.spare import SparePlan


def draw_costs(session: Session, scenario: Scenario, answers: Sequence[Answer]) -> None:
    """The table of all answers to this scenario, and what spot devices risk.

    answers: those of the plans; what was found for losses and for more traffic is added where it is of this scenario.
    """
    prices = device_prices(scenario.cluster)
    if not prices:
        return
    growth, spares = _found(session, scenario)
    every = (*answers, *answers_of(None, growth, spares))
    st.markdown("**What each answer costs**")
    if answers and answers[0].devices is not None:
        st.markdown(plain_text(cost_sentence(answers[0].devices, scenario.cluster)))
    draw_table(cost_table(every, scenario.cluster), "capacity-costs", "Devices and cost of every answer",
               column_config=_columns(scenario.cluster))  # fmt: skip
    month = "A month has 730.5 hours. Power, network and people are not in it."
    st.caption(plain_text(" ".join(filter(None, (month, spot_sentence(scenario.cluster, _node(spares)))))))


def _found(session: Session, scenario: Scenario) -> tuple[Growth | None, tuple[SparePlan, ...]]:
    """What was answered beside, for the very scenario."""
    growth, spare = slot_of(session, "growth").result, slot_of(session, "spare").result
    mine = growth[0] if growth is not None and growth[1] == scenario else None
    return mine, spare[0] if spare is not None and spare[1] == scenario else ()


def _node(spares: Sequence[SparePlan]) -> SparePlan | None:
    return next((spare for spare in spares if spare.what == "node"), None)


def _column(tariff: str, unit: str) -> str:
    return f"{TARIFFS[tariff]} (USD/{unit})"


def _columns(cluster: ClusterSection) -> dict:
    digits = {"h": "%.2f", "month": "%.0f"}
    return {
        _column(tariff, unit): st.column_config.NumberColumn(format=written)
        for tariff in device_prices(cluster)
        for unit, written in digits.items()
    }


def cost_table(answers: Sequence[Answer], cluster: ClusterSection) -> pd.DataFrame:
    """One row an answer, two columns a tariff; what has no number of devices has its reason."""
    rows = costs_json(answers, cluster)
    table: dict[str, list] = {
        "answer": [row["question"] for row in rows],
        "devices": [row["devices"] for row in rows],
    }
    for tariff in device_prices(cluster):
        for key, unit in (("usd_per_hour", "h"), ("usd_per_month", "month")):
            table[_column(tariff, unit)] = [None if row[key] is None else round(row[key][tariff], 2) for row in rows]
    if any(row["reason"] for row in rows):
        table["what is absent or open, and why"] = [row["reason"] or "" for row in rows]
    return pd.DataFrame(table).astype({"devices": "Int64"})
