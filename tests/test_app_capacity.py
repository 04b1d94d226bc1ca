"""The Capacity page: its numbers are those of find_capacity, sweep and fault_what_if; refusals name the constraint."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.background.slots import Job, slot_of, start_job
from app.panels.capacity import plan_table, sentence_of, use_plan, why_not
from app.panels.capacity_sweeps import rate_map, sweep_table
from app.state.first_scenario import first_scenario
from app.state.session import Session, with_values
from planner.compare import MeasuredPlacement
from planner.scenario.inputs import build_inputs
from planner.scenario.schema import PlacementSection
from planner.what_if.capacity import find_capacity
from planner.what_if.faults import fault_what_if
from planner.what_if.sweep import sweep
from simulator import InputError
from simulator.headway import Headway
from tests.cases import shown_key

PAGE = str(Path(__file__).parent.parent / "app" / "views" / "capacity.py")
UNIFORM = PlacementSection(name="Uniform groups", search={"algorithm": "uniform", "pp": 4})
SINGLE = PlacementSection(name="Single-device replication", search={"algorithm": "selective_replication"})


@pytest.fixture(scope="module")
def scenario():
    gamma = {"total_rate_per_s": 8.0, "cv": 3.0, "duration_s": 120.0}
    small = with_values(first_scenario(), "", workload={"gamma": gamma})
    return with_values(small, "", models=[{"name": "m-{i}", "profile": "bert-2.6b", "count": 6, "slo_scale": 5}])


@pytest.fixture(scope="module")
def capacity(scenario):
    return find_capacity(scenario, 0.95, (UNIFORM, SINGLE), 4, 24, 4)


@pytest.fixture
def view(scenario):
    at = AppTest.from_file(PAGE, default_timeout=120).run()
    session = at.session_state["session"]
    session.scenario = scenario
    session.views.take(
        {"target": 95.0, "from": 4, "to": 24, "step": 4, "algorithms": ["uniform", "selective_replication"]}
    )
    at.run()
    assert not at.exception and not at.error
    return at


def wait(at, place):
    slot = slot_of(at.session_state["session"], place)
    slot.job.wait(60)
    at.run()
    assert not at.exception and not at.error
    return slot_of(at.session_state["session"], place).result


def verdicts(at):
    return [e.proto.body for e in at.get("html") if 'class="verdict"' in e.proto.body]


def test_the_page_finds_the_numbers_of_devices_that_the_planner_finds(view, scenario):
    view.button(key="capacity.go").click().run()
    found, _ = wait(view, "capacity")
    sections = view.session_state["session"].slots["capacity"].last.result[0]
    again = find_capacity(
        scenario, 0.95,
        [PlacementSection(name=n, search={"algorithm": a, "time_limit_s": 2.0})
         for n, a in (("Uniform groups", "uniform"), ("Single-device replication", "selective_replication"))], 4, 24, 4,
    )  # fmt: skip
    assert [(p.name, p.devices) for p in found.plans] == [(p.name, p.devices) for p in again.plans]
    assert found is sections
    assert f"{found.best.devices} device" in verdicts(view)[0]


def test_the_result_stays_with_a_warning_when_the_question_changes(view):
    view.button(key="capacity.go").click().run()
    found, _ = wait(view, "capacity")
    view.number_input(key=shown_key(view, "target")).set_value(90.0).run()
    assert slot_of(view.session_state["session"], "capacity").result[0] is found
    assert any("changed" in warning.value for warning in view.warning)


def test_the_tab_that_is_open_stays_open_and_stands_in_the_address(view):
    view.session_state["session"].views.take({"tab": "dies"})
    view.run()
    view.button(key="capacity.go").click().run()
    wait(view, "capacity")
    assert view.query_params["tab"] == "dies"
    assert view.session_state[shown_key(view, "tab")] == "When something dies"


def test_a_range_that_is_turned_round_is_refused_in_a_sentence(view):
    view.number_input(key=shown_key(view, "from")).set_value(30).run()
    assert any("leave nothing to try" in error.value for error in view.error)
    assert not view.exception


def test_the_sentence_names_the_fewest_devices_and_the_next_best(capacity):
    best, second = capacity.plans
    text = sentence_of(list(capacity.plans))
    assert f"{best.devices} device" in text and best.name in text
    assert second.name in text.partition("Next best")[2]


def test_a_target_out_of_reach_names_what_limits(scenario):
    plan = find_capacity(scenario, 0.999, (SINGLE,), 1, 2).best
    assert plan.devices is None
    assert plan.limiting_model[0] in why_not(plan) and "more devices" in why_not(plan)
    tight = with_values(scenario, "cluster", memory_gib=1.0)
    assert "needs 8 devices at 1 GiB; the cluster has 2" in why_not(find_capacity(tight, 0.9, (SINGLE,), 1, 2).best)


def test_the_table_has_cost_and_worst_failures_of_every_plan(capacity, scenario):
    table = plan_table(list(capacity.plans))
    price = scenario.cluster.usd_per_device_hour
    assert list(table["usd_per_hour"]) == pytest.approx([p.devices * price for p in capacity.plans])
    plan = capacity.best
    assert table["worst_device_percent"][0] == pytest.approx(
        100 * min(f.slo_attainment for f in plan.faults if f.what == "device")
    )


def test_using_a_plan_puts_the_very_placement_into_the_basket(capacity, scenario, monkeypatch):
    monkeypatch.setattr("streamlit.toast", lambda *_: None)
    session = Session(scenario=with_values(scenario, "cluster", devices=2))
    use_plan(session, capacity.best)
    added = session.scenario.placements[-1]
    assert [(g.pp, g.tp, list(g.models)) for g in added.groups] == [
        (g.pp, g.tp, list(g.models)) for g in capacity.best.outcome.placement.groups
    ]
    assert session.scenario.cluster.devices == capacity.best.devices


def test_failures_are_those_of_the_planner(view, scenario):
    answer = view.session_state["session"].answer
    inputs = build_inputs(scenario)
    for entry in answer.shown:
        worst = min(f.slo_attainment for f in fault_what_if(entry.outcome.placement, inputs.problem))
        tables = [frame.value for frame in view.dataframe if "what dies" in frame.value.columns]
        mine = tables[0][tables[0]["placement"] == entry.section.name]
        assert mine["deadlines met (%)"].min() == pytest.approx(100 * worst, abs=1e-3)


def test_a_sweep_on_the_page_is_the_sweep_of_the_planner(view, scenario):
    view.number_input(key="rate_scale_points").set_value(3).run()
    view.button(key="sweep.go").click().run()
    swept, _ = wait(view, "sweep")
    again = sweep(scenario, swept.axes)
    assert [r.slo_attainment for r in swept.results] == [r.slo_attainment for r in again.results]
    assert list(sweep_table(swept)["deadlines_met_percent"]) == [100 * r.slo_attainment for r in again.results]


def test_the_map_holds_every_point_and_leaves_out_what_was_not_reached(scenario):
    swept = sweep(scenario, (("devices", (4, 8)), ("rate_scale", (0.5, 1.0))), (UNIFORM,))
    figure, *_ = rate_map(swept, 0.9)
    assert figure.data[0].z.shape == (2, 2)
    partial = replace(swept, results=swept.results[:-1], complete=False)
    shown = rate_map(partial, 0.9)[0].data[0].z
    assert shown[1][1] != shown[1][1] and shown[0][0] == 100 * swept.results[0].slo_attainment


def test_a_sweep_keeps_figures_but_not_a_million_requests(scenario):
    swept = sweep(scenario, (("devices", (4, 8)),), (UNIFORM,))
    assert all(type(r.outcome) is MeasuredPlacement for r in swept.results)
    assert all(r.outcome.figures.total.requests > 0 for r in swept.results)


def test_work_that_fails_says_so_and_keeps_the_last_result():
    session = Session()

    def refuse(job):
        raise InputError("too few devices")

    start_job(session, "x", "1", lambda job: 42).job.wait(10)
    start_job(session, "x", "2", refuse).job.wait(10)
    slot = slot_of(session, "x")
    assert (slot.result, slot.job.problem, slot.last.key) == (42, "too few devices", "1")


def test_work_that_is_stopped_before_its_turn_never_starts():
    job = Job("k", lambda job: 1)
    job.stop()
    job.run()
    assert job.result is None and job.is_done and "stopped" in job.problem
    assert job.report(Headway("more", 1, 2)) is False
