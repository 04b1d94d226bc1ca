"""The Search page as a person walks it."""

import json
import re
from pathlib import Path

from tests.browser.test_capacity import open_page
from tools.screenshots import wait_until_still


def step_said(page):
    return page.locator(".verdict-more").last.inner_text()


def test_the_search_plays_by_itself_and_pauses(page, address):
    open_page(page, address, "search")
    page.get_by_text("Step 37 of 37").wait_for(timeout=60_000)
    page.get_by_role("button", name="Play").click()
    # A loaded machine does not draw every step.
    page.get_by_text(re.compile(r"Step ([3-9]|[12]\d) of 37")).wait_for(timeout=30_000)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for(timeout=20_000)
    wait_until_still(page)
    said = step_said(page)
    # That nothing happens shows only in time that passes.
    page.wait_for_timeout(1500)
    assert step_said(page) == said


def test_a_downloaded_history_is_replayed_when_it_is_loaded(page, address, tmp_path):
    open_page(page, address, "search")
    with page.expect_download() as download:
        page.get_by_role("button", name="History (JSON)").click()
    document = json.loads(Path(download.value.path()).read_text())
    document["steps"] = document["steps"][:5]
    file = tmp_path / "shorter.json"
    file.write_text(json.dumps(document))
    page.get_by_text("Load a saved history").click()
    page.locator('input[type="file"]').last.set_input_files(file)
    page.get_by_text("Step 5 of 5").wait_for(timeout=30_000)
    wait_until_still(page)
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    page.locator('input[type="file"]').last.set_input_files(bad)
    page.get_by_text("bad.json").first.wait_for(timeout=30_000)
    page.get_by_text("Step 5 of 5").wait_for(timeout=30_000)
