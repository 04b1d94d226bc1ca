"""The Trace page as a person walks it, with a real trace."""

import json
import subprocess
import sys
from pathlib import Path

from app.look import words
from tests.browser.test_capacity import open_page
from tests.lookalikes import CODE

ROOT = Path(__file__).parents[2]


def test_an_uploaded_trace_shows_what_the_command_line_says(page, address, traces):
    file = traces / CODE
    done = subprocess.run([sys.executable, "-m", "planner", "trace", str(file), "--json"], cwd=ROOT,
                          capture_output=True, text=True, check=True)  # fmt: skip
    said = json.loads(done.stdout)
    open_page(page, address, "trace")
    page.get_by_text("Upload your own").click()
    page.locator('input[type="file"]').first.set_input_files(file)
    page.locator('.facts:has-text("sources")').get_by_text(words.count(said["requests"])).first.wait_for(timeout=60_000)
    facts = page.locator('.facts:has-text("sources")').inner_text()
    assert words.rate(said["rate_per_s"]) in facts
    assert words.number(said["cv"]) in facts
    assert words.number(said["peak_to_mean"]) in facts


def test_a_window_is_chosen_and_its_effect_shown(page, address):
    open_page(page, address, "trace")
    before = page.locator(".verdict").first.inner_text()
    page.get_by_text("Which part, on which models").click()
    box = page.get_by_role("spinbutton", name="For (s, 0 = to the end)")
    box.fill("600")
    box.press("Enter")
    page.get_by_text("from 0").first.wait_for(timeout=30_000)
    page.wait_for_function("before => document.querySelector('.verdict').innerText !== before", arg=before)
    assert "10.0" in page.locator(".verdict").first.inner_text()
