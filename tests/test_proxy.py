"""Behind nginx as docs/deployment.md configures it: all lies below the prefix; no other site may speak to the page."""

import http.client
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.test_serve import ADDRESS
from tools.screenshots import running_server

DOCUMENT = (Path(__file__).parent.parent / "docs" / "deployment.md").read_text()
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SITE = re.search(r"```nginx\n(.*?)```", DOCUMENT, re.DOTALL)[1]
MAIN = """pid {0}/pid; error_log {0}/log; events {{}}
http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
{1}
}}"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Where nginx answers, host and port; without TLS, whose certificate nobody would know."""
    if NGINX is None:
        pytest.skip("nginx is not there; install it with: sudo apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    with running_server(STREAMLIT_SERVER_BASE_URL_PATH="planner") as (address, _):
        site = re.sub(r" *ssl_certificate.*\n", "", SITE).replace("443 ssl", host)
        site = site.replace("http://127.0.0.1:8501", address.removesuffix("/planner"))
        (folder / "nginx.conf").write_text(MAIN.format(folder, site))
        with subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-g", "daemon off;"]) as proxy:
            while proxy.poll() is None and not _answers(host):
                time.sleep(0.05)
            yield host
            proxy.terminate()


def _answers(host):
    try:
        return urllib.request.urlopen(f"http://{host}/planner/_stcore/health", timeout=10).read() == b"ok"
    except OSError:
        return False


def status(request):
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_page_and_its_code_lie_below_the_prefix(host):
    with urllib.request.urlopen(f"http://{host}/planner?w=1", timeout=60) as page:
        assert page.url.endswith("/planner/?w=1") and b"<html" in page.read()
    script = urllib.request.Request(f"http://{host}/planner{ADDRESS}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(script, timeout=60) as answer:
        assert answer.headers["content-encoding"] == "gzip" and "immutable" in answer.headers["cache-control"]
    assert status(f"http://{host}/compare") == 404


def test_only_the_pages_own_site_may_speak_to_it(host):
    address = f"ws://{host}/planner/_stcore/stream"
    with connect(address, origin=f"http://{host}"):
        pass
    with pytest.raises(InvalidStatus, match="403"), connect(address, origin="http://evil.example.com"):
        pass


def test_an_upload_needs_the_pages_token_and_has_a_bound(host):
    put = urllib.request.Request(f"http://{host}/planner/_stcore/upload_file/a/b", data=b"x", method="PUT")
    assert status(put) in (400, 403)
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.putrequest("PUT", "/planner/_stcore/upload_file/a/b")
    connection.putheader("Content-Length", str(300 * 1024**2))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_link_of_many_characters_comes_through(host):
    assert status(f"http://{host}/planner/?s={'x' * 20_000}") == 200
