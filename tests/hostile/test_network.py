"""What somebody sends to the server who is not its page: foreign names and origins, paths, ids, frames, uploads."""

import contextlib
import http.client
import json
import re
import secrets
import time
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.hostile.conftest import IS_SIEGE, serving
from tests.hostile.visitor import Visitor, answer
from tools.screenshots import PAGES

MIB = 1024**2

# None of these has to be in an answer: lines of files of the server.
SECRETS = (b"root:", b"import streamlit", b"streamlit==", b"maxUploadSize", b"SQLite format", b"PLANNER_DATA")


@pytest.fixture(scope="module")
def visitor(server, sample):
    """Somebody who works on the page while others try things; he is answered in the end."""
    with Visitor(server.address, sample) as found:
        found.open().until(lambda: found.headline)
        found.settle()
        yield found
        before = found.headline
        found.move_deadline(3.0)
        found.until(lambda: found.headline != before)
        assert found.settle().deadline() == 3.0


def frames(server, sent):
    """Send frames to a new tab; gives the code with which the server closes it."""
    with connect(server.address.replace("http", "ws") + "/_stcore/stream", origin=server.address) as socket:
        with contextlib.suppress(ConnectionClosed):
            for data in sent:
                socket.send(data)
            while True:
                socket.recv(timeout=20)
        return socket.close_code


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "::", "a b"])
def test_a_foreign_host_is_refused_for_pages_uploads_and_the_websocket(server, visitor, host):
    for method, path in (("GET", "/"), ("GET", "/_stcore/health"), ("PUT", "/_stcore/upload_file/a/b"), ("GET", "/x")):
        status, headers, said = answer(server.address, path, method, Host=host)
        # Some of these the HTTP server itself calls no Host at all.
        assert status == 400 or (status == 403 and b"PLANNER_HOSTS" in said), (host, path)
        assert "set-cookie" not in headers
    if host.endswith("evil.example") and "@" not in host:
        with pytest.raises(InvalidStatus):
            Visitor(server.address, host=host, origin=f"http://{host}")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_the_names_of_the_machine_itself_are_its_own(server, name):
    port = urlsplit(server.address).port
    for host in (name, f"{name}:{port}"):
        assert answer(server.address, "/_stcore/health", Host=host)[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://127.0.0.1.evil.example",
        "file://",
    ],
)
def test_a_page_of_another_origin_can_neither_talk_nor_send(server, visitor, origin):
    with pytest.raises(InvalidStatus) as refused:
        Visitor(server.address, origin=origin)
    assert refused.value.response.status_code == 403
    status, said = visitor.upload("foreign", b"arrival_s,model\n1,a\n", Origin=origin)
    assert status == 403 and origin in said
    for method in ("DELETE", "POST", "PATCH"):
        path = f"/_stcore/upload_file/{visitor.session}/foreign"
        assert answer(server.address, path, method, b"", Origin=origin)[0] == 403
    allowed = answer(server.address, "/_stcore/health", Origin=origin)[1]
    assert not {name for name in allowed if name.lower().startswith("access-control")}


def test_without_the_token_of_the_page_nothing_is_taken(server, visitor):
    path = f"/_stcore/upload_file/{visitor.session}/bare"
    for method in ("PUT", "DELETE"):
        assert answer(server.address, path, method, b"x", Origin=server.address)[0] == 403
    assert visitor.upload("bare", b"x", X_Xsrftoken="2|00000000|" + 32 * "0" + "|1")[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/static/../../../../etc/passwd", "/static/..%2f..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd",
     "/static/%252e%252e/%252e%252e/etc/passwd", "/media/../../etc/passwd", "/media/..%2f..%2fapp%2fsettings.py",
     "/media/%00", "/component/theme_watch/../../settings.py", "/_stcore/bidi-components/theme_watch/../../settings.py",
     "/_stcore/bidi-components/theme_watch//etc/passwd", "/app/static/../serve.py", "/app/serve.py", "//etc/passwd",
     "/\\\\evil.example\\share", "/static/C:%5cwindows%5cwin.ini", "/.streamlit/config.toml",
     "/.streamlit/secrets.toml",
     "/requirements.txt", "/data/workspaces.sqlite3", "/file:///etc/passwd", "/plan/../../../etc/passwd",
     "/library%00.py", "/_stcore/upload_file/../../etc/passwd", "/_stcore/metrics/../../etc/passwd", "/..;/etc/passwd"],
)  # fmt: skip
def test_no_path_leads_to_a_file_of_the_server(server, visitor, path):
    for method in ("GET", "HEAD"):
        status, _, said = answer(server.address, path, method)
        assert status in (200, 400, 404, 405) and not any(secret in said for secret in SECRETS)
        # Whatever is no file is the page's frame, where its own script says that there is no such page.
        assert status != 200 or method == "HEAD" or said == answer(server.address, "/")[2]


def test_a_page_that_is_not_there_is_the_first_one_and_a_path_is_no_page(server, sample):
    for page in ("../settings", "/etc/passwd", "views/plan.py", "x" * 5000):
        with Visitor(server.address, sample) as found:
            found.open(page)
            assert "PLANNER_DATA" not in found.said() and found.find("file_uploader", "Trace files")


@pytest.mark.parametrize(
    "sent", [[b"\xff" * 100], [b""], ["text"], [secrets.token_bytes(100_000)], [b"\x0a\xff\xff\xff\xff\x0f"]]
)
def test_frames_that_are_no_messages_end_their_own_tab_alone(server, visitor, sent):
    assert frames(server, [*sent, b"\xff"]) is not None
    assert visitor.is_alive()


def test_a_tab_that_is_closed_during_its_upload_leaves_nothing_behind(server, sample):
    """Fifteen MB in all, where twelve are allowed: each is forgotten with its tab."""
    for number in range(5):
        with Visitor(server.address, sample) as gone:
            gone.open()
            path, body, headers = gone.upload_request(str(number), bytes(3 * MIB))
            link = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=60)
            link.putrequest("PUT", path)
            for name, value in (headers | {"Content_Length": str(len(body))}).items():
                link.putheader(name.replace("_", "-"), value)
            link.endheaders(body[:MIB])
            # It has begun: before that, Streamlit refuses it.
            time.sleep(0.2)
        with contextlib.suppress(OSError):
            link.send(body[MIB:])
        assert link.getresponse().status in (204, 400)
        link.close()
    # Of a tab that is closed before, nothing is taken.
    assert gone.upload("late", bytes(MIB))[0] == 400


def test_uploads_of_one_tab_and_of_all_are_bounded_before_they_are_read(server, visitor, sample):
    """4 MB a file, 8 a tab, 12 together: here all of them are tried."""
    with Visitor(server.address, sample) as other:
        other.open()
        assert other.upload("0", bytes(3 * MIB))[0] == other.upload("1", bytes(3 * MIB))[0] == 204
        status, said = other.upload("2", bytes(3 * MIB))
        assert status == 413 and said.startswith("The files of one tab would have 9 MB; 8 MB are allowed.")
        status, said = other.upload("3", bytes(6 * MIB))
        assert status == 413 and "at most 4 MB are allowed" in said
        for length in ("", "-1", "1e3", "9" * 40):
            path, url = f"/_stcore/upload_file/{other.session}/4", other.address
            assert answer(url, path, "PUT", b"", Transfer_Encoding="chunked")[0] == 411
            assert answer(url, path, "PUT", None, Transfer_Encoding="chunked", Content_Length="10")[0] == 411
            assert answer(url, path, "PUT", None, Content_Length=length)[0] in (400, 411)
        assert visitor.upload("5", bytes(3 * MIB))[0] == visitor.upload("6", bytes(2 * MIB))[0] == 204
        status, said = visitor.upload("7", bytes(2 * MIB))
        assert status == 413 and "all visitors of this server" in said and "12 MB are allowed" in said


def test_what_a_reader_sees_opens_nothing_for_writing_and_nobody_elses(server, sample):
    with Visitor(server.address, sample) as owner, Visitor(server.address) as reader:
        owner.open().until(lambda: owner.workspace)
        owner.open("library")
        assert "Everything you do is kept" in owner.said()
        link = re.search(r"[?&](r=[\w-]{32})", owner.said())[1]
        seen = ""
        for page in PAGES if IS_SIEGE else ("compare", "library"):
            reader.query = link
            reader.open(page)
            seen += reader.said() + reader.query
        assert "somebody shared this workspace" in seen
        # Neither the address that writes nor the tab's id, by which Streamlit takes uploads.
        assert owner.workspace not in seen and owner.session not in seen
        log = server.log.read_text()
        assert owner.workspace not in log and link[2:] not in log and owner.session not in log
        guesses = {*re.findall(r"(?<![\w-])[\w-]{32}(?![\w-])", seen), link[2:][::-1], owner.session.replace("-", "")}
        for guess in [*sorted(guesses - {link[2:]})[:20], link[2:]]:
            with Visitor(server.address, f"w={guess}") as thief:
                thief.open("library")
                assert thief.workspace is None
                is_reader = guess == link[2:]
                assert ("There is no workspace at this address" in thief.said()) != is_reader


def test_no_guess_of_the_id_of_a_tab_or_of_a_download_leads_to_another(server, visitor):
    """Who knows the id of a tab can take it over, as a browser that lost its connection does: nobody else is told."""
    mine = visitor.session
    for guess in (mine[:-1], mine.upper(), mine[::-1], mine[:-1] + ("0" if mine[-1] != "0" else "1"), "", "0", "*"):
        with Visitor(server.address, subprotocols=["streamlit", "x", guess or "-"]) as thief:
            thief.open("library")
            assert thief.session not in (mine, guess) and thief.workspace is None
    for name in (secrets.token_hex(28), "0", "..", mine):
        assert answer(server.address, f"/media/{name}.csv")[0] in (400, 404)


def test_a_server_with_names_answers_to_them_and_its_own_machine_alone(tmp_path):
    with serving(tmp_path, PLANNER_HOSTS="planner.example.com", STREAMLIT_SERVER_ADDRESS="0.0.0.0") as named:
        assert answer(named.address, "/_stcore/health", Host="planner.example.com")[0] == 200
        assert answer(named.address, "/_stcore/health", Host="localhost:8501")[0] == 200
        assert answer(named.address, "/_stcore/health", Host="evil.example")[0] == 403
        with Visitor(named.address, host="planner.example.com", origin="https://planner.example.com") as found:
            assert "What is kept?" in found.open("library").said()
        with pytest.raises(InvalidStatus):
            Visitor(named.address, host="evil.example", origin="https://planner.example.com")


def test_the_log_says_what_ended_and_not_what_was_asked(server, visitor):
    jobs = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert jobs and all(job.keys() == {"lane", "waited_s", "took_s", "end"} for job in jobs)
