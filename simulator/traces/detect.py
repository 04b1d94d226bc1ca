"""Recognises a trace format by what the file holds, never by its name."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

import pyarrow as pa

from simulator import words
from simulator.errors import InputError
from simulator.files import csv_rows
from simulator.traces.arrow import is_list, open_parquet
from simulator.traces.columns import Columns
from simulator.traces.files import TraceFile
from simulator.traces.trace import FORMATS

HEAD_BYTES = 1 << 20

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"RIFF", "an image or sound file"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an XZ archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"SQLite format 3", "a SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
_MINUTE_LABEL = re.compile(r"(?:minute_)?(\d{1,7})(?:_minute)?", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_EXPECTED = "a CSV or JSON Lines trace (plain or .gz) or a Parquet file with arrival_s and model is needed"

# The columns that make a CSV format; names are compared without case.
_TABLES = (
    ("native", ("arrival_s", "model")),
    ("azure_functions_2021", ("app", "func", "end_timestamp", "duration")),
    ("azure_llm_2025", ("timestamp", "numimages", "contexttokens", "generatedtokens")),
    ("azure_llm_2023", ("timestamp", "contexttokens", "generatedtokens")),
    ("burstgpt", ("timestamp", "model", "response tokens", "log type")),
    ("gentd26", ("gmt_create", "predict_status", "checkpoint_model_version_id")),
    ("vidur", ("arrived_at", "num_prefill_tokens", "num_decode_tokens")),
)
_COMPANIONS = (
    ({"average", "count", "minimum", "maximum"}, "durations of Azure Functions"),
    ({"averageallocatedmb"}, "memory sizes of Azure Functions"),
)
# Tokens of a prefix block, and how many lines are asked about it: short prompts fill one block of either size.
_QWEN_BLOCK, _MOONCAKE_BLOCK = 16, 512
_LINES_ASKED = 100
# Keys of JSON Lines that are used, or known not to bear on when requests come.
JSON_KEYS = {
    "timestamp", "model", "input_length", "output_length", "hash_ids",
    "session_id", "chat_id", "parent_chat_id", "type", "turn",
}  # fmt: skip
# ServeGen files have no header of their own.
SERVEGEN_COLUMNS = ("start_s", "rate_per_s", "cv", "family", "shape", "scale")


class UnknownFormatError(InputError):
    """The file is a table, or JSON, that no reader knows."""


@dataclass(frozen=True)
class FileLayout:
    """How a file is laid out.

    Attributes:
        format: one of FORMATS.
        header: column names without surrounding blanks, lower case; empty for JSON and Parquet.
        skip_lines: lines in front of the first row.
        is_parquet: whether the file is Parquet.
        is_guess: whether nothing in the file tells the unit of its times.
        columns: how a table that no reader knows is read.
    """

    format: str
    header: tuple[str, ...] = ()
    skip_lines: int = 0
    is_parquet: bool = False
    is_guess: bool = False
    columns: Columns | None = None

    @property
    def table_columns(self) -> Columns:
        """How to read the columns of a table; only a table has them."""
        assert self.columns is not None, "every reader of tables gets a layout with columns"
        return self.columns


def detect(file: TraceFile, wanted: str = "auto") -> FileLayout:
    """The layout of a file; raises InputError if it is no trace, or not in the wanted format.

    A wanted format only decides between formats that look alike (Mooncake, Qwen and RAGPulse).
    """
    if wanted != "auto" and wanted not in FORMATS:
        raise InputError(f"The trace format is '{wanted}'; auto, {', '.join(FORMATS)} are allowed.")
    layout = _detect(file)
    if wanted in ("auto", layout.format):
        return layout
    alike = {"mooncake", "qwen", "ragpulse"}
    if {wanted, layout.format} <= alike:
        return FileLayout(wanted)
    raise InputError(f"{file.name} was to be read as {wanted}, but it looks like {layout.format}; give that or auto.")


def minute_label(name: str) -> int | None:
    """The minute that a column of Azure Functions 2019 stands for (`480`, `480_minute`, `minute_480`), or None."""
    match = _MINUTE_LABEL.fullmatch(name)
    return int(match[1]) if match else None


def _detect(file: TraceFile) -> FileLayout:
    head = file.head(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return _detect_parquet(file)
    text = readable_text(file)
    body = text.lstrip(" \t\r\n")
    first_line = body.split("\n", 1)[0].strip("\r")
    blank_lines = text[: len(text) - len(body)].count("\n")
    if body[0] in "{[":
        return _detect_json(file, first_line, body, len(head) < HEAD_BYTES)
    return _detect_table(file, first_line, blank_lines)


def readable_text(file: TraceFile) -> str:
    """The beginning of a file that is text; raises InputError saying what it is instead."""
    head = file.head(HEAD_BYTES)
    _refuse_binary(file, head)
    text = _decode(file, head).removeprefix("\ufeff")
    body = text.lstrip(" \t\r\n")
    if not body:
        raise InputError(f"{file.name} is empty; {_EXPECTED}.")
    if body.startswith("<"):
        raise InputError(f"{file.name} is a web page or XML document; {_EXPECTED}.")
    if body[0] in "{[":
        return text
    if "\r" in body.split("\n", 1)[0].strip("\r"):
        raise InputError(f"{file.name} ends its lines with a bare carriage return; a line feed at the end is needed.")
    if "\n" not in body and len(head) == HEAD_BYTES:
        raise InputError(f"{file.name} has no line end in its first {words.count(HEAD_BYTES)} bytes; {_EXPECTED}.")
    return text


def _detect_parquet(file: TraceFile) -> FileLayout:
    file.stream.seek(0)
    try:
        names = open_parquet(file.stream).schema_arrow.names
    except (pa.ArrowException, OSError, ValueError):
        # The reader says what is damaged.
        names = ["arrival_s", "model"]
    missing = [name for name in ("arrival_s", "model") if name not in names]
    if missing:
        raise UnknownFormatError(f"{file.name} is Parquet without a column named '{missing[0]}'.")
    return FileLayout("native", is_parquet=True)


def _refuse_binary(file: TraceFile, head: bytes) -> None:
    for magic, what in _MAGIC:
        if head.startswith(magic):
            if magic == b"PK\x03\x04" and (b"xl/" in head or b"[Content_Types].xml" in head):
                what = "an Excel workbook"
            hint = " Save it as UTF-8." if what == "UTF-16 text" else ""
            raise InputError(f"{file.name} is {what}; {_EXPECTED}.{hint}")
    if b"\x00" in head:
        sample = head[:1000]
        # Latin text in UTF-16 without a mark has a zero in every second byte.
        if not any(sample[0::2]) or not any(sample[1::2]):
            raise InputError(f"{file.name} is UTF-16 text; {_EXPECTED}. Save it as UTF-8.")
    if _CONTROL.search(head):
        raise InputError(f"{file.name} is a binary file; {_EXPECTED}.")


def _decode(file: TraceFile, head: bytes) -> str:
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that the end of the head cuts in two is no mistake of the file.
        if error.start >= HEAD_BYTES - 4:
            return head[: error.start].decode("utf-8")
        line = head.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{file.name}, line {line}: byte 0x{head[error.start]:02x} is not valid UTF-8; text in UTF-8 is allowed."
        ) from None


def _detect_json(file: TraceFile, first_line: str, body: str, is_whole: bool) -> FileLayout:
    if first_line.startswith("["):
        raise UnknownFormatError(f"{file.name} is a JSON list, not JSON Lines.")
    try:
        row = json.loads(first_line)
    except (ValueError, RecursionError):
        raise UnknownFormatError(f"{file.name}: its first line is no complete JSON object.") from None
    if "timestamp" not in row or not {"input_length", "output_length"} <= row.keys():
        keys = ", ".join(list(row)[:6]) or "none"
        raise UnknownFormatError(f"{file.name} is JSON but no request trace (keys of its first line: {keys}).")
    if isinstance(row.get("hash_ids"), dict):
        return FileLayout("ragpulse")
    if "chat_id" in row:
        return FileLayout("qwen")
    size = _block_size(body if is_whole else body[: body.rfind("\n")])
    if size is not None:
        return FileLayout("qwen" if size == _QWEN_BLOCK else "mooncake")
    if isinstance(row["timestamp"], str):
        return FileLayout("ragpulse")
    return FileLayout("mooncake", is_guess=True)


def _block_size(lines: str) -> int | None:
    """How many tokens a block of hash_ids has, as most of the first lines have it that tell; None if none does."""
    votes = {_QWEN_BLOCK: 0, _MOONCAKE_BLOCK: 0}
    for line in lines.split("\n", _LINES_ASKED)[:_LINES_ASKED]:
        try:
            row = json.loads(line)
            length, blocks = row["input_length"], row["hash_ids"]
        except (ValueError, RecursionError, LookupError, TypeError):
            continue
        if not (isinstance(length, int) and is_list(blocks) and 0 < length < 1 << 40):
            continue
        small, large = (len(blocks) == math.ceil(length / size) for size in votes)
        if small != large:
            votes[_QWEN_BLOCK if small else _MOONCAKE_BLOCK] += 1
    most = max(votes, key=votes.__getitem__)
    return most if votes[most] else None


def split_line(line: str, where: str) -> list[str]:
    """The fields of one CSV line; raises InputError saying where if it cannot be split."""
    return next(csv_rows([line], where), list[str]())


def _detect_table(file: TraceFile, first_line: str, blank_lines: int) -> FileLayout:
    fields = [field.strip() for field in split_line(first_line, f"{file.name}, line {blank_lines + 1}")]
    names = [field.casefold() for field in fields]
    found = _table_format(file, names)
    if found:
        return FileLayout(found, tuple(names), blank_lines + 1)
    if _is_servegen(fields):
        return FileLayout("servegen", SERVEGEN_COLUMNS, blank_lines)
    if any(_is_number(field) for field in fields):
        raise UnknownFormatError(f"{file.name} has no header whose columns are known, such as arrival_s,model.")
    shown = ", ".join(fields[:6])[:120] + (", ..." if len(fields) > 6 else "")
    raise UnknownFormatError(f"{file.name} has the columns {shown}, which is no known trace format.")


def _table_format(file: TraceFile, names: list[str]) -> str | None:
    columns = set(names)
    for format_name, needed in _TABLES:
        if columns.issuperset(needed):
            return format_name
    if "hashfunction" in columns:
        if any(minute_label(name) is not None for name in names):
            return "azure_functions_2019"
        for companion, what in _COMPANIONS:
            if companion <= columns:
                raise InputError(
                    f"{file.name} holds {what}, not requests; the file invocations_per_function_... of the same "
                    "day is needed."
                )
    return None


def _is_servegen(fields: list[str]) -> bool:
    numbers = [fields[i] for i in (0, 1, 2, 4, 5)] if len(fields) == len(SERVEGEN_COLUMNS) else []
    return bool(numbers) and all(map(_is_number, numbers)) and not _is_number(fields[3])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
