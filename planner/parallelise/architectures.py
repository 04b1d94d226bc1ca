"""Model descriptions: what a transformer or mixture-of-experts model is made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.errors import InputError
from simulator.files import json_document, read_small, text_of
from simulator.schema import Between, first_problem

SHIPPED_FILE = Path(__file__).with_name("architectures.json")
MAX_BYTES = 10 * 1024**2
MAX_SEQUENCE = 131_072
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float8": 1, "int8": 1}


class Architecture(BaseModel):
    """One model, as far as its cost depends on it.

    Attributes:
        name: how the catalogue calls it.
        layers: transformer blocks; each is an attention and a feed-forward (or expert) part.
        hidden: width of the token vectors.
        heads, kv_heads: query heads, and heads of keys and values (fewer: grouped-query attention).
        head_width: width of a head; hidden / heads unless given.
        ffn_width: inner width of the dense feed-forward part.
        ffn_kind: "gelu" has two matrices, "gated" three (SwiGLU and its kin).
        vocabulary: rows of the embedding and of the head.
        sequence: tokens of a request.
        learned_positions: rows of a learned position table; 0 for rotary and the like.
        tied_head: whether the head shares the embedding's matrix.
        biases: whether the matrices have biases.
        experts, top_k: experts of an expert layer and how many see each token; 0 experts is a dense model.
        expert_width: inner width of one expert.
        shared_expert_width: inner width of the experts that see every token; 0: there are none.
        expert_every: every how many blocks the feed-forward part is an expert layer (1: all of them).
        expert_group: tokens that are routed together by one-hot matrices (GShard); 0 routes by gathering.
        dtype: of weights and activations, a key of DTYPE_BYTES.
        source: where the description comes from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    layers: Annotated[int, Between(1, 1024)]
    hidden: Annotated[int, Between(8, 131072)]
    heads: Annotated[int, Between(1, 1024)]
    kv_heads: Annotated[int, Between(0, 1024)] = 0
    head_width: Annotated[int, Between(0, 8192)] = 0
    ffn_width: Annotated[int, Between(1, 1048576)]
    ffn_kind: Literal["gelu", "gated"] = "gated"
    vocabulary: Annotated[int, Between(1, 4194304)]
    sequence: Annotated[int, Between(1, MAX_SEQUENCE)] = 2048
    learned_positions: Annotated[int, Between(0, 1048576)] = 0
    tied_head: bool = False
    biases: bool = False
    experts: Annotated[int, Between(0, 4096)] = 0
    top_k: Annotated[int, Between(0, 64)] = 0
    expert_width: Annotated[int, Between(0, 1048576)] = 0
    shared_expert_width: Annotated[int, Between(0, 1048576)] = 0
    expert_every: Annotated[int, Between(1, 64)] = 1
    expert_group: Annotated[int, Between(0, 131072)] = 0
    dtype: Literal["float32", "float16", "bfloat16", "float8", "int8"] = "float16"
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _fill_derived(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        hidden, heads = filled.get("hidden"), filled.get("heads")
        if not filled.get("kv_heads"):
            filled["kv_heads"] = heads
        if not filled.get("head_width") and isinstance(hidden, int) and isinstance(heads, int) and heads > 0:
            if hidden % heads:
                raise ValueError(f"hidden {hidden} is no multiple of heads {heads}; give head_width")
            filled["head_width"] = hidden // heads
        if filled.get("experts") and not filled.get("expert_width"):
            filled["expert_width"] = filled.get("ffn_width")
        return filled

    @model_validator(mode="after")
    def _check_together(self) -> Architecture:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads {self.heads} is no multiple of kv_heads {self.kv_heads}")
        if self.experts and not 1 <= self.top_k <= self.experts:
            raise ValueError(f"top_k is {self.top_k}; from 1 to the {self.experts} experts is allowed")
        if self.experts and self.expert_every > self.layers:
            raise ValueError(f"expert_every is {self.expert_every}, but there are only {self.layers} layers")
        return self

    @property
    def dtype_bytes(self) -> int:
        return DTYPE_BYTES[self.dtype]

    def has_experts(self, layer: int) -> bool:
        """Whether block `layer` (from 0) has an expert layer: the last of every `expert_every` blocks."""
        return self.experts > 0 and layer % self.expert_every == self.expert_every - 1


def parse_architecture(description: Mapping[str, object], where: str = "The model description") -> Architecture:
    """A checked Architecture; raises InputError naming `where`, the key and what is allowed."""
    try:
        return Architecture.model_validate(dict(description))
    except ValidationError as problem:
        raise InputError(first_problem(problem, dict(description), where, Architecture)) from None


def load_architectures(path: str | Path | None = None) -> dict[str, Architecture]:
    """Architectures of a JSON file {name: description} by name; without a path those that ship.

    Raises InputError if the file cannot be read or a description is wrong.
    """
    if path is None:
        return dict(_shipped())
    return _read(Path(path))


@cache
def _shipped() -> dict[str, Architecture]:
    return _read(SHIPPED_FILE)


def _read(path: Path) -> dict[str, Architecture]:
    where = f"File of model descriptions '{path.name}'"
    document = json_document(text_of(read_small(path, where, MAX_BYTES), where, MAX_BYTES, "JSON"), where)
    if not isinstance(document, dict):
        raise InputError(
            f"{path.name} holds a {type(document).__name__}; an object of descriptions by name is allowed."
        )
    found = {}
    for name, description in document.items():
        if not isinstance(description, dict):
            raise InputError(f"{path.name}, model '{name}': the description is no object of keys and values.")
        found[name] = parse_architecture({"name": name} | description, f"{path.name}, model '{name}'")
    return found
