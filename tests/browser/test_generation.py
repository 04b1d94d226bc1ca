"""Language models from the files of a trace to the number of devices, as a person walks it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from app.look import words
from tests.lookalikes import CODE, CONVERSATION
from tools.screenshots import wait_until_still

ROOT = Path(__file__).parents[2]


def command(*arguments):
    done = subprocess.run([sys.executable, "-m", "planner", *map(str, arguments), "--json"], cwd=ROOT,
                          capture_output=True, text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)


def verdict(page):
    text = " ".join(page.locator(".verdict, .verdict-more").all_inner_texts())
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_two_services_from_their_trace_to_the_number_of_devices(plan, traces, tmp_path):
    page, files = plan, [traces / CODE, traces / CONVERSATION]
    page.get_by_text("Upload your own").click()
    page.locator('input[type="file"]').first.set_input_files(files)
    page.locator(".facts").get_by_text("Azure LLM inference 2023").first.wait_for()
    wait_until_still(page)
    page.get_by_test_id("stSidebarContent").get_by_text("Token by token").click()
    page.locator('.verdict:has-text("engines on 8 devices")').wait_for(timeout=120_000)
    wait_until_still(page)

    # Llama-3.1-8B, one second to the first token, 50 ms for every later one; dedicated against shared.
    with page.expect_download() as download:
        page.get_by_role("button", name="Scenario (YAML)").click()
    file = tmp_path / "scenario.yaml"
    shutil.copy(download.value.path(), file)
    for trace in files:
        shutil.copy(trace, tmp_path)
    assert "Llama-3.1-8B" in file.read_text() and "slo_tpot_s: 0.05" in file.read_text()
    dedicated, shared = command("simulate", file)["placements"]
    for placement in (dedicated, shared):
        met = words.share(placement["slo_attainment"]).replace("\N{NO-BREAK SPACE}", " ")
        assert f"{placement['name']} " in verdict(page) and met in verdict(page)
    figures = page.get_by_test_id("stMainBlockContainer").get_by_text("Not modelled: prefix cache hits")
    assert figures.first.is_visible()

    # The fewest devices for 99 %.
    page.get_by_role("link", name="Capacity").click()
    # Enough time for every search to end, so that what it finds does not depend on the machine.
    page.get_by_label("Seconds a search", exact=True).fill("300")
    page.get_by_label("Seconds a search", exact=True).press("Enter")
    wait_until_still(page)
    page.get_by_role("button", name="Find the number of devices").click()
    page.locator('.verdict:has-text("% of deadlines need")').wait_for(timeout=120_000)
    plans = {
        p["algorithm"]: p["devices"]
        for p in command("capacity", file, "--target", "0.99", "--time-limit", "300")["plans"]
    }
    fewest = min(devices for devices in plans.values() if devices is not None)
    assert f"99 % of deadlines need {words.plural(fewest, 'device')}, placed by" in verdict(page).replace("  ", " ")
    for name, devices in plans.items():
        if devices not in (fewest, None):
            assert f"{words.plural(devices, 'device')} by {name}" in verdict(page)
