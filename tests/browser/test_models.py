"""Page Models as a person walks it: twelve mixed models with targets of their own on a real trace."""

import csv
import io
from pathlib import Path

from playwright.sync_api import expect

from app.look import words
from app.panels.progress import EARLIER
from planner.targets import TargetMiss, misses_in_words
from tests.browser.test_plan_page import printed_by, upload
from tests.lookalikes import INVOCATIONS
from tools.screenshots import simple_sample, wait_until_drawn, wait_until_still

KINDS = (("bert-1.3b", "5 x", "99 %"), ("bert-2.6b", "1.5 s", "90 %"), ("bert-6.7b", "8 x", "50 %"))
TABLE = "name\tprofile\tdeadline\ttarget\n" + "".join(
    "\t".join((f"model-{i}", *KINDS[i % 3])) + "\n" for i in range(12)
)


def test_twelve_models_with_targets_of_their_own_on_a_real_trace(page, address, traces, tmp_path):
    file = traces / INVOCATIONS
    page.goto(f"{address}/models?{simple_sample()}")
    wait_until_drawn(page, has_charts=False)
    upload(page, file)
    expect(page.get_by_text("sources; the busiest brings").first).to_be_visible()
    wait_until_still(page)
    page.get_by_label("Rate, times", exact=True).fill("150")
    page.get_by_label("Rate, times", exact=True).press("Enter")
    wait_until_still(page)
    page.get_by_role("button", name="Paste or import a table").click()
    page.get_by_label("Paste here").fill(TABLE)
    page.get_by_label("Paste here").press("Control+Enter")
    page.get_by_role("button", name="Replace the models").click()
    expect(page.locator(".verdict").first).to_contain_text("12 models of 3 kinds; 12 targets")
    # What hung over the table has closed.
    expect(page.get_by_label("Paste here")).to_have_count(0)
    wait_until_still(page)
    with page.expect_download() as download:
        page.get_by_test_id("stMain").get_by_role("button", name="Table (CSV)").first.click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [(row["profile"], row["deadline"]) for row in rows] == [KINDS[i % 3][:2] for i in range(12)]
    assert [row["target"] for row in rows[:3]] == ["0.99", "0.9", "0.5"]
    page.get_by_role("link", name="Plan", exact=True).click()
    wait_until_drawn(page)
    expect(page.get_by_text(EARLIER)).to_have_count(0)
    document = printed_by("simulate", page, tmp_path, file)
    missed = 0
    for placement in document["placements"]:
        below = [TargetMiss(**miss) for miss in placement["targets_missed"]]
        said = misses_in_words(below) or "every model with a target of its own meets it."
        expect(page.get_by_text(f"{words.shorten(placement['name'])}: {said}").first).to_be_visible()
        missed += len(below)
    assert missed
