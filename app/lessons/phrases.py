"""Phrases that several lessons use, each from the numbers that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from app.look import words
from planner.lessons.own_traffic import Brought


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


def taken_sentence(brought: Brought) -> str:
    """What a lesson took of the visitor's scenario, and what it did not."""
    problem = brought.problem
    requests = len(problem.workload)
    part = (
        f"all {words.plural(brought.of, 'request')}"
        if requests == brought.of
        else f"the first {words.count(requests)} of {words.plural(brought.of, 'request')}"
    )
    return (
        f"Taken from your scenario: {part}, {words.plural(len(problem.models), 'model')}, "
        f"{words.plural(problem.cluster.devices, 'device')} of {words.number(problem.cluster.memory_gib)} GiB. "
        "Deadlines are the slider's, rules of serving the lesson's; your own deadlines, rules and placements are left "
        "out."
    )
