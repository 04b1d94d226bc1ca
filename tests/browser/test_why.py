"""The lesson on sharing as a person walks it."""

from tests.browser.test_capacity import open_page

PLAYED = """() => { const d = document.querySelectorAll('.js-plotly-plot')[0]._fullData;
  return d.map(t => Array.from(t.x).reduce((a, b) => a + b, 0)); }"""


def test_the_burst_plays_from_nothing_to_everything(page, address):
    open_page(page, address, "why")
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    assert [round(v, 6) for v in page.evaluate(PLAYED)] == [4, 4]
    page.locator(".updatemenu-button", has_text="Play").first.click()
    page.wait_for_timeout(400)
    assert sum(page.evaluate(PLAYED)) < 8
    page.wait_for_function(f"() => ({PLAYED})().every(v => Math.abs(v - 4) < 1e-6)", timeout=60_000)


def test_the_papers_cases_are_one_click_away(page, address):
    open_page(page, address, "why")
    page.get_by_role("button", name="Skewed, 20 to 80").click()
    page.get_by_text("6.64 times faster").wait_for(timeout=30_000)
