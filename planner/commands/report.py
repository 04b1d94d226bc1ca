"""What the commands print: JSON documents, text tables, progress."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

import tabulate

from planner.commands.interrupt import Interrupt
from planner.search import Progress
from simulator import words
from simulator.headway import Headway

REPORT_EVERY_S = 0.5
# Two spaces between columns are enough; headers need none of their own.
tabulate.MIN_PADDING = 0


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    json.dump(document, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def say(text: str = "", stream: TextIO | None = None) -> None:
    """A line on standard output, or on another stream, in characters that every terminal has."""
    print(words.typed(text), file=stream)


def print_notices(notices: Sequence[str]) -> None:
    """Sentences for the person, on standard error."""
    for notice in notices:
        say(f"Note: {notice}", sys.stderr)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in columns; all but the first are aligned to the right."""
    sides = ["left", *["right"] * (len(header) - 1)]
    say(tabulate.tabulate(rows, header, "plain", colalign=sides if rows else None, disable_numparse=True))


def print_wrapped(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of sentences: narrow columns, each cell on as many lines as it needs."""
    widths = [16, *[30] * (len(header) - 1)]
    say(tabulate.tabulate(rows, header, "plain", maxcolwidths=widths, disable_numparse=True))


def marked(text: str, remark: str | None) -> str:
    """A figure with a star where a remark beneath the table belongs to it."""
    return f"{text} *" if remark is not None else text


def print_remarks(remarks: Iterable[tuple[str, str | None]], star: str = "* ") -> None:
    """Beneath a table: (name, sentence) of what is marked or absent in it; the same for all is said once."""
    said = list(dict.fromkeys((name, remark) for name, remark in remarks if remark is not None))
    if said:
        say()
    for name, remark in said:
        say(f"{star}{name}: {remark}")


def percent(share: float | None) -> str:
    """A share 0..1 in per cent; "-" where there is none."""
    return "-" if share is None or math.isnan(share) else words.share(share)


def seconds(value: float | None) -> str:
    """A latency; "-" where there is none."""
    return "-" if value is None or math.isnan(value) else words.duration(value)


class ProgressLine:
    """Tells standard error now and then how far the work is; calling it returns False once Ctrl-C was pressed."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        self._last_s = time.monotonic()
        self._last_line = ""

    def __call__(self, told: Headway) -> bool:
        now_s = time.monotonic()
        if now_s - self._last_s >= REPORT_EVERY_S:
            self._last_s = now_s
            more = ""
            if isinstance(told, Progress) and told.evaluations > 0:
                more = f", {words.count(told.evaluations)} placements tried, best {percent(told.best_score)}"
            line = f"{told.name}: {told.phase}{more}"
            if line != self._last_line:
                say(line, sys.stderr)
            self._last_line = line
        return not self.interrupt.requested


class PointLine:
    """Tells standard error what each point of a sweep or capacity search gave; False once Ctrl-C was pressed."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        self._last: Headway | None = None

    def __call__(self, told: Headway) -> bool:
        if told.done and told != self._last:
            self._last = told
            say(f"{told.done} of {told.total}: {told.phase}", sys.stderr)
        return not self.interrupt.requested
