"""Quantities as a person reads them: one format for each kind, on the page, in files and on the command line.

Every sentence and table of this project takes its numbers from here; what a machine reads (JSON, CSV, configuration
files) holds plain numbers instead.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence

from simulator.intervals import share_interval

# A narrow space that does not break, between groups of digits; a space that does not break, before units.
THIN = "\u202f"
SPACE = "\u00a0"
MINUS = "\u2212"
NOTHING = "\u2013"
# What the first of them is called, see docs/semantics.md 1.
FIRST_NUMBER = {"group": 0, "node": 0, "device": 0, "stage": 1}


_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
# A terminal's ordinary characters, which every encoding has.
_TYPED = str.maketrans({THIN: " ", SPACE: " ", MINUS: "-", NOTHING: "-"})


def typed(text: str) -> str:
    """The text for a terminal: the same words with the spaces and minus signs of a keyboard."""
    return text.translate(_TYPED)


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


def interval(low: float, high: float) -> str:
    """Both ends of the 95 % interval of a share: "97.6 % to 98.1 %"; a dash where it is not known."""
    return f"{share(low)} to {share(high)}" if math.isfinite(low) else NOTHING


def uncertainty(value: float, half: float) -> str:
    """The 95 % interval of a share beside it: "±0.3"; where that would pass all or nothing, its ends.

    Of a run that met all or nothing, the other end and what it takes for granted.
    """
    if not (math.isfinite(value) and math.isfinite(half)):
        return ""
    low, high = share_interval(value, half)
    if value in (0.0, 1.0):
        # Blocks that do not differ say nothing of how requests hang together (share_half_width).
        end = f"at least {share(low).lstrip('>')}" if value else f"at most {share(high).lstrip('<')}"
        return f"{end}, taking requests as independent"
    return half_width(half) if value - half >= 0 and value + half <= 1 else interval(low, high)


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
    return _grouped(round(value), 0)


def number(value: float) -> str:
    """A quantity with three digits at most: "40", "0.25", "1 240"."""
    if not math.isfinite(value):
        return NOTHING
    return (MINUS if value < 0 else "") + _three_digits(abs(value), trim=True)


def fixed(value: float, digits: int) -> str:
    """A number with that many digits behind the point, where three in all would hide what matters: "1 234.50"."""
    return _grouped(value, digits) if math.isfinite(value) else NOTHING


def decimal(value: float) -> str:
    """A number with four digits behind the point at most, as tables show it: "14 777", "0.25", "1 234.5"."""
    text = fixed(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float, digits: int) -> str:
    """A difference with its sign and that many digits behind the point: "+1.70"."""
    return fixed(value, digits) if value < 0 or not math.isfinite(value) else "+" + fixed(value, digits)


def clock(seconds: float, digits: int = 1) -> str:
    """A moment of a run: "1 234.5 s"."""
    return f"{fixed(seconds, digits)}{SPACE}s"


def plain(value: float) -> str:
    """A number just as it was set, such as a limit: "1 000 000", "0.25", "1e+12"."""
    return count(value) if abs(value) < 1e10 and value == round(value) else f"{value:.7g}"


def goal(target: float) -> str:
    """A share 0..1 that is asked for, in per cent and just as it was set: "99 %", "99.95 %"."""
    return f"{plain(100 * target)}{SPACE}%"


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


def usd_per_month(value: float) -> str:
    """A price: "$ 35 770 / month"."""
    return f"${SPACE}{count(value)}{SPACE}/{SPACE}month"


def times(factor: float) -> str:
    """A multiple of something, before its noun: "twice", "half", "1.3 times"."""
    return {0.5: "half", 1.0: "once", 2.0: "twice"}.get(factor, f"{number(factor)} times")


def day(date: datetime.date) -> str:
    """A day: "12 April 2027"."""
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def plural(value: int, noun: str, many: str | None = None) -> str:
    """A count with its noun: "1 device", "16 devices", or "2 entries" with `many` given."""
    return f"{count(value)} {noun if value == 1 else many or noun + 's'}"


def numbered(what: str, *indices: int) -> str:
    """The name of groups, nodes, devices or stages by their indices: "group 0", "stage 1" (the first), "nodes 0 and 1".

    what: a key of FIRST_NUMBER.
    """
    numbers = [str(index + FIRST_NUMBER[what]) for index in indices]
    return f"{what}{'s' if len(numbers) > 1 else ''} {join(numbers)}"


def numbered_through(what: str, first: int, last: int) -> str:
    """The name of neighbouring groups, nodes, devices or stages by their indices: "devices 4 to 7", "device 4"."""
    if first == last:
        return numbered(what, first)
    return f"{what}s {first + FIRST_NUMBER[what]} to {last + FIRST_NUMBER[what]}"


def join(parts: Sequence[str]) -> str:
    """An enumeration: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


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


def _sign(gap: float) -> str:
    return MINUS if gap < 0 else "+"


def _grouped(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace(",", THIN).replace("-", MINUS)


def _three_digits(size: float, trim: bool = False) -> str:
    """Three significant digits; whole numbers from 100 on, with thin spaces."""
    if size == 0:
        return "0"
    digits = min(max(2 - math.floor(math.log10(float(f"{size:.3g}"))), 0), 9)
    text = _grouped(size, digits)
    return text.rstrip("0").rstrip(".") if trim and "." in text else text
