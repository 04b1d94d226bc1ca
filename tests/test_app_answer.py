"""A scenario in, its answer out, without a page: what is late is awaited, and never shown as current."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings

from app.background.jobs import Jobs, Lane, Presence
from app.state import compute, uploads
from app.state.answer import Answered, Pending
from app.state.cache import Cache
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from app.state.uploads import Uploads
from planner import compare
from simulator import InputError
from tests.test_app_work import wait_for
from tests.test_what_if_recount import check_sentence, recounted, scenarios

TRACE = b"arrival_s,model\n" + b"".join(f"{0.05 * i:.2f},m{i % 3}\n".encode() for i in range(200))


class Desk:
    """All that an answer needs."""

    def __init__(self):
        self.scenario, self.uploads, self.cache = first_scenario(), Uploads(), Cache(2**28)
        self.jobs, self.last = Jobs("a visitor", Presence()), None

    def answer(self):
        self.last = compute.answer(self.scenario, self.uploads, self.cache, self.jobs, last=self.last)
        return self.last

    def settle(self):
        """The answer when nothing is under way any more."""
        while self.answer().is_under_way:
            wait_for(lambda: not self.jobs.unfinished(), 60)
        return self.last

    def ask(self, **cluster):
        self.scenario = with_values(self.scenario, "cluster", **cluster)


@pytest.fixture
def desk(monkeypatch):
    monkeypatch.setattr(compute, "PATIENCE_S", 0.0)
    return Desk()


def test_the_answer_is_what_the_command_line_computes(desk):
    expected = [outcome.figures.to_json() for outcome in compare(desk.scenario).outcomes]
    found = desk.settle()
    assert found.is_current and [entry.outcome.figures.to_json() for entry in found.shown] == expected


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_any_scenario_is_answered_by_confirmed_figures_or_sentences(scenario):
    """No placement is without both, and none has a figure by failure."""
    desk = Desk()
    desk.scenario = scenario
    found = desk.settle()
    assert found.problems or len(found.shown) == len(scenario.placements)
    for entry in found.shown:
        total = entry.outcome.figures.total
        assert not total.requests or total.slo_attainment == recounted(scenario, entry.outcome.placement)
    for sentence in found.problems.values():
        check_sentence(sentence)
    for entry in found.waiting:
        assert entry.problem or found.problems


def test_what_is_late_leaves_the_earlier_answer_marked_until_all_quick_results_are_there(desk, monkeypatch):
    before, gate = desk.settle(), threading.Event()
    outcome_of = compute.outcome_of

    def late(section, *given):
        if section.name == desk.scenario.placements[1].name:
            gate.wait(60)
        return outcome_of(section, *given)

    monkeypatch.setattr(compute, "outcome_of", late)
    desk.ask(devices=24)
    wait_for(lambda: desk.answer().waiting and any(job.is_done for job in desk.jobs.all(Lane.QUICK)), 60)
    held = desk.answer()
    assert held.is_earlier and not held.is_current and held.is_under_way
    assert [e.outcome for e in held.shown] == [e.outcome for e in before.shown]
    assert held.inputs.problem.cluster.devices == 16
    gate.set()
    after = desk.settle()
    assert after.is_current and after.inputs.problem.cluster.devices == 24


def test_requests_that_are_still_being_made_leave_the_earlier_answer_marked(desk, monkeypatch):
    desk.settle()
    gate, make = threading.Event(), compute.make_workload
    monkeypatch.setattr(compute, "make_workload", lambda *given: gate.wait(60) and make(*given))
    desk.scenario = with_values(desk.scenario, "workload.trace", rate_scale=0.5)
    held = desk.answer()
    assert held.is_earlier and held.building is not None and len(held.waiting) == 2
    gate.set()
    assert desk.settle().is_current


def test_what_has_a_result_is_answered_and_what_has_none_says_why(desk):
    desk.ask(devices=4)
    found = desk.settle()
    assert [type(entry) for entry in (*found.waiting, *found.shown)] == [Pending, Answered]
    assert "8" in found.waiting[0].problem and list(found.problems.values()) == [found.waiting[0].problem]


def test_other_settings_stop_what_the_earlier_ones_asked_for(desk):
    desk.scenario = with_values(desk.scenario, "", placements=[
        {"name": "searched", "search": {"algorithm": "greedy", "time_limit_s": 60}}
    ])  # fmt: skip
    wait_for(lambda: desk.answer().built is not None and desk.jobs.all(Lane.SEARCH), 60)
    (job,) = desk.jobs.all(Lane.SEARCH)
    desk.ask(devices=8)
    desk.answer()
    assert job.is_stopped and job not in desk.jobs.all()
    desk.jobs.keep_only(())


def test_a_failed_build_says_so_at_the_traffic(desk):
    desk.scenario = with_values(desk.scenario, "workload.trace", start_s=1e8)
    found = desk.settle()
    assert set(found.problems) == {"traffic"} and not found.shown


def test_two_visitors_who_ask_the_same_at_once_simulate_it_once(desk, monkeypatch):
    other, gate, calls, outcome_of = Desk(), threading.Event(), [], compute.outcome_of
    other.cache = desk.cache

    def late(section, *given):
        calls.append(section.name)
        gate.wait(60)
        return outcome_of(section, *given)

    monkeypatch.setattr(compute, "outcome_of", late)
    names = [section.name for section in desk.scenario.placements]
    for visitor in (desk, other):
        wait_for(lambda visitor=visitor: visitor.answer().built is not None, 60)
    wait_for(lambda: sorted(calls) == sorted(names), 60)
    gate.set()
    first, second = desk.settle(), other.settle()
    assert sorted(calls) == sorted(names)
    assert [e.outcome.figures for e in first.shown] == [e.outcome.figures for e in second.shown]


def test_stopped_inputs_leave_the_earlier_answer_and_can_be_made_again(desk, monkeypatch):
    before, gate, make = desk.settle(), threading.Event(), compute.make_workload
    monkeypatch.setattr(compute, "make_workload", lambda *given: gate.wait(60) and make(*given))
    desk.scenario = with_values(desk.scenario, "workload.trace", rate_scale=0.5)
    building = desk.answer().building
    building.stop()
    held = desk.answer()
    assert not held.is_under_way and held.is_earlier and not held.problems
    assert {entry.job for entry in held.waiting} == {building} and "was stopped" in held.waiting[0].problem
    assert [e.outcome for e in held.shown] == [e.outcome for e in before.shown]
    desk.jobs.forget(building.key)
    gate.set()
    assert desk.settle().is_current


def test_nothing_quick_waits_behind_a_search(desk):
    gate = threading.Event()
    desk.jobs.start("search", lambda job: gate.wait(60), "search", Lane.SEARCH)
    quick = desk.jobs.start("quick", lambda job: "done", "quick", Lane.QUICK, 60)
    assert quick.result == "done"
    gate.set()


def test_old_uploads_give_way_where_a_visitors_bytes_are_full(monkeypatch):
    mine = Uploads()
    mine.add_trace([("a.csv", TRACE)])
    one = mine.held_bytes
    assert one > 0
    monkeypatch.setattr(uploads, "MAX_SESSION_BYTES", 2 * one)
    for name in ("b.csv", "c.csv"):
        mine.add_trace([(name, TRACE)])
    assert list(mine.traces) == [("b.csv",), ("c.csv",)] and mine.held_bytes <= 2 * one
    monkeypatch.setattr(uploads, "MAX_SESSION_BYTES", one - 1)
    with pytest.raises(InputError, match="one visitor's uploads may take"):
        mine.add_trace([("d.csv", TRACE)])
    assert list(mine.traces) == [("b.csv",), ("c.csv",)]


def test_the_uploads_of_all_visitors_are_bounded_together(monkeypatch):
    first, second = Uploads(), Uploads()
    first.add_trace([("a.csv", TRACE)])
    monkeypatch.setattr(uploads, "MAX_SERVER_BYTES", sum(u.held_bytes for u in list(uploads._OF_ALL_SESSIONS)))
    with pytest.raises(InputError, match="all visitors"):
        second.add_trace([("a.csv", TRACE)])
    first.add_trace([("a.csv", TRACE)])


def test_one_trace_is_read_once_for_many_askers(desk):
    with ThreadPoolExecutor(4) as executor:
        read = list(executor.map(lambda _: desk.uploads.read_trace(desk.scenario, desk.cache), range(4)))
    assert all(trace is read[0] for trace in read)
