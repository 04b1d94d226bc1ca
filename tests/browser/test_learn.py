"""The lessons as a person walks them, with keys alone, and as a room sees them."""

import pytest

from tests.browser.test_capacity import open_page
from tools.screenshots import wait_until_still

SMALLEST = """() => Math.min(...[...document.querySelectorAll(
  '.stMainBlockContainer :is(p, label, button, td, th, .verdict, .event, .chart-title, .js-plotly-plot text)')]
  .filter(e => e.textContent.trim() && e.getClientRects().length && getComputedStyle(e).visibility === 'visible')
  .map(e => parseFloat(getComputedStyle(e).fontSize)))"""


def press(page, key):
    wait_until_still(page)
    page.keyboard.press(key)


def test_the_first_lesson_is_walked_with_keys_alone(page, address):
    open_page(page, address, "learn")
    page.get_by_text("Your prediction:").wait_for(timeout=60_000)
    press(page, "2")
    page.get_by_text("Noted. Next: try it.").wait_for(timeout=30_000)
    press(page, "PageDown")
    page.locator(".event", has_text="have come at once and wait").wait_for(timeout=30_000)
    press(page, "n")
    page.locator(".event", has_text="Event 1 of").wait_for(timeout=30_000)
    press(page, "b")
    page.locator(".event", has_text="Event 0 of").wait_for(timeout=30_000)
    press(page, "PageDown")
    page.get_by_text("As you predicted.").wait_for(timeout=30_000)
    assert "guess.burst=shared" in page.url and "screen=result" in page.url


def test_the_old_address_leads_to_the_lessons(page, address):
    open_page(page, address, "why")
    page.get_by_role("heading", name="One burst, two devices").wait_for(timeout=60_000)


@pytest.mark.parametrize("query", ["screen=experiment&event.burst=9", "lesson=regions&screen=result",
                                   "lesson=theory&screen=paper", "lesson=traffic&screen=exercise"])  # fmt: skip
def test_for_a_room_everything_is_large_and_nothing_scrolls_sideways(page, address, query):
    page.set_viewport_size({"width": 1024, "height": 768})
    open_page(page, address, f"learn?projector=True&{query}")
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
    wait_until_still(page, 600)
    assert page.evaluate(SMALLEST) >= 16
    assert page.locator("h1").bounding_box()["y"] < 150
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if "experiment" in query:
        assert max(chart.bounding_box()["y"] for chart in page.locator(".js-plotly-plot").all()) < 0.55 * 768


def test_the_regions_are_walked_and_the_map_follows_the_sliders(page, address):
    open_page(page, address, "learn?lesson=regions&screen=experiment")
    page.locator(".chart-title", has_text="settings pipelines win").wait_for(timeout=60_000)
    wait_until_still(page)
    page.get_by_role("slider", name="Burstiness").focus()
    press(page, "ArrowRight")
    page.wait_for_url("**x.regions.cv=3.5**", timeout=30_000)
    wait_until_still(page)
    page.get_by_role("slider", name="Overhead").focus()
    before = page.locator(".chart-title").first.inner_text()
    for _ in range(4):
        press(page, "ArrowRight")
    page.wait_for_url("**x.regions.alpha=1.3**", timeout=30_000)
    wait_until_still(page)
    assert page.locator(".chart-title").first.inner_text() != before


def test_the_board_is_played_to_its_end(page, address):
    open_page(page, address, "learn?lesson=greedy&screen=exercise")
    for move in ("B to device 0", "D to device 0", "E to device 0", "B to device 1", "D to device 1", "E to device 1",
                 "C to device 2", "D to device 2", "E to device 2"):  # fmt: skip
        wait_until_still(page)
        page.get_by_role("button", name=move, exact=True).click()
    page.get_by_text("Solved. Your placement meets").wait_for(timeout=30_000)
    press(page, "b")
    page.get_by_text("Not yet. The board is not full").wait_for(timeout=30_000)
