"""The server: `python -m streamlit run app/serve.py`. Streamlit's own behind a gate; the code comes compressed."""

from __future__ import annotations

import gzip
import mimetypes
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config, file_util

# `streamlit run app/serve.py` looks for modules beside this file, not where it is started.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from app.background.garbage import collect_now_and_then  # noqa: E402
from app.background.warm_up import search_in_processes  # noqa: E402
from app.gate import Gate  # noqa: E402
from app.login_way import LoginWay  # noqa: E402
from app.panels.login import unreadable_secrets  # noqa: E402
from app.state.keeping import end_keeping  # noqa: E402

PACKED = (".js", ".css")
HEADERS = {
    "Content-Encoding": "gzip",
    "Vary": "Accept-Encoding",
    # Streamlit's own: the name of a file changes with what is in it.
    "Cache-Control": "public, immutable, max-age=31536000",
}


class CompressedAssets:
    """Sends Streamlit's scripts and styles compressed, 9.5 MB as 3, to whoever takes gzip.

    Streamlit leaves them out of its own compression, which would do it again for every visitor. Here each file is
    compressed once, when it is first asked for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        root = Path(file_util.get_static_dir())
        prefix = f"/{config.get_option('server.baseUrlPath').strip('/')}".rstrip("/")
        # Only what is listed is read, so no path leads anywhere else.
        self._files = {
            f"{prefix}/{path.relative_to(root).as_posix()}": path
            for path in (root / "static").rglob("*")
            if path.suffix in PACKED
        }
        self._packed: dict[Path, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        headers = Headers(scope=scope) if file else {}
        if file is None or "gzip" not in headers.get("accept-encoding", "") or "range" in headers:
            await self._app(scope, receive, send)
            return
        if file not in self._packed:
            self._packed[file] = await run_in_threadpool(lambda: gzip.compress(file.read_bytes(), 9, mtime=0))
        await Response(self._packed[file], headers=HEADERS, media_type=mimetypes.guess_type(file.name)[0])(
            scope, receive, send
        )


@asynccontextmanager
async def _lifespan(_: st.App) -> AsyncIterator[None]:
    """The server's life; a process that a signal ends waits for no thread, so keeping is waited for here."""
    search_in_processes()
    collect_now_and_then()
    yield
    await run_in_threadpool(end_keeping)


if problem := unreadable_secrets():
    sys.exit(problem)
app = st.App(
    Path(__file__).with_name("main.py"),
    lifespan=_lifespan,
    middleware=[Middleware(Gate), Middleware(CompressedAssets), Middleware(LoginWay)],
)
