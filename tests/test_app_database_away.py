"""The page without its database: it plans on and says what is not kept."""

import socket
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.look.style import plain_text
from app.panels.workspace import NOT_KEPT
from app.state.keeping import shared_keeper
from app.store import new_workspace_id

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


def test_the_page_plans_on_without_its_database_and_says_what_is_not_kept(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://planner:secret-word@127.0.0.1:{port}/store")
    monkeypatch.setenv("PLANNER_DATA", str(tmp_path))
    shared_keeper.clear()
    try:
        page = AppTest.from_file(MAIN, default_timeout=120)
        page.query_params["w"] = new_workspace_id()
        page.run()
        assert not page.exception
        assert any("the database cannot be reached" in said.value for said in page.error)
        session = page.session_state["session"]
        session.keeping.workspace = new_workspace_id()
        shared_keeper().save(session)
        page.run()
        assert any(plain_text(f"{session.keeping.problem} {NOT_KEPT}") == said.value for said in page.warning)
        assert "the database cannot be reached" in session.keeping.problem
        assert session.answer is not None and session.answer.shown
        assert "secret-word" not in str([page.error, page.warning])
    finally:
        shared_keeper.clear()
