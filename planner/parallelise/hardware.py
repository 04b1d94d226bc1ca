"""Accelerators: rates, memory, links, prices, and the constants of the cost model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from planner.parallelise.architectures import DTYPE_BYTES
from simulator.errors import InputError
from simulator.files import json_document, read_small, text_of
from simulator.schema import Between, first_problem

SHIPPED_FILE = Path(__file__).with_name("hardware.json")
MAX_BYTES = 10 * 1024**2


class Software(BaseModel):
    """What the software on a device makes of it: the constants of the cost model, one set per device.

    Attributes:
        matmul_efficiency: share of the peak rate that a large matrix product reaches.
        memory_efficiency: share of the memory bandwidth that streaming kernels reach.
        link_efficiency: share of the link bandwidth that collectives and transfers reach.
        launch_s: seconds that every kernel takes besides its work.
        collective_s: seconds that a collective takes besides its bytes, per doubling of the devices.
        hop_s: seconds that passing activations to a stage of one device takes besides their bytes, and more
            per doubling of its devices.
        score_passes: how often the attention scores go through memory; 0 for fused (flash) attention.
        few_tokens, few_tokens_score_passes: with fewer tokens in a batch the unfused attention kernels move
            the scores that often instead.
        token_passes: how often norms and residual additions move the token vectors, per operator.
        routing_passes: how often one-hot expert routing moves a (tokens, tokens, experts) mask of a group.
        one_hot_embedding: whether tokens are looked up by a product with one-hot vectors.
        note: how the constants were fixed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    matmul_efficiency: Annotated[float, Between(0, 1, above=True)]
    memory_efficiency: Annotated[float, Between(0, 1, above=True)]
    link_efficiency: Annotated[float, Between(0, 1, above=True)]
    launch_s: Annotated[float, Between(0, 0.01)]
    collective_s: Annotated[float, Between(0, 0.1)]
    hop_s: Annotated[float, Between(0, 0.1)]
    score_passes: Annotated[float, Between(0, 100)] = 0.0
    few_tokens: Annotated[int, Between(0, 65536)] = 0
    few_tokens_score_passes: Annotated[float, Between(0, 100)] = 0.0
    token_passes: Annotated[float, Between(0, 100)] = 6.0
    routing_passes: Annotated[float, Between(0, 1000)] = 1.0
    one_hot_embedding: bool = False
    note: str = ""


class Device(BaseModel):
    """One accelerator in its usual server.

    Attributes:
        name: how scenarios call it.
        peak_tflops: 10^12 operations per second by data type, dense.
        processors: streaming multiprocessors (compute units), which share the tiles of a matrix product.
        memory_gib: all of its memory.
        weight_memory_gib: what may be spent on weights; the rest is for activations and the runtime.
        memory_gb_per_s: memory bandwidth, 10^9 bytes per second.
        devices_per_node: how many share a server.
        link_gb_per_s: one-way bandwidth of one device to the others of a group inside the server, 10^9
            bytes per second, by group size; a size not listed takes that of the next larger one listed.
        hop_gb_per_s: one-way bandwidth from one device to its neighbour in a pipeline.
        node_gb_per_s: one-way bandwidth of a whole server to the network.
        usd_per_hour, price_date, price_source: default price of one device; editable.
        software: constants of the cost model.
        source: where the rates come from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    peak_tflops: Mapping[str, float] = Field(min_length=1)
    processors: Annotated[int, Between(1, 4096)]
    memory_gib: Annotated[float, Between(0, 10000, above=True)]
    weight_memory_gib: Annotated[float, Between(0, 10000, above=True)]
    memory_gb_per_s: Annotated[float, Between(0, 1e6, above=True)]
    devices_per_node: Annotated[int, Between(1, 4096)] = 8
    link_gb_per_s: Mapping[int, float] = Field(min_length=1)
    hop_gb_per_s: Annotated[float, Between(0, 1e5, above=True)]
    node_gb_per_s: Annotated[float, Between(0, 1e5, above=True)]
    usd_per_hour: Annotated[float, Between(0, 10000)] = 0.0
    price_date: str = ""
    price_source: str = ""
    software: Software
    source: str = ""

    @field_validator("peak_tflops")
    @classmethod
    def _known_types(cls, rates: Mapping[str, float]) -> Mapping[str, float]:
        for dtype, rate in rates.items():
            if dtype not in DTYPE_BYTES:
                raise ValueError(f"peak_tflops names '{dtype}'; {', '.join(DTYPE_BYTES)} are allowed")
            if not 0 < rate < 1e6:
                raise ValueError(f"peak_tflops of {dtype} is {rate}; a positive number is allowed")
        return rates

    @field_validator("link_gb_per_s")
    @classmethod
    def _positive_links(cls, links: Mapping[int, float]) -> Mapping[int, float]:
        for ways, rate in links.items():
            if ways < 2 or not 0 < rate < 1e5:
                raise ValueError(
                    f"link_gb_per_s is {rate} for {ways} devices; 2 or more and a positive rate are allowed"
                )
        return links

    def rate_flops(self, dtype: str) -> float:
        """Peak operations per second for a data type; raises InputError naming those that exist."""
        if dtype not in self.peak_tflops:
            known = ", ".join(self.peak_tflops)
            raise InputError(f"Device '{self.name}' has no rate for {dtype}; its data types are {known}.")
        return self.peak_tflops[dtype] * 1e12

    def link_bytes_per_s(self, ways: int) -> float:
        """One-way bandwidth of a device in a group of `ways`, bytes per second; between servers the network's."""
        if ways > self.devices_per_node:
            return self.node_gb_per_s * 1e9
        sizes = sorted(self.link_gb_per_s)
        size = next((size for size in sizes if size >= ways), sizes[-1])
        return self.link_gb_per_s[size] * 1e9


def parse_device(description: Mapping[str, object], where: str = "The device") -> Device:
    """A checked Device; raises InputError naming `where`, the key and what is allowed."""
    try:
        return Device.model_validate(dict(description))
    except ValidationError as problem:
        raise InputError(first_problem(problem, dict(description), where, Device)) from None


def load_hardware(path: str | Path | None = None) -> dict[str, Device]:
    """Devices by name: those that ship, with those of a JSON file {name: description} added or put over them.

    Raises InputError if the file cannot be read or an entry is wrong.
    """
    shipped = dict(_shipped())
    return shipped if path is None else shipped | _read(Path(path))


@cache
def _shipped() -> dict[str, Device]:
    return _read(SHIPPED_FILE)


def _read(path: Path) -> dict[str, Device]:
    where = f"File of devices '{path.name}'"
    document = json_document(text_of(read_small(path, where, MAX_BYTES), where, MAX_BYTES, "JSON"), where)
    if not isinstance(document, dict):
        raise InputError(f"{path.name} holds a {type(document).__name__}; an object of devices by name is allowed.")
    found = {}
    for name, description in document.items():
        if not isinstance(description, dict):
            raise InputError(f"{path.name}, device '{name}': the entry is no object of keys and values.")
        found[name] = parse_device({"name": name} | description, f"{path.name}, device '{name}'")
    return found
