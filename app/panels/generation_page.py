"""Pages that do not answer generating models yet say so in one sentence."""

from __future__ import annotations

import streamlit as st

from app.state.answer import Answer


def refuses(answer: Answer, what: str) -> bool:
    """Whether the page cannot show models that generate; it then says so. what: the page's subject, in words."""
    if not answer.generates:
        return False
    st.info(f"This page does not show {what} for models that generate token by token yet; the page Plan answers them.")
    return True
