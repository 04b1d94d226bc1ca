"""Controls of models that generate token by token: which, their deadlines, and the limits of their engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.controls.lengths import has_lengths, lengths_for
from app.controls.models import draw_own_profiles
from app.controls.table_editor import edited_rows
from app.look.style import plain_text
from app.state.limits import MAX_MODELS
from app.state.results import shared_cache
from app.state.session import Session, checked_scenario, with_values
from planner.generation.profiles import DEVICE_MEMORY_GIB, shipped_profiles
from planner.generation.search import TITLES
from planner.scenario.model_sections import TOKEN_DEADLINES
from planner.scenario.schema import OTHER_PRICES, Scenario
from simulator import InputError
from simulator.generation import DISPATCH_RULES, GenerationProfile
from simulator.generation.engine import MAX_BATCHED_TOKENS, MAX_BLOCK_SIZE, MAX_SEQUENCES
from simulator.traces import Trace

_AREA = "models"
_WHOLE, _TOKENS, _BOTH = "whole", "tokens", "both"
_KINDS = {_WHOLE: "Fixed latency", _TOKENS: "Token by token", _BOTH: "Both"}
_FIELDS = ("name", "generation", "count", *TOKEN_DEADLINES)
_DEADLINES = {
    "slo_ttft_s": ("First token, s", "The time from the arrival to the first token (TTFT). 0: no such deadline."),
    "slo_tpot_s": ("Later tokens, s", "The time per output token after the first (TPOT). 0: no such deadline."),
    "slo_e2e_s": ("Last token, s", "The time from the arrival to the last token (E2E). 0: no such deadline."),
}
_ADMISSION = {"none": "everything", "predicted_ttft": "what is predicted to have its first token in time"}
_DISPATCH = {
    "fewest_requests": "fewest outstanding requests",
    "fewest_tokens": "fewest outstanding tokens",
    "least_kv": "least cache in use",
    "round_robin": "each in turn",
}
# What a scenario begins with once its models generate. More models of one size than this do not share a device.
FIRST = {"slo_ttft_s": 1.0, "slo_tpot_s": 0.05}
FIRST_DEVICES, MOST_FIRST_MODELS = 8, 4


def draw_kind_of_models(session: Session) -> None:
    """Whether answers come whole, after a fixed latency, or token by token."""
    st.header("Models and deadlines", anchor=False)
    scenario = session.scenario
    generating = [section.generation is not None for section in scenario.models]
    kind = _BOTH if any(generating) and not all(generating) else _TOKENS if any(generating) else _WHOLE
    bound(session, _AREA, st.segmented_control, "Answers come", "models.kind", kind,
          lambda s, value: _with_kind(session, s, value), format_func=_KINDS.get, required=True,
          options=[_WHOLE, _TOKENS, *([_BOTH] if kind == _BOTH else [])],
          help="Token by token: language models, simulated iteration by iteration, with deadlines on the first and "
          "on every later token. The change puts cluster and placements to what suits; Undo brings them "
          "back.")  # fmt: skip


def draw_generating_models(session: Session, problem: str | None) -> None:
    """Which model on which device, deadlines, the whole table, and engine limits."""
    scenario = session.scenario
    generating = [section for section in scenario.models if section.generation is not None]
    if len(generating) == len(scenario.models):
        _draw_profile(session)
        names = ", ".join(section.name for section in scenario.models[:4])
        more = f" and {len(scenario.models) - 4} more" if len(scenario.models) > 4 else ""
        st.caption(f"Served: {plain_text(names)}{more}.")
        if len({tuple(getattr(s, name) for name in TOKEN_DEADLINES) for s in generating}) > 1:
            st.caption("Deadlines differ from model to model; a field sets all of them.")
        _draw_deadlines(session)
        with st.expander("Table of models"):
            _draw_table(session)
    else:
        st.caption("Models of both kinds: the page Scenario changes them.")
    _draw_limits(session)
    draw_own_profiles(session)
    draw_complaint(session, _AREA, problem)


def known_profiles(session: Session) -> list[GenerationProfile]:
    """Those that ship, and those of this session; its own are the last."""
    own = session.uploads.profiles.get(session.scenario.profiles or "")
    return [*shipped_profiles(), *(own.generating if own else ())]


def known_pairs(profiles: Sequence[GenerationProfile]) -> list[tuple[str, str]]:
    """(model, device) that have a profile."""
    return list(dict.fromkeys((profile.name, profile.device) for profile in profiles))


def as_generating(scenario: Scenario, trace: Trace | None) -> Scenario:
    """The scenario with models that generate: one for each source of its traffic, or one; and what suits them."""
    name, device = known_pairs(shipped_profiles())[1]
    sources = list(trace.sources) if trace is not None else []
    own = 1 < len(sources) <= MOST_FIRST_MODELS
    document = scenario.model_dump()
    document["models"] = [{"name": n, "generation": name, **FIRST} for n in (sources if own else ["language-model"])]
    if trace is not None:
        document["workload"]["trace"]["map_models"] = "by_name" if own else "stripe"
    document["workload"]["tokens"] = lengths_for(scenario, trace is not None and has_lengths(trace))
    document["cluster"] |= {"devices": FIRST_DEVICES, **_on_device(scenario, device)}
    document["placements"] = [{"name": TITLES[a], "search": {"algorithm": a}} for a in ("dedicated", "shared")]
    document["name"] = "language models"
    return checked_scenario(document)


def as_whole(scenario: Scenario) -> Scenario:
    """The scenario with models of fixed latency, as a new session has them."""
    from app.state.first_scenario import first_scenario

    first, document = first_scenario().model_dump(), scenario.model_dump()
    document |= {key: first[key] for key in ("models", "cluster", "placements", "name")}
    document["workload"]["tokens"] = None
    if document["workload"]["trace"] is not None:
        document["workload"]["trace"]["map_models"] = "stripe"
    return checked_scenario(document)


def _with_kind(session: Session, scenario: Scenario, kind: str | None) -> Scenario:
    if kind == _TOKENS:
        trace = None
        if scenario.workload.trace is not None:
            trace = session.uploads.read_trace(scenario, shared_cache())
        return as_generating(scenario, trace)
    if kind == _WHOLE:
        return as_whole(scenario)
    return scenario


def _draw_profile(session: Session) -> None:
    scenario, pairs = session.scenario, known_pairs(known_profiles(session))
    named = [section.generation for section in scenario.models if section.generation is not None]
    chosen = (named[0], scenario.cluster.device)
    alike = [pair for pair in pairs if tuple(map(_plain, pair)) == tuple(map(_plain, chosen))]
    chosen = alike[0] if alike else chosen
    bound(session, _AREA, st.selectbox, "Model on device (profile)", "models.generation", chosen, with_pair,
          options=pairs if alike else [*pairs, chosen], format_func=lambda pair: f"{pair[0]} on {pair[1]}",
          help="What an iteration costs, fitted to measurements; the error stands beneath the answer.")  # fmt: skip
    st.page_link("views/profile.py", label="Fit one to my own engine", icon=":material/tune:")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def with_pair(scenario: Scenario, pair: tuple[str, str]) -> Scenario:
    """All models by this profile, on this device with the memory that it is known to have."""
    name, device = pair
    document = scenario.model_dump()
    for section in document["models"]:
        section["generation"] = name
    document["cluster"] |= _on_device(scenario, device)
    return checked_scenario(document)


def _on_device(scenario: Scenario, device: str) -> dict[str, Any]:
    """What of the cluster follows from its device; prices are those of the device before, so another one has none."""
    if device == scenario.cluster.device:
        return {}
    prices = dict.fromkeys(OTHER_PRICES) | {"usd_per_device_hour": 0.0}
    return {"device": device, "memory_gib": DEVICE_MEMORY_GIB.get(device, scenario.cluster.memory_gib), **prices}


def _draw_deadlines(session: Session) -> None:
    section = session.scenario.models[0]
    for column, name in zip(st.columns(3), TOKEN_DEADLINES, strict=True):
        label, help_ = _DEADLINES[name]
        with column:
            bound(session, _AREA, st.number_input, label, f"models.{name}", getattr(section, name) or 0.0,
                  lambda s, value, name=name: _with_deadline(s, name, value), min_value=0.0, max_value=1e5,
                  step=0.01 if name == "slo_tpot_s" else 0.5, format="%g", help=help_)  # fmt: skip


def _with_deadline(scenario: Scenario, name: str, value: float) -> Scenario:
    document = scenario.model_dump()
    for section in document["models"]:
        section[name] = value or None
        if all(section[deadline] is None for deadline in TOKEN_DEADLINES):
            raise InputError(f"Model '{section['name']}' would have no deadline left; one of the three is needed.")
    return checked_scenario(document)


def _draw_table(session: Session) -> None:
    rows = [section.model_dump(include=set(_FIELDS)) for section in session.scenario.models]
    key = f"models.generating.{session.edition}"
    table = pd.DataFrame(rows, columns=list(_FIELDS)).astype(dict.fromkeys(TOKEN_DEADLINES, "float64"))
    names = list(dict.fromkeys(profile.name for profile in known_profiles(session)))
    seconds = {name: st.column_config.NumberColumn(label, min_value=0.0001) for name, (label, _) in _DEADLINES.items()}
    st.data_editor(
        table, key=key, num_rows="dynamic", hide_index=True, on_change=_take_table, args=(session, key, rows),
        alt="The models that generate with profile, count and deadlines; every cell can be edited",
        column_config={
            "name": st.column_config.TextColumn("Name", default="model", help="{i} stands for the number: chat-{i}"),
            "generation": st.column_config.SelectboxColumn(
                "Profile", options=names, default=names[0]
            ),
            "count": st.column_config.NumberColumn("Count", min_value=1, max_value=MAX_MODELS, step=1, default=1),
            **seconds,
        },
    )  # fmt: skip


def _take_table(session: Session, key: str, rows: list[dict]) -> None:
    if key != f"models.generating.{session.edition}":
        # The browser may still send the edits of a table that has been replaced, see Session.brought.
        return
    changed = [_named(row) for row in edited_rows(rows, st.session_state[key])]
    session.edit(_AREA, lambda scenario: with_values(scenario, "", models=changed))
    session.edition += 1


def _draw_limits(session: Session) -> None:
    """The limits of every engine, by vLLM's names."""
    section = session.scenario.generation

    def field(widget: Any, label: str, name: str, value: Any = None, **options: Any) -> None:
        bound(session, _AREA, widget, label, f"generation.{name}", getattr(section, name) if value is None else value,
              lambda s, v: with_values(s, "generation", **{name: None if name == "kv_blocks" and not v else v}),
              **options)  # fmt: skip

    with st.expander("Engine limits"):
        field(st.number_input, "Tokens of an iteration (max_num_batched_tokens)", "max_num_batched_tokens",
              min_value=1, max_value=MAX_BATCHED_TOKENS, step=256,
              help="More lets long prompts in faster, and makes everybody's next token wait longer.")  # fmt: skip
        field(st.number_input, "Requests running at once (max_num_seqs)", "max_num_seqs", min_value=1,
              max_value=MAX_SEQUENCES, step=16, help="Others wait until one has ended.")  # fmt: skip
        field(st.number_input, "Blocks of the cache (kv_blocks, 0 = what memory leaves)", "kv_blocks",
              value=section.kv_blocks or 0, min_value=0, max_value=10**9, step=100,
              help="0: what the weights leave of the devices' memory.")  # fmt: skip
        field(st.number_input, "Tokens of a block (block_size)", "block_size", min_value=1, max_value=MAX_BLOCK_SIZE,
              step=1)  # fmt: skip
        field(st.checkbox, "Cut prompts and mix them with decoding (chunked prefill)", "chunked_prefill",
              help="As vLLM since V1. Without it an iteration computes whole prompts, or decodes.")  # fmt: skip
        field(st.selectbox, "A request goes to the engine with", "dispatch", options=list(DISPATCH_RULES),
              format_func=_DISPATCH.get, help="Which of the engines that hold its model gets a request.")  # fmt: skip
        field(st.selectbox, "Engines take (admission)", "admission", options=list(_ADMISSION),
              format_func=_ADMISSION.get, help="Turning away what would be late anyway leaves time for the others. The "
              "prediction knows the prompts that wait, not how long the cache stays full.")  # fmt: skip
        field(st.number_input, "Switching between models (s)", "switch_s", min_value=0.0, max_value=3600.0,
              step=0.001, format="%g", help="Before an iteration of another model on the same devices.")  # fmt: skip
        field(st.number_input, "Caches move at (GB/s)", "kv_transfer_gb_per_s", min_value=0.001, max_value=1e6,
              step=1.0, format="%g", help="From groups that only compute prompts to groups that only decode, where a "
              "placement has such (role: prefill, decode). Not validated.")  # fmt: skip


def _named(row: dict) -> dict:
    """A row with what is given only; the name of several models counts them."""
    given = {name: value for name, value in row.items() if value is not None}
    if given.get("count", 1) > 1 and "{i}" not in given.get("name", ""):
        given["name"] = f"{given.get('name', 'model')}-{{i}}"
    return given
