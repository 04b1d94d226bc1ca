"""Background work and the cache of results: fair turns, one computation a key, bounded memory."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.background.jobs import GRACE_S, OUR_FAULT, Job, Lane, Presence, Workers
from app.background.shared import SharedWork
from app.state.cache import Cache, size_bytes
from planner.search import Progress
from simulator import Cancelled, InputError
from simulator.headway import Headway


class Tab:
    """A browser tab, open or closed; counts how often it was looked at."""

    def __init__(self):
        self.is_open, self.looks = True, 0

    def is_here(self):
        self.looks += 1
        return self.is_open


PROGRESS = Progress("looking", evaluations=7, best_score=0.5, seconds=1.0, time_left_s=9.0)


def wait_for(condition, limit_s=20.0):
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.002)


def test_a_job_reports_its_progress_and_gives_its_outcome():
    job = Job("a", lambda job: job.report_placement(PROGRESS) and "outcome")
    job.run()
    assert (job.result, job.what, job.progress, job.is_done, job.problem) == (
        "outcome",
        "looking",
        PROGRESS,
        True,
        None,
    )


def test_a_stopped_search_is_told_to_end_and_its_best_is_still_simulated():
    def work(job):
        job.stop()
        return job.report_placement(PROGRESS), job.report_placement(Headway("simulating"))

    job = Job("a", work)
    job.run()
    assert job.result == (False, True)


def test_a_queued_job_that_is_stopped_ends_at_once_and_is_never_begun():
    begun = []
    job = Job("a", begun.append)
    job.stop()
    assert job.is_done and "stopped" in job.problem
    job.run()
    assert not begun


def test_the_jobs_of_a_closed_tab_end():
    workers, tab, gate, begun = Workers(threads=1), Tab(), threading.Event(), []

    def running(job):
        gate.wait(20)
        return job.report(Headway("a piece", 1, 2))

    first, second = Job("first", running), Job("second", begun.append)
    for job in (first, second):
        job.askers = (tab,)
        workers.submit("one", job)
    tab.is_open = False
    gate.set()
    wait_for(lambda: first.is_done and second.is_done)
    assert first.is_stopped and first.result is False
    assert second.is_stopped and not begun


def test_work_goes_on_while_one_of_its_tabs_is_open():
    first, second = Tab(), Tab()
    job = Job("a", lambda job: None)
    job.askers = (first,)
    job.join(second)
    first.is_open = False
    assert job.goes_on()
    second.is_open = False
    assert not job.goes_on() and job.is_stopped


def test_who_leaves_ends_only_what_nobody_else_waits_for():
    first, second = Tab(), Tab()
    job = Job("a", lambda job: None)
    job.askers = (first,)
    job.join(second)
    job.leave(first)
    assert not job.is_stopped
    job.leave(second)
    assert job.is_stopped


def test_the_making_of_inputs_ends_at_stop_for_who_waits_and_its_late_result_is_not_taken():
    gate = threading.Event()
    job = Job("inputs", lambda job: gate.wait(20), "What arrives", Lane.INPUTS)
    thread = threading.Thread(target=job.run)
    thread.start()
    job.stop()
    assert job.is_done and "What arrives was stopped" in job.problem
    gate.set()
    thread.join(20)
    assert job.result is None and "stopped" in job.problem


def test_a_placement_by_hand_that_waits_for_compiling_ends_at_stop():
    def work(job):
        job.stop()
        return job.report_placement(Headway("preparing"))

    job = Job("a", work)
    job.run()
    assert job.result is False


class Shared:
    """Two visitors' jobs for one key: the first works until the gate opens, the second has asked for the same."""

    def __init__(self):
        self.under_way, self.gate, self.calls = SharedWork(), threading.Event(), []
        self.tabs = Tab(), Tab()
        self.jobs = [self.job(tab) for tab in self.tabs]
        self.threads = [threading.Thread(target=job.run) for job in self.jobs]
        self.threads[0].start()
        wait_for(lambda: self.calls)
        self.threads[1].start()
        wait_for(lambda: self.tabs[1] in self.jobs[0].askers)

    def job(self, tab):
        job = Job("key", lambda job: self.under_way.do(job, self.work, lambda progress: progress.placement))
        job.askers = (tab,)
        return job

    def work(self, job):
        self.calls.append(job)
        while not self.gate.wait(0.002) and job.report_placement(BEST):
            pass
        return "the best so far" if job.is_stopped else "outcome"

    def end(self):
        self.gate.set()
        for thread in self.threads:
            thread.join(20)
        return [job.result for job in self.jobs]


BEST = replace(PROGRESS, placement="a placement")


def test_two_visitors_who_ask_for_the_same_compute_it_once_and_both_see_how_far_it_is():
    shared = Shared()
    wait_for(lambda: shared.jobs[1].progress == BEST)
    assert shared.end() == ["outcome", "outcome"] and len(shared.calls) == 1


def test_a_closed_tab_does_not_end_what_another_visitor_waits_for():
    shared = Shared()
    shared.tabs[0].is_open = False
    looks = shared.tabs[0].looks
    wait_for(lambda: shared.tabs[0].looks > looks + 2)
    assert shared.end() == ["outcome", "outcome"] and len(shared.calls) == 1


def test_when_both_tabs_are_closed_the_shared_work_ends():
    shared = Shared()
    for tab in shared.tabs:
        tab.is_open = False
    wait_for(lambda: all(job.is_done for job in shared.jobs))
    assert shared.jobs[0].is_stopped and len(shared.calls) == 1


def test_where_the_first_visitor_presses_stop_the_other_begins_anew():
    shared = Shared()
    shared.jobs[0].stop()
    wait_for(lambda: len(shared.calls) == 2)
    assert shared.end() == ["the best so far", "outcome"]


def test_the_other_visitor_who_presses_stop_has_the_best_so_far_and_the_first_goes_on():
    shared = Shared()
    wait_for(lambda: shared.jobs[1].progress == BEST)
    shared.jobs[1].stop()
    wait_for(lambda: shared.jobs[1].is_done)
    assert not shared.jobs[0].is_done and shared.end() == ["outcome", "a placement"]


def test_a_tab_counts_as_closed_some_seconds_after_its_connection_is_gone(monkeypatch):
    active, now_s = [True], [0.0]
    monkeypatch.setattr("app.background.jobs.time.monotonic", lambda: now_s[0])
    monkeypatch.setattr("app.background.jobs.runtime.exists", lambda: True)
    server = SimpleNamespace(is_active_session=lambda session_id: active[0])
    monkeypatch.setattr("app.background.jobs.runtime.get_instance", lambda: server)
    presence = Presence()
    presence._session_id = "a tab"
    now_s[0] = 100.0
    assert presence.is_here()
    active[0] = False
    assert presence.is_here()
    now_s[0] += GRACE_S
    assert not presence.is_here()


@pytest.mark.parametrize(
    ("error", "said"),
    [(InputError("This is wrong."), "This is wrong."), (Cancelled(), "stopped"), (ZeroDivisionError(), OUR_FAULT)],
)
def test_a_job_that_fails_ends_with_a_sentence(error, said):
    def work(report):
        raise error

    job = Job("a", work)
    job.run()
    assert job.is_done and said in job.problem and job.result is None


def test_a_visitor_with_many_jobs_does_not_block_another_one():
    workers, gate, order = Workers(threads=2), threading.Event(), []

    def held(report):
        gate.wait(20)

    greedy = [Job(str(i), held) for i in range(10)]
    for job in greedy:
        workers.submit("greedy", job)
    other = Job("other", lambda report: order.append("other"))
    workers.submit("modest", other)
    wait_for(lambda: other.is_done)
    assert sum(not job.is_done for job in greedy) == 10
    gate.set()
    wait_for(lambda: all(job.is_done for job in greedy))


def test_jobs_of_one_visitor_run_in_their_order():
    workers, order = Workers(threads=3), []
    jobs = [Job(str(i), lambda report, i=i: order.append(i)) for i in range(20)]
    for job in jobs:
        workers.submit("one", job)
    wait_for(lambda: all(job.is_done for job in jobs))
    assert order == list(range(20))


def test_visitors_take_turns_where_there_is_one_thread():
    workers, gate, order = Workers(threads=1), threading.Event(), []
    workers.submit("a", Job("gate", lambda report: gate.wait(20)))
    jobs = []
    for visitor in "aab":
        jobs.append(Job(visitor, lambda report, v=visitor: order.append(v)))
        workers.submit(visitor, jobs[-1])
    gate.set()
    wait_for(lambda: all(job.is_done for job in jobs))
    assert order == ["a", "b", "a"]


def test_two_askers_of_one_key_compute_once():
    cache, made, came, gate = Cache(100, lambda _: 1), [], [], threading.Barrier(4)

    def make():
        # Only once every asker has seen that nothing is kept.
        wait_for(lambda: len(came) == 4)
        return made.append("once") or "value"

    def ask():
        gate.wait(20)
        assert cache.peek("key") is None
        came.append("here")
        return cache.get("key", make)

    with ThreadPoolExecutor(4) as executor:
        assert [f.result() for f in [executor.submit(ask) for _ in range(4)]] == ["value"] * 4
    assert len(made) == 1


def test_what_could_not_be_made_is_made_anew_at_the_next_asking():
    cache = Cache(10, lambda _: 1)
    with pytest.raises(InputError):
        cache.get("key", lambda: (_ for _ in ()).throw(InputError("no")))
    assert cache.get("key", lambda: "value") == "value"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=60))
def test_a_shelf_never_holds_more_than_its_capacity_and_keeps_the_latest_that_fits(puts):
    cache, costs = Cache(50, lambda value: value[1]), {}
    for key, cost in puts:
        cache.put(key, (key, cost))
        costs[key] = cost
        assert cache.peek(key) == (key, cost)
        assert sum(costs[k] for k in costs if cache.peek(k) is not None) <= 50
        cache.peek(key)


def test_something_dearer_than_the_shelf_is_not_kept_and_costs_nobody_his_place():
    cache = Cache(10, lambda value: {1: 5, 2: 11}[value])
    cache.put("small", 1)
    cache.put("huge", 2)
    assert cache.peek("small") == 1 and cache.peek("huge") is None


def test_the_size_of_a_result_is_that_of_its_arrays_each_counted_once():
    array = np.zeros(100_000)
    assert array.nbytes <= size_bytes({"a": (array, [array]), "b": PROGRESS}) < 1.01 * array.nbytes
    assert size_bytes(go.Figure(go.Scatter(y=array))) >= array.nbytes
