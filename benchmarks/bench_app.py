"""From a changed control to the redrawn charts, in a real browser: one visitor, then ten at once.

python -m benchmarks.bench_app [SESSIONS] [CHANGES]

Each visitor moves the deadline of the shipped sample (67,000 requests, two placements) with the arrow keys. Measured in
the page: until the verdict says something new, until the first and until the last chart on the page is redrawn. The
browsers draw in software on the same processors as the server, so ten visitors are ten drawings too.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tools.screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, running_app, simple_sample, wait_until_drawn

SESSIONS, CHANGES = 10, 20
# Gives seconds from a key press to a new verdict, the first new chart, and the last (those that change at all).
WATCH = """
() => new Promise(done => {
  const sign = plot => (plot._fullData || []).map(t => {
    const values = t.y || t.z || [];
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += i * (values[i].length ? values[i][0] : +values[i] || 0);
    return sum;
  }).join();
  const plots = () => [...document.querySelectorAll('.js-plotly-plot')];
  const verdict = () => document.querySelector('.verdict').parentElement.innerText;
  const before = plots().map(sign), said = verdict(), began = performance.now();
  const times = {verdict: null, first: null, last: null};
  const running = () => document.querySelector('[data-testid="stApp"]').dataset.testScriptState === 'running';
  let changed = 0, quiet = null;
  const look = () => {
    const now = performance.now() - began;
    if (times.verdict === null && verdict() !== said) times.verdict = now;
    const count = plots().filter((plot, i) => sign(plot) !== before[i]).length;
    if (count > changed) { changed = count; times.last = now; times.first ??= now; quiet = null; }
    if (changed > 0 && !running()) { if (quiet === null) quiet = now; } else quiet = null;
    if ((quiet !== null && now - quiet > 400) || now > 60000) done(times); else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""


def visit(address: str, changes: int, ready: threading.Barrier, times: list[dict]) -> None:
    """One visitor: opens the page, waits for the others, and moves the deadline to and fro."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/?{simple_sample()}")
        wait_until_drawn(page)
        ready.wait()
        for number in range(changes):
            times.append(_change(page, "ArrowRight" if number % 8 < 4 else "ArrowLeft"))
        browser.close()


def _change(page: Page, key: str) -> dict:
    slider = page.get_by_test_id("stSidebar").get_by_role("slider").first
    slider.focus()
    page.evaluate(f"window.plannerTimes = ({WATCH})()")
    page.keyboard.press(key)
    return page.evaluate("window.plannerTimes")


def server_memory_mib(address: str) -> float:
    """Resident memory of the server process, MiB."""
    port = address.rsplit(":", 1)[1]
    found = subprocess.run(["pgrep", "-f", f"server.port {port}"], capture_output=True, text=True).stdout.split()
    status = Path(f"/proc/{found[0]}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure(address: str, sessions: int, changes: int) -> None:
    """Let some visitors change things at the same time, and print what they waited."""
    times: list[dict] = []
    before = server_memory_mib(address)
    ready = threading.Barrier(sessions)
    visitors = [threading.Thread(target=visit, args=(address, changes, ready, times)) for _ in range(sessions)]
    began = time.perf_counter()
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    print(f"\n{sessions} visitors, {len(times)} changes in {time.perf_counter() - began:.0f} s (opening included)")
    for what in ("verdict", "first", "last"):
        values = np.array([t[what] for t in times if t[what] is not None]) / 1000
        print(f"  {what:8} median {np.median(values):.2f} s, worst {values.max():.2f} s, seen {values.size} times")
    after = server_memory_mib(address)
    print(f"  server memory {before:.0f} -> {after:.0f} MiB, {(after - before) / sessions:.1f} MiB a visitor")


def main() -> None:
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    sessions, changes = (numbers + [SESSIONS, CHANGES][len(numbers) :])[:2]
    with running_app() as address:
        # The first visit loads what all share, so that later ones show what a visitor costs.
        visit(address, 0, threading.Barrier(1), [])
        measure(address, 1, changes)
        if sessions > 1:
            measure(address, sessions, changes)


if __name__ == "__main__":
    main()
