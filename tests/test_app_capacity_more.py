"""What the Capacity page says of more traffic is what the planner finds, in its sentences, and it outlasts F5."""

import datetime
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.slots import slot_of
from app.panels.capacity_growth import growth_curve, growth_table
from app.state.first_scenario import first_scenario
from app.state.saved import is_worth_keeping
from app.state.session import with_values
from app.state.typed_json import from_json, to_json
from planner.scenario.schema import PlacementSection
from planner.what_if.growth import Growth, find_growth
from planner.what_if.growth_words import growth_sentences
from tests.cases import shown_key

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "capacity.py")
SINGLE = PlacementSection(name="Selective replication", search={"algorithm": "selective_replication"})


@pytest.fixture(scope="module")
def scenario():
    gamma = {"total_rate_per_s": 8.0, "cv": 3.0, "duration_s": 120.0}
    small = with_values(first_scenario(), "", workload={"gamma": gamma})
    return with_values(small, "", models=[{"name": "m-{i}", "profile": "bert-2.6b", "count": 6, "slo_scale": 5}])


@pytest.fixture
def view(scenario):
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    session = at.session_state["session"]
    session.scenario = scenario
    session.views.take({"target": 90.0, "to": 48, "algorithms": ["selective_replication"], "times": 1.5})
    at.run()
    assert not at.exception and not at.error
    return at


def pressed(at, button, area):
    at.button(key=button).click().run()
    slot_of(at.session_state["session"], area).job.wait(60)
    at.run()
    assert not at.exception and not at.error
    return slot_of(at.session_state["session"], area).result


def shown_sentences(at):
    return " ".join(e.proto.body for e in at.get("html") if 'class="advice"' in e.proto.body)


def test_the_page_lets_traffic_grow_as_the_planner_does(view, scenario):
    growth, _ = pressed(view, "growth.go", "growth")
    again = find_growth(scenario, 0.9, SINGLE, 1.5, highest=48)
    assert growth.to_json() == again.to_json() and growth.complete
    today = datetime.date.today()
    for part in growth_sentences(again, 5.0, today, scenario.cluster.usd_per_device_hour):
        assert part.text in shown_sentences(view)
    view.number_input(key=shown_key(view, "growth")).set_value(20.0).run()
    assert slot_of(view.session_state["session"], "growth").result[0] is growth and not view.warning
    assert growth_sentences(growth, 20.0, today)[2].text in shown_sentences(view)


def test_the_chart_and_the_table_hold_every_traffic_that_was_tried(scenario):
    growth = find_growth(scenario, 0.9, SINGLE, 1.5)
    curve, table = growth_curve(growth), growth_table(growth)
    assert list(curve.value) == [tried.rate_scale for tried in growth.tried] and curve.crossing == growth.bears
    assert list(table["deadlines met (%)"]) == [round(100 * tried.slo_attainment, 3) for tried in growth.tried]
    assert list(table["reaches the target"]) == [100 * growth.target <= met for met in 100 * curve.attainment]


def test_what_was_found_of_growth_is_kept_to_the_digit(view, scenario):
    growth, _ = pressed(view, "growth.go", "growth")
    assert is_worth_keeping(view.session_state["session"])
    again = from_json(Growth, json.loads(json.dumps(to_json(growth))))
    assert again == growth or again.to_json() == growth.to_json()
