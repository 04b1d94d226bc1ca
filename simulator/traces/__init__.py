"""Traces: reading them in any known format, what they hold, and the workload they make."""

from simulator.traces.columns import Columns, parse_columns
from simulator.traces.files import TraceInput
from simulator.traces.options import DEQUANTISATIONS, MAPPINGS, RESAMPLINGS, TraceOptions
from simulator.traces.preview import Preview, open_table, preview_table
from simulator.traces.read import read_trace
from simulator.traces.summary import TraceSummary, rate_over_time, source_shares, summarise
from simulator.traces.ticks import find_tick, spread_ticks
from simulator.traces.trace import FORMATS, MAX_TRACE_BYTES, Counts, Events, Rates, Trace, TraceLimits
from simulator.traces.transform import build_workload
from simulator.traces.write import write_native

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
