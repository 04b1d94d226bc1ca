"""Sentences as a person reads them: plain words first, numbers in the one format of `simulator.words`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simulator.words import (
    FIRST_NUMBER,
    MINUS,
    NOTHING,
    SPACE,
    THIN,
    clock,
    count,
    count_difference,
    day,
    decimal,
    duration,
    duration_difference,
    fixed,
    gib,
    goal,
    half_width,
    interval,
    join,
    number,
    numbered,
    plural,
    points_difference,
    rate,
    share,
    signed,
    span,
    times,
    uncertainty,
    usd_per_hour,
    usd_per_month,
)

__all__ = [
    "FIRST_NUMBER",
    "MAX_NAME",
    "MINUS",
    "MOST_NAMED",
    "NOTHING",
    "SPACE",
    "STOP_REASONS",
    "THIN",
    "clock",
    "count",
    "count_difference",
    "day",
    "decimal",
    "duration",
    "duration_difference",
    "fixed",
    "gib",
    "goal",
    "group_size",
    "half_width",
    "interval",
    "join",
    "number",
    "numbered",
    "peak",
    "plural",
    "points_difference",
    "rate",
    "search_took",
    "share",
    "shorten",
    "signed",
    "span",
    "times",
    "uncertainty",
    "undecided",
    "usd_per_hour",
    "usd_per_month",
    "verdict",
]

MAX_NAME = 60
# Placements that a verdict names beside the best one; with more it names the next best alone.
MOST_NAMED = 2


def shorten(name: str, longest: int = MAX_NAME) -> str:
    """The name, cut in the middle where it has more than `longest` (at least 3) characters."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return name[: longest - 1 - tail] + "…" + name[len(name) - tail :]


STOP_REASONS = {
    "done": "it came to its end",
    "time limit": "the time was up",
    "evaluation limit": "the allowed number of placements was tried",
    "no improvement": "nothing it tried improved it any more",
    "bound met": "no placement can be better",
    "cancelled": "it was stopped",
    "loss of the cluster": "its other machines did not answer any more",
}


def search_took(seconds: float, evaluations: int, answer_after_s: float | None) -> str:
    """What a search took, and when it had what it answers with: "searched for 11 s, 300 placements tried, ..."."""
    first = f"searched for {span(seconds)}, {plural(evaluations, 'placement')} tried"
    return first if answer_after_s is None else f"{first}, the answer after {span(answer_after_s)}"


def group_size(pp: int, tp: int) -> str:
    """A parallel configuration in plain words: "4 stages of 2 devices (pp 4, tp 2)"."""
    if pp * tp == 1:
        return "1 device"
    if pp == 1:
        return f"{tp} devices that share every operator (tp {tp})"
    return f"{plural(pp, 'stage')} of {plural(tp, 'device')} (pp {pp}, tp {tp})"


def peak(times: float, bin_s: float | None) -> str:
    """Peak to mean with what it was counted in: "2.3 (bins of 60 s)"; None for windows of unlike lengths."""
    bins = "its windows" if bin_s is None else f"bins of {number(bin_s)}{SPACE}s"
    return f"{number(times)} ({bins})"


def verdict(
    names: Sequence[str],
    attainments: Sequence[float],
    half_widths: Sequence[float],
    devices: Sequence[int],
    target: float | None = None,
    devices_for_target: int | None = None,
) -> str:
    """The answer in one or two sentences, the first placement in front, the others against it.

    Args:
        names, attainments, half_widths, devices: one a placement, the best first; shares are 0..1.
        target: an attainment that is asked for; devices_for_target: how many devices reach it with the first one.
    """
    if not math.isfinite(attainments[0]):
        return "No request arrives, so there is no deadline to meet."
    width = uncertainty(attainments[0], half_widths[0])
    first = f"{shorten(names[0])} on {plural(devices[0], 'device')} meets {share(attainments[0])} of deadlines"
    sentences = [first + (f" ({width})." if width else ".")]
    if len(names) > 1:
        others = list(zip(names[1:], attainments[1:], devices[1:], strict=True))
        named = others if len(set(devices)) > 1 or len(others) <= MOST_NAMED else others[:1]
        said = [_other(shorten(n), a, d, devices[0]) for n, a, d in named]
        sentences.append((join(said) if named == others else f"{said[0]}, {_rest(attainments[2:])}") + ".")
    if target is not None and devices_for_target is not None:
        reached = "is reached with" if attainments[0] >= target else "needs"
        sentences.append(f"{goal(target)} {reached} {plural(devices_for_target, 'device')}.")
    return " ".join(sentences)


def _rest(attainments: Sequence[float]) -> str:
    """What placements meet that are not named: "the 3 others 70.0 % to 90.5 %"."""
    low, high = share(min(attainments)), share(max(attainments))
    return f"the {count(len(attainments))} others {low}" + (f" to {high}" if low != high else "")


def undecided(names: Sequence[str]) -> str:
    """Which placements the run cannot tell from the best one; empty if there is none."""
    return f"That is no difference that this run can tell from {join([shorten(n) for n in names])}." if names else ""


def _other(name: str, attainment: float, devices: int, first_devices: int) -> str:
    on = "" if devices == first_devices else f" on {plural(devices, 'device')}"
    return f"{name}{on} meets {share(attainment)}"
