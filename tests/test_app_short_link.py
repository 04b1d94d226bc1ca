"""A short link reads a copy of a workspace, which its owner can take back."""

import pytest

from app.state import shelf
from app.state.keeping import begin_if_worth_it, shared_keeper
from app.state.kept import Keeping
from app.state.session import Session, with_values
from app.store import StoreError
from app.store.contract import shared_copy_id
from tests.test_app_workspace import run, small, text_of


def test_a_short_link_reads_a_copy_until_it_is_taken_back():
    store = shared_keeper().store
    session = Session(keeping=Keeping())
    small(session)
    assert shelf.shared_copy(session) is None
    shelf.begin(session)
    shelf.share_copy(session)
    shared = shelf.shared_copy(session)
    assert len(shared) == 32 and shared != store.read_only_id(session.keeping.workspace)
    then = session.scenario
    session.edit("cluster", lambda s: with_values(s, "cluster", usd_per_device_hour=2.5))
    shared_keeper().save(session)
    reader = run(r=shared)
    assert reader.session_state["session"].scenario == then != session.scenario
    assert "shared this workspace with you" in text_of(reader)
    # Who reads or copies the workspace cannot take the copy back, nor write to it.
    assert shared_copy_id(store.clone(session.keeping.workspace), 1) != shared_copy_id(session.keeping.workspace, 1)
    shelf.take_back_copy(session)
    assert shelf.shared_copy(session) is None
    with pytest.raises(StoreError):
        store.load(shared)
    shelf.share_copy(session)
    assert shelf.shared_copy(session) not in (None, shared)


def test_the_dialog_makes_a_short_link_and_takes_it_back():
    session = Session(keeping=Keeping())
    small(session)
    begin_if_worth_it(session)
    shared_keeper().save(session)
    at = run(w=session.keeping.workspace)
    at.button(key="share").click().run()
    at.button(key="share.short").click().run()
    assert not at.exception
    assert shelf.shared_copy(at.session_state["session"]) is not None
