"""The lessons in a real browser: how long each takes to open from the page, and to answer a key.

python -m benchmarks.bench_learn

A lesson is open when the first chart of its experiment is there, after it was chosen from the list; it answers when
its verdict, event or a chart's title says something new after a slider was moved by an arrow key. The server has
computed nothing of a lesson before it is opened.
"""

from __future__ import annotations

import time

from playwright.sync_api import Page, sync_playwright

from app.lessons import LESSONS
from tools.screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, running_app, wait_until_drawn, wait_until_still

WATCH = """() => {
  const said = () => [...document.querySelectorAll('.verdict, .verdict-more, .event, .chart-title')]
    .map(e => e.innerText).join();
  const before = said(), began = performance.now();
  window.answered = new Promise(done => {
    const look = () => {
      const now = performance.now() - began;
      if (said() !== before || now > 10000) done(now / 1000); else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}"""
KEYS = ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight", "ArrowRight", "ArrowLeft")
STEPS = ("n", "n", "b", "n", "n", "b")


def open_lesson(page: Page, number: int) -> float:
    """Choose the lesson from the list, which leads to its question, and go to its experiment; seconds of both until
    the title and the pictures are there."""
    title = list(LESSONS.values())[number].title
    page.get_by_role("combobox", name="Lesson").click()
    option = page.get_by_role("option", name=f"{number + 1}. {title}")
    began = time.perf_counter()
    option.click()
    page.get_by_role("heading", name=title).wait_for()
    asked_s = time.perf_counter() - began
    wait_until_still(page)
    began = time.perf_counter()
    page.locator(".st-key-learn-way").get_by_role("radio", name="Experiment").click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    return asked_s + time.perf_counter() - began


def answers(page: Page) -> list[float]:
    """Seconds from a key to another answer: the next event, else of the second slider, of the first where it is alone.

    A board is played one move before.
    """
    if page.locator(".st-key-learn-steps").count():
        return [_answer(page, key) for key in STEPS]
    sliders = page.locator(".stMainBlockContainer").get_by_role("slider")
    moves = page.locator(".st-key-learn-moves button")
    if moves.count():
        moves.first.click()
    found = []
    for key in KEYS if sliders.count() else ():
        wait_until_still(page)
        sliders.nth(min(1, sliders.count() - 1)).focus()
        found.append(_answer(page, key))
    return found


def _answer(page: Page, key: str) -> float:
    wait_until_still(page)
    page.evaluate(WATCH)
    page.keyboard.press(key)
    return page.evaluate("window.answered")


def main() -> None:
    with running_app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/learn?screen=experiment")
        wait_until_drawn(page)
        for number, key in enumerate(LESSONS):
            opened = open_lesson(page, number) if number else None
            wait_until_still(page)
            times = answers(page)
            said = f"opens in {opened:.2f} s, " if opened is not None else ""
            said += f"answers in {sorted(times)[len(times) // 2]:.2f} s, worst {max(times):.2f} s" if times else ""
            print(f"{key:10} {said}")
        browser.close()


if __name__ == "__main__":
    main()
