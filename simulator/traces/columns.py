"""Which column of a table is what: the keys of `workload.trace.columns`, and their form on a command line."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from simulator.errors import InputError
from simulator.schema import OneOf, checked

SHAPES = ("requests", "wide", "long")
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
DATES = ("iso", "day_first", "month_first", "access_log")
UNITS = ("auto", *PER_SECOND, *DATES)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
# What a number of an interval says: seconds that a rate is told by, or requests (since the last row, or in all).
RATE_SECONDS = {"per_s": 1.0, "per_min": 60.0, "per_h": 3600.0}
MEASURES = ("counts", "total", *RATE_SECONDS)

ColumnName = Annotated[str, Field(min_length=1, max_length=500)]
Shape = Annotated[str, OneOf(SHAPES)]
TimeUnit = Annotated[str, OneOf(UNITS)]
DeadlineUnit = Annotated[str, OneOf(tuple(PER_SECOND))]
Measure = Annotated[str, OneOf(MEASURES)]
Delimiter = Annotated[str, OneOf(("auto", *DELIMITERS))]
Header = Annotated[str, OneOf(("auto", "yes", "no"))]
Decimal = Annotated[str, OneOf(("auto", "point", "comma"))]
Zone = Annotated[str, Field(min_length=1, max_length=64)]


@dataclass(frozen=True)
class Columns:
    """How a table is read. Columns are named as in its header, or by number from 1 where it has none.

    Attributes:
        time: the column of times; not given, it is guessed together with all that is not given.
        unit: of the times: "s", "ms", "us", "ns" from a start of their own or since 1970, dates ("iso", "day_first",
            "month_first", "access_log"), or "auto": told by their size and look.
        zone: where dates that name no zone of their own were written, such as Europe/Berlin.
        model: the column of models; without one the file is one model. For the long shape the name of the series.
        deadline, deadline_unit: the column of deadlines, counted from the arrival.
        input_tokens, output_tokens: columns of whole numbers.
        shape: "requests" (a row a request), or intervals: "wide" (a column a series) or "long" (a row a series).
        value: the column of numbers of the long shape.
        measure: what a number of an interval is: "counts", "total" (a counter that only grows and restarts at 0),
            or a rate "per_s", "per_min", "per_h".
        delimiter, header, decimal: the layout of text files: what parts the columns, whether the first line names
            them ("yes", "no"), what stands in front of decimals.

    Raises InputError that names the key, what was found and what is allowed.
    """

    # Read by the schema of scenarios.
    __pydantic_config__ = ConfigDict(extra="forbid")

    time: ColumnName | None = None
    unit: TimeUnit = "auto"
    zone: Zone = "UTC"
    model: ColumnName | None = None
    deadline: ColumnName | None = None
    deadline_unit: DeadlineUnit = "s"
    input_tokens: ColumnName | None = None
    output_tokens: ColumnName | None = None
    shape: Shape = "requests"
    value: ColumnName | None = None
    measure: Measure = "counts"
    delimiter: Delimiter = "auto"
    header: Header = "auto"
    decimal: Decimal = "auto"

    def __post_init__(self) -> None:
        checked(self, "")
        try:
            ZoneInfo(self.zone)
        except (ValueError, OSError, KeyError):
            raise InputError(
                f"zone is '{self.zone}'; the name of a time zone such as UTC or Europe/Berlin is allowed."
            ) from None
        self._check_shape()
        used = self.used()
        for name in used:
            if used.count(name) > 1:
                raise InputError(f"The column '{name}' is given twice; one use of a column is allowed.")

    def _check_shape(self) -> None:
        if self.shape != "requests":
            for key in ("deadline", "input_tokens", "output_tokens"):
                if getattr(self, key) is not None:
                    raise InputError(f"{key} is '{getattr(self, key)}', but intervals have none; shape: requests does.")
        if (self.shape == "long") != (self.value is not None) and self.time is not None:
            raise InputError("value belongs to shape: long, and is needed there: the column of the numbers.")
        if self.shape == "wide" and self.model is not None:
            raise InputError(f"model is '{self.model}', but in the wide shape every column is a model; leave it out.")

    def used(self) -> list[str]:
        """The columns that are named."""
        names = (self.time, self.model, self.deadline, self.input_tokens, self.output_tokens, self.value)
        return [name for name in names if name is not None]

    def to_document(self) -> dict[str, Any]:
        """The keys that differ from their defaults, as they stand in a scenario."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    def to_text(self) -> str:
        """As on the command line: `time=ts,model=route,unit=ms`."""
        return ",".join(_quoted(f"{key}={value}") for key, value in self.to_document().items())

    def over(self, guessed: Columns) -> Columns:
        """These, and where they say nothing what was guessed."""
        return replace(guessed, **self.to_document())


def parse_columns(text: str) -> Columns:
    """The columns of `time=ts,model=route,unit=ms`; an entry with a comma is quoted as in CSV.

    Raises InputError naming the entry.
    """
    keys = [field.name for field in fields(Columns)]
    given: dict[str, str] = {}
    for entry in next(csv.reader([text], skipinitialspace=True), list[str]()):
        key, equals, value = entry.partition("=")
        if not equals or key.strip() not in keys:
            raise InputError(f"--columns: '{entry[:60]}' is not known; {', '.join(keys)} are allowed, as key=value.")
        if key.strip() in given:
            raise InputError(f"--columns: '{key.strip()}' is given twice; one is allowed.")
        given[key.strip()] = value.strip()
    try:
        return Columns(**given)
    except InputError as error:
        raise InputError(f"--columns: {error}") from None


def _quoted(entry: str) -> str:
    return '"' + entry.replace('"', '""') + '"' if "," in entry or '"' in entry else entry
