"""Traces: reading them in any known format, what they hold, and the workload they make."""

from simulator.traces.files import TraceInput
from simulator.traces.read import read_trace
from simulator.traces.ticks import find_tick, spread_ticks
from simulator.traces.trace import FORMATS, MAX_TRACE_BYTES, Counts, Events, Rates, Trace, TraceLimits

__all__ = [
    "FORMATS",
    "MAX_TRACE_BYTES",
    "Counts",
    "Events",
    "Rates",
    "Trace",
    "TraceInput",
    "TraceLimits",
    "find_tick",
    "read_trace",
    "spread_ticks",
]
