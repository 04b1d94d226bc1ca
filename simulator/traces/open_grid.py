"""Opens any file as a table of text: delimited text, JSON Lines, JSON documents, Parquet, access logs."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv as pa_csv

from simulator import words
from simulator.errors import InputError
from simulator.files import csv_rows
from simulator.traces.arrow import Column, dictionary_column, is_dictionary, open_parquet, python_file
from simulator.traces.columns import DELIMITERS, Columns
from simulator.traces.files import TraceFile
from simulator.traces.grid import SAMPLE_ROWS, Batch, Grid
from simulator.traces.json_rows import json_grid
from simulator.traces.trace import TraceLimits

MAX_TABLE_COLUMNS = 5_000
_BLOCK_BYTES = 8 << 20
_HEAD_BYTES = 1 << 20
_BATCH_ROWS = 1 << 17
_LOG_LINE = re.compile(
    r'^(\S+) (\S+) (\S+) \[([^\]]+)\] "([A-Z]+) ([^\s"?]+)[^"]*" (\d{3}) (\d+|-)(?:\s.*)?$', re.ASCII
)
LOG_COLUMNS = ("host", "identity", "user", "time", "method", "route", "status", "bytes")
_NUMBER = re.compile(r"[-+]?[\d.,' \u00a0\u202f]*\d(?:[eE][-+]?\d+)?|nan|NaN", re.ASCII)


def open_grid(file: TraceFile, columns: Columns, limits: TraceLimits) -> Grid:
    """The table of a file; delimiter and header are told by its first lines unless given.

    Raises InputError where it is no table, or has more than MAX_TABLE_COLUMNS columns.
    """
    head = file.head(_HEAD_BYTES)
    if head.startswith(b"PAR1"):
        grid = _parquet_grid(file, limits)
    elif head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        grid = json_grid(file)
    else:
        lines = _sample_lines(file, head)
        is_log = columns.delimiter == "auto" and columns.header == "auto" and bool(_LOG_LINE.match(lines[0]))
        grid = _log_grid(file) if is_log else _text_grid(file, columns, lines)
    if len(grid.names) > MAX_TABLE_COLUMNS:
        raise InputError(
            f"{file.name} has {words.count(len(grid.names))} columns; at most {words.count(MAX_TABLE_COLUMNS)} are "
            f"allowed."
        )
    return grid


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names in one line; those that stand more than once, or are empty, are numbered."""
    stripped = [" ".join(name.split()) or f"column {i + 1}" for i, name in enumerate(names)]
    seen: dict[str, int] = {}
    result: list[str] = []
    for name in stripped:
        seen[name] = seen.get(name, 0) + 1
        result.append(f"{name} ({seen[name]})" if stripped.count(name) > 1 else name)
    return tuple(result)


def looks_like_number(text: str) -> bool:
    """Whether a cell is a number, whatever its decimal mark."""
    return bool(_NUMBER.fullmatch(text.strip()))


def _sample_lines(file: TraceFile, head: bytes) -> list[str]:
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = [line for line in text.splitlines()[:SAMPLE_ROWS] if line.strip()]
    if not lines:
        raise InputError(f"{file.name} is empty; a table with one row a request or an interval is needed.")
    return lines


def _text_grid(file: TraceFile, columns: Columns, lines: list[str]) -> Grid:
    named = re.fullmatch(r"sep=(.)", lines[0].strip())
    lines = lines[1:] if named else lines
    delimiter = DELIMITERS.get(columns.delimiter) or (named[1] if named else _find_delimiter(file, lines))
    sample = list(csv_rows(io.StringIO("\n".join(lines[:20])), file.name, delimiter=delimiter))
    first = sample[0] if sample else [""]
    has_header = columns.header == "yes" or (columns.header == "auto" and _is_header(first))
    names = unique_names(first) if has_header else tuple(str(i + 1) for i in range(len(first)))
    skip = _lines_before(file, bool(named)) + has_header
    word = next((word for word, mark in DELIMITERS.items() if mark == delimiter), "auto")

    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        return _text_batches(file, names, wanted, delimiter, skip)

    def place(row: int) -> str:
        for number, (line, _) in enumerate(_walk(file, delimiter, skip)):
            if number == row:
                return f"{file.name}, line {line}"
        return f"{file.name}, row {row + 1}"

    return Grid("text", names, batches, place, Columns(delimiter=word, header="yes" if has_header else "no"))


def _find_delimiter(file: TraceFile, lines: list[str]) -> str:
    """What parts the first lines into the same number of fields each, at least two; a comma where nothing does."""
    best, most = ",", 1
    # Commas come last: beside another mark they are decimals.
    for delimiter in ("\t", ";", "|", ","):
        rows = csv_rows(io.StringIO("\n".join(lines[:20])), file.name, delimiter=delimiter)
        counts = {len(row) for row in rows if row}
        if len(counts) == 1 and max(counts) > most:
            best, most = delimiter, max(counts)
            if delimiter == "\t":
                break
    if most == 1:
        # Ragged lines: the first decides, so that the reader can name the line that differs.
        best = max(("\t", ";", "|", ","), key=lambda mark: lines[0].count(mark))
        best = best if best in lines[0] else ","
    return best


def _is_header(fields: list[str]) -> bool:
    return not any(looks_like_number(field) or re.match(r"\d{4}-\d\d|\d\d?[./]\d\d?[./]\d", field) for field in fields)


def _lines_before(file: TraceFile, is_named: bool) -> int:
    blank = 0
    for _, line in file.lines():
        if line.removeprefix(b"\xef\xbb\xbf").strip():
            break
        blank += 1
    return blank + is_named


def _text_batches(
    file: TraceFile, names: Sequence[str], wanted: Sequence[str], delimiter: str, skip: int
) -> Iterator[Batch]:
    fields = {name: f"c{names.index(name)}" for name in wanted}
    try:
        reader = pa_csv.open_csv(
            python_file(file.apart()),
            read_options=pa_csv.ReadOptions(
                column_names=[f"c{i}" for i in range(len(names))], skip_rows=skip, block_size=_BLOCK_BYTES
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(fields.values()),
                column_types=dict.fromkeys(fields.values(), pa.string()),
                strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield {name: batch[field] for name, field in fields.items()}
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        if "Empty CSV file" in str(error):
            return
        _diagnose(file, len(names), delimiter, skip)
        raise InputError(f"{file.name} cannot be split into columns: {_first_sentence(error)}.") from None


def _walk(file: TraceFile, delimiter: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    """Line and fields of every row that holds something. Raises InputError for text that is not UTF-8."""
    at = 0

    def texts() -> Iterator[str]:
        nonlocal at
        for where, line in itertools.islice(file.lines(), skip, None):
            at += 1
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{where}: byte 0x{line[error.start]:02x} is not valid UTF-8; text in UTF-8 is allowed."
                ) from None

    begin = skip + 1
    for fields in csv.reader(texts(), delimiter=delimiter):
        if fields:
            yield begin, fields
        begin = skip + at + 1


def _diagnose(file: TraceFile, width: int, delimiter: str, skip: int) -> None:
    try:
        for line, fields in _walk(file, delimiter, skip):
            if len(fields) != width:
                raise InputError(
                    f"{file.name}, line {line} has {words.plural(len(fields), 'field')}; {width} are needed."
                )
    except csv.Error as error:
        raise InputError(f"{file.name} cannot be split into columns: {error}.") from None


def _log_grid(file: TraceFile) -> Grid:
    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        at = [LOG_COLUMNS.index(name) + 1 for name in wanted]
        lines = ((where, line) for where, line in file.lines() if line.strip())
        while part := list(itertools.islice(lines, _BATCH_ROWS)):
            rows = [_log_line(where, line).group(*at, 0)[:-1] for where, line in part]
            yield {name: pa.array(values) for name, values in zip(wanted, zip(*rows, strict=True), strict=True)}

    def place(row: int) -> str:
        return next(itertools.islice((where for where, line in file.lines() if line.strip()), row, None))

    return Grid("log", LOG_COLUMNS, batches, place)


def _log_line(where: str, line: bytes) -> re.Match[str]:
    match = _LOG_LINE.match(line.decode("utf-8", "replace").rstrip("\r\n").removeprefix("\ufeff"))
    if match is None:
        raise InputError(
            f'{where} is no line of an access log; host identity user [time] "GET /route HTTP/1.1" status bytes is '
            "allowed."
        )
    return match


def _parquet_grid(file: TraceFile, limits: TraceLimits) -> Grid:
    file.stream.seek(0)
    try:
        parquet = open_parquet(file.stream)
        schema, meta = parquet.schema_arrow, parquet.metadata
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{file.name} is a damaged Parquet file: {_first_sentence(error)}.") from None
    unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    if unpacked > limits.max_bytes:
        raise InputError(
            f"{file.name} unpacks to {words.count(unpacked)} bytes; at most {words.count(limits.max_bytes)} are "
            f"allowed."
        )
    twice = {name for name in schema.names if schema.names.count(name) > 1}
    flat = tuple(f.name for f in schema if not pa.types.is_nested(f.type) and f.name not in twice)

    def batches(wanted: Sequence[str]) -> Iterator[Batch]:
        # Names stay a dictionary: written out, one long name in a few bytes a row would fill the memory.
        text = [name for name in wanted if pa.types.is_string(schema.field(name).type)]
        try:
            file.stream.seek(0)
            reader = open_parquet(file.stream, metadata=meta, read_dictionary=text)
            for batch in reader.iter_batches(columns=list(wanted), batch_size=_BATCH_ROWS):
                yield {name: _cast(batch[name]) for name in wanted}
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{file.name} is a damaged Parquet file: {_first_sentence(error)}.") from None

    return Grid("parquet", flat, batches, lambda row: f"{file.name}, row {row + 1}")


def _cast(column: Column) -> Column:
    if is_dictionary(column):
        words = column.dictionary.cast(pa.string())
        if not column.null_count:
            return dictionary_column(column.indices, words)
        # A missing value is the empty text.
        words = pa.concat_arrays([words, pa.array([""], pa.string())])
        indices = column.indices.cast(pa.int32()).fill_null(len(words) - 1)
        return dictionary_column(indices, words)
    return column.cast(pa.string()).fill_null("")


def _first_sentence(error: Exception) -> str:
    return str(error).split("\n")[0].strip().rstrip(".")[:200] or "a value is not allowed"
