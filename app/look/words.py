"""Numbers and sentences as a person reads them: units, directions, plain words first."""

from __future__ import annotations

import math
from collections.abc import Sequence

# A narrow space that does not break, between groups of digits; a space that does not break, before units.
THIN = "\u202f"
SPACE = "\u00a0"
MINUS = "\u2212"
NOTHING = "\u2013"
MAX_NAME = 60


def share(value: float) -> str:
    """A share 0..1 in per cent: "97.9 %", one more digit above 99; all and nothing are said only where exact."""
    if not math.isfinite(value):
        return NOTHING
    if value in (0.0, 1.0):
        return f"{value:.0%}".replace("%", SPACE + "%")
    percent = 100 * value
    digits = 2 if percent > 99 else 1
    text = f"{percent:.{digits}f}"
    if float(text) >= 100:
        text = ">99.99"
    elif float(text) == 0:
        text = "<0.1"
    return text + SPACE + "%"


def half_width(value: float) -> str:
    """Half of the interval of a share, in points: "±0.3"; empty where there is none."""
    if not math.isfinite(value):
        return ""
    return f"±{100 * value:.2f}" if 100 * value < 0.095 else f"±{100 * value:.1f}"


def duration(seconds: float) -> str:
    """A latency with three digits: "840 ms" below a second, "1.19 s" from there on."""
    if not math.isfinite(seconds):
        return NOTHING
    sign, size = (MINUS if seconds < 0 else ""), abs(seconds)
    if float(f"{size:.3g}") < 1:
        return f"{sign}{_three_digits(1000 * size)}{SPACE}ms"
    return f"{sign}{_three_digits(size)}{SPACE}s"


def span(seconds: float) -> str:
    """A stretch of time in the unit that fits: "45 s", "12.5 min", "3.2 h", "14 days"."""
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{_three_digits(seconds / length)}{SPACE}{unit}"
    return f"{_three_digits(seconds)}{SPACE}s"


def count(value: float) -> str:
    """A whole number with thin spaces between thousands: "7 961"."""
    if not math.isfinite(value):
        return NOTHING
    return f"{round(value):,}".replace(",", THIN).replace("-", MINUS)


def number(value: float) -> str:
    """A quantity with three digits at most: "40", "0.25", "1 240"."""
    if not math.isfinite(value):
        return NOTHING
    return (MINUS if value < 0 else "") + _three_digits(abs(value), trim=True)


def rate(per_s: float) -> str:
    """Requests per second: "40 req/s"."""
    return f"{number(per_s)}{SPACE}req/s"


def gib(value: float) -> str:
    """Memory: "12.8 GiB"."""
    return f"{number(value)}{SPACE}GiB"


def usd_per_hour(value: float) -> str:
    """A price: "$ 49 / h", with cents below 10."""
    amount = f"{value:.2f}" if value < 10 and value != round(value) else count(value)
    return f"${SPACE}{amount}{SPACE}/{SPACE}h"


def plural(value: int, noun: str, many: str | None = None) -> str:
    """A count with its noun: "1 device", "16 devices", or "2 entries" with `many` given."""
    return f"{count(value)} {noun if value == 1 else many or noun + 's'}"


def points_difference(value: float, other: float) -> str:
    """Difference of two shares: "+32.8 points", "same" where it rounds to nothing."""
    gap = 100 * (value - other)
    if not math.isfinite(gap):
        return NOTHING
    digits = 2 if abs(gap) < 0.95 else 1
    if float(f"{abs(gap):.{digits}f}") == 0:
        return "same"
    return f"{_sign(gap)}{abs(gap):.{digits}f} points"


def duration_difference(value_s: float, other_s: float) -> str:
    """Difference of two latencies: "−310 ms", "same" below a tenth of a millisecond."""
    gap = value_s - other_s
    if not math.isfinite(gap):
        return NOTHING
    return "same" if abs(gap) < 1e-4 else _sign(gap) + duration(abs(gap))


def count_difference(value: int, other: int) -> str:
    """Difference of two counts: "+2 627", "same" where there is none."""
    return "same" if value == other else _sign(value - other) + count(abs(value - other))


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
}


def search_took(seconds: float, evaluations: int, best_after_s: float | None) -> str:
    """What a search took, and when it had what it found: "searched for 11 s, 300 placements tried, ..."."""
    first = f"searched for {span(seconds)}, {plural(evaluations, 'placement')} tried"
    return first if best_after_s is None else f"{first}, the best after {span(best_after_s)}"


def join(parts: Sequence[str]) -> str:
    """An enumeration: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def group_size(pp: int, tp: int) -> str:
    """A parallel configuration in plain words: "4 stages of 2 devices (pp 4, tp 2)"."""
    if pp * tp == 1:
        return "1 device"
    if pp == 1:
        return f"{tp} devices that share every operator (tp {tp})"
    return f"{plural(pp, 'stage')} of {plural(tp, 'device')} (pp {pp}, tp {tp})"


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
        names, attainments, half_widths, devices: one a placement, in the order of the basket; shares are 0..1.
        target: an attainment that is asked for; devices_for_target: how many devices reach it with the first one.
    """
    if not math.isfinite(attainments[0]):
        return "No request arrives, so there is no deadline to meet."
    width = half_width(half_widths[0])
    first = f"{shorten(names[0])} on {plural(devices[0], 'device')} meets {share(attainments[0])} of deadlines"
    sentences = [first + (f" ({width})." if width else ".")]
    if len(names) > 1:
        others = zip(names[1:], attainments[1:], devices[1:], strict=True)
        sentences.append(join([_other(shorten(n), a, d, devices[0]) for n, a, d in others]) + ".")
    if target is not None and devices_for_target is not None:
        reached = "is reached with" if attainments[0] >= target else "needs"
        sentences.append(f"{number(100 * target)}{SPACE}% {reached} {plural(devices_for_target, 'device')}.")
    return " ".join(sentences)


def _other(name: str, attainment: float, devices: int, first_devices: int) -> str:
    on = "" if devices == first_devices else f" on {plural(devices, 'device')}"
    return f"{name}{on} meets {share(attainment)}"


def _sign(gap: float) -> str:
    return MINUS if gap < 0 else "+"


def _three_digits(size: float, trim: bool = False) -> str:
    """Three significant digits; whole numbers from 100 on, with thin spaces."""
    if size == 0:
        return "0"
    digits = min(max(2 - math.floor(math.log10(float(f"{size:.3g}"))), 0), 9)
    text = f"{size:,.{digits}f}".replace(",", THIN)
    return text.rstrip("0").rstrip(".") if trim and "." in text else text
