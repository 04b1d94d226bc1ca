"""The lesson on sharing as a person walks it."""

from tests.browser.test_capacity import open_page
from tools.screenshots import wait_until_still

PLAYED = """() => { const d = document.querySelectorAll('.js-plotly-plot')[0]._fullData;
  return d.map(t => Array.from(t.x).reduce((a, b) => a + b, 0)); }"""


def test_the_burst_plays_from_nothing_to_everything(page, address):
    open_page(page, address, "why")
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
    every = f"() => ({PLAYED})().every(v => Math.abs(v - 4) < 1e-6)"
    page.wait_for_function(every, timeout=60_000)
    wait_until_still(page)
    page.locator(".updatemenu-button", has_text="Play").first.click()
    page.wait_for_function(f"() => ({PLAYED})().reduce((a, b) => a + b) < 7", timeout=60_000)
    page.wait_for_function(every, timeout=60_000)


def test_the_papers_cases_are_one_click_away(page, address):
    open_page(page, address, "why")
    page.get_by_role("button", name="Skewed, 20 to 80").click()
    page.locator(".verdict", has_text="6.64 times faster").wait_for(timeout=30_000)
