"""JSON Lines formats: Mooncake, Qwen/Bailian, RAGPulse. One model a file unless lines name one; lines are long."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from simulator import words
from simulator.errors import InputError
from simulator.traces.arrow import JsonObject, is_object
from simulator.traces.clock import CLOCK_RULE, MAX_CLOCK, in_seconds
from simulator.traces.detect import JSON_KEYS, FileLayout
from simulator.traces.files import TraceFile
from simulator.traces.parts import EventPart, single_source, unused_columns
from simulator.traces.table import check_sources
from simulator.traces.trace import MAX_TOKENS, TraceLimits
from simulator.workload import NO_LENGTH

_UNITS = {"mooncake": "milliseconds", "qwen": "seconds", "ragpulse": "seconds"}


def read_json_lines(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    """The arrivals of a JSON Lines trace, and the models of a file whose lines have a key `model`; empty lines are
    skipped.

    Raises InputError naming the line that is no object, whose timestamp is missing or no number from 0 on (also as
    text), or that names no model where others do.
    """
    times: list[float] = []
    models: list[int] = []
    lengths: list[tuple[int, int]] = []
    lacking = ""
    names_models = False
    notices: list[str] = []
    index: dict[str, int] = {}
    other_keys: dict[str, None] = {}
    for where, line in file.lines():
        # Only the first line can carry a byte order mark.
        text = line if times else line.removeprefix(b"\xef\xbb\xbf")
        if not text.strip():
            continue
        row = _row(where, text)
        if not times:
            names_models = "model" in row
        times.append(_timestamp(where, row))
        if names_models or "model" in row:
            models.append(index.setdefault(_model(where, row, names_models), len(index)))
            check_sources(file, len(index), limits)
        found = _lengths(row)
        lengths.append(found or (NO_LENGTH, NO_LENGTH))
        if found is None:
            lacking = lacking or where
        other_keys.update(dict.fromkeys(row.keys() - JSON_KEYS))
        if len(times) > limits.max_rows:
            raise InputError(
                f"{file.name} has more than {words.count(limits.max_rows)} rows, the most that are allowed."
            )
    tokens = np.array(lengths, dtype=np.int64)
    if (tokens == NO_LENGTH).all():
        tokens = None
    if lacking:
        rest = "this file has no tokens" if tokens is None else "lines without them bring no tokens"
        notices = [f"{lacking} has no whole input_length and output_length; {rest}."]
    arrival, clock = in_seconds(file.name, np.array(times), _UNITS[layout.format])
    notices += clock
    if layout.is_guess and not clock:
        notices += [_unit_notice(file, layout.format)]
    source = np.array(models, dtype=np.int32) if models else single_source(arrival.size)
    part = EventPart(layout.format, arrival, source, list(index) or None, None, notices)
    part.notices += unused_columns(sorted(other_keys))
    if layout.format == "ragpulse":
        # A pass starts where the clock falls back; small disorder inside a pass is not one.
        passes = 1 + int((np.diff(arrival) < -86_400).sum())
        if passes > 1:
            order = np.argsort(arrival, kind="stable")
            part.arrival, part.source = arrival[order], source[order]
            tokens = None if tokens is None else tokens[order]
            part.notices.append(
                f"{file.name} holds {passes} passes over the same clock, one after "
                "the other; they have been laid over each other."
            )
    if tokens is not None:
        part.input_tokens, part.output_tokens = tokens.T
    return part


def _unit_notice(file: TraceFile, format_name: str) -> str:
    other = "qwen" if _UNITS[format_name] == "milliseconds" else "mooncake"
    return (
        f"Nothing in {file.name} tells the unit of its times; they are read as {_UNITS[format_name]}, as in "
        f"{format_name} traces. The format {other} reads them as {_UNITS[other]}."
    )


def _row(where: str, line: bytes) -> JsonObject:
    try:
        row = json.loads(line)
    except UnicodeDecodeError:
        raise InputError(f"{where} is not valid UTF-8; text in UTF-8 is allowed.") from None
    except (ValueError, RecursionError):
        raise InputError(f"{where} is no complete JSON object; one object on each line is allowed.") from None
    if not is_object(row) or "timestamp" not in row:
        raise InputError(f"{where} has no timestamp; an object with one on each line is allowed.")
    return row


def _timestamp(where: str, row: JsonObject) -> float:
    value = row["timestamp"]
    try:
        is_number = isinstance(value, (int, float, str)) and not isinstance(value, bool)
        # Python reads "1_000" as a number, nobody else does.
        time = float(value.replace("_", "?") if isinstance(value, str) else value) if is_number else math.nan
    except (ValueError, OverflowError):
        time = math.nan
    if not 0 <= time <= MAX_CLOCK:
        raise InputError(f"{where}, key 'timestamp' is {value!r:.60}; {CLOCK_RULE} is allowed.")
    return time


def _lengths(row: JsonObject) -> tuple[int, int] | None:
    values: tuple[Any, Any] = (row.get("input_length"), row.get("output_length"))
    is_whole = all(type(value) is int and 0 <= value <= MAX_TOKENS for value in values)
    return values if is_whole else None


def _model(where: str, row: JsonObject, expected: bool) -> str:
    model = row.get("model")
    if not expected:
        raise InputError(f"{where} names a model, but the first line does not; all lines or none are allowed to.")
    if not isinstance(model, str) or not model.strip():
        found = f"is {model!r:.60}" if "model" in row else "is missing"
        raise InputError(f"{where}, key 'model' {found}; text is needed on every line, because the first has it.")
    return model.strip()
