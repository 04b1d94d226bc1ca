"""Work survives: F5, a second tab, a server that is killed in the middle of a search, and a link that only reads."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner.scenario.link import encode_scenario
from tests.browser.test_plan_page import upload
from tests.lookalikes import WINDOW
from tools.screenshots import ROOT, wait_until_drawn, wait_until_healthy, wait_until_still

STOPPED = "AlpaServe was stopped; its best placement so far is shown."


def link(seconds):
    searched = {"name": "AlpaServe", "search": {"algorithm": "alpaserve", "time_limit_s": seconds}}
    return encode_scenario(with_values(first_scenario(), "", placements=[searched]))


@contextmanager
def server(folder, port):
    command = [sys.executable, "-m", "streamlit", "run", "app/serve.py", "--server.port", str(port)]
    environment = os.environ | {"PLANNER_DATA": str(folder)}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as p:
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", p)
            yield p
        finally:
            p.send_signal(signal.SIGKILL)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def workspace_in(page):
    page.wait_for_url(re.compile(r"[?&]w=[\w-]{32}"), timeout=60_000)
    return re.search(r"[?&]w=([\w-]{32})", page.url)[1]


def test_a_search_survives_f5_and_what_it_found_the_death_of_the_server(page, traces, tmp_path, port):
    with server(tmp_path, port):
        page.goto(f"http://127.0.0.1:{port}/?s={link(300)}")
        progress = page.get_by_text(re.compile("AlpaServe: .*best so far"))
        progress.wait_for(timeout=120_000)
        upload(page, traces / WINDOW)
        source = page.get_by_label("What arrives", exact=True).first
        expect(source).to_have_value(f"Yours: {(traces / WINDOW).name}", timeout=60_000)
        progress.wait_for(timeout=120_000)
        workspace = workspace_in(page)
        page.reload()
        expect(progress).to_be_visible()
        assert workspace_in(page) == workspace
        # Longer than a closed tab is waited for, and than a checkpoint takes: the search is that of this tab by now.
        page.wait_for_timeout(8000)
        expect(progress).to_be_visible()
    with server(tmp_path, port):
        page.goto(f"http://127.0.0.1:{port}/?w={workspace}")
        page.get_by_text(STOPPED).wait_for(timeout=120_000)
        wait_until_drawn(page)
        expect(source).to_have_value(f"Yours: {(traces / WINDOW).name}")
        page.get_by_role("button", name="Search AlpaServe again").click()
        progress.wait_for(timeout=120_000)


def test_a_read_only_link_shows_another_browser_the_same_and_changes_nothing(page, browser, address):
    page.goto(f"{address}/?s={link(1)}")
    workspace = workspace_in(page)
    page.get_by_role("link", name="Library").click()
    page.get_by_role("heading", name="Share, read only").wait_for(timeout=60_000)
    wait_until_still(page)
    page.get_by_role("button", name="Get the link").click()
    shared = page.locator("code", has_text="?r=")
    shared.wait_for(timeout=60_000)
    context = browser.new_context()
    other = context.new_page()
    other.goto(shared.inner_text())
    other.get_by_text("Somebody shared this workspace with you").wait_for(timeout=60_000)
    wait_until_drawn(other)
    assert workspace not in other.content() and "?w=" not in other.url and "&w=" not in other.url
    other.get_by_text("AlpaServe").first.wait_for()
    other.get_by_role("button", name="Keep a copy of my own").click()
    other.get_by_text("Somebody shared this workspace with you").wait_for(state="detached", timeout=60_000)
    assert workspace_in(other) != workspace
    context.close()


def test_a_share_link_does_not_carry_the_address_that_writes(page, address):
    page.goto(f"{address}/?s={link(1)}")
    workspace = workspace_in(page)
    wait_until_drawn(page)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("dialog").get_by_text("The link as text").click()
    written = page.get_by_role("dialog").locator("code")
    written.wait_for(timeout=60_000)
    assert workspace not in written.inner_text()
