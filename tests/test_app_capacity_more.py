"""What the Capacity page says of growth, losses and prices is what the planner finds, and it outlasts F5."""

import datetime
import json
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.background.slots import slot_of
from app.figures.spare import build_spare_figure, describe_spares
from app.look.style import plain_text
from app.panels.answers import DEVICES, GROWTH, LOSS, answers_in_report
from app.panels.capacity import sentence_of
from app.panels.capacity_costs import cost_table
from app.panels.capacity_growth import growth_curve, growth_table
from app.panels.keep import table_csv
from app.state.first_scenario import first_scenario
from app.state.saved import is_worth_keeping
from app.state.session import with_values
from app.state.typed_json import from_json, to_json
from planner.scenario.schema import PlacementSection
from planner.what_if.growth import Growth, find_growth
from planner.what_if.growth_words import growth_sentences, growth_unseen_lines
from planner.what_if.prices import answers_of, cost_sentence, costs_json, spot_sentence
from planner.what_if.spare import SparePlan, find_spares
from planner.what_if.spare_words import spare_sentence, spare_unseen_lines
from tests.cases import shown_key

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "capacity.py")
SINGLE = PlacementSection(name="Single-device replication", search={"algorithm": "selective_replication"})


@pytest.fixture(scope="module")
def scenario():
    gamma = {"total_rate_per_s": 8.0, "cv": 3.0, "duration_s": 120.0}
    small = with_values(first_scenario(), "", workload={"gamma": gamma})
    small = with_values(small, "cluster", devices_per_node=4)
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


def shown_captions(at):
    return {caption.value for caption in at.caption}


def test_the_page_lets_traffic_grow_as_the_planner_does(view, scenario):
    growth, _ = pressed(view, "growth.go", "growth")
    again = find_growth(scenario, 0.9, SINGLE, 1.5, highest=48)
    assert growth.to_json() == again.to_json() and growth.complete
    today = datetime.date.today()
    for part in growth_sentences(again, 5.0, today, scenario.cluster.usd_per_device_hour):
        assert part.text in shown_sentences(view)
    assert growth.unseen and shown_captions(view) >= {plain_text(line) for line in growth_unseen_lines(again)}
    view.number_input(key=shown_key(view, "growth")).set_value(20.0).run()
    assert slot_of(view.session_state["session"], "growth").result[0] is growth and not view.warning
    assert growth_sentences(growth, 20.0, today)[2].text in shown_sentences(view)
    session = view.session_state["session"]
    in_report = {part.title: part for part in answers_in_report(session, session.answer)}
    said = growth_sentences(growth, 20.0, today, scenario.cluster.usd_per_device_hour)
    assert in_report[GROWTH].sentences[: len(said)] == said
    assert in_report[GROWTH].settings.startswith("Target 90")
    assert "Find the devices that bear it" in in_report[LOSS].reason and not in_report[LOSS].sentences
    session.scenario = with_values(scenario, "cluster", devices=12)
    in_report = {part.title: part for part in answers_in_report(session, session.answer)}
    assert "other settings" in in_report[GROWTH].reason and not in_report[GROWTH].sentences


def test_the_chart_and_the_table_hold_every_traffic_that_was_tried(scenario):
    growth = find_growth(scenario, 0.9, SINGLE, 1.5)
    curve, table = growth_curve(growth), growth_table(growth)
    assert list(curve.value) == [tried.rate_scale for tried in growth.tried] and curve.crossing == growth.bears
    assert list(table["deadlines met (%)"]) == [round(100 * tried.slo_attainment, 3) for tried in growth.tried]
    assert list(table["reaches the target"]) == [100 * growth.target <= met for met in 100 * curve.attainment]


def test_a_table_as_a_file_has_no_digits_that_only_rounding_made():
    table = pd.DataFrame({"met": [65.25999999999999, 97.39253025449514], "requests": [7, 67_306], "gap": [None, 1e-3]})
    assert table_csv(table).split() == ["met,requests,gap", "65.26,7,", "97.39253,67306,0.001"]


def test_what_was_found_of_growth_is_kept_to_the_digit(view, scenario):
    growth, _ = pressed(view, "growth.go", "growth")
    assert is_worth_keeping(view.session_state["session"])
    again = from_json(Growth, json.loads(json.dumps(to_json(growth))))
    assert again == growth or again.to_json() == growth.to_json()


def test_the_page_finds_the_devices_that_bear_a_loss_as_the_planner_does(view, scenario):
    view.checkbox(key=shown_key(view, "nodes")).check().run()
    plans, _ = pressed(view, "spare.go", "spare")
    again = find_spares(scenario, 0.9, [SINGLE], highest=48, step=4)
    assert [plan.to_json() for plan in plans] == [plan.to_json() for plan in again]
    price = scenario.cluster.usd_per_device_hour
    assert all(spare_sentence(plan, price) in shown_sentences(view) for plan in again)
    assert all(shown_captions(view) >= {*map(plain_text, spare_unseen_lines(plan))} and plan.unseen for plan in again)
    before = len(view.session_state["session"].scenario.placements)
    view.button(key="spare.use:node").click().run()
    added = view.session_state["session"].scenario
    assert len(added.placements) == before + 1 and added.cluster.devices == max(16, plans[0].devices)
    assert [list(g.models) for g in added.placements[-1].groups] == [list(g.models) for g in plans[0].placement.groups]


def test_devices_that_bear_a_loss_are_kept_to_the_digit(scenario):
    plans = find_spares(scenario, 0.9, [SINGLE], highest=24)
    again = from_json(tuple[SparePlan, ...], json.loads(json.dumps(to_json(plans))))
    assert [plan.to_json() for plan in again] == [plan.to_json() for plan in plans]
    assert [plan.placement for plan in again] == [plan.placement for plan in plans]


def test_the_figure_of_losses_rings_the_answers_that_its_title_names(scenario):
    plans = find_spares(scenario, 0.9, [SINGLE], highest=24)
    figure = build_spare_figure(plans)
    rings = {trace.name.split()[1]: trace for trace in figure.data if trace.name.endswith("the answer")}
    assert set(rings) == {plan.what for plan in plans if plan.devices is not None}
    for plan in plans:
        line = next(trace for trace in figure.data if trace.name == f"worst {plan.what} lost")
        assert list(zip(line.x, line.y, strict=True)) == [(n, pytest.approx(100 * met)) for n, met in plan.tried]
        if plan.devices is not None:
            assert rings[plan.what].x[0] == plan.devices
            assert f"{plan.devices} devices after any {plan.what} is lost" in describe_spares(plans)


def test_the_costs_of_all_answers_stand_in_one_table(view, scenario):
    session = view.session_state["session"]
    session.scenario = priced = with_values(scenario, "cluster", spot_usd_per_device_hour=0.9)
    view.run()
    found, _ = pressed(view, "capacity.go", "capacity")
    assert not any("any node" in text for frame in view.dataframe for text in frame.value.get("answer", ()))
    plans, _ = pressed(view, "spare.go", "spare")
    growth, _ = pressed(view, "growth.go", "growth")
    in_report = {part.title: part for part in answers_in_report(session, session.answer)}
    assert in_report[DEVICES].sentences[0].text == sentence_of(list(found.plans))
    assert [said.text for said in in_report[LOSS].sentences][: len(plans)] == [
        spare_sentence(plan, priced.cluster.usd_per_device_hour) for plan in plans
    ]
    shown = next(frame.value for frame in view.dataframe if "answer" in frame.value.columns)
    answers = answers_of(found, growth, plans)
    assert shown.equals(cost_table(answers, priced.cluster))
    for row, cost in zip(shown.to_dict("records"), costs_json(answers, priced.cluster), strict=True):
        assert row["spot (USD/month)"] == pytest.approx(0.9 * 730.5 * cost["devices"], abs=0.01)
    texts = " ".join(part.value for part in (*view.markdown, *view.caption)).replace("\\", "")
    assert cost_sentence(found.best.devices, priced.cluster) in texts
    assert spot_sentence(priced.cluster, plans[0]) in texts
