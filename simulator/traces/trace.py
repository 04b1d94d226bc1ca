"""What a trace file holds, whatever its format: arrivals, counts per bin, or rates per window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulator.errors import InputError
from simulator.traces.columns import Columns
from simulator.workload import lacks_lengths

FORMATS = {
    "native": "arrival_s,model[,slo_s] as CSV or Parquet",
    "azure_functions_2019": "Azure Functions 2019, invocations per minute",
    "azure_functions_2021": "Azure Functions 2021, one row an invocation",
    "azure_llm_2023": "Azure LLM inference 2023",
    "azure_llm_2024": "Azure LLM inference 2024",
    "azure_llm_2025": "Azure multimodal LLM inference 2025",
    "burstgpt": "BurstGPT, both layouts",
    "mooncake": "Mooncake, JSON Lines in milliseconds",
    "qwen": "Qwen/Bailian, JSON Lines in seconds",
    "ragpulse": "RAGPulse, JSON Lines with text times",
    "gentd26": "GenTD26, Stable Diffusion requests",
    "servegen": "ServeGen, rate and CV per window",
    "vidur": "Vidur/Splitwise processed",
    "table": "any table, by its columns",
}

MAX_TRACE_BYTES = 2 * 1024**3
MAX_TRACE_ROWS = 50_000_000
MAX_TRACE_SOURCES = 200_000
MAX_SOURCE_NAME = 500
MAX_TOKENS = 10_000_000
# A day of every Azure function is 67 million cells; four bytes each keep a table below 1 GB.
MAX_COUNT_CELLS = 200_000_000
# Beyond this no clock is meant, and squares of times would leave the range of a double.
MAX_TIME_S = 1e15


@dataclass(frozen=True)
class TraceLimits:
    """How much one reading may take; raises InputError unless all are positive.

    Attributes:
        max_bytes: size of all files together, and of what they unpack to.
        max_rows: rows of all files together.
        max_sources: distinct models, functions or clients.
        max_cells: sources times bins of a table of counts.
    """

    max_bytes: int = MAX_TRACE_BYTES
    max_rows: int = MAX_TRACE_ROWS
    max_sources: int = MAX_TRACE_SOURCES
    max_cells: int = MAX_COUNT_CELLS

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"The trace limit {name} is {value}; a positive number is allowed.")


@dataclass(frozen=True, eq=False)
class Events:
    """One entry a request, sorted by arrival; ties keep the order of the file.

    Attributes:
        arrival_s: float64, shape (n,), seconds from 0, the first instant of the trace's own clock.
        source: int32, shape (n,), index into the trace's sources.
        slo_s: float64, shape (n,), seconds, NaN where a row has none; or None where the file has no deadlines.
        input_tokens, output_tokens: int64, shape (n,), from 0 on, NO_LENGTH where a request brings none; or None where
            no request does.
    """

    arrival_s: np.ndarray
    source: np.ndarray
    slo_s: np.ndarray | None = None
    input_tokens: np.ndarray | None = None
    output_tokens: np.ndarray | None = None

    @property
    def has_tokens(self) -> bool:
        """Whether every request brings both lengths."""
        if self.input_tokens is None or self.output_tokens is None:
            return False
        return not lacks_lengths(self.input_tokens, self.output_tokens).any()


@dataclass(frozen=True, eq=False)
class Counts:
    """How many requests came in each bin; when inside the bin nobody knows.

    Attributes:
        counts: int32, shape (sources, bins).
        bin_s: seconds of a bin; bin b is [b * bin_s, (b + 1) * bin_s).
    """

    counts: np.ndarray
    bin_s: float


@dataclass(frozen=True, eq=False)
class Rates:
    """Rate and burstiness of each source over time; one entry a window, grouped by source, in order of time.

    Attributes:
        source: int32, shape (w,), index into the trace's sources.
        start_s, duration_s: float64, shape (w,), where the window lies, from 0 = the first window.
        rate_per_s, cv: float64, shape (w,); 0 and 0 are a silent window.
    """

    source: np.ndarray
    start_s: np.ndarray
    duration_s: np.ndarray
    rate_per_s: np.ndarray
    cv: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """A trace as read.

    Attributes:
        format: one of FORMATS; several event formats that were given together are joined by " + ".
        sources: names of the models, functions, clients or files, in order of appearance.
        content: Events, Counts or Rates.
        notices: what was done to the rows, one sentence each.
        digest: SHA-256 of the bytes of the file; of several files, of their digests in order. Names are not in it.
        starts_at: for wall clocks the instant of time 0 (UTC where the file names no zone), else None.
        clock_start_s: what the file's own clock shows at time 0, seconds; 0 for wall clocks.
        columns: how the first file was read that no reader knows, None where all are known.
    """

    format: str
    sources: tuple[str, ...]
    content: Events | Counts | Rates
    notices: tuple[str, ...] = ()
    digest: str = ""
    starts_at: datetime | None = None
    clock_start_s: float = 0.0
    columns: Columns | None = None

    def __post_init__(self) -> None:
        for array in vars(self.content).values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    @property
    def kind(self) -> str:
        """What the trace holds: "events", "counts" or "rates"."""
        return type(self.content).__name__.lower()

    @property
    def end_s(self) -> float:
        """Where the trace ends on its clock: its last arrival, or the end of its last bin or window, seconds."""
        content = self.content
        if isinstance(content, Events):
            return float(content.arrival_s[-1])
        if isinstance(content, Counts):
            return content.counts.shape[1] * content.bin_s
        return float((content.start_s + content.duration_s).max())
