"""JSON as a table: one object a line, a list of objects, lists of equal length, or what Prometheus answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from simulator import words
from simulator.errors import InputError
from simulator.traces.arrow import JsonObject, is_list, is_object
from simulator.traces.files import TraceFile
from simulator.traces.grid import Batch, Grid

MAX_JSON_BYTES = 64 << 20
PROMETHEUS_COLUMNS = ("time", "series", "value")
_BATCH_ROWS = 1 << 17
_SAMPLE_ROWS = 100
_MAX_DEPTH = 6
_MARK = b"\xef\xbb\xbf"
# Labels that tell where a series was scraped, not what it is.
_TARGET_LABELS = ("__name__", "job", "instance")


def json_grid(file: TraceFile) -> Grid:
    """The table of a JSON file; keys inside keys are joined by a dot.

    Raises InputError where it holds no rows, or is one document of more than MAX_JSON_BYTES.
    """
    lines = (line for _, line in file.lines() if line.removeprefix(_MARK).strip())
    first, second = next(lines, b"").removeprefix(_MARK), next(lines, None)
    try:
        row = _loads(first)
    except (ValueError, RecursionError):
        row = None
    is_document = not is_object(row) or (second is None and bool(_prometheus(row) or _rows_in(row)))
    return _document_grid(file) if is_document else _lines_grid(file)


def _loads(text: bytes) -> Any:
    # Numbers stay as they are written, to the last digit.
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _lines_grid(file: TraceFile) -> Grid:
    def rows() -> Iterator[JsonObject]:
        for where, line in file.lines():
            if line.strip():
                yield _object(where, line)

    def place(row: int) -> str:
        return next(itertools.islice((where for where, line in file.lines() if line.strip()), row, None))

    return Grid("json", _keys(rows()), lambda wanted: _batches(rows(), wanted), place)


def _object(where: str, line: bytes) -> JsonObject:
    try:
        row = _loads(line.removeprefix(_MARK))
    except UnicodeDecodeError:
        raise InputError(f"{where} is not valid UTF-8; text in UTF-8 is allowed.") from None
    except (ValueError, RecursionError):
        row = None
    if not is_object(row):
        raise InputError(f"{where} is no complete JSON object; one object on each line is allowed.")
    return row


def _document_grid(file: TraceFile) -> Grid:
    if file.size_bytes > MAX_JSON_BYTES:
        raise InputError(
            f"{file.name} is one JSON document of {words.count(file.size_bytes / 2**20)} MiB; at most "
            f"{MAX_JSON_BYTES >> 20} "
            "MiB are allowed, or JSON Lines (one object on each line) of any size."
        )
    file.stream.seek(0)
    try:
        document = _loads(file.stream.read().removeprefix(_MARK))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"{file.name}, line {line}" if line else file.name
        raise InputError(
            f"{where} is no complete JSON; one object on each line, or one document, is allowed."
        ) from None
    series = _prometheus(document)
    if series is not None:
        rows: Sequence[JsonObject] = series
        names: tuple[str, ...] = PROMETHEUS_COLUMNS
    else:
        rows = _rows_in(document)
        names = _keys(iter(rows))
    if not rows:
        raise InputError(
            f"{file.name} is JSON without a list of requests; a list of objects, one object on each line, or the "
            "answer of Prometheus to query_range is allowed."
        )
    return Grid("json", names, lambda wanted: _batches(iter(rows), wanted), lambda row: f"{file.name}, entry {row + 1}")


def _prometheus(document: Any) -> list[JsonObject] | None:
    """A row an instant and series; None where it is not what query_range answers."""
    data = document.get("data", document) if is_object(document) else None
    if not is_object(data) or data.get("resultType") != "matrix" or not is_list(data.get("result")):
        return None
    found = [entry for entry in data["result"] if is_object(entry) and is_object(entry.get("metric"))]
    names = series_names([{str(k): str(v) for k, v in entry["metric"].items()} for entry in found])
    return [
        {"time": str(pair[0]), "series": name, "value": str(pair[1])}
        for name, entry in zip(names, found, strict=True)
        for pair in entry.get("values") or ()
        if is_list(pair) and len(pair) == 2
    ]


def series_names(metrics: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each series: the values of the labels in which they differ, without where they were scraped if the
    rest tells them apart."""
    keys = [key for key in dict.fromkeys(k for m in metrics for k in m) if len({m.get(key) for m in metrics}) > 1]
    for chosen in ([key for key in keys if key not in _TARGET_LABELS], keys):
        names = ["/".join(m[key] for key in chosen if m.get(key)) for m in metrics]
        if all(names) and len(set(names)) == len(names):
            return names
    return [m.get("__name__", "requests") + (f" ({i + 1})" if len(metrics) > 1 else "") for i, m in enumerate(metrics)]


def _rows_in(document: Any, depth: int = 0) -> list[JsonObject]:
    """The longest list of objects anywhere in the document, or lists of equal length side by side."""
    if is_list(document):
        if document and all(is_object(entry) for entry in document):
            inner = max((_rows_in(entry, depth + 1) for entry in document), key=len) if depth < _MAX_DEPTH else []
            return inner if len(inner) > len(document) else document
        return []
    if not is_object(document) or depth > _MAX_DEPTH:
        return []
    columns = _columns_of(document)
    if columns is not None:
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return max((_rows_in(value, depth + 1) for value in document.values()), key=len, default=list[JsonObject]())


def _columns_of(row: JsonObject) -> dict[str, list[Any]] | None:
    """Lists of plain values that go side by side: at least two of the length that most of them have."""
    lists = {k: v for k, v in row.items() if is_list(v) and v and not isinstance(v[0], (dict, list))}
    lengths = [len(values) for values in lists.values()]
    if len(lengths) < 2:
        return None
    usual = max(set(lengths), key=lambda n: (lengths.count(n), n))
    found = {key: values for key, values in lists.items() if len(values) == usual}
    return found if len(found) > 1 and any("time" in key or "start" in key for key in found) else None


def _keys(rows: Iterator[JsonObject]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for row in itertools.islice(rows, _SAMPLE_ROWS) for key in _flat(row)))


def _flat(row: Mapping[str, Any], front: str = "", depth: int = 0) -> Iterator[str]:
    for key, value in row.items():
        if is_object(value) and depth < _MAX_DEPTH:
            yield from _flat(value, f"{front}{key}.", depth + 1)
        elif not is_list(value):
            yield front + key


def _batches(rows: Iterator[JsonObject], wanted: Sequence[str]) -> Iterator[Batch]:
    while part := list(itertools.islice(rows, _BATCH_ROWS)):
        yield {name: pa.array([_cell(row, name) for row in part], pa.string()) for name in wanted}


def _cell(row: Mapping[str, Any], name: str) -> str:
    value: Any = row.get(name)
    if value is None and "." in name:
        value = row
        for key in name.split("."):
            value = value.get(key) if is_object(value) else None
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
