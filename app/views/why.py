"""The old address of the lessons."""

from __future__ import annotations

import streamlit as st

from app.lessons.old_address import learn_query

st.switch_page("views/learn.py", query_params=learn_query(st.query_params.to_dict()))
