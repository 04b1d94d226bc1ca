"""What is to be profiled: a model, a device, tokens, limits and measured latencies."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.controls.views import kept
from app.look import words
from app.look.style import plain_text
from app.state.session import Session
from planner.parallelise import (
    Architecture,
    Device,
    Measurement,
    architecture_from_hf_config,
    load_architectures,
    load_hardware,
    parse_architecture,
    parse_device,
)
from planner.parallelise.architectures import DTYPE_BYTES
from simulator import InputError

OWN = "own values"
AREA = "profile:inputs"
_CONFIG = "upload:config"
_ARCHITECTURE_FIELDS = {
    "layers": ("Layers", 1, 1024),
    "hidden": ("Width (hidden)", 8, 131072),
    "heads": ("Heads", 1, 1024),
    "kv_heads": ("Heads of keys and values", 1, 1024),
    "ffn_width": ("Inner width (feed-forward)", 1, 1048576),
    "vocabulary": ("Vocabulary", 1, 4194304),
    "experts": ("Experts (0: dense)", 0, 4096),
    "top_k": ("Experts a token uses", 0, 64),
}
_MAX_CONFIG_BYTES = 2 * 1024**2
_MOST_CONFIGS = 8


@dataclass(frozen=True)
class Question:
    """What is asked of the cost model."""

    architecture: Architecture
    device: Device
    sequence: int
    max_pp: int
    max_tp: int
    weight_memory_gib: float
    measurements: tuple[Measurement, ...]

    def key(self) -> str:
        """Of everything that the answer depends on."""
        return repr((self.architecture, self.device, self.sequence, self.max_pp, self.max_tp, self.weight_memory_gib,
                     self.measurements))  # fmt: skip


def draw_question(session: Session) -> Question | None:
    """The controls with complaints beside them; None while something is wrong."""
    wrong, view = False, session.views.profile
    try:
        chosen = _draw_model(session)
        tokens = kept(session, st.number_input, "Tokens of a request", view.tokens[chosen.name], chosen.sequence,
                      min_value=1, max_value=131072, step=256,
                      help="One forward pass over so many tokens is one request.")  # fmt: skip
    except InputError as error:
        st.error(plain_text(str(error)))
        wrong = True
    try:
        accelerator = _draw_device(session)
    except InputError as error:
        st.error(plain_text(str(error)))
        wrong = True
    st.header("How far to cut", anchor=False)
    left, right = st.columns(2)
    degrees = [1, 2, 4, 8, 16, 32]
    with left:
        max_pp = kept(session, st.selectbox, "Most stages (pp)", view.most_pp, 8, options=degrees)
    with right:
        max_tp = kept(session, st.selectbox, "Most devices a stage (tp)", view.most_tp, 8, options=degrees[:5])
    try:
        measurements = _draw_measurements(session)
    except InputError as error:
        st.error(plain_text(str(error)))
        wrong = True
    if wrong:
        return None
    memory_gib = accelerator.weight_memory_gib
    return Question(chosen, accelerator, tokens, max_pp, max_tp, memory_gib, measurements)


def _draw_model(session: Session) -> Architecture:
    st.header("Model", anchor=False)
    uploaded = session.views.profile.architectures
    shipped = load_architectures()
    name = kept(session, st.selectbox, "Architecture", session.views.profile.architecture, "bert-1.3b",
                options=[*shipped, *uploaded, OWN], format_func=_title)  # fmt: skip
    st.file_uploader(
        "or a config.json from Hugging Face",
        key=_CONFIG,
        type="json",
        on_change=_take_config,
        args=(session,),
        max_upload_size=2,
        help="Read for its sizes; weights are not needed.",
    )
    if AREA in session.complaints:
        st.error(plain_text(session.complaints[AREA]))
    chosen = (shipped | uploaded).get(name)
    return chosen if chosen is not None else _draw_own_model(session)


def _title(name: str) -> str:
    return "own values ..." if name == OWN else name


def _draw_own_model(session: Session) -> Architecture:
    start = load_architectures()["llama-3.1-8b"]
    view, values = session.views.profile, dict[str, str | int]()
    values["name"] = kept(session, st.text_input, "Name", view.own_name, "my-model", max_chars=60) or "my-model"
    left, right = st.columns(2)
    for i, (field, (label, low, high)) in enumerate(_ARCHITECTURE_FIELDS.items()):
        with (left, right)[i % 2]:
            values[field] = kept(session, st.number_input, label, view.own_sizes[field], getattr(start, field),
                                 min_value=low, max_value=high, step=1)  # fmt: skip
    with left:
        values["dtype"] = kept(session, st.selectbox, "Number type", view.own_dtype, "float16",
                               options=list(DTYPE_BYTES))  # fmt: skip
    with right:
        values["ffn_kind"] = kept(session, st.selectbox, "Feed-forward", view.own_ffn, "gated",
                                  options=["gated", "gelu"],
                                  help="Gated has three matrices (SwiGLU), gelu two.")  # fmt: skip
    return parse_architecture(values, "Own model")


def _take_config(session: Session) -> None:
    file = st.session_state[_CONFIG]
    session.complaints.pop(AREA, None)
    if file is None:
        return
    try:
        found = read_config(file.name, file.getvalue())
    except InputError as error:
        session.complaints[AREA] = str(error)
        return
    view = session.views.profile
    models = {n: a for n, a in view.architectures.items() if n != found.name}
    view.architectures = dict([*models.items()][1 - _MOST_CONFIGS :]) | {found.name: found}
    view.architecture.value = found.name


def read_config(file_name: str, content: bytes) -> Architecture:
    """The architecture of an uploaded config.json, called after the model it names; raises InputError."""
    if len(content) > _MAX_CONFIG_BYTES:
        raise InputError(
            f"{file_name} has {words.count(len(content))} bytes; at most {words.count(_MAX_CONFIG_BYTES)} are allowed."
        )
    try:
        config = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{file_name}, line {getattr(error, 'lineno', 1)}: not valid JSON.") from None
    if not isinstance(config, dict):
        raise InputError(f"{file_name} holds no keys; the config.json of a model is allowed.")
    named = str(config.get("_name_or_path") or config.get("model_type") or file_name.removesuffix(".json"))
    return architecture_from_hf_config(config, named.rstrip("/").rsplit("/", 1)[-1][:60] or "imported")


def _draw_device(session: Session) -> Device:
    st.header("Device", anchor=False)
    shipped = load_hardware()
    name = kept(session, st.selectbox, "Accelerator", session.views.profile.device, "v100-16gb", options=list(shipped))
    found = shipped[name]
    with st.expander("Own device"):
        st.caption("Begins with the one above; what is changed here makes a device of your own.")
        changed = _draw_own_device(session, found)
    own = parse_device(changed, "Own device")
    if own == found:
        st.caption(f"{words.gib(found.weight_memory_gib)} for weights, {words.count(found.memory_gb_per_s)} GB/s, "
                   f"{words.usd_per_hour(found.usd_per_hour)} ({found.price_date}).".replace("$", "\\$"))  # fmt: skip
        return found
    return parse_device(changed | {"name": f"{name}, changed", "source": "own values"}, "Own device")


def _draw_own_device(session: Session, start: Device) -> dict:
    dtype = "float16" if "float16" in start.peak_tflops else next(iter(start.peak_tflops))

    def number(label: str, field: str, value: float, low: float, high: float) -> float:
        return kept(session, st.number_input, label, session.views.profile.device_numbers[f"{start.name}.{field}"],
                    float(value), min_value=low, max_value=high, format="%g")  # fmt: skip

    changed = start.model_dump()
    changed["weight_memory_gib"] = number("GiB for weights", "weights", start.weight_memory_gib, 0.1, 10000.0)
    changed["memory_gib"] = max(number("GiB in all", "memory", start.memory_gib, 0.1, 10000.0),
                                changed["weight_memory_gib"])  # fmt: skip
    changed["memory_gb_per_s"] = number("Memory, GB/s", "bandwidth", start.memory_gb_per_s, 1.0, 1e6)
    rate = number(f"Peak TFLOP/s ({dtype})", "tflops", start.peak_tflops[dtype], 0.1, 1e6)
    changed["peak_tflops"] = dict(start.peak_tflops) | {dtype: rate}
    factor = number("Links inside a server, times", "links", 1.0, 0.01, 100.0)
    if factor != 1:
        changed["link_gb_per_s"] = {n: factor * v for n, v in start.link_gb_per_s.items()}
        changed["hop_gb_per_s"] = factor * start.hop_gb_per_s
    changed["usd_per_hour"] = number("USD per hour", "price", start.usd_per_hour, 0.0, 10000.0)
    return changed


def _draw_measurements(session: Session) -> tuple[Measurement, ...]:
    with st.expander("Measured latencies (calibration)"):
        st.caption("Latencies that you measured scale the model to your software. Untick Fit to only compare.")
        view = session.views.profile
        if view.measured_table is None:
            columns = ["pp", "tp", "batch", "latency_ms", "fit"]
            view.measured_table = pd.DataFrame(view.measured.value or [], columns=columns).astype(
                {"pp": "float64", "tp": "float64", "batch": "float64", "latency_ms": "float64", "fit": "bool"}
            )
        edited = st.data_editor(
            view.measured_table, num_rows="dynamic", hide_index=True, key="profile.measured.table",
            alt="Measured latencies: stages, devices a stage, batch size, milliseconds, whether to fit",
            column_config={
                "pp": st.column_config.NumberColumn("pp", min_value=1, max_value=64, step=1, default=1),
                "tp": st.column_config.NumberColumn("tp", min_value=1, max_value=64, step=1, default=1),
                "batch": st.column_config.NumberColumn("Batch", min_value=1, max_value=1024, step=1, default=1),
                "latency_ms": st.column_config.NumberColumn("ms", min_value=0.001),
                "fit": st.column_config.CheckboxColumn("Fit", default=True),
            },
        )  # fmt: skip
    rows = edited.dropna(subset=["pp", "tp", "batch", "latency_ms"])
    records = view.measured.value = [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
    return tuple(
        Measurement(int(r["pp"]), int(r["tp"]), int(r["batch"]), float(r["latency_ms"]) / 1000, bool(r["fit"]))
        for r in records
    )
