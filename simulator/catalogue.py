"""Catalogues of profiles: the one that ships, and readers for one's own (JSON, CSV, the authors' TSV)."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator import words
from simulator.errors import InputError
from simulator.files import is_object, json_document, read_small, text_of
from simulator.profiles import Profile, ProfileEntry, ProfileSource
from simulator.schema import (
    Label,
    Latency,
    PositiveLatency,
    ProfiledBatch,
    Stages,
    TensorDegree,
    WeightGib,
    first_problem,
)

if TYPE_CHECKING:
    import pandas as pd

MAX_CATALOGUE_BYTES = 20 * 1024**2
MAX_PROFILES = 10_000
# A profile with this key is of a model that generates, see simulator.generation.catalogue.
GENERATION_KEY = "generation"
CSV_COLUMNS = ("profile", "pp", "tp", "stage_latency_s", "stage_weight_gib")
CSV_OPTIONAL = ("device", "single_device_latency_s", "batches", "source")
TSV_COLUMNS = ("ModelName", "BS", "DP", "OP", "PP", "StageWeights(B)", "StageLatencies(s)")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pp: Stages
    tp: TensorDegree
    stage_latency_s: list[Latency]
    stage_weight_gib: list[WeightGib]
    batches: dict[ProfiledBatch, list[Latency]] = Field(default_factory=dict[ProfiledBatch, list[Latency]])
    source: ProfileSource = "measured"


class _Profile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    device: Label = ""
    single_device_latency_s: PositiveLatency | None = None
    entries: list[_Entry]


@cache
def builtin_catalogue() -> MappingProxyType[str, Profile]:
    """The profiles that ship, by name: the paper's models on a V100 (sources in each entry)."""
    return MappingProxyType(load_catalogue(Path(__file__).with_name("catalogue.json")))


def load_catalogue(path: str | Path) -> dict[str, Profile]:
    """Profiles of a file, by name; the format is recognised by content. Raises InputError, see parse_catalogue."""
    path = Path(path)
    return parse_catalogue(read_small(path, f"Profiles file '{path}'", MAX_CATALOGUE_BYTES), path.name)


def parse_catalogue(content: bytes, name: str) -> dict[str, Profile]:
    """Profiles from the bytes of a file; those of models that generate are passed over.

    Read are: the catalogue JSON; a CSV with the columns CSV_COLUMNS and, if wanted,
    CSV_OPTIONAL, lists written as numbers with spaces or semicolons between them or as JSON; and the authors'
    profiling TSV, whose times are seconds and weights bytes.

    Args:
        content: the file's bytes. name: the file's name, for messages.

    Raises:
        InputError: with the file, the profile and key or the line and column, what was found and what is allowed.
    """
    text = text_of(content, f"Profiles file '{name}'", MAX_CATALOGUE_BYTES, "JSON, CSV or TSV")
    if not text.strip():
        raise InputError(f"Profiles file '{name}' is empty; JSON, CSV or TSV with at least one profile is allowed.")
    if text.lstrip().startswith(("{", "[")):
        return _from_json(text, name)
    header = text.lstrip().splitlines()[0]
    if "ModelName" in header and "\t" in header:
        return _from_authors_tsv(text, name)
    return _from_csv(text, name)


def catalogue_document(profiles: dict[str, Profile]) -> dict[str, Any]:
    """The catalogue JSON of some profiles; parse_catalogue reads it back to the same profiles."""
    document: dict[str, Any] = {}
    for name, profile in profiles.items():
        alone = {} if profile.alone_s is None else {"single_device_latency_s": profile.alone_s}
        document[name] = {"device": profile.device, **alone, "entries": [_entry_document(e) for e in _sorted(profile)]}
    return document


def _sorted(profile: Profile) -> list[ProfileEntry]:
    return [profile.entries[key] for key in sorted(profile.entries)]


def _entry_document(entry: ProfileEntry) -> dict[str, Any]:
    batches = {"batches": {str(b): list(stages) for b, stages in entry.batches.items()}} if entry.batches else {}
    return {
        "pp": entry.pp,
        "tp": entry.tp,
        "stage_latency_s": list(entry.stage_latency_s),
        **batches,
        "stage_weight_gib": list(entry.stage_weight_gib),
        "source": entry.source,
    }


def _from_json(text: str, name: str) -> dict[str, Profile]:
    document = json_document(text, f"Profiles file '{name}'")
    if not is_object(document) or not document:
        raise InputError(f"Profiles file '{name}' holds no profiles; an object of profile name: profile is allowed.")
    _check_count(len(document), name)
    fixed = {k: v for k, v in document.items() if not (is_object(v) and GENERATION_KEY in v)}
    return {key: _profile(key, value, name) for key, value in fixed.items()}


def _profile(key: str, value: object, file: str) -> Profile:
    where = f"Profiles file '{file}', profile '{key}'"
    try:
        row = _Profile.model_validate(value)
    except ValidationError as error:
        raise InputError(first_problem(error, value, where, _Profile)) from None
    return _checked(where, key, [ProfileEntry(**e.model_dump()) for e in _entries(where, row.entries)], row.device,
                    row.single_device_latency_s)  # fmt: skip


def _entries(where: str, rows: list[_Entry]) -> list[_Entry]:
    seen: set[tuple[int, int]] = set()
    for row in rows:
        if (row.pp, row.tp) in seen:
            raise InputError(f"{where} has two entries for (pp {row.pp}, tp {row.tp}); one is allowed.")
        seen.add((row.pp, row.tp))
        try:
            ProfileEntry(**row.model_dump())
        except InputError as error:
            raise InputError(f"{where}, {error}") from None
    return rows


def _checked(where: str, key: str, entries: list[ProfileEntry], device: str, alone_s: float | None) -> Profile:
    try:
        return Profile(key, {(e.pp, e.tp): e for e in entries}, device, alone_s)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_count(count: int, name: str) -> None:
    if count > MAX_PROFILES:
        raise InputError(
            f"Profiles file '{name}' holds {words.count(count)} profiles; at most {words.count(MAX_PROFILES)} are "
            f"allowed."
        )


def _table(text: str, name: str, separator: str, columns: tuple[str, ...]) -> pd.DataFrame:
    # Here, because the built-in catalogue does without it.
    import pandas as pd

    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise InputError(f"Profiles file '{name}' is no table: {str(error).strip().splitlines()[-1]}.") from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"Profiles file '{name}', line 1: column '{missing[0]}' is missing; needed are {', '.join(columns)}."
        )
    if table.empty:
        raise InputError(f"Profiles file '{name}' has a header but no rows; one row a configuration is allowed.")
    return table


def _from_csv(text: str, name: str) -> dict[str, Profile]:
    table = _table(text, name, ",", CSV_COLUMNS)
    unknown = [c for c in table.columns if c not in CSV_COLUMNS + CSV_OPTIONAL]
    if unknown:
        raise InputError(
            f"Profiles file '{name}', line 1: column '{unknown[0]}' is not known; "
            f"{', '.join(CSV_COLUMNS + CSV_OPTIONAL)} are allowed."
        )
    documents: dict[str, dict[str, Any]] = {}
    for line, row in enumerate(table.to_dict("records"), start=2):
        where = f"Profiles file '{name}', line {line}"
        entry = {
            "pp": _number(row["pp"], int, where, "pp"),
            "tp": _number(row["tp"], int, where, "tp"),
            "stage_latency_s": _numbers(row["stage_latency_s"], where, "stage_latency_s"),
            "stage_weight_gib": _numbers(row["stage_weight_gib"], where, "stage_weight_gib"),
        }
        if row.get("batches"):
            entry["batches"] = _json_cell(row["batches"], where)
        if row.get("source"):
            entry["source"] = row["source"]
        profile = documents.setdefault(row["profile"], {"entries": []})
        profile["entries"].append(entry)
        if row.get("device"):
            profile["device"] = row["device"]
        if row.get("single_device_latency_s"):
            alone = _number(row["single_device_latency_s"], float, where, "single_device_latency_s")
            profile["single_device_latency_s"] = alone
    _check_count(len(documents), name)
    return {key: _profile(key, value, name) for key, value in documents.items()}


# By (PP, OP) and batch size: seconds and GiB of each stage.
_Measured = dict[tuple[int, int], dict[int, tuple[list[float], list[float]]]]


def _from_authors_tsv(text: str, name: str) -> dict[str, Profile]:
    """The authors' profiling results (their code): of two rows for one configuration and batch size, the one
    with the faster slowest stage counts. A model that was not profiled on one device gets the latency of its
    smallest configuration as `single_device_latency_s`."""
    table = _table(text, name, "\t", TSV_COLUMNS)
    found: dict[str, _Measured] = {}
    for line, row in enumerate(table.to_dict("records"), start=2):
        where = f"Profiles file '{name}', line {line}"
        bs, dp, op, pp = (_number(row[c], int, where, c) for c in ("BS", "DP", "OP", "PP"))
        if dp != 1:
            raise InputError(
                f"{where}, column 'DP': {dp} was found; only 1 is allowed, serving has no data parallelism."
            )
        latency_s = _numbers(row["StageLatencies(s)"], where, "StageLatencies(s)")
        weight_gib = [b / 2**30 for b in _numbers(row["StageWeights(B)"], where, "StageWeights(B)")]
        batches = found.setdefault(row["ModelName"], {}).setdefault((pp, op), {})
        if bs not in batches or max(latency_s, default=0) < max(batches[bs][0], default=0):
            batches[bs] = (latency_s, weight_gib)
    _check_count(len(found), name)
    return {key: _profile_of_measurements(key, configurations, name) for key, configurations in found.items()}


def _profile_of_measurements(key: str, configurations: _Measured, name: str) -> Profile:
    entries: list[dict[str, Any]] = []
    for (pp, op), batches in sorted(configurations.items(), key=lambda item: (item[0][0] * item[0][1], -item[0][0])):
        if 1 not in batches:
            raise InputError(
                f"Profiles file '{name}', model '{key}': PP {pp}, OP {op} has no row with BS 1; one is needed."
            )
        more = {bs: stages for bs, (stages, _) in batches.items() if bs > 1}
        latency_s, weight_gib = batches[1]
        entries.append(
            {"pp": pp, "tp": op, "stage_latency_s": latency_s, "stage_weight_gib": weight_gib, "batches": more}
        )
    document: dict[str, Any] = {"entries": entries}
    if (1, 1) not in configurations:
        document["single_device_latency_s"] = sum(entries[0]["stage_latency_s"])
    return _profile(key, document, name)


def _number(text: str, kind: type, where: str, column: str):
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise InputError(f"{where}, column '{column}': '{text[:60]}' was found; {wanted} is allowed.") from None


def _numbers(text: str, where: str, column: str) -> list[float]:
    stripped = text.strip().strip("[]()")
    parts = stripped.replace(",", " ").replace(";", " ").split()
    return [_number(part, float, where, column) for part in parts]


def _json_cell(text: str, where: str) -> dict[str, Any]:
    value = json_document(text, f"{where}, column 'batches'")
    if not is_object(value):
        raise InputError(
            f"{where}, column 'batches': '{text[:60]}' was found; an object such as {{\"2\": [0.1, 0.1]}} is allowed."
        )
    return value
