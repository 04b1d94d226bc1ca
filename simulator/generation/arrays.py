"""The tables that go into the token kernels: one record a group, an engine, a request, and what they point into.

A record keeps what belongs together on one cache line, and a kernel hands on one tuple.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from simulator.arrays import F64, I64, Bools

NONE = -1
# In place of the engine of a request that was turned away.
REJECTED = -2

# clock_s: end of the iteration under way, else when the group may begin. active: the engine whose iteration is under
# way, or NONE; last_active: the one before. Lists: last_admitted is the tail of the running requests, fresh the first
# that the iteration under way admitted. remaining_tokens: of outstanding requests, still to be computed.
GROUP = np.dtype(
    [("clock_s", "f8"), ("switch_s", "f8")]
    + [(name, "i8") for name in ("first_engine", "beyond_engine", "pool_units", "free_units", "active", "last_active",
                                 "last_admitted", "fresh", "outstanding", "remaining_tokens")]
)  # fmt: skip

# First what is given (block_units in the units of the pool; row of the roofs). Then: lists and counts of requests;
# context: tokens computed of those decoding; step: decoding iterations done; slot: which column of `phase` asks for
# blocks next; partial: the request whose prompt is partly computed, or NONE, and chunk its share of the iteration
# under way; decodes: does that iteration decode? prompt_tokens: to be computed of prompts (and, after a preemption, of
# what was generated) that are in no iteration yet.
ENGINE = np.dtype(
    [(name, "f8") for name in ("weight_read_s", "token_s", "sharpness", "sequence_s", "context_token_s",
                               "prefill_pair_s", "link_s", "link_token_s")]
    + [(name, "i8") for name in ("group", "row", "max_tokens", "max_sequences", "block", "block_units", "chunked",
                                 "waiting_head", "waiting_tail", "waiting", "running", "decoding", "context", "step",
                                 "slot", "partial", "chunk", "decodes", "outstanding", "prompt_tokens")]
)  # fmt: skip

# next, previous: lists (waiting at an engine, running in a group). generated, computed: tokens, kept up to date while
# the request does not decode. brought: tokens whose cache another engine computed, until the first iteration with them
# ends. end_step: the step of its engine that ends it, NONE unless it decodes. engine: NONE if no engine took it. Times
# are NaN until they happen.
REQUEST = np.dtype(
    [(name, "f8") for name in ("arrival_s", "scheduled_s", "first_token_s", "last_token_s")]
    + [(name, "i8") for name in ("model", "input_tokens", "output_tokens", "next", "previous", "generated", "computed",
                                 "brought", "end_step", "engine", "preemptions")]
)  # fmt: skip

# Who decodes, a heap by the step that ends each.
END = np.dtype([("step", "i8"), ("request", "i8")])

# One iteration, or several in a row that only decode the same requests. context_tokens: at its begin.
SEGMENT = np.dtype(
    [("begin_s", "f8"), ("end_s", "f8")]
    + [(name, "i8") for name in ("engine", "iterations", "decoding", "prefilling", "prefill_tokens", "context_tokens",
                                 "pool_used", "running", "waiting")]
)  # fmt: skip

EVENT = np.dtype([("at_s", "f8"), ("request", "i8"), ("kind", "i8"), ("tokens", "i8"), ("segment", "i8")])


# What an engine does within one stretch of time: seconds of iterations (and of those that compute prompts), and over
# these seconds integrals of the tokens of an iteration, of requests running and waiting, of units of the pool in use;
# the most that were in use and waited; preemptions.
BIN = np.dtype(
    [(name, "f8") for name in ("busy_s", "prompt_s", "tokens_s", "running_s", "waiting_s", "used_s")]
    + [(name, "i8") for name in ("peak_used", "peak_waiting", "preemptions")]
)


class Structured(Protocol):
    """An array of records: a position gives a record, which kernels take as np.record; a name gives a column."""

    @property
    def size(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Any: ...


class Tables(NamedTuple):
    """Everything that the kernels read and change. G groups, E engines, n requests, R distinct profiles, M models.

    groups: GROUP (G,). engines: ENGINE (E,), those of a group together. requests: REQUEST (n,), by arrival.
    ends: END (E, most sequences). phase: int64 (E, largest block), decoding requests by when they next ask for a block.
    roof_s: float64 (R, B), what depends on the new tokens alone, by tokens.
    segments, events: SEGMENT (S,), EVENT (V,), for timelines; of length 0 when only counting.
    counts: int64 (3,), segments that overlap span_s, events within it, and all segments, so far.
    span_s: float64 (2,), begin and end of what is recorded. recorded: bool (G,), the groups of which it is.
    bins: BIN (E, B + 2), before the B bins of equal length, in them, and after them; (E, 0) where nobody asks.
    bins_s: float64 (2,), where the first bin begins, and the length of one.
    """

    groups: Structured
    engines: Structured
    requests: Structured
    ends: Structured
    phase: I64
    roof_s: F64
    segments: Structured
    events: Structured
    counts: I64
    span_s: F64
    recorded: Bools
    bins: Structured
    bins_s: F64


class Dispatch(NamedTuple):
    """Which engines hold a model: int64 start (M + 2,), candidate ascending for each model; turn (M + 1,), round robin.

    The last model is one that no engine holds.
    limit_s: float64 (M + 1,); whose first token is predicted later than this after its arrival is turned away.
    """

    start: I64
    candidate: I64
    turn: I64
    limit_s: F64

    @property
    def holds_model(self) -> Bools:
        """Which models some engine holds, bool (M,)."""
        return np.diff(self.start)[:-1] > 0
