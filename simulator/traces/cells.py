"""Cells of text as numbers, instants and names, whole columns at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.traces.arrow import Column, nanoseconds, pc
from simulator.traces.grid import as_text

_BLANKS = "[ '\u00a0\u202f\u2019]"
_GROUPED = {
    "point": rf"^[-+]?\d{{1,3}}(?:(?:,\d{{3}})+|(?:{_BLANKS}\d{{3}})+)(?:\.\d+)?$",
    "comma": rf"^[-+]?\d{{1,3}}(?:(?:\.\d{{3}})+|(?:{_BLANKS}\d{{3}})+)(?:,\d+)?$",
}
_MARKS = {"point": "[,']", "comma": "[.']"}
_OFFSET = r"(?:[Zz]|[+-]\d\d:?\d\d)$"
_LOG_FORMAT = "%d/%b/%Y:%H:%M:%S %z"
_HALF_DAY = r"(?i)[ap]m$"
# Ends of dates at which nanoseconds since 1970 still fit.
DATE_RULE = "a date and time such as 2024-05-10 00:00:00.5, from 1678 to 2261,"


class BadCellError(ValueError):
    """Some cell of a column is not allowed; which one, `first_bad` tells."""


@dataclass(frozen=True)
class Instants:
    """Dates: int64 nanoseconds since 1970, shape (n,), and which of them (bool) name their zone; the others are as
    on a clock on the wall."""

    wall_ns: np.ndarray
    is_zoned: np.ndarray


def numbers(column: Column, decimal: str) -> np.ndarray:
    """Numbers, NaN where a cell is empty or "nan": float64. Groups of three digits may be parted.

    Raises BadCellError.
    """
    try:
        values = pc.cast(_plain(column, decimal), pa.float64())
    except pa.ArrowInvalid as error:
        raise BadCellError from error
    return np.array(values.fill_null(float("nan")))


def whole_nanoseconds(column: Column, decimal: str, per_second: float) -> np.ndarray:
    """Numbers of so many units per second as int64 nanoseconds, to the last digit: a double has too few for 1970.

    Cells with an exponent or more digits than nanoseconds are rounded. They must be numbers from 0 on that fit.
    """
    places = {1.0: 9, 1e3: 6, 1e6: 3, 1e9: 0}[per_second]
    try:
        exact = pc.cast(_plain(column, decimal), pa.decimal128(20, places))
        scale = pa.scalar(Decimal(10**places), pa.decimal128(10, 0))
        return np.asarray(pc.cast(pc.multiply(exact, scale), pa.int64()))
    except pa.ArrowInvalid:
        return np.round(numbers(column, decimal) * float(10**places)).astype(np.int64)


def _plain(column: Column, decimal: str) -> Column:
    """Numbers as text with a decimal point and nothing else, null where a cell is empty."""
    text = pc.utf8_trim_whitespace(as_text(column))
    grouped = pc.match_substring_regex(text, _GROUPED[decimal])
    if pc.any(grouped).as_py():
        text = pc.if_else(grouped, pc.replace_substring_regex(text, f"{_MARKS[decimal]}|{_BLANKS}", ""), text)
    if decimal == "comma":
        if pc.any(pc.and_(pc.match_substring(text, "."), pc.invert(grouped))).as_py():
            raise BadCellError
        text = pc.replace_substring(text, ",", ".")
    is_empty = pc.or_(pc.equal(text, ""), pc.is_in(pc.utf8_lower(text), pa.array(["nan", "null", "undefined"])))
    return pc.if_else(is_empty, pa.scalar(None, pa.string()), text)


def whole_numbers(column: Column, decimal: str, low: int, high: int) -> np.ndarray:
    """Whole numbers in a range: int64; raises BadCellError."""
    values = numbers(column, decimal)
    if not ((values >= low) & (values <= high) & (values == np.floor(values))).all():
        raise BadCellError
    return values.astype(np.int64)


def instants(column: Column, unit: str) -> Instants:
    """Dates of one of DATES; raises BadCellError."""
    text = pc.utf8_trim_whitespace(as_text(column))
    if unit == "access_log":
        return _parsed(text, pa.scalar(True), _LOG_FORMAT)
    text = pc.replace_substring_regex(text, r"(?i) ?(?:UTC|GMT)$", "Z")
    if unit != "iso":
        order = r"\3-\2-\1" if unit == "day_first" else r"\3-\1-\2"
        text = pc.replace_substring_regex(text, r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})", order)
    text = pc.replace_substring_regex(text, r"^(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})", r"\1-\2-\3")
    text = pc.replace_substring_regex(text, r"^(\d{4}-\d{1,2}-\d{1,2})[, ]+", r"\1 ")
    text = pc.replace_substring_regex(text, r"^(\d{4})-(\d)-", r"\1-0\2-")
    text = pc.replace_substring_regex(text, r"^(\d{4}-\d\d)-(\d)([ T]|$)", r"\1-0\2\3")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, r"^(\S{10}[ T])(\d:)", r"\10\2"))
    text = pc.replace_substring_regex(text, r"(:\d\d),(\d+)", r"\1.\2")
    text = pc.replace_substring_regex(text, r" ([+-]\d\d:?\d\d)$", r"\1")
    if not pc.all(pc.match_substring_regex(text, r"^\d{4}-\d\d-\d\d")).as_py():
        raise BadCellError
    if pc.any(pc.match_substring_regex(text, _HALF_DAY)).as_py():
        text = pc.replace_substring_regex(text, r"( \d\d:\d\d) ", r"\1:00 ")
        text = pc.replace_substring_regex(text, r"(:\d\d:\d\d) ", r"\1.0 ")
        return _parsed(text, pa.scalar(False), "%Y-%m-%d %I:%M:%S.%f %p")
    return _parsed(text, pc.match_substring_regex(text, rf":\d\d.*{_OFFSET}"), "ISO8601")


def _parsed(text: Column, is_zoned: Any, form: str) -> Instants:
    try:
        wall_ns = nanoseconds(text, form)
    except (ValueError, OverflowError) as error:
        raise BadCellError from error
    zoned = np.asarray(is_zoned) if hasattr(is_zoned, "__array__") else np.full(wall_ns.size, is_zoned.as_py())
    return Instants(wall_ns, zoned.astype(bool))


@dataclass(frozen=True)
class Located:
    """Instants on one clock.

    Attributes:
        utc_ns: int64 nanoseconds since 1970 UTC, shape (n,).
        repeated: how many stood in an hour that the clock of the zone showed twice.
        skipped: the first row whose time the clock of the zone never showed, or None.
    """

    utc_ns: np.ndarray
    repeated: int
    skipped: int | None


def in_zone(times: Instants, zone: str) -> Located:
    """Dates without a zone of their own as of that zone, all in UTC.

    In an hour that the clock shows twice, the first time is meant until the times fall back, the second from there.
    """
    utc_ns = times.wall_ns.copy()
    rows = np.flatnonzero(~times.is_zoned)
    if zone == "UTC" or not rows.size:
        return Located(utc_ns, 0, None)
    import pandas as pd

    wall = pd.DatetimeIndex(times.wall_ns[rows].view("M8[ns]"))
    first = wall.tz_localize(zone, ambiguous=np.ones(rows.size, bool), nonexistent="NaT")
    skipped = np.flatnonzero(first.isna())
    second = wall.tz_localize(zone, ambiguous=np.zeros(rows.size, bool), nonexistent="NaT")
    first_ns, second_ns = first.as_unit("ns").asi8, second.as_unit("ns").asi8
    twice = np.flatnonzero(first_ns != second_ns)
    chosen = first_ns.copy()
    if twice.size:
        wall_ns = times.wall_ns[rows[twice]]
        days = wall_ns // (86_400 * 10**9)
        for day in np.unique(days):
            at = np.flatnonzero(days == day)
            # Small disorder inside the hour is no second pass.
            falls = np.flatnonzero(np.diff(wall_ns[at]) < -1800 * 10**9)
            if falls.size:
                late = twice[at[falls[0] + 1 :]]
                chosen[late] = second_ns[late]
    utc_ns[rows] = chosen
    return Located(utc_ns, int(twice.size), int(rows[skipped[0]]) if skipped.size else None)


def first_bad(column: Column, convert: Callable[[Column], Any]) -> int:
    """The first row that `convert` refuses; it must refuse some row on its own."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(column[low:middle])
        except BadCellError:
            high = middle
        else:
            low = middle
    return low


def is_date(text: str) -> str | None:
    """Which of DATES a cell is, None if none; where day and month cannot be told apart the day comes first."""
    text = text.strip()
    if re.match(r"\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:", text):
        return "access_log"
    if re.match(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T,]|$)", text):
        return "iso"
    parts = re.match(r"(\d{1,2})[./-](\d{1,2})[./-]\d{4}\b", text)
    if parts is None:
        return None
    return "month_first" if int(parts[2]) > 12 else "day_first"
