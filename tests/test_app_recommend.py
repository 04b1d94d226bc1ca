"""The recommendation on the Plan page is that of the planner, and its buttons do what they say."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.slots import slot_of
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner.what_if.recommend import FOUND, recommend
from planner.what_if.recommend_words import sentences

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "plan.py")


@pytest.fixture(scope="module")
def scenario():
    gamma = {"total_rate_per_s": 4.0, "cv": 3.0, "duration_s": 60.0}
    small = with_values(first_scenario(), "", workload={"gamma": gamma})
    small = with_values(small, "cluster", devices=8, devices_per_node=4)
    return with_values(small, "", models=[{"name": "m-{i}", "profile": "bert-1.3b", "count": 3, "slo_scale": 5}])


@pytest.fixture
def page(scenario):
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    at.session_state["session"].scenario = scenario
    for _ in range(200):
        at.run()
        if at.session_state["session"].answer.is_current:
            break
        for job in at.session_state["session"].jobs.unfinished():
            job.wait(10)
    assert not at.exception
    return at


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


def test_the_plan_and_the_placement_found_go_into_the_comparison(page):
    found = advised(page)
    page.button(key="recommend.compare").click().run()
    page.button(key="recommend.use").click().run()
    here, planned = page.session_state["session"].scenario.placements[-2:]
    for section, outcome in ((here, found.outcomes[FOUND]), (planned, found.plan.outcome)):
        assert [(g.pp, g.tp, tuple(g.models)) for g in section.groups] == [
            (g.pp, g.tp, g.models) for g in outcome.placement.groups
        ]
    assert page.session_state["session"].scenario.cluster.devices == max(8, found.plan.devices)


def test_another_target_says_that_the_plan_is_of_the_earlier_question(page):
    advised(page)
    page.number_input(key="target").set_value(90.0).run()
    assert any("has changed since" in warning.value for warning in page.warning)
