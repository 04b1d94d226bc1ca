"""Names and types for what Arrow and JSON give: columns of a table, objects and lists."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from simulator.arrays import I64

Column: TypeAlias = "pa.Array[Any]"
DictionaryColumn: TypeAlias = "pa.DictionaryArray[Any, Any]"
JsonObject = dict[str, Any]
# The stubs leave open what a scalar holds, so that nothing of it has a type.
pc: Any = pyarrow.compute


def is_dictionary(column: Column) -> TypeGuard[DictionaryColumn]:
    """Whether a column is written as numbers of distinct values."""
    return pa.types.is_dictionary(column.type)


def dictionary_column(indices: Any, values: Any) -> DictionaryColumn:
    """A column written as numbers of distinct values."""
    make: Any = pa.DictionaryArray
    return make.from_arrays(indices, values)


def encoded(column: Column) -> DictionaryColumn:
    """A column written as numbers of distinct values, if it is not yet."""
    return column if is_dictionary(column) else pc.dictionary_encode(column)


def nanoseconds(column: Column, form: str) -> I64:
    """Dates as int64 nanoseconds since 1970 UTC; raises ValueError or OverflowError for a cell that is none."""
    # Here, because only dates need it.
    import pandas as pd

    text: Any = column
    to_datetime: Any = pd.to_datetime
    times = to_datetime(text.to_pandas(), format=form, utc=True)
    if times.isna().any():
        raise ValueError("An empty cell is no date.")
    return np.array(times.dt.as_unit("ns").astype("int64"))


def texts(column: Column) -> list[str]:
    """The values of a column of text without missing ones."""
    values: Any = column.to_pylist()
    return values


def python_file(stream: BinaryIO | io.RawIOBase) -> Any:
    """A stream as Arrow reads it."""
    return pa.PythonFile(stream, mode="r")  # pyright: ignore[reportArgumentType] (any object with read is allowed)


def open_parquet(stream: BinaryIO, **options: Any) -> Any:
    """The pyarrow.parquet.ParquetFile of a stream."""
    return pq.ParquetFile(python_file(stream), **options)


def is_object(value: Any) -> TypeGuard[JsonObject]:
    """Whether a value of a JSON document has keys."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of a JSON document is a list."""
    return isinstance(value, list)
