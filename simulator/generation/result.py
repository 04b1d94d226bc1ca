"""What happened to every request that generates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.generation.workload import TokenWorkload

# "too_long": prompt and output together never fit the cache of any engine of the model. "unplaced": no engine has it.
# "rejected": turned away at its arrival, because its first token was predicted too late.
STATUS = ("served", "too_long", "unplaced", "rejected")


@dataclass(frozen=True, eq=False)
class Handoff:
    """Requests whose later tokens came from another engine than the first; one entry a request.

    Attributes:
        engine: int32, number of the engine that decoded, -1 for requests that were not handed on.
        arrived_s, joined_s: float64, when the cache was there, and when the request was first admitted there; NaN for
            requests that were not handed on.
    """

    engine: np.ndarray
    arrived_s: np.ndarray
    joined_s: np.ndarray


@dataclass(frozen=True, eq=False)
class GenerationResult:
    """One entry a request, in the order of the workload; times in seconds on the clock of the workload.

    Attributes:
        workload: what arrived; a request is queued at its arrival.
        status: int8, index into STATUS.
        engine: int32, number of the engine, -1 if none took it; with a handoff the one of the first token.
        scheduled_s, first_token_s, last_token_s: float64, first admission to a batch, first and last token; NaN
            unless served.
        preemptions: int64, how often it lost its blocks and was computed again.
        handoff: None unless there are engines that only decode.
    """

    workload: TokenWorkload
    status: np.ndarray
    engine: np.ndarray
    scheduled_s: np.ndarray
    first_token_s: np.ndarray
    last_token_s: np.ndarray
    preemptions: np.ndarray
    handoff: Handoff | None = None

    @property
    def last_engine(self) -> np.ndarray:
        """int32 (n,), the engine that made the last token, -1 if none took the request."""
        if self.handoff is None:
            return self.engine
        return np.where(self.handoff.engine >= 0, self.handoff.engine, self.engine)

    def at_engines(self, engines: Sequence[int]) -> np.ndarray:
        """bool (n,), requests any of whose tokens these engines make."""
        return np.isin(self.engine, engines) | np.isin(self.last_engine, engines)

    @property
    def served(self) -> np.ndarray:
        """bool (n,)."""
        return self.status == STATUS.index("served")

    @property
    def ttft_s(self) -> np.ndarray:
        """Time to first token, from the arrival; NaN unless served."""
        return self.first_token_s - self.workload.arrival_s

    @property
    def tpot_s(self) -> np.ndarray:
        """Time per output token after the first; NaN unless served, and for outputs of one token."""
        tokens = self.workload.output_tokens - 1
        return np.where(tokens > 0, (self.last_token_s - self.first_token_s) / np.maximum(tokens, 1), np.nan)

    @property
    def e2e_s(self) -> np.ndarray:
        """From the arrival to the last token; NaN unless served."""
        return self.last_token_s - self.workload.arrival_s
