"""On a server with logins a workspace opens for its owner alone, and for others what he shares."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.panels import login
from app.state.keeping import shared_keeper
from app.state.session import Session, with_values
from app.state.workspace import AREA, open_workspace
from app.store import may_write, new_workspace_id

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
ANN, BEN = ({"is_logged_in": True, "iss": "https://idp", "sub": n, "email": f"{n}_x@firm.org"} for n in ("ann", "ben"))


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANNER_DATA", str(tmp_path))
    shared_keeper.clear()
    yield shared_keeper()
    shared_keeper.clear()


def session_of(user, address="", name="w"):
    session = Session(owner=f"{user['iss']} {user['sub']}")
    open_workspace(session, {name: address} if address else {})
    return session


def kept(store, user):
    """The address of a workspace that a user has filled."""
    session = session_of(user)
    session.scenario = with_values(session.scenario, "cluster", devices=7)
    session.keeping.workspace = new_workspace_id(session.owner)
    store.save(session)
    assert session.keeping.problem is None
    return session.keeping.workspace


def test_a_workspace_opens_for_its_owner_alone_and_its_read_only_link_for_all(store):
    address = kept(store, ANN)
    assert session_of(ANN, address).scenario.cluster.devices == 7
    other = session_of(BEN, address)
    assert other.complaints[AREA] == "This workspace is somebody else's. Ask for its read-only link."
    assert other.scenario.cluster.devices != 7 and other.keeping.workspace is None
    shared = session_of(BEN, store.store.read_only_id(address), "r")
    assert shared.scenario.cluster.devices == 7 and shared.keeping.workspace is None


def test_the_mark_of_the_owner_cannot_be_carried_over():
    ours = {new_workspace_id("a") for _ in range(100)}
    theirs = new_workspace_id("b")
    assert len(ours) == 100 and all(may_write(address, "a") and not may_write(address, "b") for address in ours)
    assert not any(may_write(address[:16] + theirs[16:], "b") for address in ours)
    assert may_write(new_workspace_id(), None) and not may_write(new_workspace_id(), "a")


def test_who_is_not_logged_in_sees_the_button_and_nothing_else(monkeypatch):
    asked = []
    monkeypatch.setattr(login, "_user", lambda: {"is_logged_in": False})
    monkeypatch.setattr("streamlit.login", lambda: asked.append(True))
    page = AppTest.from_file(MAIN, default_timeout=60).run()
    assert not page.exception and [text.value for text in page.text] == [login.NEEDED]
    assert [button.label for button in page.button] == ["Log in"] and "session" not in page.session_state
    page.button[0].click().run()
    assert asked == [True]


def test_who_is_logged_in_sees_the_page_and_whose_it_is(monkeypatch, store):
    monkeypatch.setattr(login, "_user", lambda: ANN)
    page = AppTest.from_file(MAIN, default_timeout=120).run()
    assert not page.exception and page.session_state["session"].owner == "https://idp ann"
    library = AppTest.from_file(str(Path(MAIN).parent / "views" / "library.py"), default_timeout=120)
    library.session_state["session"] = page.session_state["session"]
    library.run()
    assert not library.exception and "Logged in as ann\\_x@firm.org." in [said.value for said in library.caption]
    assert "Log out" in [button.label for button in library.button]


def test_a_server_without_logins_asks_for_none():
    assert login.require_login() is None
