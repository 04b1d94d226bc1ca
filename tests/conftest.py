"""What several tests need: patient pages, traces, and a folder for workspaces.

Traces are lookalikes of the published ones, always; slices of the real ones too where they are at hand.
"""

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import HealthCheck, settings
from streamlit.errors import StreamlitPageNotFoundError

from app.state.first_scenario import FIRST_PLACEMENTS
from simulator.preparation import SIMULATING
from tests.lookalikes import write_lookalikes
from tests.postgres_server import make_server, remove, why_not

# A loaded machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Workspaces are kept in a folder of their own, never in that of whoever runs the tests.
WORKSPACES = tempfile.mkdtemp(prefix="planner-tests-")
atexit.register(shutil.rmtree, WORKSPACES, ignore_errors=True)
os.environ["PLANNER_DATA"] = WORKSPACES
os.environ.pop("DATABASE_URL", None)
# Plans that begin by themselves would keep pages busy; tests that want one say so.
os.environ["PLANNER_ADVICE"] = "asked"
# Whoever runs the tests in the background of a shell ignores Ctrl-C, and so would every process they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

REAL_TRACES = Path(__file__).resolve().parents[2] / "shared" / "traces"


@pytest.fixture(scope="session")
def lookalikes(tmp_path_factory):
    """The folder of the lookalikes, and what each file holds by its path."""
    folder = tmp_path_factory.mktemp("lookalikes")
    return folder, write_lookalikes(folder)


@pytest.fixture(scope="session", params=["lookalikes", *(["real"] if REAL_TRACES.is_dir() else [])])
def traces(request):
    """A folder of traces, laid out like the published ones."""
    return REAL_TRACES if request.param == "real" else request.getfixturevalue("lookalikes")[0]


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for the tests of one process."""
    reason = why_not()
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    server = make_server()
    yield server
    remove(server)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """The address of an empty database: None for SQLite in the store's folder, and one of a real server."""
    return request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None


def _link_if_there(page, *, _link=st.page_link, **options):
    """A page that a test opens alone knows no other pages."""
    with contextlib.suppress(StreamlitPageNotFoundError):
        _link(page, **options)


@pytest.fixture(autouse=True)
def patient_pages(request, monkeypatch):
    """What is quick may be late on a loaded machine, or cold: without a browser nothing draws the page again."""
    if request.path.name.startswith("test_app_"):
        SIMULATING.wait()
        monkeypatch.setattr("app.state.compute.PATIENCE_S", 60.0)
        monkeypatch.setattr("streamlit.page_link", _link_if_there)
        # Minutes of searching in all that these tests do not ask for.
        if "as_shipped" not in request.keywords:
            monkeypatch.setattr("app.state.first_scenario.FIRST_PLACEMENTS", FIRST_PLACEMENTS[:2])
