"""Puts the numbers per interval of several files together."""

from __future__ import annotations

import numpy as np

from simulator.errors import InputError
from simulator.traces.any_table import short_text
from simulator.traces.clock import instant
from simulator.traces.detect import FileLayout
from simulator.traces.files import TraceFile
from simulator.traces.intervals import IntervalPart, as_content, read_intervals
from simulator.traces.trace import Trace, TraceLimits


def guess_notice(file: TraceFile, layout: FileLayout) -> list[str]:
    """How a file was read whose columns were not given."""
    if not layout.is_guess or layout.columns is None:
        return []
    return [f"{file.name} is read by what its columns look like: {short_text(layout.columns)}."]


def read_interval_files(
    files: list[TraceFile], layouts: list[FileLayout], stems: list[str], limits: TraceLimits, digest: str
) -> Trace:
    """One trace of counts or rates.

    Args:
        stems: what the series of a file is called that has one without a name.

    Raises InputError where some files have dates and others a clock of their own, or measure differently.
    """
    columns = [layout.table_columns for layout in layouts]
    parts = [read_intervals(file, each, limits) for file, each in zip(files, columns, strict=True)]
    measures: set[str] = {each.measure for each in columns}
    if len(measures) > 1:
        raise InputError(f"The files measure differently ({', '.join(sorted(measures))}); one measure is allowed.")
    notices = [notice for file, layout in zip(files, layouts, strict=True) for notice in guess_notice(file, layout)]
    notices += [notice for part in parts for notice in part.notices]
    starts_at = None
    are_dates = {part.times.dtype == np.int64 for part in parts}
    if len(are_dates) > 1:
        raise InputError("Some of the files have dates, others a clock of their own; one of them is allowed together.")
    if are_dates == {True}:
        zero_ns = min(int(part.times.min()) for part in parts)
        starts_at = instant(zero_ns)
        for part in parts:
            part.times = (part.times - zero_ns) / 1e9
    index: dict[str, int] = {}
    for part, stem in zip(parts, stems, strict=True):
        names = [stem] if part.names is None else part.names
        codes = np.array([index.setdefault(name, len(index)) for name in names], dtype=np.int32)
        part.series = codes[part.series]
    joined = IntervalPart(
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.series for part in parts]),
        list(index),
        np.concatenate([part.values for part in parts]),
    )
    content, zero_s, more = as_content(joined, measures.pop())
    return Trace("table", tuple(index), content, (*notices, *more), digest, starts_at, zero_s, columns[0])
