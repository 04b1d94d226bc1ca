"""What engines do over time: iterations and the events in the life of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.generation.arrays import Tables

if TYPE_CHECKING:
    import pandas as pd

EVENT_KINDS = ("prefill", "preempted")


@dataclass(frozen=True, eq=False)
class EngineSeries:
    """Everything that every engine did.

    Attributes:
        segments: one row for an iteration, or for several in a row of one engine that only decode the same requests:
            begin_s, end_s; engine; iterations; decoding, prefilling (requests in each);
            prefill_tokens (of the iteration); context_tokens (in the caches of those decoding, at begin_s); pool_used
            (share of the group's pool once the last of these iterations has its blocks, 0..1); running; waiting.
        events: one row an event: at_s (begin of its iteration), request, kind ("prefill": a chunk of its prompt;
            "preempted"), tokens (computed, or forgotten), segment (row of `segments`; for "preempted" the iteration
            that took the blocks).
    """

    segments: pd.DataFrame
    events: pd.DataFrame

    @classmethod
    def of_tables(cls, tables: Tables) -> EngineSeries:
        """Tables of what the kernels wrote down."""
        # Here, because scenarios without engines do without it.
        import pandas as pd

        segments, events = pd.DataFrame(tables.segments), pd.DataFrame(tables.events)
        pool = tables.groups["pool_units"][tables.engines["group"][segments["engine"]]]
        segments["pool_used"] = segments["pool_used"] / pool
        events["kind"] = pd.Categorical.from_codes(tables.events["kind"], categories=pd.Index(EVENT_KINDS))
        return cls(segments, events)
