"""What generates: profiles of iterations, limits of an engine, engines on groups of devices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from simulator import words
from simulator.errors import InputError

MAX_ENGINES = 1_024
MAX_BATCHED_TOKENS = 1_000_000
MAX_SEQUENCES = 65_536
MAX_BLOCK_SIZE = 1_024
# The numbers of a profile that say what an iteration costs; all but `sharpness` are seconds.
COEFFICIENTS = ("weight_read_s", "token_s", "sharpness", "sequence_s", "context_token_s", "prefill_pair_s", "link_s",
                "link_token_s")  # fmt: skip
# What the engines of a group do where others do the rest.
PREFILL, DECODE = ROLES = ("prefill", "decode")
# A number of tokens, or an array of such numbers.
Tokens = TypeVar("Tokens", float, np.ndarray)
SECONDS = tuple(name for name in COEFFICIENTS if name != "sharpness")


@dataclass(frozen=True)
class FitError:
    """How well a profile meets what it was fitted to, as shares of 1: median and 90th percentile of |error|."""

    median: float
    p90: float
    points: int


@dataclass(frozen=True)
class GenerationProfile:
    """What one iteration of a model costs on `tp` devices: six numbers.

        T = (W^p + (c_w tok)^p)^(1/p) + c_q seqs + c_kv kv + c_p sum chunk (past + chunk / 2) + link

    tok: new tokens of the iteration. seqs: requests in it. kv: tokens in the caches that decoding requests read. The
    sum runs over prompts, `past` tokens of each computed before. The p-norm is a soft roofline: reading the weights
    once against the arithmetic of all tokens.

    Attributes:
        name: model; device, tp: where.
        weight_read_s: W, seconds. token_s: c_w, seconds a token. sharpness: p, at least 0.3; below 1 the time grows
            less than in proportion to the tokens (experts).
        sequence_s: c_q. context_token_s: c_kv. prefill_pair_s: c_p, seconds a pair of tokens.
        kv_bytes_per_token: bytes that a token takes in the cache, of each device.
        weight_gib: weights on each device, None where not known.
        link_s, link_token_s: links between the devices where the table was measured without them.
        provenance: where the numbers are from. error: of the fit, None where there was none.
    """

    name: str
    device: str
    tp: int
    weight_read_s: float
    token_s: float
    sharpness: float
    sequence_s: float
    context_token_s: float
    prefill_pair_s: float
    kv_bytes_per_token: float
    weight_gib: float | None = None
    link_s: float = 0.0
    link_token_s: float = 0.0
    provenance: str = ""
    error: FitError | None = None

    def __post_init__(self) -> None:
        for field in SECONDS:
            value = getattr(self, field)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"Profile '{self.name}': {field} is {value}; seconds from 0 on are allowed.")
        if self.weight_read_s + self.token_s <= 0:
            raise InputError(f"Profile '{self.name}': weight_read_s and token_s are both 0; an iteration takes time.")
        if not 0.3 <= self.sharpness <= 100:
            raise InputError(f"Profile '{self.name}': sharpness is {self.sharpness}; 0.3 to 100 is allowed.")
        if not (math.isfinite(self.kv_bytes_per_token) and self.kv_bytes_per_token > 0):
            raise InputError(
                f"Profile '{self.name}': kv_bytes_per_token is {self.kv_bytes_per_token}; a positive number is allowed."
            )

    @property
    def coefficients(self) -> tuple[float, ...]:
        """The numbers in the order of COEFFICIENTS."""
        return tuple(getattr(self, name) for name in COEFFICIENTS)

    def roof_s(self, tokens: Tokens) -> Tokens:
        """Seconds that depend on the new tokens alone, links included."""
        p = self.sharpness
        roof = (self.weight_read_s**p + (self.token_s * tokens) ** p) ** (1 / p)
        return roof + self.link_s + self.link_token_s * tokens

    def iteration_s(self, decoding: int, context: int, chunks: Sequence[tuple[int, int]] = ()) -> float:
        """Seconds of an iteration.

        Args:
            decoding: requests that decode. context: tokens in all their caches.
            chunks: (tokens computed before, tokens computed now) of every prompt.
        """
        return (
            self.roof_s(decoding + sum(now for _, now in chunks))
            + self.sequence_s * (decoding + len(chunks))
            + self.context_token_s * context
            + self.prefill_pair_s * sum(now * (past + now / 2) for past, now in chunks)
        )

    def scaled(self, factor: float) -> GenerationProfile:
        """All times multiplied by one factor, as calibrated on a measured run."""
        return replace(self, **{name: getattr(self, name) * factor for name in SECONDS})


@dataclass(frozen=True)
class EngineLimits:
    """The limits of one engine, by vLLM's names.

    Attributes:
        max_num_batched_tokens: new tokens of an iteration at most. max_num_seqs: running requests at most.
        kv_blocks: blocks of the cache; None where the group has one pool for several engines.
        block_size: tokens of a block.
        chunked_prefill: prompts are cut and mixed with decoding (vLLM since V1); False: an iteration computes either
            whole prompts, first, or one token of each running request.
    """

    max_num_batched_tokens: int = 2048
    max_num_seqs: int = 256
    kv_blocks: int | None = None
    block_size: int = 16
    chunked_prefill: bool = True

    def __post_init__(self) -> None:
        _check_count("max_num_batched_tokens", self.max_num_batched_tokens, MAX_BATCHED_TOKENS)
        _check_count("max_num_seqs", self.max_num_seqs, MAX_SEQUENCES)
        _check_count("block_size", self.block_size, MAX_BLOCK_SIZE)
        if self.kv_blocks is not None:
            _check_count("kv_blocks", self.kv_blocks, 10**12)
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise InputError(
                f"max_num_batched_tokens is {self.max_num_batched_tokens} and max_num_seqs {self.max_num_seqs}; every "
                "running request needs a token of an iteration, so the former must not be smaller."
            )


@dataclass(frozen=True)
class Engine:
    """One engine: a model, what its iterations cost, and its limits."""

    model: str
    profile: GenerationProfile
    limits: EngineLimits


@dataclass(frozen=True)
class EngineGroup:
    """Devices with one engine, or with several that take turns by iteration.

    Attributes:
        engines: one for each model on the devices.
        kv_pool_bytes: the cache that all engines share, bytes of each device; None with a single engine whose limits
            say `kv_blocks`.
        role: PREFILL, only prompts and first tokens; DECODE, only later tokens, after the cache was handed on, and
            always with `chunked_prefill`; None, both.
        switch_s: seconds before an iteration of another engine than the last one.
    """

    engines: tuple[Engine, ...]
    kv_pool_bytes: float | None = None
    switch_s: float = 0.0
    role: str | None = None

    def __post_init__(self) -> None:
        if not self.engines:
            raise InputError("A group of engines is empty; at least one engine is needed.")
        models = [engine.model for engine in self.engines]
        if len(set(models)) < len(models):
            raise InputError(f"A group holds {', '.join(models)}; each model may have one engine in a group.")
        if self.role not in (None, *ROLES):
            raise InputError(f"The role of a group is '{self.role}'; {', '.join(ROLES)} are allowed, or none.")
        if not (math.isfinite(self.switch_s) and self.switch_s >= 0):
            raise InputError(f"switch_s is {self.switch_s}; seconds from 0 on are allowed.")
        first, *others = self.engines
        if self.kv_pool_bytes is None:
            if others or first.limits.kv_blocks is None:
                raise InputError(
                    f"The group of {', '.join(models)} needs kv_pool_bytes; only a single engine with kv_blocks does "
                    "without."
                )
        elif not (0 < self.kv_pool_bytes < 2**60):
            raise InputError(f"kv_pool_bytes is {self.kv_pool_bytes}; a positive number of bytes is allowed.")

    def block_units(self, engine: Engine) -> int:
        """What a block of an engine takes of the pool: one block, or bytes where the pool is in bytes."""
        if self.kv_pool_bytes is None:
            return 1
        return max(1, round(engine.profile.kv_bytes_per_token * engine.limits.block_size))

    @property
    def pool_units(self) -> int:
        """The pool, in the units of `block_units`."""
        if self.kv_pool_bytes is not None:
            return int(self.kv_pool_bytes)
        blocks = self.engines[0].limits.kv_blocks
        assert blocks is not None, "checked above: without a pool in bytes the engine says its blocks"
        return blocks


def _check_count(name: str, value: int, most: int) -> None:
    if isinstance(value, bool) or int(value) != value or not 1 <= value <= most:
        raise InputError(f"{name} is {value}; a whole number from 1 to {words.count(most)} is allowed.")
