"""The Trace page as a person walks it, with a real trace."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from app.look import words
from app.state.limits import MAX_UPLOAD_BYTES
from tests.browser.test_capacity import open_page
from tests.lookalikes import CODE, INVOCATIONS
from tools.screenshots import wait_until_still

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
    wait_until_still(page)
    box.fill("600")
    box.press("Enter")
    page.get_by_text("from 0").first.wait_for(timeout=30_000)
    page.wait_for_function("before => document.querySelector('.verdict').innerText !== before", arg=before)
    assert "10.0" in page.locator(".verdict").first.inner_text()


def test_an_unknown_table_is_mapped_seen_and_used(page, address, traces, tmp_path):
    # A published trace in a form that no reader knows.
    real = pd.read_csv(traces / INVOCATIONS, nrows=500)
    when = (1_700_000_000_000 + 1000 * (real["end_timestamp"] - real["duration"])).astype("int64")
    who, file = "svc-" + real["func"].str[:10], tmp_path / "weird.csv"
    pd.DataFrame({"when": when, "who": who, "took": real["duration"]}).to_csv(file, sep=";", index=False)
    rows, models = len(real), who.nunique()
    open_page(page, address, "trace")
    page.get_by_text("Upload your own").click()
    large = tmp_path / "large.csv"
    with large.open("wb") as hole:
        hole.truncate(MAX_UPLOAD_BYTES + 1)
    page.locator('input[type="file"]').first.set_input_files(large)
    refused = page.locator('[data-testid="stFileChip"]').get_by_text("or smaller")
    refused.wait_for(timeout=30_000)
    assert refused.bounding_box()["height"] > 10, "the sentence is for screen readers only"
    page.locator('input[type="file"]').first.set_input_files(file)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(f"{rows} requests of {models} models in").wait_for(timeout=30_000)
    # The time is set to a column that is none, and the step says which line and why.
    dialog.get_by_role("combobox", name="Column of times").click()
    page.get_by_role("option", name="who").click()
    dialog.get_by_text(f"line 2, column 'who' is '{who[0]}'").wait_for(timeout=30_000)
    assert dialog.get_by_role("button", name="Use it").is_disabled()
    dialog.get_by_role("combobox", name="Column of times").click()
    page.get_by_role("option", name="when").click()
    dialog.get_by_text(f"{rows} requests of 1 model in").wait_for(timeout=30_000)
    dialog.get_by_role("combobox", name="Column of models").click()
    page.get_by_role("option", name="who").click()
    dialog.get_by_text(f"{rows} requests of {models} models in").wait_for(timeout=30_000)
    dialog.get_by_role("button", name="Use it").click()
    dialog.wait_for(state="hidden", timeout=30_000)
    page.locator('.facts:has-text("sources")').get_by_text(words.count(rows)).first.wait_for(timeout=60_000)
    # It can be set again.
    page.get_by_text("Upload your own").click()
    page.get_by_role("button", name="Set the columns of weird.csv").wait_for(timeout=30_000)
