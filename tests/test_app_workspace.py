"""A session outlasts its tab and its server: what comes back is what was there."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.jobs import Lane
from app.state.answer import Answer, Pending
from app.state.keeping import Keeper, begin_if_worth_it, is_worth_keeping, shared_keeper
from app.state.kept import Keeping
from app.state.results import answer_of, search_again, shared_cache
from app.state.saved import Kept, documents, found_by_now, restore
from app.state.session import Session, with_values
from app.state.shelf import export, together
from app.state.typed_json import from_json, to_json
from app.state.workspace import AREA
from app.store import Part, StoreError
from planner.scenario.schema import PlacementSection, Scenario
from planner.search import Progress, SearchResult
from planner.what_if.capacity import Capacity, find_capacity
from planner.what_if.sweep import Sweep, sweep
from planner.what_if.unseen import Calmer, HeldOut, Unseen, UnseenScore
from simulator import InputError
from simulator.traces import Columns
from tests.store_cases import MemoryStore, sql_store

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
TRACE = b"arrival_s,model\n" + b"".join(b"%d,a\n" % i for i in range(200))
SEARCHED = PlacementSection(name="AlpaServe", search={"algorithm": "alpaserve", "max_evaluations": 300})


def small(session, *sections):
    """A scenario whose searches take a moment."""
    document = session.scenario.model_dump() | {
        "cluster": {"devices": 4},
        "models": [{"name": "m{i}", "profile": "bert-1.3b", "count": 4, "slo_scale": 5}],
        "workload": {"gamma": {"total_rate_per_s": 8, "cv": 4, "duration_s": 60}},
        "placements": [section.model_dump() for section in sections],
    }
    session.replace("test", Scenario.model_validate(document))
    assert not session.complaints


def finished(session):
    """The answer once nothing is under way."""
    answer_of(session)
    while under_way := session.jobs.unfinished():
        session.jobs.wait(under_way, 60)
        assert not any(job in session.jobs.unfinished() for job in under_way)
        answer_of(session)
    return answer_of(session)


def kept_session(store):
    session = Session(keeping=Keeping())
    small(session, SEARCHED)
    begin_if_worth_it(session)
    return session, Keeper(store)


def reopened(store, session):
    """A new session, as after a restart of the server, with what the store has."""
    fresh, address = Session(keeping=Keeping()), session.keeping.workspace
    loaded = store.load(address)
    assert restore(fresh, loaded.parts, lambda digest: store.get_blob(address, digest)) == []
    return fresh


@pytest.fixture(params=["sql", "memory"])
def store(request, tmp_path):
    shared_cache.clear()
    return sql_store(tmp_path) if request.param == "sql" else MemoryStore()


def test_everything_a_visitor_has_comes_back(store):
    session, keeper = kept_session(store)
    session.uploads.add_trace([("mine.csv", TRACE)])
    session.edit("cluster", lambda s: with_values(s, "cluster", usd_per_device_hour=2.5))
    session.views.take({"target": 97.5, "timeline": {"at": "3.5"}, "algorithms": ["alpaserve"], "rate_scale_to": 3.0})
    session.views.replay.steps["AlpaServe"].value = 2
    finished(session)
    session.looked_at = "AlpaServe"
    session.hue_of("AlpaServe")
    keeper.save(session)
    assert session.keeping.problem is None
    fresh = reopened(store, session)
    assert (fresh.scenario, fresh.undo) == (session.scenario, session.undo)
    assert fresh.uploads.traces.keys() == session.uploads.traces.keys()
    assert fresh.uploads.traces[("mine.csv",)].digest == session.uploads.traces[("mine.csv",)].digest
    assert (fresh.looked_at, fresh.hues) == ("AlpaServe", {"AlpaServe": 0})
    assert fresh.views.saved() == session.views.saved() and len(session.views.saved()) == 5
    assert fresh.views.capacity.axis_high["rate_scale"].value == 3.0 and fresh.views.capacity.highest.value is None
    assert fresh.found == found_by_now(session) and len(fresh.found) == 1
    fresh.step_back()
    assert fresh.scenario == session.undo[-1]


def test_an_upload_that_was_read_by_chosen_columns_is_read_by_them_again(store):
    session, keeper = kept_session(store)
    table = b"t;who\n" + b"".join(b"%d;a\n" % (1000 * i) for i in range(50))
    columns = Columns(time="t", unit="ms", model="who", delimiter="semicolon")
    session.uploads.add_trace([("log.txt", table)], columns=columns)
    keeper.save(session)
    fresh = reopened(store, session)
    assert fresh.uploads.mappings == {("log.txt",): columns}
    assert fresh.uploads.traces[("log.txt",)].content.arrival_s.tolist() == [float(i) for i in range(50)]


def test_a_found_placement_is_simulated_again_not_searched_again(store, monkeypatch):
    session, keeper = kept_session(store)
    before = finished(session).shown[0]
    keeper.save(session)
    fresh = reopened(store, session)
    shared_cache.clear()
    monkeypatch.setattr(sys.modules["planner.compare"], "search", lambda *_, **__: pytest.fail("searched again"))
    after = finished(fresh).shown[0]
    assert after.outcome.search == before.outcome.search
    assert after.outcome.figures == before.outcome.figures


def test_a_search_that_ran_when_the_server_died_shows_its_best_and_can_run_again(store):
    session, keeper = kept_session(store)
    whole = finished(session).shown[0].outcome.search
    # As if the process had ended in the middle: the job has reported and has no result.
    (job,) = session.jobs.all(Lane.SEARCH)
    step = whole.steps[len(whole.steps) // 2]
    job.progress = Progress(
        "look", evaluations=step.evaluations, best_score=step.score, seconds=step.seconds, placement=step.placement,
        steps=whole.steps[:3],
    )  # fmt: skip
    job.result, session.answer = None, None
    waiting = Pending(SEARCHED, 0, job.key, job)
    session.answer = Answer(session.scenario, None, "", (), (waiting,), {})
    keeper.save(session)
    fresh = reopened(store, session)
    (found,) = fresh.found.values()
    assert (found.stop_reason, found.algorithm) == ("cancelled", "alpaserve")
    assert found.steps == whole.steps[:3] and found.placement == step.placement
    # The server that died takes its cache with it.
    shared_cache.clear()
    entry = finished(fresh).shown[0]
    assert entry.outcome.placement.groups == step.placement.groups and "stopped" in entry.outcome.remark
    assert replace(entry.outcome.search, placement=step.placement) == found
    search_again(fresh, entry)
    assert finished(fresh).shown[0].outcome.search.stop_reason != "cancelled"


def test_only_what_changed_is_written(store):
    session, keeper = kept_session(store)
    keeper.save(session)
    first = store.load(session.keeping.workspace).revision
    keeper.save(session)
    assert store.load(session.keeping.workspace).revision == first
    session.views.capacity.target.value = 12.0
    keeper.save(session)
    assert store.load(session.keeping.workspace).revision == first + 1
    assert session.keeping.elsewhere == set()


def test_a_store_that_is_away_is_said_and_nothing_is_lost_once_it_is_back(tmp_path):
    place = tmp_path / "place"
    place.write_text("in the way")
    session, keeper = kept_session(sql_store(place))
    session.uploads.add_trace([("mine.csv", TRACE)])
    keeper.save(session)
    assert "The store of workspaces cannot be used now" in session.keeping.problem
    place.unlink()
    keeper.save(session)
    assert session.keeping.problem is None
    assert (
        reopened(keeper.store, session).uploads.traces[("mine.csv",)].digest
        == session.uploads.traces[("mine.csv",)].digest
    )
    assert session.uploads.files[("mine.csv",)][0].content is None


def test_an_untouched_session_is_not_kept():
    session = Session(keeping=Keeping())
    begin_if_worth_it(session)
    assert not is_worth_keeping(session) and session.keeping.workspace is None


@pytest.mark.parametrize("key", ["scenario", "undo", "uploads", "drafts", "found", "results", "histories", "view"])
@pytest.mark.parametrize("content", [7, {"a": 1}, [1], [["x", "0" * 64]], "x", [{"key": ["a"], "files": 3}]])
def test_a_part_that_cannot_be_read_costs_one_sentence_and_no_more(key, content):
    store, session = MemoryStore(), Session(keeping=Keeping())
    small(session, SEARCHED)
    parts = documents(session, store.put_blob, Kept())
    parts[key] = Part({"version": 1, "content": content})
    fresh = Session()

    def fetch(digest):
        raise StoreError(f"There is no {digest}.")

    problems = restore(fresh, parts, fetch)
    assert [p for p in problems if not p.startswith("What was kept of ")] == []
    assert len(problems) == 1
    assert fresh.scenario == (Session().scenario if key == "scenario" else session.scenario)


def test_capacity_plans_and_sweeps_come_back_to_the_digit():
    session = Session()
    small(session)
    searched = PlacementSection(name="Selective replication", search={"algorithm": "selective_replication"})
    scenario = session.scenario
    capacity = find_capacity(scenario, 0.9, (searched,), 1, 8)
    swept = sweep(scenario, (("devices", (2.0, 4.0)),), (searched,))
    for kind, value in ((Capacity, capacity), (Sweep, swept)):
        document = to_json(value)
        back = from_json(kind, document)
        assert to_json(back) == document
    assert from_json(Capacity, to_json(capacity)).to_json() == capacity.to_json()
    assert from_json(Sweep, to_json(swept)).to_json(0.9) == swept.to_json(0.9)


@pytest.mark.parametrize("document", [None, 3, {}, {"algorithm": 3}, {"nonsense": 1}, []])
def test_documents_of_another_type_are_refused(document):
    with pytest.raises(InputError, match="A saved SearchResult cannot be read"):
        from_json(SearchResult, document)


def run(**parameters):
    at = AppTest.from_file(MAIN, default_timeout=120)
    for key, value in parameters.items():
        at.query_params[key] = value
    return at.run()


def parameter(at, key):
    value = at.query_params[key]
    return value[0] if isinstance(value, list) else value


def text_of(at):
    return " ".join(element.value for kind in ("error", "warning", "info") for element in getattr(at, kind))


def test_the_page_of_a_workspace_shows_it_again_and_the_shared_address_only_reads():
    store = shared_keeper().store
    session = Session(keeping=Keeping())
    small(session)
    begin_if_worth_it(session)
    shared_keeper().save(session)
    address = session.keeping.workspace
    at = run(w=address)
    assert not at.exception and at.session_state["session"].scenario == session.scenario
    assert parameter(at, "w") == address
    reader = run(r=store.read_only_id(address))
    assert reader.session_state["session"].scenario == session.scenario
    assert "shared this workspace with you" in text_of(reader) and "w" not in reader.query_params
    reader.switch_page("views/library.py").run()
    assert "only read here" in text_of(reader) and not reader.exception
    reader.button(key="workspace.copy").click().run()
    copy = parameter(reader, "w")
    assert copy != address and "r" not in reader.query_params
    assert store.load(copy).parts["scenario"] == store.load(address).parts["scenario"]


def test_an_address_that_leads_nowhere_is_said_and_nothing_is_there_to_delete():
    at = run(w="x" * 32)
    assert "There is no workspace at this address" in text_of(at)
    assert at.session_state["session"].complaints[AREA]
    assert "Delete" not in [header.value for header in at.switch_page("views/library.py").run().header]


@pytest.fixture
def library():
    """The Library page of a workspace that has something to keep."""
    session = Session(keeping=Keeping())
    small(session, PlacementSection(name="Uniform", search={"algorithm": "uniform", "pp": 2, "tp": 1}))
    begin_if_worth_it(session)
    shared_keeper().save(session)
    at = run(w=session.keeping.workspace)
    at.switch_page("views/library.py").run()
    assert not at.exception and not at.error
    return at


def press(at, key):
    at.button(key=key).click().run()
    assert not at.exception
    return at


def keep_version(at, name, notes=""):
    at.text_input(key="library.name").set_value(name)
    at.text_area(key="library.notes").set_value(notes)
    next(b for b in at.button if b.label == "Keep as a version").click().run()
    assert not at.exception and not at.error


def session_of(at):
    return at.session_state["session"]


def test_the_link_that_only_reads_is_taken_back_and_another_takes_its_place(library):
    store, workspace = shared_keeper().store, session_of(library).keeping.workspace
    before = store.read_only_id(workspace)
    assert before in library.code[0].value
    press(library, "library.revoke")
    after = store.read_only_id(workspace)
    assert after != before and after in library.code[0].value
    gone = run(r=before)
    assert "There is no workspace at this address" in text_of(gone)
    assert run(r=after).session_state["session"].scenario == session_of(library).scenario


def test_versions_are_named_compared_copied_deleted_and_restored(library):
    session, first = session_of(library), session_of(library).keeping.workspace
    keep_version(library, "small", "as it began")
    session.edit("test", lambda s: with_values(s, "cluster", devices=8))
    session.edit("test", lambda s: with_values(s, "", placements=[
        {"name": "Uniform", "search": {"algorithm": "uniform", "pp": 4, "tp": 1}}]))  # fmt: skip
    keep_version(library, "large")
    assert [v.name for v in shared_keeper().store.versions(first)] == ["large", "small"]
    library.selectbox(key="library.second").set_value(1).run()
    assert any("They differ in the cluster. " in m.value for m in library.markdown)
    press(library, "library.compare")
    assert [s.name for s in session.scenario.placements] == ["Uniform", "Uniform (small)"]
    assert session.scenario.cluster.devices == 8
    press(library, "library.delete:1")
    assert "small" in text_of(library) and [v.name for v in shared_keeper().store.versions(first)] == ["large"]
    press(library, "library.undo")
    press(library, "library.open:1")
    assert session_of(library).scenario.cluster.devices == 4
    assert parameter(library, "w") != first
    assert shared_keeper().store.load(first).parts["scenario"].document["content"]["cluster"]["devices"] == 8


def test_the_library_does_not_wait_for_the_background_to_keep_a_change():
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    session = session_of(at)
    assert session.keeping.workspace is None
    small(session)
    at.switch_page("views/library.py").run()
    assert session.keeping.is_begun and any("?r=" in code.value for code in at.code)
    assert shared_keeper().store.load(session.keeping.workspace).parts["scenario"]


def test_an_exported_workspace_is_imported_as_another(library):
    session, first = session_of(library), session_of(library).keeping.workspace
    session.uploads.add_trace([("mine.csv", TRACE)])
    keep_version(library, "then")
    content = export(session)
    library.file_uploader(key=f"library.import{session.refused}").set_value(("w.zip", content, "application/zip")).run()
    assert not library.exception and not library.error
    other = parameter(library, "w")
    assert other != first and [v.name for v in shared_keeper().store.versions(other)] == ["then"]
    assert session_of(library).uploads.traces.keys() == {("mine.csv",)}
    refused = session_of(library).refused
    library.file_uploader(key=f"library.import{refused}").set_value(("x.zip", b"no zip", "application/zip")).run()
    assert "x.zip" in text_of(library) and parameter(library, "w") == other


def test_a_deleted_workspace_is_restored_with_one_click(library):
    first, scenario = session_of(library).keeping.workspace, session_of(library).scenario
    press(library, "library.delete")
    with pytest.raises(StoreError):
        shared_keeper().store.load(first)
    assert session_of(library).scenario != scenario
    press(library, "library.restore")
    assert session_of(library).scenario == scenario and parameter(library, "w") == first


def test_the_placements_of_two_versions_are_bounded():
    session = Session()
    many = [{"name": f"p{i}", "search": {"algorithm": "uniform", "pp": 1, "tp": 1}} for i in range(20)]
    other = [row | {"name": f"q{i}"} for i, row in enumerate(many)]
    one, two = (with_values(session.scenario, "", placements=rows) for rows in (many, other))
    with pytest.raises(InputError, match="A and B have 40 placements together; at most 24"):
        together(one, two, "A", "B")
    assert together(one, one, "A", "B") == one


def test_the_reason_that_stands_in_place_of_a_score_comes_back_and_so_does_the_score():
    reason = "Requests bring deadlines of their own, which other traffic would not have."
    assert from_json(HeldOut, to_json(reason)) == reason and from_json(HeldOut, to_json(None)) is None
    unseen = Unseen((UnseenScore("shared", True, 0.9, 0.8, 0.01),), 8, False, True, Calmer(10.0, 4.0, 2.5))
    assert from_json(HeldOut, json.loads(json.dumps(to_json(unseen)))) == unseen
