"""Profiles of models that generate in a catalogue file, beside those of models with fixed latencies.

    {"my-llama": {"generation": [{"device": "H100", "tp": 1, "weight_read_s": 0.011, ...}]}}

The keys are those of GenerationProfile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.catalogue import GENERATION_KEY, MAX_CATALOGUE_BYTES
from simulator.errors import InputError
from simulator.files import is_object, json_document, read_small, text_of
from simulator.generation.engine import FitError, GenerationProfile
from simulator.schema import Between, Label, TensorDegree, first_problem

_Seconds = Annotated[float, Between(0, 3600)]
_Share = Annotated[float, Between(0, 1e6)]
_Gib = Annotated[float, Between(0, 1e6)]


class _Error(BaseModel):
    model_config = ConfigDict(extra="forbid")
    median: _Share
    p90: _Share
    points: Annotated[int, Between(1, 1e9)]


class _Iterations(BaseModel):
    model_config = ConfigDict(extra="forbid")
    device: Label
    tp: TensorDegree
    weight_read_s: _Seconds
    token_s: _Seconds
    sharpness: Annotated[float, Between(0.3, 100)]
    sequence_s: _Seconds
    context_token_s: _Seconds
    prefill_pair_s: _Seconds
    kv_bytes_per_token: Annotated[float, Between(0, 1e12, above=True)]
    weight_gib: _Gib | None = None
    link_s: _Seconds = 0.0
    link_token_s: _Seconds = 0.0
    provenance: Annotated[str, Field(max_length=2000)] = ""
    error: _Error | None = None


class _Generating(BaseModel):
    model_config = ConfigDict(extra="forbid")
    generation: Annotated[list[_Iterations], Field(min_length=1, max_length=64)]


def load_generation_profiles(path: str | Path) -> tuple[GenerationProfile, ...]:
    """The profiles of generating models of a catalogue file; raises InputError."""
    path = Path(path)
    return parse_generation_profiles(
        read_small(path, f"Profiles file '{path}'", MAX_CATALOGUE_BYTES), path.name
    )  # fmt: skip


def parse_generation_profiles(content: bytes, name: str) -> tuple[GenerationProfile, ...]:
    """The profiles of generating models in the bytes of a catalogue; none where it has no such models.

    Raises InputError with file, profile, key, what was found and what is allowed.
    """
    text = text_of(content, f"Profiles file '{name}'", MAX_CATALOGUE_BYTES, "JSON, CSV or TSV")
    if not text.lstrip().startswith("{"):
        return ()
    document = json_document(text, f"Profiles file '{name}'")
    generating = [(k, v) for k, v in document.items() if is_object(v) and GENERATION_KEY in v]
    return tuple(profile for key, value in generating for profile in _profiles(key, value, name))


def generation_document(profiles: Iterable[GenerationProfile]) -> dict[str, Any]:
    """The catalogue JSON of some profiles, by name; parse_generation_profiles reads it back to the same profiles."""
    document: dict[str, Any] = {}
    for profile in profiles:
        row = {key: value for key, value in asdict(profile).items() if key != "name"}
        document.setdefault(profile.name, {GENERATION_KEY: []})[GENERATION_KEY].append(row)
    return document


def _profiles(key: str, value: object, file: str) -> list[GenerationProfile]:
    where = f"Profiles file '{file}', profile '{key}'"
    try:
        parsed = _Generating.model_validate(value)
    except ValidationError as error:
        raise InputError(first_problem(error, value, where, _Generating)) from None
    places = [(row.device, row.tp) for row in parsed.generation]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise InputError(f"{where} has two entries for {twice[0]}, tp {twice[1]}; one is allowed.")
    try:
        return [
            GenerationProfile(
                key, **row.model_dump(exclude={"error"}),
                error=None if row.error is None else FitError(**row.error.model_dump()),
            )
            for row in parsed.generation
        ]  # fmt: skip
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
