"""The Placement page as a person uses it: click, edit, undo, save, export, believe the number."""

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.look import words
from app.panels.progress import EARLIER
from tools.screenshots import simple_sample, wait_until_drawn, wait_until_still

ROOT = Path(__file__).parents[2]
LATER_MS = 60_000


def click(page, key, nth=0):
    page.locator(f".st-key-{key} button").nth(nth).click()
    wait_until_still(page)


def attainment(page):
    # On a busy machine the page may be still between two looks at what is under way.
    expect(page.get_by_text(EARLIER)).to_have_count(0)
    return page.locator(".tile-value").first.inner_text().split("±")[0].strip()


@pytest.fixture
def placement(page, address):
    page.goto(f"{address}/placement?{simple_sample()}")
    expect(page.get_by_text("Who sits where, and what if I move them?")).to_be_visible(timeout=LATER_MS)
    wait_until_drawn(page)
    return page


def test_an_edited_placement_changes_the_attainment_to_what_the_command_line_prints(placement, tmp_path):
    before = attainment(placement)
    click(placement, "draft-split")
    expect(placement.locator(".verdict")).to_contain_text("As edited it meets", timeout=LATER_MS)
    edited = attainment(placement)
    assert edited != before
    placement.get_by_role("button", name="Save").first.click()
    click(placement, "draft-save")
    expect(placement.locator(".verdict")).to_contain_text("8-stage groups, edited meets", timeout=LATER_MS)
    placement.get_by_role("link", name="Scenario").click()
    expect(placement.get_by_text("What exactly was asked?")).to_be_visible(timeout=LATER_MS)
    wait_until_still(placement)
    with placement.expect_download() as download:
        placement.locator(".st-key-scenario-download button").first.click()
    scenario = tmp_path / "scenario.yaml"
    download.value.save_as(scenario)
    command = [sys.executable, "-m", "planner", "simulate", str(scenario), "--json"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    by_name = {p["name"]: p["slo_attainment"] for p in json.loads(printed)["placements"]}
    assert words.share(by_name["8-stage groups, edited"]) == edited
    assert words.share(by_name["8-stage groups"]) == before


def test_undo_and_redo_bring_back_the_numbers(placement):
    before = attainment(placement)
    click(placement, "draft-remove")
    edited = attainment(placement)
    assert edited != before
    click(placement, "draft-undo")
    assert attainment(placement) == before
    click(placement, "draft-redo")
    assert attainment(placement) == edited


def test_a_click_on_a_model_in_the_picture_chooses_its_group(placement):
    group = placement.locator('[class*="st-key-edit_group"] input').last
    expect(group).to_have_value(re.compile("^Group 0"), timeout=LATER_MS)
    chart = placement.locator(".js-plotly-plot").first
    # The last bars are those of the last device, which is in group 1.
    bar = chart.locator(".barlayer .trace").last.locator("path").last
    box = bar.bounding_box()
    placement.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_until_still(placement)
    placement.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(group).to_have_value(re.compile("^Group 1"), timeout=LATER_MS)


def test_suggestions_run_in_the_background_and_outlast_a_change_of_page(placement):
    click(placement, "draft-split")
    placement.locator(".st-key-draft-suggest button").first.click()
    first = placement.locator(".st-key-draft-apply-0 button")
    # What is clicked in the moment of leaving a page is lost with it.
    stop = placement.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True)
    expect(stop.or_(first).first).to_be_visible(timeout=LATER_MS)
    placement.get_by_role("link", name="Scenario").click()
    expect(placement.get_by_text("What exactly was asked?")).to_be_visible(timeout=LATER_MS)
    placement.get_by_role("link", name="Placement").click()
    expect(first).to_be_visible(timeout=4 * LATER_MS)
    promised = re.split("[;,]", first.inner_text().rpartition("then ")[2])[0].strip()
    first.click()
    expect(placement.locator(".tile-value").first).to_contain_text(promised, timeout=LATER_MS)


def test_an_export_is_downloaded_and_says_what_is_lost(placement):
    placement.locator(".st-key-export-target").get_by_text("vLLM commands").click()
    wait_until_still(placement)
    expect(placement.get_by_text("There is no admission by deadline").first).to_be_visible(timeout=LATER_MS)
    with placement.expect_download() as download:
        placement.locator(".st-key-export-zip button").first.click()
    content = Path(download.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "node-0.sh" in archive.namelist()
        assert b"--pipeline-parallel-size 8" in archive.read("node-0.sh")


def test_nothing_scrolls_sideways_on_a_narrow_page(placement):
    placement.set_viewport_size({"width": 900, "height": 900})
    wait_until_still(placement)
    main = '[data-testid="stMain"]'
    assert placement.evaluate(f"(m => m.scrollWidth - m.clientWidth)(document.querySelector('{main}'))") <= 1
