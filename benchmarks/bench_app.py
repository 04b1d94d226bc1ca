"""What a visitor waits for, in a real browser: one visitor, then several at once.

python -m benchmarks.bench_app [SESSIONS] [CHANGES]

Measured in the page of the shipped sample (67,000 requests, two placements, no search):

- change: the deadline is moved by a key; until the verdict says something new, until the first and the last chart
  changed.
- page: another page is chosen in the bar; until its heading stands, and until it is drawn whole.
- opened: the page is asked for, by a browser that has nothing of it yet, and again; until the verdict stands, and how
  much came over the wire.

Beside seconds of the clock stand processor seconds of the server and of the browser's main thread, which others on the
machine change little. The
browsers draw in software on the same processors as the server, so ten visitors are ten drawings too.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Playwright, ViewportSize, sync_playwright

from benchmarks.page_clock import change, main_thread, opened, turn
from tools.screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, running_server, simple_sample, wait_until_drawn

SESSIONS, CHANGES, OPENINGS = 10, 20, 3
PAGES = ("Compare", "Timeline", "Placement", "Capacity", "Models", "Trace", "Plan")
WINDOW = ViewportSize(width=1440, height=900)


def server_cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def server_memory_mib(pid: int) -> float:
    """Resident memory of a process, MiB."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def say(what: str, found: Sequence[float | None]) -> None:
    """One row: the median, the worst, and how often it was seen."""
    seen = [value for value in found if value is not None]
    row = f"median {np.median(seen):.2f} s, worst {max(seen):.2f} s, " if seen else ""
    print(f"  {what:24} {row}seen {len(seen)} of {len(found)} times", flush=True)


def launched(playwright: Playwright) -> Browser:
    """The system's Chromium."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)


def visit(url: str, changes: int, ready: threading.Barrier, times: list[dict]) -> None:
    """One visitor: opens the page, waits for the others, and moves the deadline to and fro."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        page = browser.new_page(viewport=WINDOW)
        page.goto(url)
        wait_until_drawn(page)
        used_s = main_thread(page)
        ready.wait()
        for i in range(changes):
            began_s = used_s()
            found = change(page, "ArrowRight" if i % 8 < 4 else "ArrowLeft")
            times.append(found | {"browser": used_s() - began_s})


def measure_changes(url: str, pid: int, sessions: int, changes: int) -> None:
    """Let some visitors change things at the same time, and print what they waited."""
    times: list[dict] = []
    cpu_s: list[float] = []
    memory = server_memory_mib(pid)
    ready = threading.Barrier(sessions, action=lambda: cpu_s.append(server_cpu_s(pid)))
    visitors = [threading.Thread(target=visit, args=(url, changes, ready, times)) for _ in range(sessions)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    print(f"\n{sessions} at once, {changes} changes each")
    for what in ("verdict", "first", "last"):
        say(f"change, {what}", [t[what] for t in times])
    used_s, after = server_cpu_s(pid) - cpu_s[0], server_memory_mib(pid)
    print(
        f"  processor seconds a change: server {used_s / len(times):.2f}, browser's main thread "
        f"{np.median([t['browser'] for t in times]):.2f}; memory {memory:.0f} -> {after:.0f} MiB"
    )


def measure_pages(url: str, pid: int) -> None:
    """Turn through the pages twice; the first time each is made, the second its results are there."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        page = browser.new_page(viewport=WINDOW)
        page.goto(url)
        wait_until_drawn(page)
        used_s = main_thread(page)
        for round_name in ("first", "again"):
            began_s, drawing_s = server_cpu_s(pid), used_s()
            times = [turn(page, name) for name in PAGES]
            print(f"\npages, {round_name}")
            for name, found in zip(PAGES, times, strict=True):
                print(f"  {name:12}" + ", ".join(f"{k} {'-' if v is None else f'{v:.2f} s'}" for k, v in found.items()))
            for what in ("heading", "whole"):
                say(f"page, {what}", [t[what] for t in times])
            print(
                f"  processor seconds a page: server {(server_cpu_s(pid) - began_s) / len(PAGES):.2f}, browser's main "
                f"thread {(used_s() - drawing_s) / len(PAGES):.2f}"
            )


def measure_openings(url: str) -> None:
    """Open the page in new browsers, and once more in each."""
    first, again = [], []
    transfer = None
    with sync_playwright() as playwright, launched(playwright) as browser:
        for _ in range(OPENINGS):
            context = browser.new_context(viewport=WINDOW)
            page, verdict_s, transfer = opened(context, url)
            first.append(verdict_s)
            page.close()
            again.append(opened(context, url)[1])
            context.close()
    print("\nopened, on a warm server")
    say("to the verdict, empty", first)
    say("to the verdict, again", again)
    if transfer is not None:
        print(
            f"  first load: {transfer.sent / 1e6:.2f} MB in {transfer.files} files ({transfer.unpacked / 1e6:.2f} MB "
            f"unpacked), {transfer.messages / 1e6:.2f} MB in messages"
        )


def main() -> None:
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    sessions, changes = (numbers + [SESSIONS, CHANGES][len(numbers) :])[:2]
    with running_server() as (address, pid):
        url = f"{address}/?{simple_sample()}"
        # The first visit loads what all share, so that later ones show what a visitor costs.
        visit(url, 1, threading.Barrier(1), [])
        measures: list[Callable[[], None]] = [
            lambda: measure_changes(url, pid, 1, changes),
            lambda: measure_pages(url, pid),
            lambda: measure_openings(url),
        ]
        if sessions > 1:
            measures.append(lambda: measure_changes(url, pid, sessions, changes))
        for measure in measures:
            print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
            measure()


if __name__ == "__main__":
    main()
