"""Whom the server answers, and how much he may send: by Host, by Origin, by what uploads take of its memory.

Streamlit looks at Host for its WebSocket only, asks a stranger on the internet for its own address before it refuses a
foreign Origin, and takes any number of uploads of one visitor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from app.look import words
from app.settings import HOSTS, SETTINGS

LOCAL = ("localhost", "127.0.0.1", "::1")
_MIB = 1024**2
_READING = ("GET", "HEAD", "OPTIONS")
_UPLOADS = "/_stcore/upload_file/"
# Around a file in the body of an upload: its name, its type and the lines between.
_FRAME_BYTES = _MIB


class Gate:
    """Refuses what no browser sends that shows this page, each with one sentence, before anything is read of it.

    hosts: the names that the server has beside those of the machine it runs on; none: any, unless it listens on this
    machine only.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = SETTINGS.hosts) -> None:
        self._app = app
        is_local = config.get_option("server.address") in LOCAL
        self._hosts = {*LOCAL, *hosts} if hosts or is_local else None
        self._coming: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._of_host(headers) or self._of_origin(scope, headers)
        if refusal is not None:
            await PlainTextResponse(refusal, 403)(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "PUT" and _UPLOADS in scope["path"]:
            await self._take(scope, receive, send, headers)
        else:
            await self._app(scope, receive, send)

    def _of_host(self, headers: Headers) -> str | None:
        """A page whose own name leads to this server would otherwise pass for this one (DNS rebinding)."""
        name = _name_of(headers.get("host", ""))
        if self._hosts is None or name in self._hosts:
            return None
        return f"This server is not called {name or 'so'!r:.120}. Its names stand in the variable {HOSTS}.\n"

    def _of_origin(self, scope: Scope, headers: Headers) -> str | None:
        """A page of another site may neither talk over the WebSocket nor send anything."""
        origin = headers.get("origin")
        is_asked = scope["type"] == "websocket" or scope["method"] not in _READING
        if origin is None or not is_asked or not config.get_option("server.enableCORS"):
            return None
        if _place_of(origin) == headers.get("host", "").lower() or origin in config.get_option(
            "server.corsAllowedOrigins"
        ):
            return None
        return f"Pages of {origin!r:.120} may not use this server; its own page is allowed.\n"

    async def _take(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        length = headers.get("content-length", "")
        # Of a body in chunks no length is true, whatever is said of it beside.
        is_said = length.isascii() and length.isdecimal() and len(length) < 16
        if not is_said or "transfer-encoding" in headers:
            await PlainTextResponse("An upload has to say how long it is.\n", 411)(scope, receive, send)
            return
        session, _, file = scope["path"].split(_UPLOADS, 1)[1].partition("/")
        refusal = self._of_size(session, int(length))
        if refusal is not None:
            # A browser hears of it only once it has sent what it has to send.
            if int(length) <= 2 * SETTINGS.upload_mb * _MIB:
                while (await receive()).get("more_body"):
                    pass
            await PlainTextResponse(refusal, 413)(scope, receive, send)
            return
        with self._under_way(session, int(length)):
            await self._app(scope, receive, send)
        if not Runtime.instance().is_active_session(session):
            # Its tab was closed meanwhile: Streamlit would hold the file for good.
            _uploads().remove_file(session, file)

    def _of_size(self, session: str, length: int) -> str | None:
        if length > SETTINGS.upload_mb * _MIB + _FRAME_BYTES:
            return f"The file has {words.count(length / _MIB)} MB; at most {SETTINGS.upload_mb} MB are allowed.\n"
        held = _held_bytes()
        mine = held.get(session, 0) + self._coming.get(session, 0)
        everybody = sum(held.values()) + sum(self._coming.values())
        for used, most, whose, way in (
            (mine, SETTINGS.visitor_mb, "one tab", "Remove an earlier upload, or open the page anew."),
            (everybody, SETTINGS.server_mb, "all visitors of this server", "Try again later."),
        ):
            if used + length > most * _MIB:
                return f"The files of {whose} would have {words.count((used + length) / _MIB)} MB; {most} MB are " \
                       f"allowed. {way}\n"  # fmt: skip
        return None

    @contextmanager
    def _under_way(self, session: str, length: int) -> Iterator[None]:
        self._coming[session] = self._coming.get(session, 0) + length
        try:
            yield
        finally:
            self._coming[session] -= length
            if not self._coming[session]:
                del self._coming[session]


def _held_bytes() -> dict[str, int]:
    """What Streamlit holds of the files of each tab, as they were sent."""
    files = _uploads().file_storage
    return {session: sum(len(file.data) for file in list(mine.values())) for session, mine in list(files.items())}


def _uploads() -> MemoryUploadedFileManager:
    return cast(MemoryUploadedFileManager, Runtime.instance().uploaded_file_mgr)


def _name_of(host: str) -> str | None:
    """The name in a Host header without its port; None where it is none."""
    try:
        found = urlsplit(f"//{host}")
        _ = found.port
    except ValueError:
        return None
    return found.hostname.rstrip(".") if found.hostname and found.netloc == host and "@" not in host else None


def _place_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
