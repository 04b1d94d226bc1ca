"""A server on which nothing was compiled yet: it says what it prepares, and its first answer is the right one."""

import re

from playwright.sync_api import expect

from app.look import words
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner import compare
from tools.screenshots import running_app

# Everything that the headline numbers ever said.
REMEMBER = """
window.said = new Set();
setInterval(() => document.querySelectorAll('.verdict, .verdict-more, .tile-value').forEach(
  element => window.said.add(element.innerText)), 50);
"""
NOTHING_MET = re.compile(r"(?<![\d.])0(\.0+)?\s%")


def test_the_first_click_on_a_cold_server_is_answered_rightly(page, tmp_path):
    with running_app(NUMBA_CACHE_DIR=str(tmp_path)) as address:
        page.add_init_script(REMEMBER)
        page.goto(address)
        devices = page.get_by_label("Devices", exact=True)
        devices.fill("12")
        devices.press("Enter")
        expect(page.get_by_text(re.compile("preparing, once on this machine")).first).to_be_visible()
        expect(page.locator(".verdict").first).to_contain_text("12 devices", timeout=180_000)
        tile = page.locator(".tile-value").first
        best = max(
            o.figures.total.slo_attainment
            for o in compare(with_values(first_scenario(), "cluster", devices=12)).outcomes
        )
        expect(tile).to_contain_text(words.share(best))
        said = page.evaluate("[...window.said]")
    assert said and not [text for text in said if NOTHING_MET.search(text)]
