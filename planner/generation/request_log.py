"""One's own measurements of an engine: logs of its requests, or benchmarks of closed loops. Read from JSON or CSV.

Columns are known by many names, whatever their case and punctuation: those of vLLM's and SGLang's benchmarks and logs,
and of `simulate --requests`. Times are seconds unless their name ends in `ms`; moments may also be dates (ISO 8601) or
milliseconds, microseconds or nanoseconds since 1970, which their size tells.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from planner.generation.fit_points import TpotPoints
from simulator import InputError, words
from simulator.files import csv_rows, is_list, is_object, read_small, text_of
from simulator.generation import EngineLimits, TokenWorkload
from simulator.generation.workload import MAX_TOKENS

MAX_BYTES = 200 * 1024**2
# Logs are often written in whole milliseconds.
ROUNDING_S = 1e-3
_NAMES = {
    "input_tokens": "inputtokens inputtoks prompttokens numprompttokens isl inputlen inputlens promptlen inputlength "
    "promptlength",
    "output_tokens": "outputtokens outputtoks completiontokens generatedtokens numgenerationtokens generationtokens "
    "osl outputlen outputlens outputlength",
    "arrival": "queuedts arrivals arrivaltime arrivalts arrivedat starttime starttimes startts requeststarttime "
    "timestamp sentat",
    "first token": "firsttokents firsttokens firsttokentime firsttokenat",
    "last token": "lasttokents lasttokens lasttokentime finishedts finishts finishtime finishedtime finisheds finishs "
    "endtime endts completedat",
    "ttft": "ttft ttfts ttftms timetofirsttoken timetofirsttokens timetofirsttokenms",
    "e2e": "e2e e2es e2ems e2elatency e2elatencys e2elatencyms latency latencys latencyms requestlatency",
    "tpot": "tpot tpots tpotms timeperoutputtoken timeperoutputtokens timeperoutputtokenms meantpotms",
    "concurrency": "concurrency maxconcurrency numconcurrency",
}
_MOMENTS = ("arrival", "first token", "last token")
# How many there are to a second, for moments since 1970 that are larger than this many seconds.
_SINCE_1970 = {1e17: 1e9, 1e14: 1e6, 1e11: 1e3}
_NEEDED = (
    "a log needs the columns input_tokens, output_tokens, arrival_s, ttft_s (or first_token_s) and e2e_s (or "
    "last_token_s, or tpot_s); a benchmark of closed loops isl, osl, concurrency and tpot_s"
)


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """Requests as they were served, in order of arrival; float64 (n,), seconds.

    `workload` has the arrivals; ttft_s, tpot_s, e2e_s are counted from them. limits, engines: behind the log.
    failed: requests of the log that generated nothing and are left out.
    """

    workload: TokenWorkload
    ttft_s: np.ndarray
    tpot_s: np.ndarray
    e2e_s: np.ndarray
    limits: EngineLimits
    engines: int
    failed: int = 0


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows of a file. where: begins a message; place: says which row is meant."""

    rows: pd.DataFrame
    where: str
    place: Callable[[int], str]

    def column(self, role: str) -> str | None:
        """The column of a role, the first of its names that the table has."""
        known = {_plain(str(column)): str(column) for column in reversed(list(self.rows.columns))}
        return next((known[name] for name in _NAMES[role].split() if name in known), None)

    def refuse(self, row: int, column: str, found: object, allowed: str) -> InputError:
        """What is wrong with one cell."""
        said = "missing" if found is None or found is pd.NaT or found != found else f"{found!s:.60}"
        return InputError(f"{self.where}, {self.place(row)}: {column} is {said}; {allowed} is allowed.")

    def numbers(self, column: str, allowed: str = "a number") -> np.ndarray:
        """A column of finite numbers, float64; raises InputError."""
        values = pd.to_numeric(self.rows[column], errors="coerce").to_numpy(float)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise self.refuse(int(bad[0]), column, self.rows[column].iloc[bad[0]], allowed)
        return values

    def seconds(self, column: str) -> np.ndarray:
        """A column of durations."""
        return self.numbers(column, "a duration") * (1e-3 if _plain(column).endswith("ms") else 1.0)

    def tokens(self, column: str) -> np.ndarray:
        """A column of whole numbers from 1 on."""
        allowed = f"a whole number from 1 to {words.count(MAX_TOKENS)}"
        values = self.numbers(column, allowed)
        bad = np.flatnonzero((values != np.floor(values)) | (values < 1) | (values > MAX_TOKENS))
        if bad.size:
            raise self.refuse(int(bad[0]), column, self.rows[column].iloc[bad[0]], allowed)
        return values

    def moments(self, column: str) -> np.ndarray:
        """A column of moments, seconds on a clock of its own."""
        values = self.rows[column]
        if pd.to_numeric(values, errors="coerce").notna().any():
            numbers = self.numbers(column, "a moment")
            larger = (per_s for least, per_s in _SINCE_1970.items() if np.median(numbers) > least)
            return numbers / next(larger, 1.0)
        dates = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
        bad = np.flatnonzero(dates.isna())
        if bad.size:
            raise self.refuse(int(bad[0]), column, values.iloc[bad[0]], "a number or a date")
        return (dates - dates.min()).dt.total_seconds().to_numpy() + float(dates.min().timestamp())


def load_measurements(path: str | Path, limits: EngineLimits, engines: int = 1) -> MeasuredRun | TpotPoints:
    """The measurements of a file, see read_measurements."""
    path = Path(path)
    return read_measurements(read_small(path, _where(path.name), MAX_BYTES), path.name, limits, engines)


def read_measurements(
    content: bytes, name: str, limits: EngineLimits, engines: int = 1
) -> MeasuredRun | TpotPoints:  # fmt: skip
    """What a file holds: requests one by one, or closed loops with a row each (concurrency and TPOT, no arrivals).

    Args:
        content: JSON Lines, a JSON list, the JSON of a benchmark with details, or CSV. name: of the file.
        limits, engines: of the engines behind the log; requests went to the one with the fewest.

    Raises InputError with file, line and column.
    """
    table = _read(text_of(content, _where(name), MAX_BYTES, "JSON or CSV"), name)
    if table.column("arrival") is None and table.column("concurrency") is not None:
        return _points(table)
    return _run(table, limits, engines)


def _where(name: str) -> str:
    return f"Request log '{name}'"


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _read(text: str, name: str) -> _Table:
    where = _where(name)
    if not text.strip():
        raise InputError(f"{where} is empty; {_NEEDED}.")
    if not text.lstrip().startswith(("{", "[")):
        return _some(_Table(_csv(text, where), where, lambda row: f"line {row + 2}"))
    try:
        documents = json.loads(text)
        documents, lines = (documents, None) if is_list(documents) else ([documents], [1])
    except RecursionError:
        raise InputError(f"{where} is nested too deeply to be meant.") from None
    except ValueError:
        documents, lines = _json_lines(text, where)
    wrong = next((i for i, document in enumerate(documents) if not is_object(document)), None)
    place = (lambda row: f"line {lines[row]}") if lines else (lambda row: f"request {row}")
    if wrong is not None:
        raise InputError(f"{where}, {place(wrong)} is no object of keys and values; one for each request is allowed.")
    if len(documents) == 1 and (detailed := _details(documents[0])) is not None:
        return _some(_Table(detailed, where, lambda row: f"request {row}"))
    return _some(_Table(pd.DataFrame([_summed_up(document) for document in documents]), where, place))


def _csv(text: str, where: str) -> pd.DataFrame:
    header, first = [*itertools.islice(csv_rows(io.StringIO(text), where, skipinitialspace=True), 2), [], []][:2]
    # Pandas would take the first of too many columns for the names of rows.
    if len(first) > len(header):
        raise InputError(f"{where}, line 2: {len(first)} columns, and the header names {len(header)}.")
    try:
        return pd.read_csv(io.StringIO(text), skipinitialspace=True)
    except ValueError as error:
        raise InputError(f"{where} is no table: {str(error).strip().splitlines()[-1]}.") from None


def _some(table: _Table) -> _Table:
    if table.rows.empty:
        raise InputError(f"{table.where} has no rows; {_NEEDED}.")
    return table


def _json_lines(text: str, where: str) -> tuple[list[Any], list[int]]:
    documents, lines = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                documents.append(json.loads(line))
            except (ValueError, RecursionError):
                raise InputError(f"{where}, line {number}: not valid JSON.") from None
            lines.append(number)
    return documents, lines


def _details(document: Mapping[str, Any]) -> pd.DataFrame | None:
    """The requests of a benchmark that wrote lists of them, each a key; None without moments of their begin."""
    lists = {_plain(key): value for key, value in document.items() if is_list(value)}
    size = len(lists.get("inputlens", ()))
    if not size or "starttimes" not in lists:
        return None
    columns = {name: values for name, values in lists.items() if len(values) == size}
    if "itls" in columns and "ttfts" in columns:
        # The times between the tokens of each request.
        between = columns.pop("itls")
        columns["e2es"] = [first + sum(gaps) for first, gaps in zip(columns["ttfts"], between, strict=True)]
    return pd.DataFrame(columns)


def _summed_up(document: Mapping[str, Any]) -> dict[str, Any]:
    """One request or one closed loop: what a benchmark sums up is given as means."""
    row = {key: value for key, value in document.items() if not isinstance(value, (list, dict))}
    completed = row.get("completed")
    if isinstance(completed, int) and completed > 0 and "total_input_tokens" in row:
        row["isl"] = row["total_input_tokens"] / completed
        row["osl"] = row.get("total_output_tokens", 0) / completed
    return row


def _points(table: _Table) -> TpotPoints:
    columns = {role: table.column(role) for role in ("input_tokens", "output_tokens", "concurrency", "tpot")}
    _check_columns(table, columns)
    numbers = [table.numbers(str(columns[role]), "a positive number") for role in list(columns)[:3]]
    numbers.append(table.seconds(str(columns["tpot"])))
    for column, values in zip(columns.values(), numbers, strict=True):
        bad = np.flatnonzero(values <= 0)
        if bad.size:
            raise table.refuse(int(bad[0]), str(column), table.rows[column].iloc[bad[0]], "a positive number")
    return TpotPoints(*numbers)


def _check_columns(table: _Table, columns: Mapping[str, str | None]) -> None:
    missing = next((role for role, column in columns.items() if column is None), None)
    if missing is not None:
        found = ", ".join(map(str, list(table.rows.columns)[:8]))
        raise InputError(f"{table.where} has no column for {missing} (found {found:.200}); {_NEEDED}.")


def _run(table: _Table, limits: EngineLimits, engines: int) -> MeasuredRun:
    columns = {role: table.column(role) for role in ("input_tokens", "output_tokens", "arrival")}
    _check_columns(table, columns)
    table, failed = _without_failed(table, str(columns["output_tokens"]))
    if "model" in table.rows and table.rows["model"].nunique() > 1:
        models = ", ".join(sorted(map(str, table.rows["model"].unique()))[:4])
        raise InputError(f"{table.where} has requests of several models ({models:.200}); those of one are allowed.")
    inputs, outputs = (table.tokens(str(columns[role])) for role in ("input_tokens", "output_tokens"))
    arrival_s = table.moments(str(columns["arrival"]))
    ttft_s = _since(table, arrival_s, "first token", "ttft")
    e2e_s = _end(table, arrival_s, ttft_s, outputs)
    _check_order(table, ttft_s, 0.0, "the first token comes before the arrival")
    _check_order(table, e2e_s, ttft_s, "the last token comes before the first token")
    ttft_s = np.maximum(ttft_s, 0.0)
    e2e_s = np.maximum(e2e_s, ttft_s)
    order = np.argsort(arrival_s, kind="stable")
    arrival_s, inputs, outputs, ttft_s, e2e_s = (v[order] for v in (arrival_s, inputs, outputs, ttft_s, e2e_s))
    tpot_s = np.divide(e2e_s - ttft_s, outputs - 1, out=np.full(order.size, np.nan), where=outputs > 1)
    workload = TokenWorkload(
        arrival_s - arrival_s[0], np.zeros(order.size, int), inputs.astype(int), outputs.astype(int), ("model",)
    )
    return MeasuredRun(workload, ttft_s, tpot_s, e2e_s, limits, engines, failed)


def _check_order(table: _Table, values_s: np.ndarray, least_s: np.ndarray | float, what: str) -> None:
    """Raises InputError where something comes too early by more than clocks are rounded."""
    bad = np.flatnonzero(values_s < least_s - ROUNDING_S)
    if bad.size:
        raise InputError(f"{table.where}, {table.place(int(bad[0]))}: {what}.")


def _without_failed(table: _Table, output: str) -> tuple[_Table, int]:
    """Leave out requests that say they failed or generated nothing; how many they are."""
    failed = pd.to_numeric(table.rows[output], errors="coerce").eq(0)
    if "success" in table.rows:
        failed |= table.rows["success"].eq(False)
    kept = np.flatnonzero(~failed)
    if not kept.size:
        raise InputError(f"{table.where} has no request that generated something; {_NEEDED}.")
    place = table.place
    return _Table(table.rows.iloc[kept], table.where, lambda row: place(int(kept[row]))), int(failed.sum())


def _since(table: _Table, arrival_s: np.ndarray, moment: str, duration: str) -> np.ndarray:
    """Seconds since the arrival, by a column of moments or of durations."""
    column = table.column(moment)
    if column is not None:
        return table.moments(column) - arrival_s
    _check_columns(table, {duration: table.column(duration)})
    return table.seconds(str(table.column(duration)))


def _end(table: _Table, arrival_s: np.ndarray, ttft_s: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    tpot = table.column("tpot")
    if table.column("last token") is None and table.column("e2e") is None and tpot is not None:
        return ttft_s + table.seconds(tpot) * (outputs - 1)
    return _since(table, arrival_s, "last token", "e2e")
