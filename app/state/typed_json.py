"""Frozen dataclasses of results as JSON and back, by the types of their fields; nothing in the JSON names a class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel

from simulator import InputError, SimulationResult


def to_json(value: Any) -> Any:
    """A JSON document of dataclasses, schemas, tuples, mappings, and plain values; raises TypeError."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if is_dataclass(value) and not isinstance(value, type):
        # Requests are simulated again when they are needed.
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: to_json(part) for name, part in parts.items() if not isinstance(part, SimulationResult)}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: to_json(item) for key, item in value.items()}
        return [[to_json(key), to_json(item)] for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def from_json(kind: Any, document: Any) -> Any:
    """The value of a type from its document; raises InputError if the document is none of that type."""
    try:
        return _read(kind, document)
    except InputError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"A saved {getattr(kind, '__name__', 'result')} cannot be read: {error}") from None


def _read(kind: Any, document: Any) -> Any:
    if kind is Any:
        return document
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _read_union(arguments, document)
    if origin is tuple:
        kinds = arguments[:1] * len(document) if arguments[-1:] == (Ellipsis,) else arguments
        return tuple(_read(k, item) for k, item in zip(kinds, document, strict=True))
    if origin in (list, Sequence):
        return [_read(arguments[0], item) for item in document]
    if origin in (dict, Mapping):
        pairs = document.items() if isinstance(document, Mapping) else document
        return {_key(key): _read(arguments[1], item) for key, item in pairs}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate(document)
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_dataclass(kind, document)
    return _read_plain(kind, document)


def _key(written: Any) -> Any:
    return tuple(map(_key, written)) if isinstance(written, list) else written


def _read_union(kinds: tuple, document: Any) -> Any:
    if document is None and NoneType in kinds:
        return None
    left = [kind for kind in kinds if kind is not NoneType]
    # A reason stands as its sentence in place of what could not be computed.
    left = [kind for kind in left if kind is type(document)] or left
    if isinstance(document, Mapping) and len(left) > 1 and all(is_dataclass(kind) for kind in left):
        left = [kind for kind in left if {field.name for field in fields(kind)} == set(document)]
    if not left:
        raise ValueError(f"{document!r:.60} is none of what is allowed")
    return _read(left[0], document)


def _read_dataclass(kind: type, document: Any) -> Any:
    hints, names = get_type_hints(kind), {field.name for field in fields(kind)}
    # Earlier documents have null for the fate of requests.
    unknown = {name for name, item in document.items() if item is not None} - names
    if unknown:
        raise ValueError(f"it has the unknown key {min(unknown)!r}")
    return kind(**{name: _read(hints[name], item) for name, item in document.items() if name in names})


def _read_plain(kind: type, document: Any) -> Any:
    if kind is float and isinstance(document, dict):
        return float(document["float"])
    if kind is float and isinstance(document, int) and not isinstance(document, bool):
        return float(document)
    if type(document) is not kind:
        raise ValueError(f"{document!r:.60} stands where {kind.__name__} is allowed")
    return document
