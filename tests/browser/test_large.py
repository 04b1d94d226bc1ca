"""A large scenario never freezes the page, and never looks current before it is."""

import time

from playwright.sync_api import expect

from app.panels.progress import EARLIER
from tools.screenshots import wait_until_drawn

SOON_MS = 5_000


def test_512_devices_are_marked_as_under_way_and_other_clicks_are_answered(plan):
    devices = plan.get_by_label("Devices", exact=True)
    devices.fill("512")
    devices.press("Enter")
    began_s = time.monotonic()
    expect(plan.get_by_text(EARLIER)).to_be_visible(timeout=SOON_MS)
    print(f"marked as earlier after {time.monotonic() - began_s:.2f} s")
    verdict = plan.locator(".verdict").first
    expect(verdict).to_have_css("opacity", "0.4")
    expect(verdict).to_contain_text("16 devices")
    began_s = time.monotonic()
    plan.get_by_role("link", name="Learn").click()
    expect(plan.get_by_role("heading", name="One burst, two devices")).to_be_visible(timeout=SOON_MS)
    print(f"another page after {time.monotonic() - began_s:.2f} s")
    plan.get_by_role("link", name="Plan", exact=True).click()
    expect(plan.locator(".verdict").first).to_contain_text("512 devices", timeout=60_000)
    expect(plan.get_by_text(EARLIER)).to_have_count(0)
    expect(plan.locator(".verdict")).to_have_count(1)
    wait_until_drawn(plan)
    expect(verdict).to_have_css("opacity", "1")
