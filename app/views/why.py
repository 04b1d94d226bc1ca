"""The old address of the lessons."""

from __future__ import annotations

import streamlit as st

st.switch_page("views/learn.py")
