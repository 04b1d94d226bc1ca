"""The way to a login and back: to the address at which it was asked for, and with a mark where it failed."""

from __future__ import annotations

import logging
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

# In the address of a page that is shown after a login that failed.
MARK, FAILED = "login", "failed"
_COOKIE = "planner_wanted"
# Browsers keep no longer ones.
_MAX_CHARACTERS = 3800
_MAX_AGE_S = 900

log = logging.getLogger(__name__)


class LoginWay:
    """Leads who logged in back to where he came from. Streamlit leads everybody to the first page, which would forget
    the link that he was sent; and where the provider is away it shows two words and no way back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._prefix = f"/{config.get_option('server.baseUrlPath').strip('/')}".rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        step = {f"{self._prefix}/auth/login": self._leave, f"{self._prefix}/oauth2callback": self._come_back}.get(
            scope["path"] if scope["type"] == "http" else ""
        )
        await (step or self._app)(scope, receive, send)

    async def _leave(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To the provider, with a note of where from; back there if the provider cannot be asked."""
        wanted, failed = self._wanted(Headers(scope=scope)), False

        async def noting(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                failed = message["status"] >= 400
                if not failed:
                    MutableHeaders(scope=message).append("Set-Cookie", self._note(wanted, _MAX_AGE_S))
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            log.exception("The login could not begin.")
            failed = True
        if failed:
            await RedirectResponse(marked(wanted), 302)(scope, receive, send)

    async def _come_back(self, scope: Scope, receive: Receive, send: Send) -> None:
        """From the provider to where the login was asked for; a way back from a logout leads to the first page."""
        # Others of this host may have cookies that Python's own reader takes offence at, and then reads none.
        wanted = self._own(unquote(cookie_parser(Headers(scope=scope).get("cookie", "")).get(_COOKIE, "")))
        asked = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))

        async def leading(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (302, 307):
                headers = MutableHeaders(scope=message)
                if asked.keys() & {"code", "error"}:
                    headers["Location"] = wanted if _logs_in(headers) else marked(wanted)
                headers.append("Set-Cookie", self._note("", 0))
            await send(message)

        await self._app(scope, receive, leading)

    def _wanted(self, headers: Headers) -> str:
        """The page on which the login was asked for: path and query, without the mark of an earlier failure."""
        came = urlsplit(headers.get("referer", ""))
        if came.netloc != headers.get("host"):
            return self._own("")
        query = urlencode([(name, value) for name, value in parse_qsl(came.query) if name != MARK])
        return self._own(f"{came.path}?{query}" if query else came.path)

    def _own(self, wanted: str) -> str:
        """An address if it is one of this page's, else its first page; a cookie or a header may say anything."""
        is_own = wanted.startswith(f"{self._prefix}/") and not wanted.startswith("//") and "\\" not in wanted
        return wanted if is_own and wanted.isprintable() and wanted.isascii() else f"{self._prefix}/"

    def _note(self, wanted: str, age_s: int) -> str:
        value = quote(wanted, safe="/?&=")
        kept = value if len(value) <= _MAX_CHARACTERS else ""
        return f"{_COOKIE}={kept}; Path={self._prefix}/oauth2callback; Max-Age={age_s}; HttpOnly; SameSite=Lax"


def marked(address: str) -> str:
    """The address with the mark that a login failed."""
    return f"{address}{'&' if '?' in address else '?'}{MARK}={FAILED}"


def _logs_in(headers: MutableHeaders) -> bool:
    """Whether an answer gives the browser a login; one that was refused gives none, or an empty one."""
    given = SimpleCookie()
    for cookie in headers.getlist("Set-Cookie"):
        given.load(cookie)
    return bool(USER_COOKIE_NAME in given and given[USER_COOKIE_NAME].value)
