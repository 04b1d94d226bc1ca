"""JSON Lines formats: Mooncake, Qwen/Bailian, RAGPulse. One model a file; lines run to several kB."""

from __future__ import annotations

import json
import math

import numpy as np

from simulator.errors import InputError
from simulator.traces.detect import Layout
from simulator.traces.files import TraceFile
from simulator.traces.parts import EventPart, single_source
from simulator.traces.trace import MAX_TIME_S, TraceLimits

_SECONDS_PER_UNIT = {"mooncake": 1e-3, "qwen": 1.0, "ragpulse": 1.0}


def read_json_lines(file: TraceFile, layout: Layout, limits: TraceLimits) -> EventPart:
    """The arrivals of a JSON Lines trace; empty lines are skipped.

    Raises InputError naming the line that is no object, or whose timestamp is missing or no number from 0 on
    (RAGPulse: text that is such a number).
    """
    times: list[float] = []
    for where, line in file.lines():
        # Only the first line can carry a byte order mark.
        text = line if times else line.removeprefix(b"\xef\xbb\xbf")
        if not text.strip():
            continue
        times.append(_timestamp(where, text, layout.format))
        if len(times) > limits.max_rows:
            raise InputError(f"{file.name} has more than {limits.max_rows:,} rows, the most that are allowed.")
    arrival = np.array(times) * _SECONDS_PER_UNIT[layout.format]
    part = EventPart(layout.format, arrival, single_source(arrival.size), None)
    if layout.format == "ragpulse":
        # A pass starts where the clock falls back; small disorder inside a pass is not one.
        passes = 1 + int((np.diff(arrival) < -86_400).sum())
        if passes > 1:
            arrival.sort()
            part.notices.append(
                f"{file.name} holds {passes} passes over the same clock, one after "
                "the other; they have been laid over each other."
            )
    return part


def _timestamp(where: str, line: bytes, format_name: str) -> float:
    try:
        row = json.loads(line)
    except UnicodeDecodeError:
        raise InputError(f"{where} is not valid UTF-8; text in UTF-8 is allowed.") from None
    except (ValueError, RecursionError):
        raise InputError(f"{where} is no complete JSON object; one object on each line is allowed.") from None
    if not isinstance(row, dict) or "timestamp" not in row:
        raise InputError(f"{where} has no timestamp; an object with one on each line is allowed.")
    value = row["timestamp"]
    try:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        seconds = float(value) if is_number or (format_name == "ragpulse" and isinstance(value, str)) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds <= MAX_TIME_S:
        raise InputError(f"{where}, key 'timestamp' is {value!r:.60}; a number from 0 to {MAX_TIME_S:g} is allowed.")
    return seconds
