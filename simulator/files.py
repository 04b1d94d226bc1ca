"""Small files that are read whole: their bytes, their text, their JSON and CSV, within bounds."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from simulator import words
from simulator.errors import InputError


def read_small(path: Path, where: str, max_bytes: int) -> bytes:
    """The bytes of a file; at most one more than allowed is read.

    Raises InputError beginning with `where` if there is none, or it is a folder, a pipe or a device.
    """
    try:
        # Asked before it is opened: opening a pipe waits for somebody to write to it.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{where} is a folder; a file is allowed.")
        if not stat.S_ISREG(mode):
            raise InputError(f"{where} is no regular file; a file is allowed.")
        with path.open("rb") as stream:
            return stream.read(max_bytes + 1)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{where} cannot be read: {reason}.") from None


def text_of(content: bytes, where: str, max_bytes: int, allowed: str) -> str:
    """The text of some bytes in UTF-8; raises InputError beginning with `where`: too large, or no such text."""
    if len(content) > max_bytes:
        raise InputError(f"{where} has more than the {words.count(max_bytes)} bytes that are allowed.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{where} is not text in UTF-8; {allowed} is allowed.") from None
    if "\x00" in text:
        raise InputError(f"{where} holds a zero byte, so it is no text; {allowed} is allowed.")
    return text


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a part of a document is an object: keys with values."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether it is a list."""
    return isinstance(value, list)


def json_document(text: str, where: str) -> Any:
    """The document in some JSON; raises InputError with the line. A key that stands twice in an object is refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        document = dict(pairs)
        if len(document) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{where}: key '{twice:.60}' stands twice in one object; once is allowed.")
        return document

    try:
        return json.loads(text, object_pairs_hook=once)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{where} is nested too deeply to be meant.") from None
    except ValueError as error:
        raise InputError(f"{where}, line {getattr(error, 'lineno', 1)}: not valid JSON.") from None


def csv_rows(lines: Iterable[str], where: str, **layout: Any) -> Iterator[list[str]]:
    """The rows of CSV in a layout of Python's reader; raises InputError saying where if they cannot be split."""
    try:
        yield from csv.reader(lines, **layout)
    except csv.Error as error:
        raise InputError(f"{where} cannot be split into fields: {error}.") from None
