"""All parts of a workspace as one JSON document: what versions and exported files hold."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from app.store.contract import Part, StoreError
from simulator.files import json_document, text_of
from simulator.schema import first_problem

MAX_BYTES = 64 * 1024**2
MAX_PARTS = 500


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    document: JsonValue
    blobs: list[str] = Field(max_length=1000)


class _Parts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1, le=1)
    parts: dict[str, _Part] = Field(max_length=MAX_PARTS)


def pack_parts(parts: Mapping[str, Part]) -> bytes:
    """The document of some parts."""
    rows = {key: {"document": part.document, "blobs": list(part.blobs)} for key, part in parts.items()}
    return json.dumps({"version": 1, "parts": rows}, sort_keys=True, separators=(",", ":")).encode()


def unpack_parts(content: bytes, where: str) -> dict[str, Part]:
    """The parts of a document; raises StoreError naming the place, what was found and what is allowed."""
    try:
        document = json_document(text_of(content, where, MAX_BYTES, "JSON"), where)
        rows = _Parts.model_validate(document).parts
    except ValidationError as error:
        raise StoreError(first_problem(error, document, where, _Parts)) from None
    except ValueError as error:
        raise StoreError(str(error)) from None
    return {key: Part(row.document, tuple(row.blobs)) for key, row in rows.items()}
