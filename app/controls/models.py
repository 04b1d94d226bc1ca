"""Controls of the models, their profiles and deadlines."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.state.limits import MAX_MODELS
from app.state.session import Session, checked_scenario, with_values
from planner.scenario.schema import Scenario
from simulator import InputError
from simulator.catalogue import builtin_catalogue

_AREA = "models"
_UPLOAD = "upload:profiles:"
MAX_SCALE = 20.0


def draw_model_controls(session: Session, problem: str | None) -> None:
    """How many of which model, their deadline, the way to the whole table, and own profiles."""
    scenario = session.scenario
    if len(scenario.models) == 1:
        _draw_one_kind(session)
    else:
        count = sum(section.count for section in scenario.models)
        kinds = len({section.profile for section in scenario.models})
        st.caption(f"{count} models of {kinds} kind{'s' if kinds != 1 else ''}.")
    _draw_deadline(session)
    st.page_link("views/models.py", label="Table of models, targets, rules", icon=":material/table_edit:")
    draw_own_profiles(session)
    draw_complaint(session, _AREA, problem)


def draw_own_profiles(session: Session) -> None:
    """The upload of a profiles file."""
    with st.expander("Own profiles"):
        st.file_uploader(
            "Profiles (JSON, CSV, or the authors' TSV)", key=f"{_UPLOAD}{session.refused}",
            on_change=_take_profiles, args=(session,),
            help="Latency and weights of each stage for each way of cutting a model, or what iterations of a model "
            "that generates cost. They join the built-in ones.",
            max_upload_size=20,
        )  # fmt: skip


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
