"""Who the visitor is, on a server whose operator asks for a login (Streamlit's own, OpenID Connect)."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from app.login_way import FAILED, MARK
from app.look.style import plain_text
from app.settings import LOGIN, REQUIRED, SETTINGS

NEEDED = "This planner is for people with a login. What you keep here opens for you alone, unless you share its link."
ENDED = "Your login has ended. Log in again; what you kept is still there."
DID_NOT_WORK = "The login did not work. Try again; why it failed stands in the log of the server."
# What a login needs, of the section [auth].
_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_LIBRARIES = ("authlib", "httpx")


def require_login() -> str | None:
    """Who is logged in, the same words at every visit; None on a server without logins.

    Where a login is needed and missing the page ends here, with the button for it.
    """
    problem = login_problem()
    if problem is not None:
        st.error(plain_text(problem))
        st.stop()
    user = _user()
    if "is_logged_in" not in user:
        return None
    has_ended = bool(user["is_logged_in"]) and _has_ended(user)
    if not user["is_logged_in"] or has_ended:
        st.title("Placement planner", anchor=False)
        if st.query_params.get(MARK) == FAILED:
            st.warning(DID_NOT_WORK)
        st.text(ENDED if has_ended else NEEDED)
        st.button("Log in", type="primary", on_click=st.login, icon=":material/login:")
        st.stop()
    st.query_params.pop(MARK, None)
    # Issuer and subject together name a person for good; addresses and names may change hands.
    return f"{user.get('iss', '')} {user['sub']}"


def login_problem() -> str | None:
    """Why nobody can log in although logins were asked for; None where they can, or none were.

    Streamlit takes a file that it cannot read for none, and would open the page for everybody.
    """
    if problem := unreadable_secrets():
        return problem
    found = _secrets_files()
    said = " and ".join(map(str, found))
    try:
        auth: Any = st.secrets.get("auth", {}) if found else {}
    except (StreamlitSecretNotFoundError, UnicodeDecodeError):
        return f"Nobody can log in: {said} is not TOML."
    if not auth:
        return (
            f"Nobody can log in: {LOGIN} is '{REQUIRED}', and there is no section [auth] in .streamlit/secrets.toml."
            if SETTINGS.login == REQUIRED
            else None
        )
    given: Mapping[str, Any] = auth if isinstance(auth, Mapping) else {}
    missing = [key for key in _KEYS if not (isinstance(given.get(key), str) and given[key])]
    if missing:
        return f"Nobody can log in: the section [auth] of {said} has no {missing[0]}; it needs {', '.join(_KEYS)}."
    absent = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if absent:
        return f"Nobody can log in: {absent[0]} is not installed; pip install -r requirements-login.txt brings it."
    callback = "/".join(part for part in (st.get_option("server.baseUrlPath").strip("/"), "oauth2callback") if part)
    if not given["redirect_uri"].endswith(f"/{callback}"):
        return f"Nobody can log in: auth.redirect_uri is '{given['redirect_uri']}'; it has to end with /{callback}."
    return None


def unreadable_secrets() -> str | None:
    """That the server may not read a file of secrets; Streamlit would answer every request with an error."""
    closed = [path for path in _secrets_files() if not os.access(path, os.R_OK)]
    return f"Nobody can log in: the server may not read {closed[0]}." if closed else None


def _secrets_files() -> list[Path]:
    return [Path(name) for name in st.get_option("secrets.files") if Path(name).exists()]


def draw_logout(owner: str | None) -> None:
    """Who is logged in, and the way out; nothing on a server without logins."""
    if owner is None:
        return
    user = _user()
    st.caption(plain_text(f"Logged in as {user.get('email') or user.get('name') or owner}."))
    st.button("Log out", on_click=st.logout, icon=":material/logout:", key="logout")


def _has_ended(user: Mapping[str, Any]) -> bool:
    """Whether the login is older than whoever runs the server allows; Streamlit asks for no age."""
    return time.time() > float(user.get("iat", 0)) + 3600 * SETTINGS.login_hours


def _user() -> Mapping[str, object]:
    return st.user.to_dict()
