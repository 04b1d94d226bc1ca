"""The Capacity page as a person walks it."""

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tools.screenshots import simple_sample, wait_until_drawn, wait_until_still

ROOT = Path(__file__).parents[2]


def open_page(page, address, name):
    page.goto(f"{address}/{name}{'&' if '?' in name else '?'}{simple_sample()}")
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=60_000)
    return page


def verdict(page):
    return page.locator(".verdict").first.inner_text().replace("\u00a0", " ").replace("\u202f", " ")


def stop_button(page):
    """Ours; Streamlit shows one of its own while a script runs."""
    return page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop")


def ask(page, label, value):
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    wait_until_still(page)


def test_the_number_of_devices_is_that_of_the_command_line(page, address, tmp_path):
    open_page(page, address, "capacity?target=60&from=8&to=32&step=8")
    page.get_by_role("button", name="Find the number of devices").click()
    page.locator(".verdict").first.wait_for(timeout=120_000)
    wait_until_drawn(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").first.click()
    table = Path(download.value.path()).read_text().splitlines()
    file = tmp_path / "scenario.yaml"
    file.write_text(_first_scenario())
    done = subprocess.run(
        [sys.executable, "-m", "planner", "capacity", str(file), "--target", "0.6", "--devices", "8-32", "--step", "8",
         "--algorithm", "selective_replication", "--json"], cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    plan = json.loads(done.stdout)["plans"][0]
    row = next(line for line in table if line.startswith("Single-device replication")).split(",")
    assert int(row[1]) == plan["devices"]
    assert abs(float(row[2]) - 100 * plan["slo_attainment"]) < 1e-6
    assert "% of deadlines need" in verdict(page)


def test_work_goes_on_while_another_page_is_looked_at_and_can_be_stopped(page, address):
    open_page(page, address, "capacity?limit=5.0")
    page.get_by_role("button", name="Find the number of devices").click()
    stop_button(page).wait_for(timeout=20_000)
    scrolled = page.locator('[data-testid="stMain"]')
    scrolled.evaluate("main => main.scrollTo(0, 200)")
    page.get_by_role("link", name="Learn").click()
    page.get_by_text("Your prediction").wait_for(timeout=30_000)
    # A page begins at its top, however far down the one before it was left.
    expect(page.locator('body[data-page="learn"]')).to_have_count(1)
    assert scrolled.evaluate("main => main.scrollTop") == 0
    page.get_by_role("link", name="Capacity").click()
    stop_button(page).wait_for(timeout=20_000)
    stop_button(page).click()
    stop_button(page).wait_for(state="detached", timeout=60_000)
    page.get_by_test_id("stAlert").get_by_text("was stopped").first.wait_for(timeout=30_000)


def test_a_wrong_range_says_its_sentence_and_the_question_stays(page, address):
    open_page(page, address, "capacity")
    ask(page, "Devices from", 100)
    page.get_by_text("leave nothing to try").wait_for(timeout=20_000)
    ask(page, "Devices from", 4)
    page.get_by_role("button", name="Find the number of devices").wait_for(timeout=20_000)


def test_a_link_opens_the_same_question(page, address):
    open_page(page, address, "capacity?target=97.5&to=24")
    expect(page.get_by_role("spinbutton", name="Deadlines to meet (%)")).to_have_value("97.5", timeout=60_000)
    expect(page.get_by_role("spinbutton", name="Devices to")).to_have_value("24", timeout=60_000)


def _first_scenario():
    from app.state.first_scenario import first_scenario
    from planner import dump_scenario

    return dump_scenario(first_scenario())
