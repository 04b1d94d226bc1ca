"""Requests sorted by arrival: the time and the model of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator import words
from simulator.errors import InputError

MAX_REQUESTS = 50_000_000
# The length of a request that brings none, beside others that do.
NO_LENGTH = -1


@dataclass(frozen=True, eq=False)
class Workload:
    """What arrives: one entry a request, in order of arrival.

    Attributes:
        arrival_s: float64, shape (n,), seconds, finite, not negative, never falling. Ties keep their order.
        model: int32, shape (n,), the index of the model each request asks for, in [0, num_models).
        num_models: how many models the indices refer to; a model may have no request.
        slo_s: float64, shape (n,) or None. A deadline per request in seconds after its arrival, where the
            trace names one; NaN stands for "the model's own".
        input_tokens, output_tokens: int64, shape (n,), from 0 on, or NO_LENGTH where a request brings none; both or
            neither. What a request reads and writes, for models that generate token by token.

    The arrays are read-only. Raises InputError if an invariant does not hold.
    """

    arrival_s: np.ndarray
    model: np.ndarray
    num_models: int
    slo_s: np.ndarray | None = None
    input_tokens: np.ndarray | None = None
    output_tokens: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrival_s = _frozen(self.arrival_s, np.float64)
        model = _frozen(self.model, np.int32)
        object.__setattr__(self, "arrival_s", arrival_s)
        object.__setattr__(self, "model", model)
        if arrival_s.ndim != 1 or arrival_s.shape != model.shape:
            raise InputError(
                f"A workload needs one model for each arrival; it has {arrival_s.size} arrivals "
                f"and {model.size} models."
            )
        if arrival_s.size > MAX_REQUESTS:
            raise InputError(
                f"The workload has {words.count(arrival_s.size)} requests; at most {words.count(MAX_REQUESTS)} can "
                f"be simulated. "
                "Choose a shorter window or a smaller rate scale."
            )
        self._check_times(arrival_s)
        if model.size and (model.min() < 0 or model.max() >= self.num_models):
            raise InputError(
                f"A request asks for model number {int(model.max() if model.min() >= 0 else model.min())}; "
                f"numbers from 0 to {self.num_models - 1} are allowed."
            )
        if self.slo_s is not None:
            self._check_slo(self.slo_s, arrival_s.size)
        self._check_tokens(arrival_s.size)

    @staticmethod
    def _check_times(arrival_s: np.ndarray) -> None:
        if not arrival_s.size:
            return
        if not np.isfinite(arrival_s).all():
            row = int(np.flatnonzero(~np.isfinite(arrival_s))[0])
            raise InputError(f"Request {row} arrives at {arrival_s[row]}; a finite number of seconds is allowed.")
        if arrival_s[0] < 0:
            raise InputError(f"The first request arrives at {arrival_s[0]} s; times from 0 on are allowed.")
        falls = np.flatnonzero(arrival_s[1:] < arrival_s[:-1])
        if falls.size:
            row = int(falls[0]) + 1
            raise InputError(
                f"Request {row} arrives at {arrival_s[row]} s, before the one in front of it "
                f"({arrival_s[row - 1]} s); a workload is sorted by arrival."
            )

    def _check_slo(self, slo_s: np.ndarray, n: int) -> None:
        slo_s = _frozen(slo_s, np.float64)
        object.__setattr__(self, "slo_s", slo_s)
        if slo_s.shape != (n,):
            raise InputError(f"A workload of {n} requests needs {n} deadlines; it has {slo_s.size}.")
        bad = np.flatnonzero(~(np.isnan(slo_s) | (slo_s > 0)))
        if bad.size:
            raise InputError(
                f"Request {int(bad[0])} has a deadline of {slo_s[bad[0]]} s; a positive number of seconds is allowed."
            )

    def _check_tokens(self, n: int) -> None:
        if (self.input_tokens is None) != (self.output_tokens is None):
            missing = "input_tokens" if self.input_tokens is None else "output_tokens"
            raise InputError(f"The workload has no {missing}; input and output tokens are given together.")
        for name in ("input_tokens", "output_tokens") if self.input_tokens is not None else ():
            tokens = _frozen(getattr(self, name), np.int64)
            object.__setattr__(self, name, tokens)
            if tokens.shape != (n,):
                raise InputError(f"A workload of {n} requests needs {n} {name}; it has {tokens.size}.")
            if n and tokens.min() < NO_LENGTH:
                row = int(np.flatnonzero(tokens < NO_LENGTH)[0])
                raise InputError(f"Request {row} has {tokens[row]} {name}; whole numbers from 0 on are allowed.")

    def __len__(self) -> int:
        return self.arrival_s.size

    @property
    def has_tokens(self) -> bool:
        """Whether every request has input and output tokens."""
        return self.tokens is not None

    @property
    def tokens(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Input and output tokens: int64, shape (n,) each; None where some requests have none."""
        if self.input_tokens is None or self.output_tokens is None or self.without_tokens.any():
            return None
        return self.input_tokens, self.output_tokens

    @property
    def without_tokens(self) -> np.ndarray:
        """Which requests bring no pair of lengths: bool, shape (n,)."""
        if self.input_tokens is None or self.output_tokens is None:
            return np.ones(len(self), dtype=bool)
        return lacks_lengths(self.input_tokens, self.output_tokens)

    @property
    def span_s(self) -> float:
        """Seconds from the first arrival to the last; 0 with fewer than two requests."""
        return float(self.arrival_s[-1] - self.arrival_s[0]) if len(self) else 0.0

    def requests_per_model(self) -> np.ndarray:
        """Requests of each model: int64, shape (num_models,)."""
        return np.bincount(self.model, minlength=self.num_models)

    def window(self, start_s: float, end_s: float) -> Workload:
        """The requests with start_s <= arrival < end_s, on the same clock."""
        low, high = np.searchsorted(self.arrival_s, (start_s, end_s), side="left")
        return self.rows(slice(low, high))

    def rows(self, rows: slice | np.ndarray) -> Workload:
        """The requests of some rows, on the same clock."""
        return self.moved(self.arrival_s[rows], rows)

    def moved(self, arrival_s: np.ndarray, rows: slice | np.ndarray = slice(None)) -> Workload:
        """The requests of some rows, any number of times, at other instants: float64 (k,), never falling."""
        per_request = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("slo_s", "input_tokens", "output_tokens")
        }
        return Workload(arrival_s, self.model[rows], self.num_models, **per_request)


def lacks_lengths(input_tokens: np.ndarray, output_tokens: np.ndarray) -> np.ndarray:
    """Where one of the two lengths is missing, int64 (n,) each: bool (n,). One alone says too little to generate."""
    return (input_tokens == NO_LENGTH) | (output_tokens == NO_LENGTH)


def merge_arrivals(arrivals_per_model: Sequence[np.ndarray]) -> Workload:
    """One workload from the arrivals of each model.

    Args:
        arrivals_per_model: for model i the array of its arrival times in seconds (any order inside).

    Returns:
        The merged workload; simultaneous requests stand in the order of their models.
    """
    sizes = [len(times) for times in arrivals_per_model]
    if sum(sizes) > MAX_REQUESTS:
        raise InputError(
            f"The workload would have {words.count(sum(sizes))} requests; at most {words.count(MAX_REQUESTS)} can be "
            f"simulated. "
            "Choose a shorter window or a smaller rate."
        )
    arrival_s = np.concatenate([np.asarray(t, dtype=np.float64) for t in arrivals_per_model] or [np.empty(0)])
    model = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    order = np.argsort(arrival_s, kind="stable")
    return Workload(arrival_s[order], model[order], len(sizes))


def _frozen(values: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    # Pandas 3 hands out read-only views; a private contiguous array keeps kernels and callers apart.
    array: np.ndarray = np.ascontiguousarray(values, dtype=dtype)
    if array is values and array.flags.writeable:
        array = array.view()
    array.flags.writeable = False
    return array
