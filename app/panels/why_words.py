"""What the lesson says, each sentence from the runs that it is about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.look import words
from planner.theory.two_models import LATENCY_S, TwoWays
from simulator.intervals import batch_means_half_width


def burst_sentence(both: TwoWays) -> str:
    """Who is faster in the burst, and the sums behind it."""
    dedicated, shared = both.mean_latency_s()
    sums = [
        f"({' + '.join(f'{v:.3g}' for v in result.latency_s)}) y / {result.latency_s.size} = {mean:.3g} y"
        for result, mean in ((both.dedicated, dedicated), (both.shared, shared))
    ]
    if math.isclose(dedicated, shared, rel_tol=1e-9):
        first = "Neither is faster"
    else:
        better = "Sharing" if shared < dedicated else "Dedicating"
        first = f"{better} answers {_times(dedicated, shared)} times faster"
    return f"{first}. Dedicated: {sums[0]}; shared: {sums[1]}."


def traffic_sentence(both: TwoWays) -> str:
    """Who answers faster on average, if this run can tell."""
    dedicated_s, shared_s = both.mean_latency_s()
    gain_s = both.dedicated.latency_s - both.shared.latency_s
    half_width_s = batch_means_half_width(gain_s)
    if abs(dedicated_s - shared_s) <= half_width_s or math.isclose(dedicated_s, shared_s, rel_tol=1e-9):
        first = "Neither answers faster as far as this run can tell"
    else:
        better = "Sharing" if shared_s < dedicated_s else "Dedicating"
        first = f"{better} answers {_times(dedicated_s, shared_s)} times faster"
    return (
        f"{first}. On average {words.duration(dedicated_s)} with dedicated devices, "
        f"{words.duration(shared_s)} from the shared pipeline."
    )


def overload_sentence(loads: tuple[float, float], duration_s: float) -> str:
    """Which of the two cannot keep up, loads being those of the busiest device of each; empty if both do."""
    over = [name for name, load in zip(("dedicated device", "shared pipeline"), loads, strict=True) if load >= 1]
    if not over:
        return ""
    return (
        f"The {words.join(over)} cannot keep up: the queue grows for ever, and the mean is that of "
        f"the first {words.span(duration_s)}."
    )


def kingman_sentence(means_s: tuple[float, float], formulas_s: tuple[float, float], alpha: float) -> str:
    """Whether the simulated waiting is longer than the approximation says, where there is one.

    Args:
        means_s, formulas_s: mean latencies of dedicated devices and of the pipeline; alpha: the pipeline's overhead.
    """
    parts = []
    for name, mean_s, formula_s, alone_s in zip(
        ("dedicated devices", "the pipeline"), means_s, formulas_s, (LATENCY_S, alpha * LATENCY_S), strict=True
    ):
        # Sums of floats leave a hair where nobody waits.
        waited_s, told_s = max(round(mean_s - alone_s, 9), 0.0), formula_s - alone_s
        if math.isfinite(told_s):
            than = "above" if waited_s > told_s else "below" if waited_s < told_s else "like"
            parts.append(f"{words.duration(waited_s)} for {name}, {than} the {words.duration(told_s)} of the formula")
    if not parts:
        return ""
    return f"Kingman's formula is an approximation; the simulated mean waiting is {words.join(parts)}."


def attainment_title(wins: Sequence[bool], tried: Sequence[float], who: str, where: str, nowhere: str) -> str:
    """Where one way meets clearly more deadlines, of the values that were tried.

    Args:
        who: "Pipelines win". where: a phrase with {} for the values; nowhere: what follows if there are none.
    """
    stretches = ranges(tried, wins)
    return f"{who} {where.format(stretches)}" if stretches else f"{who} {nowhere}"


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


def _times(one: float, other: float) -> str:
    ratio = max(one, other) / min(one, other)
    return f"{ratio:.2f}" if ratio >= 1.005 else f"{ratio:.4f}" if ratio >= 1.00005 else "barely more than 1"
