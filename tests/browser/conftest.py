"""A running app and a real Chromium."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import REAL_TRACES
from tools.screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, running_server, simple_sample, wait_until_drawn

# A loaded machine is slow, not wrong: waiting longer costs nothing where the page is there at once.
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # A machine at its limit loses a click now and then; the summary names each test that needed a second try.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if shutil.which(CHROMIUM) is None:
        reason = f"Chromium is not there ({CHROMIUM}); install it or name it in the variable CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": CHROMIUM_ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}, "accept_downloads": True}


@pytest.fixture(scope="session")
def server():
    """The address of the app, and the id of its process."""
    with running_server() as found:
        yield found


@pytest.fixture(scope="session")
def address(server):
    return server[0]


@pytest.fixture(scope="session")
def traces(lookalikes):
    """The published traces where they are at hand, else their lookalikes: a browser reads both the same way."""
    return REAL_TRACES if REAL_TRACES.is_dir() else lookalikes[0]


@pytest.fixture
def plan(page, address):
    """The Plan page of a new visitor, drawn."""
    page.goto(f"{address}/?{simple_sample()}")
    wait_until_drawn(page)
    return page
