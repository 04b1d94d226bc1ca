"""The table of models: a row an entry, edited cell by cell, pasted, or read from a file."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.controls.fields import draw_complaint
from app.controls.table_editor import Row, draw_editor
from app.state.limits import MAX_MODELS
from app.state.session import Session, with_values
from planner.scenario.model_sections import MAX_WEIGHT, ModelSection
from planner.scenario.model_table import read_model_table, row_section, table_row, write_model_table
from planner.scenario.schema import Scenario
from simulator import InputError

AREA = "models table"
_PASTE, _UPLOAD = "models.paste", "upload:models:"
_EXAMPLE = "name,profile,count,deadline,target\nsearch,bert-1.3b,1,5 x,99 %\nads-{i},bert-2.6b,4,1.2 s,90 %"
_MAX_MB = 1


def draw_model_table(session: Session, profiles: list[str], problem: str | None) -> None:
    """The table, what is wrong with it, and the ways to bring another one."""
    models = session.scenario.models
    draw_editor(
        session, "models.table", [_editor_row(section) for section in models], lambda: session.scenario.models,
        lambda rows: session.edit(AREA, lambda scenario: with_rows(scenario, rows)), _columns(profiles),
        "The models with profile, count, deadline, target, weight and least replicas; every cell can be edited",
    )  # fmt: skip
    draw_complaint(session, AREA, problem)
    with st.container(horizontal=True, key="models-more"):
        _draw_import(session)
        st.download_button(
            "Table (CSV)", lambda: write_model_table(models), "models.csv", "text/csv", key="csv:models",
            on_click="ignore", icon=":material/download:", help="This table as a file, which can be imported again.",
        )  # fmt: skip


def with_rows(scenario: Scenario, rows: list[Row]) -> Scenario:
    """The scenario with the models of the editor's rows; raises InputError naming the row."""
    sections = [_section(row, number) for number, row in enumerate(rows, start=1)]
    return _with_models(scenario, sections)


def _with_models(scenario: Scenario, sections: list[ModelSection]) -> Scenario:
    return with_values(scenario, "", models=[section.model_dump() for section in sections])


def _editor_row(section: ModelSection) -> Row:
    """As the table of a file, with the target in per cent."""
    target = None if section.target is None else round(100 * section.target, 10)
    return table_row(section) | {"target": target}


def _section(row: Row, number: int) -> ModelSection:
    percent = row.get("target")
    target = percent if percent is None or percent != percent else round(percent / 100, 12)
    return row_section(row | {"target": target}, f"Row {number} of the models")


def _columns(profiles: list[str]) -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "name": text("Name", default="model",
                     help="{i} stands for the number: ads-{i} with count 4 is ads-0 to ads-3."),
        "profile": st.column_config.SelectboxColumn("Kind (profile)", options=profiles, default="bert-1.3b", width=120,
                                                    help="What a model costs: latency and weights."),
        "count": number("Count", min_value=1, max_value=MAX_MODELS, step=1, default=1, width=70,
                        help="Models of this kind, each with its own requests."),
        "deadline": text("Deadline", default="5 x", width=90,
                         help="5 x: five times what the model takes alone on one device. Or a time: 1.2 s, 800 ms."),
        "target": number("Target (% met)", min_value=0.001, max_value=100.0, format="%.4g %%", width=120,
                         help="Share of this model's deadlines to be met. Verdicts name the models below it."),
        "weight": number("Weight", min_value=1, max_value=MAX_WEIGHT, step=1, width=80,
                         help="As how many requests one of this model counts in a search; 1 if empty."),
        "min_replicas": number("Least replicas", min_value=1, step=1, width=110,
                               help="In how many groups the model stands at least."),
    }  # fmt: skip


def _draw_import(session: Session) -> None:
    # Another one after a table was taken, so that it is closed and the table in sight.
    with st.popover("Paste or import a table", icon=":material/content_paste:",
                    key=f"models.import.{session.views.models.imported}"):  # fmt: skip
        st.markdown(
            "A line of column names, then a line a model; commas, semicolons or tabs between cells, as spreadsheets "
            "copy them."
        )
        st.text_area("Paste here", key=_PASTE, placeholder=_EXAMPLE, height=180)
        with st.container(horizontal=True):
            st.button("Replace the models", key="models.paste.replace", type="primary", on_click=_take_paste,
                      args=(session, False))  # fmt: skip
            st.button("Add to the models", key="models.paste.add", on_click=_take_paste, args=(session, True))
        st.file_uploader("Or a file (CSV)", key=f"{_UPLOAD}{session.refused}", on_change=_take_file, args=(session,),
                         max_upload_size=_MAX_MB, help="It replaces the models.")  # fmt: skip


def _take_paste(session: Session, add: bool) -> None:
    text = st.session_state[_PASTE]

    def change(scenario: Scenario) -> Scenario:
        new = read_model_table(text, "The pasted table")
        return _with_models(scenario, [*scenario.models, *new] if add else new)

    if session.edit(AREA, change):
        st.session_state[_PASTE] = ""
        session.views.models.imported += 1


def _take_file(session: Session) -> None:
    file = st.session_state[f"{_UPLOAD}{session.refused}"]
    if file is None:
        return
    try:
        text = file.getvalue().decode("utf-8-sig")
        new = read_model_table(text, f"'{file.name}'")
        if session.edit(AREA, lambda scenario: _with_models(scenario, new)):
            session.views.models.imported += 1
    except UnicodeDecodeError:
        session.refuse(AREA, InputError(f"'{file.name}' is no text in UTF-8; a table as CSV is allowed."))
    except InputError as error:
        session.refuse(AREA, error)
