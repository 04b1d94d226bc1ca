"""On a server with logins a workspace opens for its owner alone, and for others what he shares."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from app.login_way import LoginWay
from app.look.style import plain_text
from app.panels import login
from app.settings import Settings
from app.state.keeping import shared_keeper
from app.state.session import Session, with_values
from app.state.workspace import AREA, open_workspace
from app.store import may_write, new_workspace_id

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
ANN, BEN = (
    {"is_logged_in": True, "iss": "https://idp", "sub": n, "email": f"{n}_x@firm.org", "iat": time.time()}
    for n in ("ann", "ben")
)
SECRETS = """[auth]
redirect_uri = "https://planner.example.com/oauth2callback"
cookie_secret = "x"
client_id = "x"
client_secret = "x"
server_metadata_url = "https://idp"
"""


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
    said = [caption.value for caption in library.caption]
    assert not library.exception and plain_text("Logged in as ann_x@firm.org.") in said
    assert "Log out" in [button.label for button in library.button]


def test_a_server_without_logins_asks_for_none():
    assert login.require_login() is None


def test_a_login_ends_after_the_hours_that_whoever_runs_the_server_allows(monkeypatch):
    monkeypatch.setattr(login, "SETTINGS", Settings(PLANNER_LOGIN_HOURS=2))
    for hours, says in ((1.9, []), (2.1, [login.ENDED])):
        monkeypatch.setattr(login, "_user", lambda h=hours: ANN | {"iat": time.time() - 3600 * h})
        page = AppTest.from_function(_require).run()
        assert not page.exception and [text.value for text in page.text] == says


def test_a_login_that_failed_says_so(monkeypatch):
    monkeypatch.setattr(login, "_user", lambda: {"is_logged_in": False})
    page = AppTest.from_function(_require)
    page.query_params["login"] = "failed"
    assert [said.value for said in page.run().warning] == [login.DID_NOT_WORK]


def _require():
    from app.panels.login import require_login

    require_login()


@pytest.fixture
def problem(tmp_path, monkeypatch):
    """What the page says of a file of secrets with a text; None stands for no file."""
    was = config.get_option("secrets.files")

    def asked(text, **settings):
        path = tmp_path / "secrets.toml"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_bytes(text.encode("latin-1"))
        config.set_option("secrets.files", [str(path)])
        monkeypatch.setattr(st, "secrets", Secrets())
        monkeypatch.setattr(login, "SETTINGS", Settings(**settings))
        monkeypatch.setattr(login.importlib.util, "find_spec", lambda name: name != absent or None)
        said = login.login_problem()
        return said and said.replace(str(path), "FILE")

    absent = "nothing"
    yield asked
    config.set_option("secrets.files", was)


@pytest.mark.parametrize("text", [None, "", "[other]\nkey = 1\n", SECRETS])
def test_a_file_without_logins_or_with_all_that_they_need_is_no_problem(problem, text):
    assert problem(text) is None


def test_logins_that_are_required_and_not_there_close_the_page(problem):
    for text in (None, "", "[other]\nkey = 1\n"):
        assert "PLANNER_LOGIN is 'required', and there is no section [auth]" in problem(text, PLANNER_LOGIN="required")
    assert problem(SECRETS, PLANNER_LOGIN="required") is None


def test_a_file_that_cannot_be_used_closes_the_page(problem, monkeypatch):
    """Streamlit takes it for no file, and the page would be open for everybody."""
    for text in ("[auth", "\xff\xfe[auth]"):
        assert problem(text) == "Nobody can log in: FILE is not TOML."
    for text in ("auth = 1\n", "[[auth]]\nclient_id = 'x'\n", SECRETS.replace('"https://planner', '5 # "')):
        assert "the section [auth] of FILE has no redirect_uri; it needs" in problem(text)
    for key in ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"):
        without = "".join(line for line in SECRETS.splitlines(True) if not line.startswith(key))
        assert f"the section [auth] of FILE has no {key}; it needs" in problem(without)
    elsewhere = problem(SECRETS.replace("/oauth2callback", "/elsewhere"))
    assert "auth.redirect_uri is 'https://planner.example.com/elsewhere'; it has to end with /oauth2c" in elsewhere
    monkeypatch.setattr(login.os, "access", lambda path, _: Path(path).name != "secrets.toml")
    assert problem(SECRETS) == "Nobody can log in: the server may not read FILE."


def test_a_page_whose_file_cannot_be_used_shows_the_sentence_alone(monkeypatch):
    monkeypatch.setattr(login, "login_problem", lambda: "Nobody can log in")
    page = AppTest.from_file(MAIN, default_timeout=60).run()
    assert [said.value for said in page.error] == ["Nobody can log in"] and not page.button


BASE = {"": "/", "planner": "/planner/"}


def way(path, query="", answer=(302, ()), prefix="", **headers):
    """What the browser gets for a step of a login: status, and headers by their names."""
    sent = []

    async def streamlit(scope, receive, send):
        status, given = answer
        if status is None:
            raise ConnectionError
        raw = [(name.encode(), value.encode()) for name, value in given]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": f"{BASE[prefix]}{path}", "query_string": query.encode()}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    was = config.get_option("server.baseUrlPath")
    config.set_option("server.baseUrlPath", prefix)
    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(LoginWay(streamlit)(scope, None, send))).result()
    finally:
        config.set_option("server.baseUrlPath", was)
    return sent[0]["status"], {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize("prefix", BASE)
def test_who_logs_in_comes_back_to_the_address_that_he_had_opened(prefix):
    base, host = BASE[prefix], "planner.example.com"
    wanted = f"{base}compare?r=abc&what=8%2C16&name=a+b%3B"
    _, left = way(
        "auth/login", answer=(302, [("location", "https://idp")]), prefix=prefix, host=host,
        referer=f"https://{host}{wanted}&login=failed",
    )  # fmt: skip
    assert left["location"] == "https://idp" and f"; Path={base}oauth2callback; " in left["set-cookie"]
    assert "HttpOnly" in left["set-cookie"] and "SameSite=Lax" in left["set-cookie"]
    cookie = left["set-cookie"].split(";")[0]
    user = ("set-cookie", "_streamlit_user=signed; HttpOnly")
    came = (302, [("location", base), user])
    assert way("oauth2callback", "code=1&state=2", came, prefix, cookie=cookie)[1]["location"] == wanted
    refused = (302, [("location", base), ("set-cookie", '_streamlit_user=""; Max-Age=0')])
    for query in ("code=1&state=2", "error=access_denied"):
        assert way("oauth2callback", query, refused, prefix, cookie=cookie)[1]["location"] == f"{wanted}&login=failed"
    assert way("oauth2callback", "", (302, [("location", base)]), prefix, cookie=cookie)[1]["location"] == base
    for other in ("a@b=1", "list[0]=1", 'saved={"a": [1]}'):
        both = f"{other}; {cookie}"
        assert way("oauth2callback", "code=1&state=2", came, prefix, cookie=both)[1]["location"] == wanted


@pytest.mark.parametrize("answer", [(400, ()), (500, ()), (None, ())])
def test_a_login_that_cannot_begin_leads_back_with_a_mark(answer):
    status, headers = way("auth/login", answer=answer, host="a", referer="https://a/compare?r=b")
    assert (status, headers["location"]) == (302, "/compare?r=b&login=failed")
    assert way("auth/login", answer=answer)[1]["location"] == "/?login=failed"


@pytest.mark.parametrize(
    "noted",
    ["https://evil.org/", "//evil.org/", "/\\evil.org", "/\r\nSet-Cookie: a=b", "javascript:alert(1)", ""],
)
def test_no_cookie_and_no_other_site_leads_away_from_the_page(noted):
    came = (302, [("location", "/"), ("set-cookie", "_streamlit_user=signed")])
    assert LoginWay(None)._own(noted) == LoginWay(None)._own("/plänner") == "/"
    cookie = "planner_wanted=" + noted.replace("\r\n", "%0D%0A")
    assert way("oauth2callback", "code=1&state=2", came, cookie=cookie)[1]["location"] == "/"
    _, left = way("auth/login", host="a", referer=f"https://evil.org{noted}")
    assert left["set-cookie"].startswith("planner_wanted=/;")


def test_an_address_that_no_cookie_holds_is_left_out():
    _, left = way("auth/login", host="a", referer=f"https://a/?s={'x' * 3800}")
    assert left["set-cookie"].startswith("planner_wanted=;")
