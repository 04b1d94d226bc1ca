"""What one file contributes to a trace, before the files are put on one clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator import words


@dataclass
class EventPart:
    """Requests of one file, in the order of the file.

    Attributes:
        format: one of FORMATS.
        arrival: float64 seconds on the file's clock, or int64 nanoseconds since 1970 UTC for wall clocks; shape (n,).
        source: int32, shape (n,), index into names.
        names: the models or functions of the file; None for a format without them.
        slo_s: float64, shape (n,), or None.
        notices: what was done to the rows.
        input_tokens, output_tokens: int64, shape (n,), or None.
    """

    format: str
    arrival: np.ndarray
    source: np.ndarray
    names: Sequence[str] | None
    slo_s: np.ndarray | None = None
    notices: list[str] = field(default_factory=list[str])
    input_tokens: np.ndarray | None = None
    output_tokens: np.ndarray | None = None

    @property
    def is_wall_clock(self) -> bool:
        """Whether arrivals are instants, not seconds from a start of their own."""
        return self.arrival.dtype == np.int64


def single_source(size: int) -> np.ndarray:
    """The source of every request of a file that names none: int32 zeros."""
    return np.zeros(size, dtype=np.int32)


def unused_columns(names: Sequence[str]) -> list[str]:
    """A sentence about columns (or keys) that nothing is done with, or none."""
    if not names:
        return []
    shown = ", ".join(name or "(no name)" for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return [f"{words.plural(len(names), 'other column')} ({shown}) {'is' if len(names) == 1 else 'are'} not used."]


def short_key(parts: Sequence[str]) -> str:
    """A readable name from hashes: each cut to 8 digits, joined by a slash."""
    return "/".join(part[:8] if len(part) >= 32 else part for part in parts)


def short_names(keys: Sequence[tuple[str, ...]]) -> list[str]:
    """A readable, unique name for each key; keys whose short names would be the same keep all their digits."""
    names = [short_key(key) for key in keys]
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [name if seen[name] == 1 else "/".join(key) for name, key in zip(names, keys, strict=True)]
