"""CSV and Parquet formats with one row a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from simulator import words
from simulator.errors import InputError
from simulator.traces.arrow import Column, dictionary_column, is_dictionary, open_parquet, pc
from simulator.traces.clock import MAX_CLOCK, epoch_unit, in_seconds
from simulator.traces.detect import FileLayout
from simulator.traces.files import TraceFile
from simulator.traces.parts import EventPart, short_names, single_source, unused_columns
from simulator.traces.table import Kind, Labels, check_sources, read_columns
from simulator.traces.trace import MAX_TOKENS, TraceLimits

# Durations are whole milliseconds, ends are not: a start may fall this far before 0 by rounding alone.
_ROUNDING_S = 0.01
_YEAR_2024_NS = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
_TOKENS = ("input_tokens", "output_tokens")
_NATIVE = ("arrival_s", "model", "slo_s", *_TOKENS)
# The columns that hold input and output tokens, by format.
_TOKEN_COLUMNS = {
    "azure_llm": ("contexttokens", "generatedtokens"),
    "vidur": ("num_prefill_tokens", "num_decode_tokens"),
}
# What the files of each format have beside the columns that are read.
_PUBLISHED = {
    "azure_llm": ("numimages",),
    "vidur": (),
    "burstgpt": ("session id", "elapsed time", "total tokens", "log type"),
    "gentd26": (
        "predict_type", "exec_time_seconds", "groupid", "prompt_length", "negative_prompt_length",
        "num_images_per_prompt", "num_inference_steps", "num_lora",
    ),
    "azure_functions_2021": (),
}  # fmt: skip


def read_native(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """`arrival_s,model[,slo_s][,input_tokens,output_tokens]` in any order; others are ignored with a notice."""
    if layout.is_parquet:
        return _read_parquet(file, limits)
    columns = {"arrival_s": Kind.CLOCK, "model": Kind.LABEL}
    if "slo_s" in layout.header:
        columns["slo_s"] = Kind.DEADLINE
    columns |= dict.fromkeys((name for name in _TOKENS if name in layout.header), Kind.TOKENS)
    data, labels = read_columns(file, layout, columns, limits)
    arrival_s, notices = in_seconds(file.name, data["arrival_s"])
    part = EventPart("native", arrival_s, labels["model"].codes, labels["model"].names, data.get("slo_s"), notices)
    part.input_tokens, part.output_tokens = (data.get(name) for name in _TOKENS)
    _check_model_names(file, part)
    part.notices += unused_columns([name for name in layout.header if name not in _NATIVE])
    return part


def read_azure_llm(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """Azure LLM inference: 2023 (100 ns, no zone), 2024 (UTC offset), and multimodal 2025."""
    part = _single_model(file, layout, "timestamp", Kind.INSTANT, "azure_llm", limits)
    if part.format == "azure_llm_2023" and part.arrival[0] >= _YEAR_2024_NS:
        part.format = "azure_llm_2024"
    return part


def read_vidur(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """Vidur/Splitwise processed traces: seconds from 0."""
    return _single_model(file, layout, "arrived_at", Kind.CLOCK, "vidur", limits)


def _single_model(
    file: TraceFile, layout: FileLayout, time: str, kind: Kind, family: str, limits: TraceLimits
) -> EventPart:
    """A format with one model a file; a column `model`, which the published files do not have, names several."""
    columns = {time: kind} | ({"model": Kind.LABEL} if "model" in layout.header else {})
    columns |= dict.fromkeys(_TOKEN_COLUMNS[family], Kind.TOKENS)
    data, labels = read_columns(file, layout, columns, limits)
    arrival = data[time]
    notices: list[str] = []
    if kind is Kind.CLOCK:
        arrival, notices = in_seconds(file.name, arrival)
    part = EventPart(layout.format, arrival, single_source(arrival.size), None, None, notices)
    part.input_tokens, part.output_tokens = (data[name] for name in _TOKEN_COLUMNS[family])
    if "model" in labels:
        part.source, part.names = labels["model"].codes, labels["model"].names
        _check_model_names(file, part)
    part.notices += _unused(layout, columns, _PUBLISHED[family])
    return part


def _unused(layout: FileLayout, columns: Mapping[str, Kind], published: tuple[str, ...]) -> list[str]:
    return unused_columns([name for name in layout.header if name not in columns and name not in published])


def read_burstgpt(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """BurstGPT, six or eight columns. Failed requests arrived all the same: they stay, and a notice counts them."""
    columns = {"timestamp": Kind.CLOCK, "model": Kind.LABEL, "response tokens": Kind.TOKENS}
    if "request tokens" in layout.header:
        columns["request tokens"] = Kind.TOKENS
    data, labels = read_columns(file, layout, columns, limits)
    arrival_s, notices = in_seconds(file.name, data["timestamp"])
    part = EventPart(layout.format, arrival_s, labels["model"].codes, labels["model"].names, None, notices)
    if "request tokens" in data:
        part.input_tokens, part.output_tokens = data["request tokens"], data["response tokens"]
    _check_model_names(file, part)
    part.notices += _unused(layout, columns, _PUBLISHED[layout.format])
    failed = int((data["response tokens"] == 0).sum())
    if failed:
        part.notices.append(
            f"{words.plural(failed, 'request')} of {file.name} failed (no response tokens); they arrived, so they "
            f"are kept."
        )
    return part


def read_gentd26(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """GenTD26: the model is the base checkpoint; rows without one are left out, failed ones are kept."""
    columns = {
        "gmt_create": Kind.INSTANT,
        "predict_status": Kind.LABEL,
        "checkpoint_model_version_id": Kind.LABEL,
    }
    data, labels = read_columns(file, layout, columns, limits)
    model, status = labels["checkpoint_model_version_id"], labels["predict_status"]
    arrival, source, names = data["gmt_create"], model.codes, model.names
    notices: list[str] = []
    unfinished = [
        f"{words.count(int((status.codes == code).sum()))} {name}"
        for code, name in enumerate(status.names)
        if name in ("FAILED", "PENDING")
    ]
    if "" in names:
        empty = names.index("")
        keep = source != empty
        left_out = int((~keep).sum())
        arrival, source = arrival[keep], source[keep]
        source = source - (source > empty)
        names = names[:empty] + names[empty + 1 :]
        notices.append(f"{words.plural(left_out, 'row')} of {file.name} without a model left out.")
    if not arrival.size:
        raise InputError(f"{file.name}: no row names a model in checkpoint_model_version_id; at least one is needed.")
    notices += _unused(layout, columns, _PUBLISHED[layout.format])
    if unfinished:
        notices.append(f"{file.name} has requests that did not succeed ({', '.join(unfinished)}); they are kept.")
    return EventPart(layout.format, arrival, source.astype(np.int32), names, None, notices)


def read_azure_functions_2021(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """Azure Functions 2021: arrival = end - duration; a function is (app, func)."""
    columns = {"app": Kind.LABEL, "func": Kind.LABEL, "end_timestamp": Kind.CLOCK, "duration": Kind.TIME}
    data, labels = read_columns(file, layout, columns, limits)
    unit = epoch_unit(float(data["end_timestamp"].min()))
    if unit is not None and unit[0] != "seconds":
        raise InputError(
            f"{file.name}, column 'end_timestamp' is in {unit[0]} since 1970, so the unit of 'duration' is unknown; "
            "both in seconds are allowed."
        )
    arrival = data["end_timestamp"] - data["duration"]
    early = np.flatnonzero(arrival < -_ROUNDING_S)
    if early.size:
        row = early[0]
        raise InputError(
            f"{file.name}, request {row + 1}: it ends at {data['end_timestamp'][row]:g} s after "
            f"{data['duration'][row]:g} s, so it began before time 0; a start from 0 on is allowed."
        )
    rounded = int((arrival < 0).sum())
    np.maximum(arrival, 0.0, out=arrival)
    app, func = labels["app"], labels["func"]
    # Here, because few formats need it.
    import pandas as pd

    codes, keys = pd.factorize(app.codes.astype(np.int64) * len(func.names) + func.codes)
    check_sources(file, keys.size, limits)
    names = short_names([(app.names[key // len(func.names)], func.names[key % len(func.names)]) for key in keys])
    part = EventPart(layout.format, arrival, codes.astype(np.int32), names)
    part.notices += _unused(layout, columns, _PUBLISHED[layout.format])
    if rounded:
        part.notices.append(
            f"{words.plural(rounded, 'start')} of {file.name} fell before 0 by rounding and have been set to 0."
        )
    return part


def _read_parquet(file: TraceFile, limits: TraceLimits) -> EventPart:
    try:
        return _parquet_part(file, limits)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{file.name} is a damaged Parquet file: {str(error).splitlines()[0][:200].rstrip('.')}."
        ) from None


def _parquet_part(file: TraceFile, limits: TraceLimits) -> EventPart:
    file.stream.seek(0)
    parquet = open_parquet(file.stream)
    names = parquet.schema_arrow.names
    for name in ("arrival_s", "model"):
        if names.count(name) != 1:
            raise InputError(f"{file.name} is Parquet with {names.count(name)} columns named '{name}'; one is needed.")
    _check_parquet_size(file, parquet, limits)
    _check_parquet_types(file, parquet.schema_arrow)
    # Names stay a dictionary: written out, one long name in a few bytes a row would fill the memory.
    parquet = open_parquet(file.stream, metadata=parquet.metadata, read_dictionary=["model"])
    numbers = [name for name in ("arrival_s", "slo_s", *_TOKENS) if name in names]
    wanted = ["model", *numbers]
    labels, rows = Labels(), 0
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    for batch in parquet.iter_batches(columns=wanted, batch_size=1 << 20):
        rows += batch.num_rows
        if rows > limits.max_rows:
            raise InputError(
                f"{file.name} has more than {words.count(limits.max_rows)} rows, the most that are allowed."
            )
        for name in numbers:
            pieces[name].append(_parquet_numbers(batch[name]))
        model = batch["model"]
        if model.null_count:
            raise InputError(
                f"{file.name}, column 'model' has {words.plural(model.null_count, 'empty value')}; text is needed."
            )
        if not is_dictionary(model):
            model = pc.dictionary_encode(model)
        names_as_text = dictionary_column(model.indices, model.dictionary.cast(pa.string()))
        pieces["model"].append(labels.encode(names_as_text))
        check_sources(file, len(labels.names), limits)
    arrival_s, source = np.concatenate(pieces["arrival_s"]), np.concatenate(pieces["model"])
    slo_s = np.concatenate(pieces["slo_s"]) if "slo_s" in pieces else None
    _check_parquet_values(file, arrival_s, slo_s)
    arrival_s, notices = in_seconds(file.name, arrival_s)
    part = EventPart("native", arrival_s, source, labels.names, slo_s, notices)
    part.input_tokens, part.output_tokens = (
        _parquet_tokens(file, name, np.concatenate(pieces[name])) if name in pieces else None for name in _TOKENS
    )
    _check_model_names(file, part)
    part.notices += unused_columns([name for name in names if name not in _NATIVE])
    return part


def _check_parquet_size(file: TraceFile, parquet: Any, limits: TraceLimits) -> None:
    rows = parquet.metadata.num_rows
    if rows == 0:
        raise InputError(f"{file.name} has no rows; at least one request is needed.")
    if rows > limits.max_rows:
        raise InputError(
            f"{file.name} has {words.count(rows)} rows; at most {words.count(limits.max_rows)} are allowed."
        )
    # Not asked by column: Arrow ends the whole process where a damaged file lies about its columns.
    groups = parquet.metadata
    unpacked = sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))
    if not 0 <= unpacked <= limits.max_bytes:
        raise InputError(
            f"{file.name} unpacks to {words.count(unpacked)} bytes; "
            f"at most {words.count(limits.max_bytes)} are allowed."
        )


def _check_parquet_types(file: TraceFile, schema: Any) -> None:
    """Before anything is read: a short file can hold a long text in every row of a column."""
    for name in ("arrival_s", "slo_s", *_TOKENS):
        kind = schema.field(name).type if name in schema.names else pa.float64()
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InputError(f"{file.name}, column '{name}' holds {kind}; numbers are needed.")
    kind = schema.field("model").type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        raise InputError(f"{file.name}, column 'model' holds {kind}; text is needed.")


def _parquet_numbers(column: Column) -> np.ndarray:
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(float("nan")))


def _parquet_tokens(file: TraceFile, name: str, values: np.ndarray) -> np.ndarray:
    bad = np.flatnonzero(~((values >= 0) & (values <= MAX_TOKENS) & (values == np.floor(values))))
    if bad.size:
        raise InputError(
            f"{file.name}, row {bad[0] + 1}, column '{name}' is {values[bad[0]]}; {Kind.TOKENS.value} is allowed."
        )
    return values.astype(np.int64)


def _check_parquet_values(file: TraceFile, arrival_s: np.ndarray, slo_s: np.ndarray | None) -> None:
    bad = np.flatnonzero(~((arrival_s >= 0) & (arrival_s <= MAX_CLOCK)))
    if bad.size:
        raise InputError(
            f"{file.name}, row {bad[0] + 1}, column 'arrival_s' is {arrival_s[bad[0]]}; {Kind.CLOCK.value} is allowed."
        )
    if slo_s is not None:
        bad = np.flatnonzero(~(np.isnan(slo_s) | (np.isfinite(slo_s) & (slo_s > 0))))
        if bad.size:
            raise InputError(
                f"{file.name}, row {bad[0] + 1}, column 'slo_s' is {slo_s[bad[0]]}; {Kind.DEADLINE.value} is allowed."
            )


def _check_model_names(file: TraceFile, part: EventPart) -> None:
    for code, name in enumerate(part.names or ()):
        if not name.strip():
            row = int(np.flatnonzero(part.source == code)[0]) + 1
            raise InputError(
                f"{file.name}, request {row} names no model; every row of a {part.format} trace needs one."
            )
