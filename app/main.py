"""The web page: `python -m streamlit run app/main.py`."""

from __future__ import annotations

import streamlit as st

from app.limits import BOUNDS_IN_WORDS
from app.style import draw_style, guarded
from app.warm_up import start_warm_up

PAGES = (("plan", "Plan", ":material/flag:"),)

st.set_page_config(
    page_title="Placement planner",
    page_icon=":material/dns:",
    layout="wide",
    initial_sidebar_state="expanded",
    menu_items={"About": f"What would each placement do to this traffic? {BOUNDS_IN_WORDS}"},
)
warming = start_warm_up()
if warming.is_alive():
    with st.spinner("Preparing the simulator; this takes some seconds once after the start."):
        warming.join()
page = st.navigation(
    [
        st.Page(f"pages/{name}.py", title=title, icon=icon, default=i == 0)
        for i, (name, title, icon) in enumerate(PAGES)
    ],
    position="top",
)
draw_style()
guarded(page.run)()
