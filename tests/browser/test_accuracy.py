"""The page Accuracy: a published run is opened from its point."""

from tests.browser.test_capacity import open_page
from tools.screenshots import wait_until_still

# The middle of a point that lies apart from all others, in the window.
APART = """() => {
  const at = [...document.querySelectorAll('.st-key-accuracy-published .scatterlayer .points path')].map(point => {
    const box = point.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  });
  const far = ([x, y]) => Math.min(...at.map(([a, b]) => Math.hypot(a - x, b - y)).filter(d => d > 3));
  return at.reduce((best, one) => far(one) > far(best) ? one : best);
}"""


def test_a_published_run_is_opened_from_its_point(page, address):
    open_page(page, address, "accuracy")
    page.locator(".st-key-accuracy-published .scatterlayer .points path").first.wait_for(timeout=60_000)
    page.locator(".st-key-accuracy-published").scroll_into_view_if_needed()
    wait_until_still(page)
    page.mouse.click(*page.evaluate(APART))
    page.get_by_role("button", name="Open this setting").first.click(timeout=30_000)
    # The published setting has taken the place of the sample's basket.
    page.get_by_text("8-stage groups").first.wait_for(state="detached", timeout=30_000)
    wait_until_still(page)
    assert page.get_by_role("alert").count() == 0
