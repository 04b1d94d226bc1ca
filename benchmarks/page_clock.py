"""What a visitor waits for, timed inside the page: a changed control, another page, an opened page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, CDPSession, Page

from tools.screenshots import wait_until_drawn

# Nothing is waited for longer: what has not come by then is not counted.
AT_MOST_MS = 30_000
_RUNNING = """document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'running'"""
# Seconds from a key press to a new headline, the first new chart, and the last (those that change at all).
_CHANGE = f"""
() => new Promise(done => {{
  const sign = plot => (plot._fullData || []).map(t => {{
    const values = t.y || t.z || [];
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += i * (values[i].length ? values[i][0] : +values[i] || 0);
    return sum;
  }}).join();
  const plots = () => [...document.querySelectorAll('.js-plotly-plot')];
  const headline = () => document.querySelector('.verdict')?.innerText;
  const before = plots().map(sign), said = headline();
  const times = {{verdict: null, first: null, last: null}};
  let began = null, changed = 0, quiet = null;
  document.addEventListener('keydown', () => {{ began = performance.now(); }}, {{once: true, capture: true}});
  const look = () => {{
    if (began === null) return requestAnimationFrame(look);
    const now = performance.now() - began;
    if (times.verdict === null && headline() !== said) times.verdict = now / 1000;
    const count = plots().filter((plot, i) => sign(plot) !== before[i]).length;
    if (count > changed) {{ changed = count; times.last = now / 1000; times.first ??= now / 1000; quiet = null; }}
    if (changed > 0 && !({_RUNNING})) {{ if (quiet === null) quiet = now; }} else quiet = null;
    if ((quiet !== null && now - quiet > 400) || now > {AT_MOST_MS}) done(times); else requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}})
"""
# Seconds from a click to another heading, and to the last thing drawn before the page has been still for a while.
_TURN = f"""
() => new Promise(done => {{
  const heading = () => document.querySelector('[data-testid="stMain"] h1, [data-testid="stMain"] h2')?.innerText;
  const before = heading(), times = {{heading: null, whole: null}};
  let began = null, last = null;
  const all = {{subtree: true, childList: true, attributes: true, characterData: true}};
  const watcher = new MutationObserver(() => {{ last = performance.now(); }});
  document.addEventListener('click', () => {{
    began = last = performance.now();
    watcher.observe(document.querySelector('[data-testid="stMain"]'), all);
  }}, {{once: true, capture: true}});
  const look = () => {{
    if (began === null) return requestAnimationFrame(look);
    const now = performance.now();
    if (times.heading === null && heading() !== before) times.heading = (now - began) / 1000;
    if ({_RUNNING}) last = now;
    const is_still = times.heading !== null && now - last > 400;
    if (!is_still && now - began < {AT_MOST_MS}) return requestAnimationFrame(look);
    watcher.disconnect();
    if (is_still) times.whole = (last - began) / 1000;
    done(times);
  }};
  requestAnimationFrame(look);
}})
"""
# Notes when the verdict first stands in a page, in seconds since the page was asked for.
_OPENED = """
(() => {
  const look = () => {
    if (document.querySelector('.verdict')) window.plannerVerdictS = performance.now() / 1000;
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()
"""


def _start(page: Page, clock: str) -> None:
    """Start a clock in the page; a promise that is given back would be waited for, so none is."""
    page.evaluate(f"() => {{ window.plannerTimes = ({clock})(); }}")


def change(page: Page, key: str) -> dict[str, float | None]:
    """Move the deadline by a key; seconds to the `verdict`, the `first` and the `last` chart, None where not seen."""
    page.get_by_test_id("stSidebar").get_by_role("slider").first.focus()
    _start(page, _CHANGE)
    page.keyboard.press(key)
    return page.evaluate("window.plannerTimes")


def turn(page: Page, name: str) -> dict[str, float | None]:
    """Click a page's name in the bar; seconds to its `heading` and until it is `whole`, None where not seen."""
    _start(page, _TURN)
    page.get_by_role("link", name=name, exact=True).first.click()
    return page.evaluate("window.plannerTimes")


def main_thread(page: Page) -> Callable[[], float]:
    """What gives the processor seconds that a page's main thread has used so far; the clocks above use a little."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used_s() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    return used_s


@dataclass
class Transfer:
    """Bytes that came over the wire (files as they were sent, and messages), and of the files once unpacked."""

    files: int = 0
    sent: int = 0
    unpacked: int = 0
    messages: int = 0


def count_transfer(client: CDPSession) -> Transfer:
    """Begin to count what a page receives."""
    transfer = Transfer()

    def note_file(event: dict) -> None:
        transfer.files += 1
        transfer.sent += int(event["encodedDataLength"])

    def note_data(event: dict) -> None:
        transfer.unpacked += event["dataLength"]

    def note_message(event: dict) -> None:
        # Binary messages come as base64.
        transfer.messages += len(event["response"]["payloadData"]) * 3 // 4

    client.send("Network.enable")
    client.on("Network.loadingFinished", note_file)
    client.on("Network.dataReceived", note_data)
    client.on("Network.webSocketFrameReceived", note_message)
    return transfer


def opened(context: BrowserContext, url: str) -> tuple[Page, float, Transfer]:
    """A new page of a browser, drawn; the seconds from asking for it to the verdict, and what was transferred."""
    page = context.new_page()
    page.add_init_script(_OPENED)
    transfer = count_transfer(context.new_cdp_session(page))
    page.goto(url)
    wait_until_drawn(page)
    return page, page.evaluate("window.plannerVerdictS"), transfer
