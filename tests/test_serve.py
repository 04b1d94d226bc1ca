"""The server sends the page's code compressed, once made, and leaves all else as Streamlit sends it."""

import asyncio
import gzip
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit import config, file_util

from app.serve import CompressedAssets, app

STATIC = Path(file_util.get_static_dir())
SCRIPT = min((STATIC / "static" / "js").glob("*.js"), key=lambda path: path.stat().st_size)
ADDRESS = f"/{SCRIPT.relative_to(STATIC).as_posix()}"


async def plain(scope, receive, send):
    """What stands behind: it says that it was asked."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-plain", b"1")]})
    await send({"type": "http.response.body", "body": b""})


def asked(compressed, path, method="GET", **headers):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path}
    scope["headers"] = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    # A browser of another test may have an event loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(compressed(scope, None, send))).result()
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}, sent[1]["body"]


@pytest.mark.parametrize("prefix", ["", "planner", "/a/b/"])
def test_a_script_comes_compressed_below_the_prefix_and_may_be_kept(prefix, monkeypatch):
    monkeypatch.setattr(config, "get_option", {"server.baseUrlPath": prefix}.__getitem__)
    compressed = CompressedAssets(plain)
    base = f"/{prefix.strip('/')}".rstrip("/")
    for _ in range(2):
        headers, body = asked(compressed, base + ADDRESS, accept_encoding="br, gzip")
        assert gzip.decompress(body) == SCRIPT.read_bytes()
        assert headers["content-encoding"] == "gzip" and headers["vary"] == "Accept-Encoding"
        assert (
            headers["content-type"].split("/")[1].startswith("javascript") and "immutable" in headers["cache-control"]
        )
    assert len(compressed._packed) == 1


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        (ADDRESS, "GET", {}),
        (ADDRESS, "GET", {"accept_encoding": "gzip", "range": "bytes=0-9"}),
        (ADDRESS, "HEAD", {"accept_encoding": "gzip"}),
        ("/", "GET", {"accept_encoding": "gzip"}),
        ("/static/js/../../index.html", "GET", {"accept_encoding": "gzip"}),
        ("/_stcore/health", "GET", {"accept_encoding": "gzip"}),
    ],
)
def test_all_else_is_left_to_streamlit(path, method, headers):
    answered, _ = asked(CompressedAssets(plain), path, method, **headers)
    assert answered == {"x-plain": "1"}


def test_the_server_runs_the_page():
    assert app.script_path == Path(__file__).parent.parent / "app" / "main.py"


def test_it_starts_wherever_modules_are_looked_for(tmp_path):
    """`streamlit run app/serve.py` looks beside the file, not where it is started."""
    file = Path(__file__).parent.parent / "app" / "serve.py"
    script = f"import runpy, sys; sys.path[0] = {str(file.parent)!r}; runpy.run_path({str(file)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, timeout=120)
