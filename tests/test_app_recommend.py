"""The recommendation on the Plan page is that of the planner, and its buttons do what they say."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.slots import Job, JobSlot, slot_of
from app.panels.answers import PLAN, answers_in_report
from app.panels.recommend import against_comparison
from app.settings import ADVICE
from app.state.advice import AREA, begins_by_itself
from app.state.first_scenario import ALPASERVE, first_scenario
from app.state.results import answer_of, shared_cache
from app.state.saved import is_worth_keeping
from app.state.session import Session, with_values
from planner import compare
from planner.compare import filled
from planner.what_if.recommend import FOUND, REPLICATED, recommend
from planner.what_if.recommend_words import sentences
from tests.cases import shown_key
from tests.store_cases import come_back

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "plan.py")


@pytest.fixture(scope="module")
def scenario():
    gamma = {"total_rate_per_s": 4.0, "cv": 3.0, "duration_s": 60.0}
    small = with_values(first_scenario(), "", workload={"gamma": gamma})
    small = with_values(small, "cluster", devices=8, devices_per_node=4)
    return with_values(small, "", models=[{"name": "m-{i}", "profile": "bert-1.3b", "count": 3, "slo_scale": 5}])


def until_current(at):
    for _ in range(200):
        at.run()
        if at.session_state["session"].answer.is_current:
            break
        for job in at.session_state["session"].jobs.unfinished():
            job.wait(10)
    assert not at.exception
    return at


@pytest.fixture
def page(scenario):
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    at.session_state["session"].scenario = scenario
    return until_current(at)


def advised(page):
    page.button(key="recommend.go").click().run()
    slot_of(page.session_state["session"], "recommend").job.wait(60)
    page.run()
    assert not page.exception and not page.error
    return slot_of(page.session_state["session"], "recommend").result


def test_the_button_gives_the_plan_of_the_planner_in_its_sentences(page, scenario):
    found, again = advised(page), recommend(scenario, 0.99)
    assert found.complete and found.plan.devices == again.plan.devices
    assert [n.devices for n in found.needed] == [n.devices for n in again.needed]
    (shown,) = [e.proto.body for e in page.get("html") if 'class="advice"' in e.proto.body]
    assert all(part.text in shown for part in sentences(found))
    session = page.session_state["session"]
    in_report = answers_in_report(session, session.answer)[0]
    assert in_report.title == PLAN and in_report.sentences == sentences(found)


def test_the_plan_and_the_placement_found_go_into_the_comparison(page, scenario):
    # Where nothing is missed the search comes back with what is there.
    busy = with_values(scenario, "workload.gamma", total_rate_per_s=40.0)
    page.session_state["session"].scenario = with_values(busy, "", placements=[
        {"name": "One", "search": {"algorithm": "uniform", "pp": 1, "tp": 1}}
    ])  # fmt: skip
    found = advised(until_current(page))
    page.button(key="recommend.compare").click().run()
    assert "recommend.compare" not in [button.key for button in page.button]
    assert "In the comparison as AlpaServe, recommended" in " ".join(caption.value for caption in page.caption)
    page.button(key="recommend.use").click().run()
    here, planned = page.session_state["session"].scenario.placements[-2:]
    for section, outcome in ((here, found.outcomes[FOUND]), (planned, found.plan.outcome)):
        assert [(g.pp, g.tp, tuple(g.models)) for g in section.groups] == [
            (g.pp, g.tp, g.models) for g in outcome.placement.groups
        ]
    assert page.session_state["session"].scenario.cluster.devices == max(8, found.plan.devices)
    assert page.session_state["session"].looked_at == planned.name
    # The cluster may have grown for it: the plan is in use all the same, and not one of an earlier question.
    assert any(f"In the comparison as {planned.name}" in caption.value for caption in page.caption)
    assert not page.warning and "recommend.use" not in [button.key for button in page.button]


def served(outcome):
    return outcome.figures.total.served


def test_no_plan_is_below_the_comparison_and_how_they_compare_is_said(page):
    found, answer = advised(page).outcomes[FOUND], page.session_state["session"].answer
    best = max(answer.shown, key=lambda entry: served(entry.outcome))
    more = served(found) - served(best.outcome)
    assert more >= 0
    said = against_comparison(found, best)
    assert said in [caption.value for caption in page.caption] and (f"misses {more} fewer" in said) == (more > 0)
    assert "misses as many" in against_comparison(best.outcome, best)
    total = found.figures.total
    fewer = replace(found.figures, total=replace(total, served=served(best.outcome) - 7))
    said = against_comparison(replace(found, figures=fewer), best)
    assert f"{best.section.name} in the comparison misses 7 fewer" in said


def test_what_was_found_before_with_less_to_begin_with_is_not_taken_from_the_cache(page):
    session = page.session_state["session"]
    found = advised(page)
    key = slot_of(session, AREA).result_key
    poor = replace(found, outcomes={**found.outcomes, FOUND: found.outcomes[REPLICATED]})
    shared_cache().put(key, poor)
    again = advised(page)
    assert served(again.outcomes[FOUND]) >= max(served(entry.outcome) for entry in session.answer.shown)


def test_another_target_says_that_the_plan_is_of_the_earlier_question(page):
    advised(page)
    page.number_input(key="target").set_value(90.0).run()
    assert any("has changed since" in warning.value for warning in page.warning)
    buttons = [b for b in page.button if b.key in ("recommend.use", "recommend.compare")]
    assert buttons and all(button.disabled for button in buttons)
    assert any('<div class="of-earlier">' in e.proto.body for e in page.get("html"))


@pytest.fixture
def by_itself(monkeypatch):
    """Plans begin as on a server that nobody set up otherwise."""
    monkeypatch.delenv(ADVICE)


def answered(session):
    while not (answer := answer_of(session)).is_current:
        for job in session.jobs.unfinished():
            job.wait(10)
    return answer


def test_a_plan_begins_by_itself_for_the_first_scenario_only_and_only_once(by_itself, scenario, monkeypatch):
    stranger, other = Session(), Session(scenario=scenario)
    assert begins_by_itself(stranger, answered(stranger)) and not begins_by_itself(other, answered(other))
    stranger.slots[AREA] = JobSlot()
    assert not begins_by_itself(stranger, answered(stranger))
    monkeypatch.setenv(ADVICE, "asked")
    assert not begins_by_itself(Session(), answered(Session()))


def test_the_page_begins_without_a_click_and_what_was_stopped_stays_stopped(by_itself):
    shared_cache.clear()
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    session = at.session_state["session"]
    for _ in range(20):
        if AREA in session.slots:
            break
        answered(session)
        at.run()
    job = session.slots[AREA].job
    assert not is_worth_keeping(session)
    job.stop()
    job.wait(60)
    at.run()
    assert session.slots[AREA].job is job and job.is_done and is_worth_keeping(session)
    assert not at.button(key="recommend.go").disabled


def test_a_plan_comes_back_with_its_workspace_to_the_digit(page):
    found, session = advised(page), page.session_state["session"]
    fresh = come_back(session)
    back = slot_of(fresh, AREA)
    assert back.result_key == slot_of(session, AREA).result_key
    assert sentences(back.result) == sentences(found) and back.result.to_json() == found.to_json()
    assert not begins_by_itself(fresh, answered(fresh))


def test_a_plan_of_the_sample_with_another_target_is_worth_keeping(by_itself):
    session = Session()
    job = Job("its own", lambda _: None, by_itself=True)
    session.slots[AREA] = JobSlot(job)
    assert not is_worth_keeping(session)
    session.slots[AREA] = JobSlot(Job("with another target", lambda _: None), job)
    assert is_worth_keeping(session)


def test_a_target_that_a_visitor_asks_for_outlasts_his_tab(by_itself, scenario, monkeypatch):
    monkeypatch.setattr("app.state.session.first_scenario", lambda: scenario)
    for module in ("advice", "saved"):
        monkeypatch.setattr(f"app.state.{module}.first_scenario", lambda: scenario)
    at = until_current(AppTest.from_file(PAGE, default_timeout=120))
    session = at.session_state["session"]
    session.scenario = scenario
    at = until_current(at)
    at.run()
    assert slot_of(session, AREA).job.by_itself and not is_worth_keeping(session)
    slot_of(session, AREA).job.wait(60)
    at.run()
    at.number_input(key=shown_key(at, "target")).set_value(90.0).run()
    assert not is_worth_keeping(session)
    found = advised(at)
    assert found.target == 0.9 and is_worth_keeping(session)
    assert slot_of(come_back(session), AREA).result.to_json() == found.to_json()


@pytest.mark.as_shipped
def test_the_sample_shows_alpaserve_beside_the_simple_placements_as_the_planner_does():
    page = until_current(AppTest.from_file(PAGE, default_timeout=120))
    answer = page.session_state["session"].answer
    shown = {entry.section.name: entry.outcome.figures.total.served for entry in answer.shown}
    # What a search with a time limit finds depends on the machine; what its placement then does, does not.
    sections = [filled(entry.section, entry.outcome.placement) for entry in answer.shown]
    again = compare(first_scenario().model_copy(update={"placements": sections}))
    assert shown == {o.name: o.figures.total.served for o in again.outcomes}
    assert max(shown, key=shown.get) == ALPASERVE.name
