"""CSV and Parquet formats with one row a request."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulator.errors import InputError
from simulator.traces.detect import Layout
from simulator.traces.files import TraceFile
from simulator.traces.parts import EventPart, counted, short_names, single_source
from simulator.traces.table import Kind, Labels, check_sources, read_columns
from simulator.traces.trace import MAX_TIME_S, TraceLimits

# Durations are whole milliseconds, ends are not: a start may fall this far before 0 by rounding alone.
_ROUNDING_S = 0.01
_YEAR_2024_NS = pd.Timestamp("2024-01-01").value


def read_native(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """`arrival_s,model[,slo_s]`, columns in any order; others are ignored with a notice."""
    if layout.is_parquet:
        return _read_parquet(file, limits)
    columns = {"arrival_s": Kind.TIME, "model": Kind.LABEL}
    if "slo_s" in layout.header:
        columns["slo_s"] = Kind.DEADLINE
    data = read_columns(file, layout, columns, limits)
    part = EventPart("native", data["arrival_s"], data["model"].codes, data["model"].names, data.get("slo_s"))
    _check_model_names(file, part)
    part.notices += _ignored(layout.header)
    return part


def read_azure_llm(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """Azure LLM inference: 2023 (100 ns, no zone), 2024 (UTC offset), and multimodal 2025; one model a file."""
    arrival = read_columns(file, layout, {"timestamp": Kind.INSTANT}, limits)["timestamp"]
    found = layout.format
    if found == "azure_llm_2023" and arrival[0] >= _YEAR_2024_NS:
        found = "azure_llm_2024"
    return EventPart(found, arrival, single_source(arrival.size), None)


def read_vidur(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """Vidur/Splitwise processed traces: seconds from 0; one model a file."""
    arrival = read_columns(file, layout, {"arrived_at": Kind.TIME}, limits)["arrived_at"]
    return EventPart(layout.format, arrival, single_source(arrival.size), None)


def read_burstgpt(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """BurstGPT, six or eight columns. Failed requests arrived all the same: they stay, and a notice counts them."""
    columns = {"timestamp": Kind.TIME, "model": Kind.LABEL, "response tokens": Kind.NUMBER}
    data = read_columns(file, layout, columns, limits)
    part = EventPart(layout.format, data["timestamp"], data["model"].codes, data["model"].names)
    _check_model_names(file, part)
    failed = int((data["response tokens"] == 0).sum())
    if failed:
        part.notices.append(
            f"{counted(failed, 'request')} of {file.name} failed (no response tokens); they arrived, so they are kept."
        )
    return part


def read_gentd26(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """GenTD26: the model is the base checkpoint; rows without one are left out, failed ones are kept."""
    columns = {
        "gmt_create": Kind.INSTANT,
        "predict_status": Kind.LABEL,
        "checkpoint_model_version_id": Kind.LABEL,
    }
    data = read_columns(file, layout, columns, limits)
    model, status = data["checkpoint_model_version_id"], data["predict_status"]
    arrival, source, names, notices = data["gmt_create"], model.codes, model.names, []
    unfinished = [
        f"{int((status.codes == code).sum()):,} {name}"
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
        notices.append(f"{counted(left_out, 'row')} of {file.name} without a model left out.")
    if not arrival.size:
        raise InputError(f"{file.name}: no row names a model in checkpoint_model_version_id; at least one is needed.")
    if unfinished:
        notices.append(f"{file.name} has requests that did not succeed ({', '.join(unfinished)}); they are kept.")
    return EventPart(layout.format, arrival, source.astype(np.int32), names, None, notices)


def read_azure_functions_2021(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """Azure Functions 2021: arrival = end - duration; a function is (app, func)."""
    columns = {"app": Kind.LABEL, "func": Kind.LABEL, "end_timestamp": Kind.TIME, "duration": Kind.TIME}
    data = read_columns(file, layout, columns, limits)
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
    app, func = data["app"], data["func"]
    codes, keys = pd.factorize(app.codes.astype(np.int64) * len(func.names) + func.codes)
    check_sources(file, keys.size, limits)
    names = short_names([(app.names[key // len(func.names)], func.names[key % len(func.names)]) for key in keys])
    part = EventPart(layout.format, arrival, codes.astype(np.int32), names)
    if rounded:
        part.notices.append(
            f"{counted(rounded, 'start')} of {file.name} fell before 0 by rounding and have been set to 0."
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
    parquet = pq.ParquetFile(pa.PythonFile(file.stream, mode="r"))
    names = parquet.schema_arrow.names
    for name in ("arrival_s", "model"):
        if names.count(name) != 1:
            raise InputError(f"{file.name} is Parquet with {names.count(name)} columns named '{name}'; one is needed.")
    _check_parquet_size(file, parquet, limits)
    wanted = ["arrival_s", "model"] + (["slo_s"] if "slo_s" in names else [])
    labels, pieces = Labels(), {name: [] for name in wanted}
    for batch in parquet.iter_batches(columns=wanted, batch_size=1 << 20):
        for name in ("arrival_s", "slo_s"):
            if name in wanted:
                pieces[name].append(_parquet_numbers(file, name, batch[name]))
        model = batch["model"]
        if model.null_count:
            raise InputError(
                f"{file.name}, column 'model' has {counted(model.null_count, 'empty value')}; text is needed."
            )
        if pa.types.is_dictionary(model.type):
            model = model.dictionary_decode()
        pieces["model"].append(labels.encode(pc.dictionary_encode(model.cast(pa.string()))))
        check_sources(file, len(labels.names), limits)
    arrival_s, source = np.concatenate(pieces["arrival_s"]), np.concatenate(pieces["model"])
    slo_s = np.concatenate(pieces["slo_s"]) if "slo_s" in pieces else None
    _check_parquet_values(file, arrival_s, slo_s)
    part = EventPart("native", arrival_s, source, labels.names, slo_s)
    _check_model_names(file, part)
    part.notices += _ignored(tuple(names))
    return part


def _check_parquet_size(file: TraceFile, parquet: pq.ParquetFile, limits: TraceLimits) -> None:
    rows = parquet.metadata.num_rows
    if rows == 0:
        raise InputError(f"{file.name} has no rows; at least one request is needed.")
    if rows > limits.max_rows:
        raise InputError(f"{file.name} has {rows:,} rows; at most {limits.max_rows:,} are allowed.")
    groups = parquet.metadata
    unpacked = sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))
    if unpacked > limits.max_bytes:
        raise InputError(f"{file.name} unpacks to {unpacked:,} bytes; at most {limits.max_bytes:,} are allowed.")


def _parquet_numbers(file: TraceFile, name: str, column: pa.Array) -> np.ndarray:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise InputError(f"{file.name}, column '{name}' holds {column.type}; numbers are needed.")
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(float("nan")))


def _check_parquet_values(file: TraceFile, arrival_s: np.ndarray, slo_s: np.ndarray | None) -> None:
    bad = np.flatnonzero(~((arrival_s >= 0) & (arrival_s <= MAX_TIME_S)))
    if bad.size:
        raise InputError(
            f"{file.name}, row {bad[0] + 1}, column 'arrival_s' is {arrival_s[bad[0]]}; {Kind.TIME.value} is allowed."
        )
    if slo_s is not None:
        bad = np.flatnonzero(~(np.isnan(slo_s) | (np.isfinite(slo_s) & (slo_s > 0))))
        if bad.size:
            raise InputError(
                f"{file.name}, row {bad[0] + 1}, column 'slo_s' is {slo_s[bad[0]]}; {Kind.DEADLINE.value} is allowed."
            )


def _check_model_names(file: TraceFile, part: EventPart) -> None:
    for code, name in enumerate(part.names):
        if not name.strip():
            row = int(np.flatnonzero(part.source == code)[0]) + 1
            raise InputError(
                f"{file.name}, request {row} names no model; every row of a {part.format} trace needs one."
            )


def _ignored(header: tuple[str, ...]) -> list[str]:
    extra = [name or "(no name)" for name in header if name not in ("arrival_s", "model", "slo_s")]
    if not extra:
        return []
    shown = ", ".join(extra[:5]) + (", ..." if len(extra) > 5 else "")
    return [f"{counted(len(extra), 'other column')} ({shown}) {'is' if len(extra) == 1 else 'are'} not used."]
