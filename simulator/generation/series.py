"""What engines do over time: in equal stretches of time; iterations, and the events in the life of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.generation.arrays import BIN, Tables

if TYPE_CHECKING:
    import pandas as pd

EVENT_KINDS = ("prefill", "preempted", "joined")


@dataclass(frozen=True, eq=False)
class EngineSeries:
    """Everything that every engine did.

    Attributes:
        segments: one row for an iteration, or for several in a row of one engine that only decode the same requests:
            begin_s, end_s; engine; iterations; decoding, prefilling (requests in each);
            prefill_tokens (of the iteration); context_tokens (in the caches of those decoding, at begin_s); pool_used
            (share of the group's pool once the last of these iterations has its blocks, 0..1); running; waiting.
        events: one row an event: at_s (begin of its iteration), request, kind ("prefill": a chunk of its prompt;
            "preempted"; "joined" with the cache that another engine computed, to decode at once), tokens (computed,
            forgotten, or brought), segment (row of `segments`; for "preempted" the iteration that took the blocks).
    """

    segments: pd.DataFrame
    events: pd.DataFrame

    @classmethod
    def of_tables(cls, tables: Tables) -> EngineSeries:
        """Tables of what the kernels wrote down."""
        # Here, because scenarios without engines do without it.
        import pandas as pd

        recorded = tables.segments[: tables.counts[0]], tables.events[: tables.counts[1]]
        segments, events = (pd.DataFrame(rows) for rows in recorded)
        pool = tables.groups["pool_units"][tables.engines["group"][segments["engine"]]]
        segments["pool_used"] = segments["pool_used"] / pool
        events["kind"] = pd.Categorical.from_codes(recorded[1]["kind"], categories=pd.Index(EVENT_KINDS))
        return cls(segments, events)


@dataclass(frozen=True, eq=False)
class EngineBins:
    """What every engine does in B equal stretches of time; E engines. NaN where an engine computes nothing.

    Attributes:
        edges_s: float64 (B + 1,).
        busy: float64 (E, B), share of the time in which it computes, an iteration of its own.
        prompts: share of that time in iterations that compute prompts.
        tokens: mean new tokens of an iteration, over that time. running, waiting: mean requests in its batch, and in
            its queue when an iteration begins; most_waiting: the most, int64 (E, B).
        cache, peak_cache: share of its group's pool in use, mean and most, 0..1.
        preemptions: int64 (E, B).
        whole: the same of each engine over the whole run, arrays (E,) by the names above; `busy` is in seconds there.
    """

    edges_s: np.ndarray
    busy: np.ndarray
    prompts: np.ndarray
    tokens: np.ndarray
    running: np.ndarray
    waiting: np.ndarray
    most_waiting: np.ndarray
    cache: np.ndarray
    peak_cache: np.ndarray
    preemptions: np.ndarray
    whole: dict[str, np.ndarray]

    def of_engines(self, engines: Sequence[int]) -> EngineBins:
        """Those of some engines, in that order."""
        rows = {name: getattr(self, name)[list(engines)] for name in self.whole}
        return replace(self, **rows, whole={name: values[list(engines)] for name, values in self.whole.items()})

    @classmethod
    def of_tables(cls, tables: Tables) -> EngineBins:
        """Shares and means of what the kernels added up."""
        bins, (start_s, length_s) = tables.bins, tables.bins_s
        pool = tables.groups["pool_units"][tables.engines["group"]]
        inner = _means(bins[:, 1:-1], pool[:, None])
        inner["busy"] = np.minimum(inner["busy"] / length_s, 1.0)
        summed = np.zeros(len(bins), BIN)
        for name in BIN.names or ():
            summed[name] = bins[name].max(axis=1) if name.startswith("peak") else bins[name].sum(axis=1)
        return cls(start_s + length_s * np.arange(bins.shape[1] - 1), **inner, whole=_means(summed, pool))


def _means(bins: np.ndarray, pool: np.ndarray) -> dict[str, np.ndarray]:
    busy_s = bins["busy_s"]

    def mean(name: str) -> np.ndarray:
        return np.divide(bins[name], busy_s, out=np.full(bins.shape, np.nan), where=busy_s > 0)

    return {
        "busy": busy_s, "prompts": mean("prompt_s"), "tokens": mean("tokens_s"), "running": mean("running_s"),
        "waiting": mean("waiting_s"), "most_waiting": bins["peak_waiting"], "cache": mean("used_s") / pool,
        "peak_cache": bins["peak_used"] / pool, "preemptions": bins["preemptions"],
    }  # fmt: skip
