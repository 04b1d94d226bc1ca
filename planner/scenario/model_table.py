"""The models of a scenario as a table: rows of cells for a page, and CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from planner.scenario.model_sections import MAX_MODELS, ModelSection
from simulator import InputError
from simulator.files import csv_rows
from simulator.schema import first_problem, shown

COLUMNS = ("name", "profile", "count", "deadline", "target", "weight", "min_replicas")
# What older tables and other people's call them.
_OTHER_NAMES = {
    "model": "name", "kind": "profile", "slo": "deadline", "deadline_s": "slo_s", "replicas": "min_replicas",
    "least replicas": "min_replicas", "minimum replicas": "min_replicas",
}  # fmt: skip
_KNOWN = (*COLUMNS, "slo_scale", "slo_s")
_TIMES = {"ms": 1e-3, "s": 1.0, "min": 60.0}
_DEADLINES = "a number of times alone (5 or 5 x) or a time (1.2 s, 800 ms) is allowed"
_DELIMITERS = "\t;,"


def write_model_table(sections: Sequence[ModelSection]) -> str:
    """CSV with COLUMNS; read_model_table gives the same models. Sections have profiles, none generates."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(table_row(section).values() for section in sections)
    return out.getvalue()


def table_row(section: ModelSection) -> dict[str, str | int | float | None]:
    """One row: COLUMNS, the deadline as `deadline_text`, the target a share, None where something is not given."""
    return {name: deadline_text(section) if name == "deadline" else getattr(section, name) for name in COLUMNS}


def read_model_table(text: str, where: str) -> list[ModelSection]:
    """The models of a table: a line of column names, then a line a model; commas, semicolons or tabs between cells.

    Columns are COLUMNS in any order, name and profile and deadline at least; `slo_scale` or `slo_s` may stand in place
    of deadline. A target is a share, or per cent with its sign.

    Raises InputError with `where`, line and column, what was found and what is allowed.
    """
    lines = text.lstrip("\ufeff").splitlines()
    while lines and not lines[0].strip():
        del lines[0]
    if not lines:
        raise InputError(f"{where} is empty; a line of column names and a line a model are needed.")
    delimiter = max(_DELIMITERS, key=lambda sign: (lines[0].count(sign), -_DELIMITERS.index(sign)))
    rows = list(csv_rows(lines, where, delimiter=delimiter))
    columns = [_column(cell, where) for cell in rows[0]]
    needed = ("name", "profile")
    missing = [name for name in needed if name not in columns]
    if missing or not {"deadline", "slo_scale", "slo_s"} & {*columns}:
        raise InputError(
            f"{where}, line 1: the columns are {', '.join(columns)}; name, profile and deadline are needed, "
            f"{', '.join(COLUMNS[2:3] + COLUMNS[4:])} may follow."
        )
    sections = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns):
            raise InputError(f"{where}, line {number} has {len(row)} cells; {len(columns)} columns are named.")
        sections.append(row_section(dict(zip(columns, row, strict=False)), f"{where}, line {number}"))
    if not 1 <= len(sections) <= MAX_MODELS:
        raise InputError(f"{where} holds {len(sections)} models; from 1 to {MAX_MODELS} lines of models are allowed.")
    return sections


def row_section(cells: Mapping[str, object], where: str) -> ModelSection:
    """One entry of models from the cells of a row, by COLUMNS; text is read, None and empty text are not given.

    A name gets `-{i}` where the row counts several and has no `{i}`. Raises InputError beginning with `where`.
    """
    given = {name: value for name, value in cells.items() if not _is_empty(value)}
    if "deadline" in given:
        given |= read_deadline(str(given.pop("deadline")), where)
    elif not {"slo_scale", "slo_s"} & {*given}:
        raise InputError(f"{where}: the deadline is missing; {_DEADLINES}.")
    if isinstance(given.get("target"), str):
        given["target"] = _share(str(given["target"]), where)
    name = str(given.get("name", ""))
    if str(given.get("count", 1)) not in ("1", "1.0") and "{i}" not in name:
        given["name"] = f"{name or 'model'}-{{i}}"
    try:
        return ModelSection.model_validate(given)
    except ValidationError as error:
        raise InputError(first_problem(error, given, where, ModelSection)) from None


def deadline_text(section: ModelSection) -> str:
    """The deadline as one writes it: "5 x" times alone, or "1.2 s"."""
    value, unit = (section.slo_scale, "x") if section.slo_s is None else (section.slo_s, "s")
    return f"{value!r}".removesuffix(".0") + f" {unit}"


def read_deadline(text: str, where: str) -> dict[str, float]:
    """`slo_scale` or `slo_s` of a deadline as one writes it: "5", "5 x", "1.2 s", "800 ms"; raises InputError."""
    number = text.strip().lower().replace("×", "x").strip("x ")
    unit = next((unit for unit in _TIMES if number.endswith(unit)), None)
    try:
        value = float(number.removesuffix(unit or "").replace("_", "?"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{where}: the deadline is {shown(text)}; {_DEADLINES}.")
    return {"slo_scale": value} if unit is None else {"slo_s": value * _TIMES[unit]}


def _column(cell: str, where: str) -> str:
    name = cell.strip().lower()
    name = _OTHER_NAMES.get(name, name)
    if name not in _KNOWN:
        raise InputError(f"{where}, line 1: column {shown(cell)} is not known; {', '.join(_KNOWN)} are allowed.")
    return name


def _share(text: str, where: str) -> float | str:
    if not text.strip().endswith("%"):
        return text
    try:
        return round(float(text.strip().rstrip("%").strip()) / 100, 12)
    except ValueError:
        allowed = "a share or per cent, 0.99 or 99 %, is allowed"
        raise InputError(f"{where}: the target is {shown(text)}; {allowed}.") from None


def _is_empty(value: object) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())  # noqa: PLR0124 (NaN)
