"""What a visitor entered stays what he entered: nothing is lost, replayed or searched anew without his doing."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.look import words
from app.state import compute
from app.state.first_scenario import name_by_content
from app.state.session import Session, with_values
from planner import compare
from tests.cases import shown_key

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


@pytest.fixture
def plan():
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    assert not at.exception
    return at


def session(at):
    return at.session_state["session"]


def test_a_changed_scenario_makes_another_widget_so_that_the_old_one_cannot_bring_its_value_back(plan):
    gamma = {"gamma": {"total_rate_per_s": 20.0, "cv": 2.0, "duration_s": 60.0}}
    old = plan.selectbox(key="traffic.source").value
    session(plan).edit("traffic", lambda scenario: with_values(scenario, "", workload=gamma))
    # The browser sends the state of the widgets that it knows, which are those of the old scenario.
    plan.run()
    assert shown_key(plan, "traffic.source") != "traffic.source"
    assert plan.selectbox(key=shown_key(plan, "traffic.source")).value == "gamma" != old
    plan.run()
    assert session(plan).scenario.workload.gamma is not None


def test_the_state_of_a_replaced_widget_is_not_listened_to(plan):
    old = session(plan).control_key("a control", 1)
    assert session(plan).brought("a control", old, 2)
    new = session(plan).control_key("a control", 3)
    assert not session(plan).brought("a control", old, 2)
    assert session(plan).control_key("a control", 3) == new != old


def test_a_moved_control_stays_the_same_widget(plan):
    plan.number_input(key="cluster.devices").set_value(24).run()
    assert session(plan).scenario.cluster.devices == 24
    assert plan.number_input(key="cluster.devices").value == 24


def test_an_emptied_field_keeps_its_value_and_says_so(plan):
    plan.number_input(key="cluster.devices").set_value(None).run()
    assert not plan.exception and session(plan).scenario.cluster.devices == 16
    assert plan.number_input(key=shown_key(plan, "cluster.devices")).value == 16
    assert any("left empty; it stays 16" in error.value for error in plan.error)


def test_a_renamed_placement_is_not_computed_anew(plan, monkeypatch):
    before = session(plan).answer.shown[0].outcome
    session(plan).looked_at = session(plan).scenario.placements[0].name
    monkeypatch.setattr(compute, "evaluate", lambda *_: pytest.fail("it was simulated again"))
    plan.text_input(key="placement.0.name").set_value("mine").run()
    after = session(plan).answer.shown[0].outcome
    assert not plan.exception and session(plan).looked_at == "mine"
    names = {after.name, after.placement.name, after.figures.name, after.result.name}
    assert names == {"mine"} and after.result.status is before.result.status


def test_a_renamed_outcome_is_that_of_the_renamed_scenario(plan):
    plan.text_input(key="placement.0.name").set_value("mine").run()
    again = compare(session(plan).scenario).outcomes[0]
    assert again.figures.to_json() == session(plan).answer.shown[0].outcome.figures.to_json()


def test_results_of_two_runs_of_one_search_are_told_apart(plan):
    entry = session(plan).answer.shown[1]
    other = compute.replace(entry.outcome.search, seconds=entry.outcome.search.seconds + 1)
    rerun = compute.replace(entry, outcome=compute.replace(entry.outcome, search=other))
    assert rerun.run_key == entry.run_key and rerun.outcome_key != entry.outcome_key


def test_more_results_than_a_visitor_may_keep_are_refused_in_a_sentence(plan, monkeypatch):
    monkeypatch.setattr(compute, "MAX_RESULTS", len(session(plan).answer.inputs.problem.workload))
    plan.run()
    (_,), (second,) = session(plan).answer.shown, session(plan).answer.waiting
    assert f"{words.count(10_000_000)} requests" in second.problem


def test_edits_are_kept_while_one_begins_with_another_placement(plan):
    page = plan.switch_page("views/placement.py").run()
    first = session(page).drafting
    page.button(key="draft.remove").click().run()
    edited = session(page).drafts[first]
    other = next(s.name for s in session(page).scenario.placements if s.name != first)
    page.segmented_control(key=shown_key(page, "draft.start")).set_value(other).run()
    assert session(page).drafting == other and not session(page).drafts[other].is_changed
    page.segmented_control(key=shown_key(page, "draft.start")).set_value(first).run()
    assert session(page).drafts[first] == edited and edited.is_changed


def test_beginning_again_can_be_undone(plan):
    page = plan.switch_page("views/placement.py").run()
    page.button(key="draft.remove").click().run()
    edited = session(page).drafts[session(page).drafting].now
    page.button(key="draft.again").click().run()
    assert not session(page).drafts[session(page).drafting].is_changed
    page.button(key="draft.undo").click().run()
    assert session(page).drafts[session(page).drafting].now == edited


def test_a_preset_of_the_lesson_stands_in_the_address(plan):
    page = plan.switch_page("views/learn.py").run()
    page.selectbox(key="lesson").set_value("traffic").run()
    page.segmented_control(key="screen").set_value("experiment").run()
    page.button(key="preset:traffic:c: skewed, 20 to 80").click().run()
    assert page.query_params["x.traffic.share_percent"] in ("20.0", ["20.0"])
    page.button(key="preset:traffic:b: bursty, CV 3").click().run()
    assert "x.traffic.share_percent" not in page.query_params


def test_a_name_that_nobody_wrote_follows_the_content_and_a_written_one_stays():
    mine = Session()
    assert mine.scenario.name == name_by_content(mine.scenario)
    mine.edit("models", lambda s: with_values(s, "", models=[s.models[0].model_dump() | {"count": 12}]))
    mine.edit("cluster", lambda s: with_values(s, "cluster", devices=1))
    assert mine.scenario.name == "12 models on 1 device"
    mine.replace("scenario", with_values(mine.scenario, "", name="ours"))
    mine.edit("cluster", lambda s: with_values(s, "cluster", devices=8))
    assert mine.scenario.name == "ours"
