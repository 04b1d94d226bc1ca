"""Controls of the models, their profiles and deadlines."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.state.limits import MAX_MODELS
from app.state.session import Session, checked_scenario, with_values
from planner.scenario.schema import Scenario
from simulator import InputError
from simulator.catalogue import builtin_catalogue

_AREA = "models"
_UPLOAD = "upload:profiles:"
_FIELDS = ("name", "profile", "count", "slo_scale", "slo_s")
MAX_SCALE = 20.0


def draw_model_controls(session: Session, problem: str | None) -> None:
    """How many of which model, their deadline, the whole table, and own profiles."""
    scenario = session.scenario
    if len(scenario.models) == 1:
        _draw_one_kind(session)
    else:
        count = sum(section.count for section in scenario.models)
        kinds = len({section.profile for section in scenario.models})
        st.caption(f"{count} models of {kinds} kind{'s' if kinds != 1 else ''}, see the table.")
    _draw_deadline(session)
    with st.expander("Table of models, own profiles"):
        _draw_table(session)
        st.file_uploader(
            "Profiles (JSON, CSV, or the authors' TSV)", key=f"{_UPLOAD}{session.refused}",
            on_change=_take_profiles, args=(session,),
            help="Latency and weights of each stage for each way of cutting a model. They join the built-in ones.",
            max_upload_size=20,
        )  # fmt: skip
    draw_complaint(session, _AREA, problem)


def known_profiles(session: Session) -> list[str]:
    """Names of the profiles that this session can use."""
    own = session.uploads.profiles.get(session.scenario.profiles or "")
    return sorted({*builtin_catalogue(), *(own.profiles if own else ())})


def _draw_one_kind(session: Session) -> None:
    section = session.scenario.models[0]
    left, right = st.columns([2, 3])
    with left:
        bound(session, _AREA, st.number_input, "Models", "models.count", section.count, _with_count,
              min_value=1, max_value=max(MAX_MODELS, section.count), step=1,
              help="Served instances of one kind, each with its own requests.")  # fmt: skip
    with right:
        names = known_profiles(session)
        bound(session, _AREA, st.selectbox, "Kind (profile)", "models.profile", section.profile,
              lambda scenario, value: _with_sections(scenario, profile=value),
              options=names if section.profile in names else [*names, section.profile],
              help="What a model costs: latency and weights, measured or estimated.")  # fmt: skip


def _draw_deadline(session: Session) -> None:
    sections = session.scenario.models
    scales = [section.slo_scale for section in sections if section.slo_scale is not None]
    value = float(scales[0]) if scales else 5.0
    if len({(s.slo_scale, s.slo_s) for s in sections}) > 1:
        st.caption("Deadlines differ from model to model; the slider sets all of them.")
    bound(session, _AREA, st.slider, "Deadline, times alone (SLO scale)", "models.slo_scale",
          min(max(value, 1.0), MAX_SCALE), lambda s, scale: _with_sections(s, slo_scale=scale, slo_s=None),
          min_value=1.0, max_value=MAX_SCALE, step=0.5,
          help="5 means: an answer must come within five times what the model takes alone on one device.")  # fmt: skip


def _draw_table(session: Session) -> None:
    rows = [section.model_dump(include=set(_FIELDS)) for section in session.scenario.models]
    key = f"models.table.{session.edition}"
    table = pd.DataFrame(rows, columns=list(_FIELDS)).astype({"slo_scale": "float64", "slo_s": "float64"})
    st.data_editor(
        table,
        key=key,
        num_rows="dynamic",
        hide_index=True,
        on_change=_take_table,
        args=(session, key, rows),
        alt="The models with profile, count and deadline; every cell can be edited",
        column_config={
            "name": st.column_config.TextColumn("Name", default="model", help="{i} stands for the number: ads-{i}"),
            "profile": st.column_config.SelectboxColumn(
                "Profile", options=known_profiles(session), default="bert-1.3b"
            ),
            "count": st.column_config.NumberColumn("Count", min_value=1, max_value=MAX_MODELS, step=1, default=1),
            "slo_scale": st.column_config.NumberColumn("Times alone", min_value=0.01, default=5.0),
            "slo_s": st.column_config.NumberColumn("or seconds", min_value=0.001),
        },
    )


def _take_table(session: Session, key: str, rows: list[dict]) -> None:
    if key != f"models.table.{session.edition}":
        # The browser may still send the edits of a table that has been replaced, see Session.brought.
        return
    changed = edited_rows(rows, st.session_state[key])
    session.edit(_AREA, lambda scenario: with_values(scenario, "", models=changed))
    # The editor starts again from the scenario, so that edits are not applied twice.
    session.edition += 1


def edited_rows(rows: list[dict], edits: dict, fields: Sequence[str] = _FIELDS) -> list[dict]:
    """The rows of the table of models after an edit, as st.data_editor tells it. fields: the columns."""
    edited = {int(i): cells for i, cells in edits["edited_rows"].items()}
    changed = [_merged(row, edited.get(i, {})) for i, row in enumerate(rows) if i not in edits["deleted_rows"]]
    return changed + [_merged({}, {name: row.get(name) for name in fields}) for row in edits["added_rows"]]


def _merged(row: dict, cells: dict) -> dict:
    """A row with edited cells: of the two ways to give a deadline the edited one counts."""
    merged = row | cells
    if cells.get("slo_s") is not None:
        merged["slo_scale"] = None
    elif cells.get("slo_scale") is not None:
        merged["slo_s"] = None
    merged = {name: value for name, value in merged.items() if value is not None}
    if merged.get("count", 1) > 1 and "{i}" not in merged.get("name", ""):
        merged["name"] = f"{merged.get('name', 'model')}-{{i}}"
    return merged


def _with_count(scenario: Scenario, count: int) -> Scenario:
    name = scenario.models[0].name
    return _with_sections(scenario, count=count, name=name if "{i}" in name or count == 1 else f"{name}-{{i}}")


def _with_sections(scenario: Scenario, **values) -> Scenario:
    document = scenario.model_dump()
    for section in document["models"]:
        section.update(values)
    return checked_scenario(document)


def _take_profiles(session: Session) -> None:
    file = st.session_state[f"{_UPLOAD}{session.refused}"]
    if file is None:
        return
    try:
        session.uploads.add_profiles(file.name, file.getvalue())
    except InputError as error:
        session.refuse(_AREA, error)
        return
    session.edit(_AREA, lambda scenario: with_values(scenario, "", profiles=file.name))
