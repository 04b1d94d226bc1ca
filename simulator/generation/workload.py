"""Requests with tokens: what arrives at engines that generate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import words
from simulator.errors import InputError
from simulator.workload import Workload

MAX_TOKENS = 10_000_000
MAX_TOTAL_TOKENS = 10**12


@dataclass(frozen=True, eq=False)
class TokenWorkload:
    """What arrives: one entry a request, in order of arrival.

    Attributes:
        arrival_s: float64 (n,), seconds, finite, from 0 on, never falling.
        model: int32 (n,), index into `models`.
        input_tokens, output_tokens: int64 (n,), from 1 on.
        models: names.

    The arrays are read-only. Raises InputError if an invariant does not hold.
    """

    arrival_s: np.ndarray
    model: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    models: tuple[str, ...]

    def __post_init__(self) -> None:
        requests = Workload(self.arrival_s, self.model, len(self.models))
        object.__setattr__(self, "arrival_s", requests.arrival_s)
        object.__setattr__(self, "model", requests.model)
        for field in ("input_tokens", "output_tokens"):
            object.__setattr__(self, field, _tokens(field, getattr(self, field), len(requests)))

    def __len__(self) -> int:
        return self.arrival_s.size


def _tokens(field: str, values: np.ndarray, n: int) -> np.ndarray:
    given = np.asarray(values)
    if given.shape != (n,):
        raise InputError(f"A workload of {n} requests needs {n} {field}; it has {given.size}.")
    if given.dtype.kind not in "iu":
        given = given.astype(np.float64)
        bad = np.flatnonzero(~(given == np.floor(given)))
        if bad.size:
            raise InputError(f"Request {int(bad[0])} has {given[bad[0]]} {field}; a whole number is allowed.")
    bad = np.flatnonzero((given < 1) | (given > MAX_TOKENS))
    if bad.size:
        raise InputError(
            f"Request {int(bad[0])} has {given[bad[0]]:g} {field}; 1 to {words.count(MAX_TOKENS)} are allowed."
        )
    tokens = np.array(given, dtype=np.int64)
    if tokens.sum() > MAX_TOTAL_TOKENS:
        raise InputError(
            f"The requests have {words.count(int(tokens.sum()))} {field} in all; at most "
            f"{words.count(MAX_TOTAL_TOKENS)} are allowed."
        )
    tokens.flags.writeable = False
    return tokens
