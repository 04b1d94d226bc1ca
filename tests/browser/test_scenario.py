"""The Scenario page and links as a person uses them."""

import hashlib
import json
import re

import pytest
from playwright.sync_api import expect

from app.look import words
from tests.lookalikes import CODE, rows
from tools.screenshots import simple_sample, wait_until_still

LATER_MS = 60_000


def attainment(page):
    return page.locator(".tile-value").first.inner_text().split("±")[0].strip()


def editor(page):
    return page.locator(".st-key-scenario-editor textarea")


def shared_link(page):
    page.locator(".st-key-share button").first.click()
    dialog = page.get_by_test_id("stDialog")
    # Its text lies behind a fold.
    expect(dialog.locator("code")).to_contain_text("?", timeout=LATER_MS)
    link = dialog.locator("code").text_content().strip()
    dialog.get_by_role("button", name="Close").click()
    return link


@pytest.fixture
def scenario(page, address):
    page.goto(f"{address}/scenario?{simple_sample()}")
    expect(editor(page)).to_be_visible(timeout=LATER_MS)
    wait_until_still(page)
    return page


def test_the_text_is_read_while_one_types_and_a_mistake_loses_nothing(scenario):
    area = editor(scenario)
    area.click()
    area.press("Control+Home")
    area.press("ArrowDown")
    area.press("ArrowDown")
    area.press("End")
    area.press("ArrowLeft")
    scenario.keyboard.type(", devises: 3", delay=30)
    alert = scenario.get_by_test_id("stAlert").first
    expect(alert).to_contain_text("line 3: key 'cluster.devises' is not known", timeout=LATER_MS)
    for _ in range(len(", devises: 3")):
        scenario.keyboard.press("Backspace")
    scenario.keyboard.type(", memory_gib: 14", delay=30)
    expect(scenario.get_by_test_id("stAlert").first).to_contain_text("every page answers it", timeout=LATER_MS)
    expect(scenario.get_by_text("16 × 14 GiB").first).to_be_visible(timeout=LATER_MS)
    assert "memory_gib: 14}" in area.input_value() and "devises" not in area.input_value()


def test_an_example_is_answered_on_the_plan_page(scenario):
    scenario.locator(".st-key-scenario-load button").first.click()
    expect(scenario.locator(".facts").nth(1)).to_contain_text("95.4", timeout=LATER_MS)
    scenario.get_by_role("link", name="Plan", exact=True).click()
    expect(scenario.locator(".verdict").first).to_contain_text("one pipeline of 8 stages", timeout=LATER_MS)
    wait_until_still(scenario)
    assert attainment(scenario).startswith("95.4")


def test_a_link_opened_in_a_fresh_browser_shows_the_same_numbers(scenario, browser):
    scenario.locator(".st-key-scenario-load button").first.click()
    wait_until_still(scenario)
    scenario.get_by_role("link", name="Placement").click()
    expect(scenario.locator(".verdict").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(scenario)
    there, link = attainment(scenario), shared_link(scenario)
    assert re.search(r"/placement\?s=s1\.", link)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    fresh = context.new_page()
    fresh.goto(link)
    expect(fresh.locator(".tile-value").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(fresh)
    assert attainment(fresh) == there
    assert fresh.locator(".verdict").first.inner_text() == scenario.locator(".verdict").first.inner_text()
    context.close()


def test_a_link_to_a_real_trace_asks_for_the_file_and_shows_the_same(page, address, traces, browser, tmp_path):
    file = traces / CODE
    page.goto(f"{address}/?{simple_sample()}")
    expect(page.locator(".verdict").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(page)
    page.get_by_text("Upload your own", exact=True).click()
    page.get_by_test_id("stSidebar").locator("input[type=file]").first.set_input_files(str(file))
    expect(page.get_by_text(f"{words.count(rows(file))} requests").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(page)
    there, link = attainment(page), shared_link(page)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    fresh = context.new_page()
    fresh.goto(link)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    expect(fresh.get_by_text(f"its SHA-256 begins {digest}").first).to_be_visible(timeout=LATER_MS)
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes(b"arrival_s,model\n0,a\n1,b\n2,a\n")
    uploader = fresh.locator(".st-key-upload-missing-trace input[type=file]")
    uploader.set_input_files(str(wrong))
    expect(fresh.get_by_text("is another file").first).to_be_visible(timeout=LATER_MS)
    fresh.locator(".st-key-upload-missing-trace input[type=file]").set_input_files(str(file))
    expect(fresh.locator(".tile-value").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(fresh)
    assert attainment(fresh) == there
    context.close()


def test_the_report_opens_and_holds_the_numbers(page, address):
    page.goto(f"{address}/?{simple_sample()}")
    expect(page.locator(".tile-value").first).to_be_visible(timeout=LATER_MS)
    wait_until_still(page)
    with page.expect_download(timeout=2 * LATER_MS) as download:
        page.locator(".st-key-report button").first.click()
    content = download.value.path().read_text(encoding="utf-8")
    figures = re.search(r'<script[^>]*id="figures"[^>]*>(.*?)</script>', content, re.S)[1]
    document = json.loads(figures.replace("&lt;", "<").replace("&amp;", "&"))
    best = max(p["slo_attainment"] for p in document["placements"])
    assert attainment(page).startswith(f"{100 * best:.1f}")


def test_a_link_is_copied(scenario, browser):
    scenario.context.grant_permissions(["clipboard-read", "clipboard-write"])
    scenario.locator(".st-key-share button").first.click()
    dialog = scenario.get_by_test_id("stDialog")
    dialog.get_by_role("button", name="Copy the link").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible(timeout=LATER_MS)
    assert scenario.evaluate("navigator.clipboard.readText()") == dialog.locator("code").text_content().strip()
