"""The web page, which app/serve.py serves."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.background.garbage import forget_gone_widgets
from app.background.warm_up import start_warm_up
from app.controls.views import drop_hidden_keys
from app.look.style import draw_style, guarded, plain_text
from app.panels.login import require_login
from app.panels.share import draw_share_bar, open_link
from app.panels.workspace import draw_workspace_notices
from app.settings import PROBLEM
from app.state.limits import BOUNDS_IN_WORDS
from app.state.session import current_session
from app.state.workspace import keep_workspace, open_workspace

# The scripts lie in views/, because a folder called pages/ makes Streamlit run them without this file.
PAGES = (
    ("plan", "Plan", ":material/flag:"),
    ("compare", "Compare", ":material/compare_arrows:"),
    ("timeline", "Timeline", ":material/view_timeline:"),
    ("placement", "Placement", ":material/grid_view:"),
    ("capacity", "Capacity", ":material/stacked_line_chart:"),
    ("search", "Search", ":material/manage_search:"),
    ("models", "Models", ":material/dataset:"),
    ("trace", "Trace", ":material/timeline:"),
    ("profile", "Profile", ":material/memory:"),
    ("accuracy", "Accuracy", ":material/verified:"),
    ("learn", "Learn", ":material/school:"),
    ("scenario", "Scenario", ":material/description:"),
    ("guide", "Guide", ":material/menu_book:"),
    ("library", "Library", ":material/inventory_2:"),
)

st.set_page_config(
    page_title="Placement planner",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    initial_sidebar_state="expanded",
    menu_items={"About": f"What would each placement do to this traffic? {BOUNDS_IN_WORDS}"},
)
if PROBLEM is not None:
    st.error(plain_text(PROBLEM))
    st.stop()
start_warm_up()
page = st.navigation(
    [
        *(
            st.Page(f"views/{name}.py", title=title, icon=icon, default=i == 0)
            for i, (name, title, icon) in enumerate(PAGES)
        ),
        # The lessons' address before there were several.
        st.Page("views/why.py", visibility="hidden"),
    ],
    position="top",
)
draw_style(page.url_path)
owner = require_login()
session = current_session()
session.owner = owner
guarded(open_workspace)(session, st.query_params)
bar = st.container()
guarded(draw_workspace_notices)(session)
open_link(session)
session.drawn += 1
guarded(page.run)()
guarded(drop_hidden_keys)(session)
guarded(keep_workspace)(session)
with bar:
    draw_share_bar(session)
forget_gone_widgets()
if session.is_behind:
    # On a busy server a change has come after the page had asked for its answer.
    st.rerun()
