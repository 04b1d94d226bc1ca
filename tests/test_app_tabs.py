"""Several tabs of one workspace: none writes over what another has kept, and each hears of the other."""

import pytest

from app.panels.workspace import hear_other_tabs
from app.state import shelf
from app.state.keeping import ASIDE, OVERTAKEN, Keeper, begin_if_worth_it, shared_keeper
from app.state.kept import Keeping
from app.state.saved import restore, scenario_in
from app.state.session import Session, with_values
from app.state.workspace import changed_elsewhere
from planner.scenario.schema import PlacementSection
from tests.store_cases import MemoryStore, sql_store
from tests.test_app_workspace import finished, kept_session, press, run, session_of, small, text_of

UNIFORM = PlacementSection(name="Uniform", search={"algorithm": "uniform", "pp": 2, "tp": 1})
SHOW, MINE = "workspace.reopen", "workspace.mine"


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
        return
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None
    store = sql_store(tmp_path, url)
    yield store
    store.database.engine.dispose()


def tab_of(keeper, session):
    """Another tab of a workspace that is kept, as on another server, which knows what the store has only."""
    address = session.keeping.workspace
    loaded = keeper.store.load(address)
    fresh = Session(keeping=Keeping(address, is_begun=True, seen=loaded.revision, saved=dict(loaded.parts)))
    assert restore(fresh, loaded.parts, lambda digest: keeper.store.get_blob(address, digest)) == []
    return fresh


def set_devices(session, devices):
    session.edit("cluster", lambda s: with_values(s, "cluster", devices=devices))


def devices_in(parts):
    return scenario_in(parts).cluster.devices


def versions_of(store, session):
    """Number of devices by the name of each version."""
    address = session.keeping.workspace
    return {v.name: devices_in(store.read_version(address, v.number)) for v in store.versions(address)}


@pytest.fixture
def tabs(store):
    """Two tabs; the second has kept a change that the first has not seen."""
    one, keeper = kept_session(store)
    keeper.save(one)
    two = tab_of(keeper, one)
    set_devices(two, 7)
    keeper.save(two)
    assert changed_elsewhere(two) is None and keeper.store.versions(one.keeping.workspace) == []
    return keeper, one, two


def test_a_tab_that_only_looks_hears_of_a_change_and_writes_nothing(tabs):
    keeper, one, _ = tabs
    keeper.save(one)
    said = changed_elsewhere(one)
    assert said == (
        "Another tab of this workspace changed the scenario and what Undo goes back to; this tab still shows its own."
    )
    assert devices_in(keeper.store.load(one.keeping.workspace).parts) == 7
    assert versions_of(keeper.store, one) == {} and one.keeping.aside is None


@pytest.mark.parametrize("has_looked", [False, True])
def test_a_late_change_is_kept_aside_and_the_other_tab_s_stays(tabs, has_looked):
    keeper, one, two = tabs
    if has_looked:
        keeper.save(one)
    for devices in (9, 10):
        set_devices(one, devices)
        keeper.save(one)
        # Whatever this tab goes on to do is in one version.
        assert versions_of(keeper.store, one) == {ASIDE: devices}
    assert devices_in(keeper.store.load(one.keeping.workspace).parts) == 7
    assert f"keeps it aside as the version '{ASIDE}'" in changed_elsewhere(one)
    keeper.save(two)
    assert changed_elsewhere(two) is None


def test_keep_mine_makes_a_version_of_what_the_other_tab_had(tabs):
    keeper, one, two = tabs
    set_devices(one, 9)
    keeper.save(one)
    keeper.prefer(one)
    assert devices_in(keeper.store.load(one.keeping.workspace).parts) == 9
    assert versions_of(keeper.store, one) == {OVERTAKEN: 7} and changed_elsewhere(one) is None
    keeper.save(two)
    assert changed_elsewhere(two)
    # Who has changed nothing himself can prefer what he sees, too.
    keeper.prefer(two)
    assert devices_in(keeper.store.load(one.keeping.workspace).parts) == 7


def test_both_tabs_can_make_the_same_change(tabs):
    keeper, one, _ = tabs
    set_devices(one, 7)
    keeper.save(one)
    assert changed_elsewhere(one) is None and versions_of(keeper.store, one) == {}


def test_what_the_searches_of_two_tabs_find_is_kept_together(store):
    one, keeper = kept_session(store)
    keeper.save(one)
    two = tab_of(keeper, one)
    finished(one)
    keeper.save(one)
    two.found["another run"] = next(iter(one.answer.shown)).outcome.search
    # What tells that something changed.
    two.looked_at = "AlpaServe"
    keeper.save(two)
    for tab in (one, two):
        keeper.save(tab)
        assert changed_elsewhere(tab) is None
    found = dict(store.load(one.keeping.workspace).parts["found"].document["content"])
    assert len(found) == 2 and "another run" in found
    assert len({*found.values()}) == 1


def test_a_workspace_that_is_full_of_versions_loses_nothing_and_says_so(tabs, monkeypatch):
    keeper, one, _ = tabs
    monkeypatch.setattr("app.store.contract.MAX_VERSIONS", 0)
    set_devices(one, 9)
    keeper.save(one)
    assert "at most 0 are kept" in one.keeping.problem
    assert devices_in(keeper.store.load(one.keeping.workspace).parts) == 7 and one.scenario.cluster.devices == 9


@pytest.fixture
def pages():
    """Two pages of one workspace; the second has changed and kept something that the first has not seen."""
    session = Session(keeping=Keeping())
    small(session, UNIFORM)
    begin_if_worth_it(session)
    shared_keeper().save(session)
    one, two = (run(w=session.keeping.workspace) for _ in range(2))
    set_devices(session_of(two), 8)
    shared_keeper().save(session_of(two))
    return one, two


def test_the_button_shows_what_the_other_tab_has_and_what_this_one_had_is_a_version(pages):
    one, two = pages
    set_devices(session_of(one), 6)
    shared_keeper().save(session_of(one))
    one.run()
    assert "Another tab of this workspace changed the scenario" in text_of(one)
    press(one, SHOW)
    assert session_of(one).scenario == session_of(two).scenario and session_of(one).scenario.cluster.devices == 8
    assert f"What this tab had is the version '{ASIDE}'" in text_of(one) and "Another tab" not in text_of(one)
    assert versions_of(shared_keeper().store, session_of(one)) == {ASIDE: 6}
    press(one, "workspace.note")
    assert ASIDE not in text_of(one)


def test_a_change_of_this_moment_is_not_lost_by_the_button(pages):
    one, _ = pages
    shared_keeper().save(session_of(one))
    one.run()
    set_devices(session_of(one), 6)
    press(one, SHOW)
    assert session_of(one).scenario.cluster.devices == 8
    assert versions_of(shared_keeper().store, session_of(one)) == {ASIDE: 6}


def test_keep_mine_on_the_page(pages):
    one, two = pages
    set_devices(session_of(one), 6)
    shared_keeper().save(session_of(one))
    press(one.run(), MINE)
    assert "Another tab" not in text_of(one) and f"What the other tab had is the version '{OVERTAKEN}'" in text_of(one)
    assert versions_of(shared_keeper().store, session_of(one)) == {OVERTAKEN: 8}
    shared_keeper().save(session_of(two))
    assert "Another tab of this workspace changed the scenario" in text_of(two.run())
    press(two, SHOW)
    assert session_of(two).scenario.cluster.devices == 6


def test_a_part_of_a_page_has_the_whole_page_drawn_anew_to_say_it(monkeypatch):
    session, again = Session(keeping=Keeping()), []
    monkeypatch.setattr("streamlit.rerun", lambda: again.append(True))
    hear_other_tabs(session)
    session.keeping.elsewhere = {"found"}
    hear_other_tabs(session)
    assert not again
    session.keeping.elsewhere = {"scenario"}
    hear_other_tabs(session)
    assert again == [True]
    session.keeping.heard = changed_elsewhere(session)
    hear_other_tabs(session)
    assert again == [True]


def test_a_tab_that_was_away_for_long_is_looked_after_again(monkeypatch):
    session = Session(keeping=Keeping())
    small(session, UNIFORM)
    begin_if_worth_it(session)
    shared_keeper().save(session)
    at = run(w=session.keeping.workspace)
    here = session_of(at)
    monkeypatch.setattr(type(here.presence), "is_here", lambda self: False)
    shared_keeper().look()
    monkeypatch.undo()
    assert here not in Keeper.others(shared_keeper(), session, here.keeping.workspace)
    at.run()
    assert here in Keeper.others(shared_keeper(), session, here.keeping.workspace)


def test_a_short_link_and_a_version_are_of_what_this_tab_shows(pages):
    one, two = pages
    store, session = shared_keeper().store, session_of(one)
    for change in (None, 6):
        if change is not None:
            set_devices(session, change)
        here = session.scenario.cluster.devices
        shelf.share_copy(session)
        shared = shelf.shared_copy(session)
        assert devices_in(store.load(shared).parts) == here != session_of(two).scenario.cluster.devices
        assert (
            devices_in(store.read_version(session.keeping.workspace, shelf.add_version(session, "x", "").number))
            == here
        )
    # The other tab's copy is another one.
    shelf.share_copy(session_of(two))
    assert devices_in(store.load(shelf.shared_copy(session_of(two))).parts) == 8
    assert devices_in(store.load(shared).parts) == 6
    one.run()
    one.button(key="share").click().run()
    assert any("both links are of what this tab shows" in caption.value for caption in one.caption)


def test_a_copy_of_a_workspace_that_is_read_is_what_the_reader_sees(pages):
    _, two = pages
    store, owner = shared_keeper().store, session_of(two)
    reader = run(r=store.read_only_id(owner.keeping.workspace))
    set_devices(owner, 5)
    shared_keeper().save(owner)
    press(reader, "workspace.copy")
    assert devices_in(store.load(session_of(reader).keeping.workspace).parts) == 8
