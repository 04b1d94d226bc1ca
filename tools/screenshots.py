"""Pictures of every page, light and dark, at 1440 and 900 pixels: `python -m tools.screenshots OUTDIR`.

Needs Chromium and Playwright, which `make test` installs too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), "chromium")
CHROMIUM_ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (1440, 900)
FIRST_PAGE = "plan"
PAGES = sorted(path.stem for path in (ROOT / "app" / "views").glob("*.py"))
# Generous, because a busy machine draws slowly; nothing waits longer than it must.
READY_S = 180.0
# Nothing in the page has changed for so long, and no script of the app is running.
_STILL_JS = """([quiet_ms, since_ms]) => {
  if (!window.changed) {
    const note = () => { window.changed = performance.now(); };
    note();
    const all = {subtree: true, childList: true, attributes: true, characterData: true};
    new MutationObserver(note).observe(document.body, all);
  }
  const app = document.querySelector('[data-testid="stApp"]');
  const last = Math.max(window.changed, since_ms);
  return app?.dataset.testScriptState === "notRunning" && performance.now() - last > quiet_ms;
}"""


@contextmanager
def running_server(**variables: str) -> Iterator[tuple[str, int]]:
    """The app on a free port of this machine, with these variables in its environment; its address and process id.

    The address has the prefix that STREAMLIT_SERVER_BASE_URL_PATH names.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/serve.py", "--server.port", str(port)]
    address = f"http://127.0.0.1:{port}/{variables.get('STREAMLIT_SERVER_BASE_URL_PATH', '')}".rstrip("/")
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until_healthy(address, process)
            yield address, process.pid
        finally:
            process.terminate()


@contextmanager
def running_app(**variables: str) -> Iterator[str]:
    """The address of such an app."""
    with running_server(**variables) as (address, _):
        yield address


def wait_until_drawn(page: Page, has_charts: bool = True) -> None:
    """Until nothing is being computed and, where the page begins with charts, these are there."""
    if has_charts:
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=1000 * READY_S)
    wait_until_still(page, 600)


def wait_until_still(page: Page, quiet_ms: float = 300) -> None:
    """Until nothing is being computed, and nothing in the page has changed for so long from now on."""
    now_ms = page.evaluate("performance.now()")
    page.wait_for_function(_STILL_JS, arg=[quiet_ms, now_ms], timeout=1000 * READY_S)


def whole_page(page: Page, width: int) -> None:
    """Make the window as high as what it shows, because the page scrolls inside."""
    height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": width, "height": int(height) + 60})
    wait_until_still(page, 600)


def simple_sample() -> str:
    """The query of a link to the sample without its search and plan: a page that comes to rest at once."""
    from app.state.first_scenario import FIRST_PLACEMENTS, first_scenario
    from planner.scenario.link import encode_scenario

    simple = [section for section in FIRST_PLACEMENTS if section.search and section.search.algorithm != "alpaserve"]
    return f"s={encode_scenario(first_scenario().model_copy(update={'placements': simple}))}"


def take(outdir: Path) -> list[Path]:
    """Take all pictures; gives their files."""
    outdir.mkdir(parents=True, exist_ok=True)
    taken = []
    with running_app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                for name in PAGES:
                    page = context.new_page()
                    page.goto(address if name == FIRST_PAGE else f"{address}/{name}")
                    wait_until_drawn(page, has_charts=name == FIRST_PAGE)
                    taken.append(outdir / f"{name}-{scheme}-{width}-first.png")
                    page.screenshot(path=taken[-1])
                    whole_page(page, width)
                    taken.append(outdir / f"{name}-{scheme}-{width}.png")
                    page.screenshot(path=taken[-1])
                context.close()
        browser.close()
    return taken


def beside(pid: int) -> list[int]:
    """The processes that a server has started, and those that these have."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(file.parent.name)] = int(file.read_text().rsplit(")", 1)[1].split()[1])
    found = [pid]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def wait_until_healthy(address: str, process: subprocess.Popen) -> None:
    """Until the app answers; raises RuntimeError if it ends before or takes too long."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The app did not start within {READY_S:g} s.")


if __name__ == "__main__":
    for path in take(Path(sys.argv[1])):
        print(path)
