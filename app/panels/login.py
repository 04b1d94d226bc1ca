"""Who the visitor is, on a server whose operator asks for a login (Streamlit's own, OpenID Connect)."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.look.style import plain_text

NEEDED = "This planner is for people with a login. What you keep here opens for you alone, unless you share its link."


def require_login() -> str | None:
    """Who is logged in, the same words at every visit; None on a server without logins.

    Where a login is needed and missing the page ends here, with the button for it.
    """
    user = _user()
    if "is_logged_in" not in user:
        return None
    if not user["is_logged_in"]:
        st.title("Placement planner", anchor=False)
        st.text(NEEDED)
        st.button("Log in", type="primary", on_click=st.login, icon=":material/login:")
        st.stop()
    # Issuer and subject together name a person for good; addresses and names may change hands.
    return f"{user.get('iss', '')} {user['sub']}"


def draw_logout(owner: str | None) -> None:
    """Who is logged in, and the way out; nothing on a server without logins."""
    if owner is None:
        return
    user = _user()
    st.caption(plain_text(f"Logged in as {user.get('email') or user.get('name') or owner}."))
    st.button("Log out", on_click=st.logout, icon=":material/logout:", key="logout")


def _user() -> Mapping[str, object]:
    return st.user.to_dict()
