"""Reads trace files of any known format into one Trace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from simulator import words
from simulator.arrays import I32
from simulator.errors import InputError
from simulator.traces import events
from simulator.traces.any_table import read_requests, recognise, resolve_columns
from simulator.traces.azure_functions import join_counts, read_counts
from simulator.traces.clock import instant
from simulator.traces.columns import Columns
from simulator.traces.detect import FileLayout, UnknownFormatError, detect
from simulator.traces.files import TraceFile, TraceInput, as_inputs, open_files
from simulator.traces.interval_files import guess_notice, read_interval_files
from simulator.traces.json_lines import read_json_lines
from simulator.traces.parts import EventPart, short_names
from simulator.traces.servegen import RatePart, read_rates
from simulator.traces.ticks import find_tick
from simulator.traces.trace import MAX_SOURCE_NAME, Events, Rates, Trace, TraceLimits
from simulator.workload import NO_LENGTH

# A clock that starts later than this (11.6 days) counts from somewhere else, such as 1970.
_FAR_START_S = 1e6
_TIED_SHARE = 0.1
# One gap that takes more of the whole span than this is pointed out, unless there are too few requests to tell.
_SILENT_SHARE = 0.5
_FEW_REQUESTS = 20

_KIND_OF = {"azure_functions_2019": "counts per minute", "servegen": "rates per window"}


def read_trace(
    paths_or_buffers: TraceInput | Sequence[TraceInput],
    format: str = "auto",
    limits: TraceLimits | None = None,
    columns: Columns | None = None,
) -> Trace:
    """Reads one trace from one or several files.

    The format is recognised by content; `.gz` of any of them is unpacked. Files that name no model are one source
    each, called like the file without its ending; sources of files that do are joined by name. Wall-clock files
    keep their common clock, whose 0 is the first arrival of all; Azure Functions 2019 files that carry a day in
    their name (`.d01.`) follow each other.

    Args:
        paths_or_buffers: a path, or (name, bytes or binary file), or a list of these.
        format: "auto" or one of FORMATS; the latter only decides between formats that look alike.
        limits: bounds on size, rows and sources; TraceLimits() by default.
        columns: which column of the files is what; without it, tables that no reader knows are read where the names
            and values of their columns leave no doubt.

    Returns:
        The trace; `notices` says in sentences what was sorted, left out or looks odd.

    Raises:
        InputError: with one sentence that names the file, and where it applies line, column and value.
    """
    limits = limits or TraceLimits()
    with open_files(as_inputs(paths_or_buffers), limits) as files:
        layouts = [_layout(file, format, columns, limits) for file in files]
        kinds = {_kind(layout) for layout in layouts}
        if len(kinds) > 1:
            raise InputError(
                f"The trace files hold different things ({', '.join(sorted(kinds))}); files of one kind are allowed "
                "together."
            )
        digest = _digest([file.digest for file in files])
        if layouts[0].format == "azure_functions_2019":
            return _read_counts(files, layouts, limits, digest)
        if layouts[0].format == "servegen":
            return _read_rates(files, layouts, limits, digest)
        if _kind(layouts[0]) == "numbers per interval":
            return read_interval_files(files, layouts, _file_sources(files), limits, digest)
        parts: list[EventPart] = []
        for file, layout in zip(files, layouts, strict=True):
            parts.append(_EVENT_READERS[layout.format](file, layout, limits))
            if sum(part.arrival.size for part in parts) > limits.max_rows:
                raise InputError(
                    f"The trace files have more than {words.count(limits.max_rows)} rows together, the most that are "
                    f"allowed."
                )
        return _join_events(files, layouts, parts, limits, digest)


def _layout(file: TraceFile, format: str, columns: Columns | None, limits: TraceLimits) -> FileLayout:
    if columns is None and format != "table":
        try:
            return detect(file, format)
        except UnknownFormatError as error:
            return FileLayout("table", columns=recognise(file, error, limits), is_guess=True)
    if format not in ("auto", "table"):
        raise InputError(f"The trace format is '{format}', but columns are given; auto or table is allowed with them.")
    is_guess = columns is None or columns.time is None
    return FileLayout("table", columns=resolve_columns(file, columns or Columns(), limits), is_guess=is_guess)


def _kind(layout: FileLayout) -> str:
    if layout.columns is not None and layout.columns.shape != "requests":
        return "numbers per interval"
    return _KIND_OF.get(layout.format, "requests")


def _read_table(file: TraceFile, layout: FileLayout, limits: TraceLimits) -> EventPart:
    part = read_requests(file, layout.table_columns, limits)
    part.notices[:0] = guess_notice(file, layout)
    return part


_EVENT_READERS: dict[str, Callable[[TraceFile, FileLayout, TraceLimits], EventPart]] = {
    "native": events.read_native,
    "azure_functions_2021": events.read_azure_functions_2021,
    "azure_llm_2023": events.read_azure_llm,
    "azure_llm_2025": events.read_azure_llm,
    "burstgpt": events.read_burstgpt,
    "gentd26": events.read_gentd26,
    "vidur": events.read_vidur,
    "mooncake": read_json_lines,
    "qwen": read_json_lines,
    "ragpulse": read_json_lines,
    "table": _read_table,
}


def _read_counts(files: list[TraceFile], layouts: list[FileLayout], limits: TraceLimits, digest: str) -> Trace:
    parts = [read_counts(file, layout, limits) for file, layout in zip(files, layouts, strict=True)]
    keys, counts, clock_start_s, notices = join_counts(parts, limits)
    names = tuple(short_names(keys))
    if clock_start_s:
        notices.append(
            f"The first column is minute {words.count(clock_start_s / 60 + 1)}; times are counted from its start."
        )
    return Trace(layouts[0].format, names, counts, tuple(notices), digest, clock_start_s=clock_start_s)


def _read_rates(files: list[TraceFile], layouts: list[FileLayout], limits: TraceLimits, digest: str) -> Trace:
    parts = [read_rates(file, layout, limits) for file, layout in zip(files, layouts, strict=True)]
    zero_s = min(float(part.start_s[0]) for part in parts)

    def joined(values: Callable[[RatePart], np.ndarray]) -> np.ndarray:
        return np.concatenate([values(part) for part in parts])

    source = np.repeat(np.arange(len(parts), dtype=np.int32), [part.start_s.size for part in parts])
    content = Rates(
        source,
        joined(lambda part: part.start_s - zero_s),
        joined(lambda part: part.duration_s),
        joined(lambda part: part.rate_per_s),
        joined(lambda part: part.cv),
    )
    notices = tuple(notice for part in parts for notice in part.notices)
    return Trace(layouts[0].format, tuple(_file_sources(files)), content, notices, digest, clock_start_s=zero_s)


def _join_events(
    files: list[TraceFile], layouts: list[FileLayout], parts: list[EventPart], limits: TraceLimits, digest: str
) -> Trace:
    notices = [notice for part in parts for notice in part.notices] + _clock_notice(files, parts)
    starts_at = _to_common_clock(parts)
    for file, part in zip(files, parts, strict=True):
        falls = int((part.arrival[1:] < part.arrival[:-1]).sum())
        if falls:
            verb = "was" if falls == 1 else "were"
            notices.append(
                f"{words.plural(falls, 'row')} of {file.name} {verb} out of order; the rows have been sorted."
            )
    names, sources = _join_sources(files, parts, limits)
    arrival_s = parts[0].arrival if len(parts) == 1 else np.concatenate([part.arrival for part in parts])
    source = sources[0] if len(parts) == 1 else np.concatenate(sources)
    slo_s = _join_slo(parts)
    tokens = {key: _join_tokens(parts, key) for key in ("input_tokens", "output_tokens")}
    formats = " + ".join(dict.fromkeys(part.format for part in parts))
    parts.clear()
    if (arrival_s[1:] < arrival_s[:-1]).any():
        order = np.argsort(arrival_s, kind="stable")
        arrival_s, source = arrival_s[order], source[order]
        slo_s = None if slo_s is None else slo_s[order]
        tokens = {key: None if values is None else values[order] for key, values in tokens.items()}
    clock_start_s = 0.0
    if starts_at is None and arrival_s[0] >= _FAR_START_S:
        clock_start_s = float(arrival_s[0])
        arrival_s = arrival_s - clock_start_s
        notices.append(
            f"The clock starts at {words.count(clock_start_s)} s; times are counted from the first request instead."
        )
    notices += _tick_notice(arrival_s) + _silence_notice(arrival_s)
    content = Events(arrival_s, source, slo_s, **tokens)
    columns = next((layout.columns for layout in layouts if layout.columns is not None), None)
    return Trace(formats, tuple(names), content, tuple(notices), digest, starts_at, clock_start_s, columns)


def _to_common_clock(parts: list[EventPart]) -> datetime | None:
    walls = [part for part in parts if part.is_wall_clock]
    if not walls:
        return None
    zero_ns = min(int(part.arrival.min()) for part in walls)
    for part in walls:
        part.arrival = (part.arrival - zero_ns) / 1e9
    return instant(zero_ns)


def _clock_notice(files: list[TraceFile], parts: list[EventPart]) -> list[str]:
    walls = [file.name for file, part in zip(files, parts, strict=True) if part.is_wall_clock]
    if len(walls) in (0, len(parts)):
        return []
    others = [file.name for file, part in zip(files, parts, strict=True) if not part.is_wall_clock]
    return [
        f"{_few(walls)} has dates and {_few(others)} counts from a start of its own; the first date stands at 0 s of "
        "the other clock, which is a guess."
    ]


def _few(names: list[str]) -> str:
    return names[0] + (f" (and {len(names) - 1} more)" if len(names) > 1 else "")


def _silence_notice(arrival_s: np.ndarray) -> list[str]:
    if arrival_s.size < _FEW_REQUESTS:
        return []
    gaps_s = np.diff(arrival_s)
    longest = int(gaps_s.argmax())
    if gaps_s[longest] <= _SILENT_SHARE * (arrival_s[-1] - arrival_s[0]):
        return []
    return [
        f"Nothing arrives from {words.count(arrival_s[longest])} to {words.count(arrival_s[longest + 1])} s, most of "
        f"the trace, so its "
        "mean rate says little; start_s and duration_s choose a part."
    ]


def _join_sources(
    files: list[TraceFile], parts: list[EventPart], limits: TraceLimits
) -> tuple[list[str], list[np.ndarray]]:
    index: dict[str, int] = {}
    sources: list[I32] = []
    for stem, part in zip(_file_sources(files), parts, strict=True):
        names = [stem] if part.names is None else part.names
        codes = np.array([index.setdefault(name, len(index)) for name in names], dtype=np.int32)
        is_same = codes.size == len(index) and (codes == np.arange(codes.size)).all()
        sources.append(part.source if is_same else codes[part.source])
    longest = max(index, key=len)
    if len(longest) > MAX_SOURCE_NAME:
        raise InputError(
            f"The trace names a model or function with {words.count(len(longest))} characters ('{longest[:20]}...'); "
            f"at most "
            f"{MAX_SOURCE_NAME} are allowed."
        )
    if len(index) > limits.max_sources:
        raise InputError(
            f"The trace names {words.count(len(index))} models or functions; at most "
            f"{words.count(limits.max_sources)} are allowed."
        )
    return list(index), sources


def _file_sources(files: list[TraceFile]) -> list[str]:
    """A name for each file: its stem; with the folder, or a number, in front where two have the same."""
    names: list[str] = []
    stems = [file.stem for file in files]
    for file in files:
        name = file.stem
        if stems.count(name) > 1 and file.folder:
            name = f"{file.folder}/{name}"
        number = 2
        while name in names:
            name, number = f"{file.stem} ({number})", number + 1
        names.append(name)
    return names


def _join_slo(parts: list[EventPart]) -> np.ndarray | None:
    if all(part.slo_s is None for part in parts):
        return None
    return np.concatenate([np.full(part.arrival.size, np.nan) if part.slo_s is None else part.slo_s for part in parts])


def _join_tokens(parts: list[EventPart], key: str) -> np.ndarray | None:
    """The tokens of all requests, NO_LENGTH for those of a file without; None where no file has them."""
    pieces = [getattr(part, key) for part in parts]
    if all(piece is None for piece in pieces):
        return None
    return np.concatenate([
        np.full(part.arrival.size, NO_LENGTH) if piece is None else piece
        for part, piece in zip(parts, pieces, strict=True)
    ])  # fmt: skip


def _tick_notice(arrival_s: np.ndarray) -> list[str]:
    tied = float((arrival_s[1:] == arrival_s[:-1]).mean()) if arrival_s.size > 1 else 0.0
    tick_s = find_tick(arrival_s) if tied >= _TIED_SHARE else None
    if tick_s is None:
        return []
    return [
        f"Times fall on ticks of {tick_s:g} s and {words.share(tied)} of the requests share their time with the one "
        "before, so the CV says more about the clock than about the traffic; dequantise: even (or random) "
        "spreads them over the tick."
    ]


def _digest(digests: list[str]) -> str:
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
