"""Phrases that several lessons use, each from the numbers that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from app.look import words


def times(one: float, other: float) -> str:
    """How many times the larger is the smaller, with as many digits as it takes to differ from 1."""
    ratio = max(one, other) / min(one, other)
    return f"{ratio:.2f}" if ratio >= 1.005 else f"{ratio:.4f}" if ratio >= 1.00005 else "barely more than 1"


def ranges(values: Sequence[float], marked: Sequence[bool]) -> str:
    """The marked values as stretches of neighbours: "1 to 3 and 5"; empty if none is marked."""
    parts, begin = [], None
    for i, mark in enumerate([*marked, False]):
        if mark and begin is None:
            begin = i
        elif not mark and begin is not None:
            first, last = words.number(values[begin]), words.number(values[i - 1])
            parts.append(first if begin == i - 1 else f"{first} to {last}")
            begin = None
    return words.join(parts)
