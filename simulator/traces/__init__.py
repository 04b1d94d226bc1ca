"""Traces: reading them in any known format, what they hold, and the workload they make.

What reads and writes tables is imported when it is first asked for: it takes long to load, and many need none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from simulator.traces.columns import Columns, parse_columns
from simulator.traces.files import TraceInput
from simulator.traces.options import DEQUANTISATIONS, MAPPINGS, RESAMPLINGS, TraceOptions
from simulator.traces.summary import TraceSummary, count_arrivals, rate_over_time, source_shares, summarise
from simulator.traces.ticks import find_tick, spread_ticks
from simulator.traces.trace import FORMATS, MAX_TRACE_BYTES, Counts, Events, Rates, Trace, TraceLimits
from simulator.traces.transform import build_workload

if TYPE_CHECKING:
    from simulator.traces.preview import Preview, open_table, preview_table
    from simulator.traces.read import read_trace
    from simulator.traces.write import write_native

_HOMES = {
    "Preview": "preview",
    "open_table": "preview",
    "preview_table": "preview",
    "read_trace": "read",
    "write_native": "write",
}

__all__ = [
    "DEQUANTISATIONS",
    "FORMATS",
    "MAPPINGS",
    "MAX_TRACE_BYTES",
    "RESAMPLINGS",
    "Columns",
    "Counts",
    "Events",
    "Preview",
    "Rates",
    "Trace",
    "TraceInput",
    "TraceLimits",
    "TraceOptions",
    "TraceSummary",
    "build_workload",
    "count_arrivals",
    "find_tick",
    "open_table",
    "parse_columns",
    "preview_table",
    "rate_over_time",
    "read_trace",
    "source_shares",
    "spread_ticks",
    "summarise",
    "write_native",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
