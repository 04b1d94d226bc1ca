"""Pages that do not answer generating models yet say so in one sentence."""

from __future__ import annotations

import streamlit as st

from app.state.answer import Answer, AnyAnswer


def fixed_only(answer: AnyAnswer, what: str) -> Answer | None:
    """The answer of models with fixed latencies; None, and a sentence, of those that generate.

    what: the page's subject, in words.
    """
    if isinstance(answer, Answer):
        return answer
    st.info(f"This page does not show {what} for models that generate token by token yet; the page Plan answers them.")
    return None
