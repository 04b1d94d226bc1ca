"""Writes a workload as a native trace."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from simulator.traces.arrow import dictionary_column
from simulator.workload import Workload


def write_native(workload: Workload, model_names: Sequence[str], path: str | os.PathLike[str] | BinaryIO) -> None:
    """Writes `arrival_s,model[,slo_s][,input_tokens,output_tokens]` as CSV.

    Reading it back gives the same numbers to the last digit.

    Args:
        workload: the requests.
        model_names: a name for each model of the workload.
        path: a file name, or a binary file.
    """
    names = dictionary_column(pa.array(workload.model), pa.array(list(model_names), pa.string()))
    columns = {"arrival_s": pa.array(workload.arrival_s), "model": names.cast(pa.string())}
    if workload.slo_s is not None:
        columns["slo_s"] = pa.array(workload.slo_s, mask=np.isnan(workload.slo_s))
    for name in ("input_tokens", "output_tokens") if workload.has_tokens else ():
        columns[name] = pa.array(getattr(workload, name))
    target = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    pa_csv.write_csv(pa.table(columns), target, pa_csv.WriteOptions(quoting_style="needed"))
