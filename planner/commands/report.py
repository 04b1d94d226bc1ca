"""What the commands print: JSON documents, text tables, progress."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Sequence

from planner.commands.interrupt import Interrupt
from planner.search import Progress

REPORT_EVERY_S = 0.5


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    json.dump(document, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def print_notices(notices: Sequence[str]) -> None:
    """Sentences for the person, on standard error."""
    for notice in notices:
        print(f"Note: {notice}", file=sys.stderr)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in columns; all but the first are aligned to the right."""
    widths = [max(len(str(row[c])) for row in (header, *rows)) for c in range(len(header))]
    for row in (header, *rows):
        cells = [str(row[0]).ljust(widths[0]), *(str(x).rjust(w) for x, w in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())


def marked(text: str, remark: str | None) -> str:
    """A figure with a star where a remark beneath the table belongs to it."""
    return f"{text} *" if remark is not None else text


def print_remarks(remarks: Iterable[tuple[str, str | None]], star: str = "* ") -> None:
    """Beneath a table: (name, sentence) of what is marked or absent in it; the same for all is said once."""
    said = list(dict.fromkeys((name, remark) for name, remark in remarks if remark is not None))
    if said:
        print()
    for name, remark in said:
        print(f"{star}{name}: {remark}")


def percent(share: float | None) -> str:
    """97.9 %, and one more digit above 99."""
    if share is None or math.isnan(share):
        return "-"
    digits = 2 if 0.99 <= share < 1 else 1
    return f"{100 * share:.{digits}f} %"


def seconds(value: float | None) -> str:
    """Milliseconds below 1 s, else seconds with three digits."""
    if value is None or math.isnan(value):
        return "-"
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.3g} s"


class ProgressLine:
    """Tells standard error now and then how far the work is; calling it returns False once Ctrl-C was pressed."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        self._last_s = time.monotonic()
        self._last_line = ""

    def __call__(self, name: str, phase: str, progress: Progress | None = None) -> bool:
        now_s = time.monotonic()
        if now_s - self._last_s >= REPORT_EVERY_S:
            self._last_s = now_s
            more = ""
            if progress is not None and progress.evaluations > 0:
                more = f", {progress.evaluations:,} placements tried, best {percent(progress.best_score)}"
            line = f"{name}: {phase}{more}"
            if line != self._last_line:
                print(line, file=sys.stderr)
            self._last_line = line
        return not self.interrupt.requested


class PointLine:
    """Tells standard error what each point of a sweep or capacity search gave; False once Ctrl-C was pressed."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        self._last: tuple | None = None

    def __call__(self, done: int, total: int, what: str) -> bool:
        if done and (done, total, what) != self._last:
            self._last = (done, total, what)
            print(f"{done} of {total}: {what}", file=sys.stderr)
        return not self.interrupt.requested
