"""Searches in processes of their own: the same answers, progress, Stop, errors, and what comes when one is killed."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planner.executors.processes import Lost, SearchProcesses
from planner.search import SEARCHING, NoPlacement, Progress, run_search, search, search_elsewhere
from simulator import Cancelled, InputError
from tests.search_cases import random_problem

ROOT = Path(__file__).parent.parent


def small_problem():
    return random_problem(5, models=(4, 5), devices=(4, 5), requests=(2_000, 2_001))


@pytest.fixture(scope="module")
def processes():
    return SearchProcesses(2)


@pytest.fixture
def apart(processes):
    search_elsewhere(processes)
    yield processes
    search_elsewhere(None)


def without_seconds(found):
    return replace(found, seconds=0.0, steps=tuple(replace(step, seconds=0.0) for step in found.steps), bound=None)


def process_of(on_progress):
    """Where a search runs."""
    on_progress(Progress("asked", evaluations=0, best_score=None, seconds=0.0))
    return os.getpid()


def endless(on_progress):
    """Until it is told to stop; how often it asked."""
    asked = 0
    while on_progress(Progress("on and on", evaluations=asked, best_score=None, seconds=0.0)):
        asked += 1
        time.sleep(0.01)
    return asked


def patient(on_progress):
    """What it is told from the first no on."""
    while on_progress(Progress("on and on", evaluations=0, best_score=None, seconds=0.0)):
        time.sleep(0.01)
    return [on_progress(Progress("after it", evaluations=0, best_score=None, seconds=0.0)) for _ in range(3)]


def wrong(on_progress):
    raise ZeroDivisionError("a mistake")


def prepared(problem, on_progress):
    """What a search finds of its kernels and of its requests."""
    return SEARCHING.is_ready, problem.workload.arrival_s.flags.writeable, np.zeros(3).flags.writeable


def test_a_search_finds_its_kernels_loaded_and_requests_of_the_type_they_were_compiled_for(apart):
    problem = small_problem()
    assert not problem.workload.arrival_s.flags.writeable
    assert run_search(prepared, problem, on_progress=None) == (True, False, True)


@pytest.mark.parametrize("algorithm", ["alpaserve", "selective_replication", "clockwork"])
def test_the_answer_is_that_of_a_search_here(apart, algorithm):
    problem = small_problem()
    told = []
    there = search(problem, algorithm, seed=3, max_evaluations=2_000, on_progress=told.append)
    search_elsewhere(None)
    here = search(problem, algorithm, seed=3, max_evaluations=2_000)
    assert without_seconds(there) == without_seconds(here)
    assert all(isinstance(progress, Progress) for progress in told)


def test_it_runs_in_another_process_and_the_next_one_in_the_same(apart):
    first = run_search(process_of, on_progress=None)
    assert first != os.getpid()
    assert run_search(process_of, on_progress=lambda _: True) == first


def test_stop_is_heard_and_what_was_found_by_then_comes_back(apart):
    until = time.monotonic() + 1
    found = search(small_problem(), time_limit_s=60, on_progress=lambda _: time.monotonic() < until)
    assert found.stop_reason == "cancelled" and found.placement.groups
    # Whoever asks again, between two phases, hears it again.
    assert run_search(patient, on_progress=lambda _: False) == [False] * 3
    # A stop that comes after the end harms nothing.
    assert run_search(endless, on_progress=lambda _: False) >= 0
    assert run_search(process_of, on_progress=lambda _: False) != os.getpid()
    assert run_search(process_of, on_progress=None) != os.getpid()


def test_progress_brings_the_best_so_far_each_time(apart):
    told = []
    search(small_problem(), max_evaluations=60_000, on_progress=lambda progress: told.append(progress))
    found = [progress for progress in told if progress.best_score is not None]
    assert found and all(progress.placement is not None and progress.steps for progress in found)
    scores = [progress.best_score for progress in found]
    assert scores == sorted(scores)


def test_errors_come_as_they_are(apart):
    with pytest.raises(InputError, match="Algorithm 'nonsense' is not known"):
        search(small_problem(), "nonsense")
    with pytest.raises(ZeroDivisionError, match="a mistake") as error:
        run_search(wrong, on_progress=None)
    assert "in wrong" in error.value.__notes__[0]
    lost = pickle.loads(pickle.dumps(NoPlacement("AlpaServe", "done", True)))
    assert (str(lost), lost.stop_reason) == ("AlpaServe found no placement that keeps to the rules; there may be one "
                                             "with other groups.", "done")  # fmt: skip


def test_a_killed_process_is_one_sentence_and_the_next_search_finds_another(apart):
    pid = run_search(process_of, on_progress=None)
    killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(Lost, match=r"^The process of this search was ended from outside"):
        run_search(endless, on_progress=None)
    assert run_search(process_of, on_progress=None) not in (pid, os.getpid())


def test_whoever_waits_for_a_turn_can_leave(apart):
    stopped = threading.Event()
    others = [
        threading.Thread(target=run_search, args=(endless,), kwargs={"on_progress": lambda _: not stopped.is_set()})
        for _ in range(2)
    ]
    for other in others:
        other.start()
    time.sleep(0.5)
    told = []
    with pytest.raises(Cancelled):
        run_search(endless, on_progress=lambda progress: bool(told.append(progress.phase)))
    stopped.set()
    for other in others:
        other.join(10)
        assert not other.is_alive()
    assert told == ["waiting for a turn"]


@pytest.mark.parametrize("error", [OSError("no more"), EOFError("the one that forks is gone")])
def test_where_no_process_can_be_started_the_search_runs_here(monkeypatch, error):
    none = SearchProcesses(1)
    monkeypatch.setattr(none._context, "Process", lambda **_: (_ for _ in ()).throw(error))
    assert none.call(process_of, on_progress=lambda _: True) == os.getpid()


def test_an_executor_of_this_process_keeps_the_search_here(apart):
    assert run_search(lambda executor, on_progress: os.getpid(), executor=object(), on_progress=None) == os.getpid()


# Begins a process, ends, and leaves a search under way that nobody stops.
OWNER = """
import os, signal, threading
from planner.executors.processes import SearchProcesses
from tests.test_search_processes import endless, process_of
if __name__ == "__main__":
    processes, begun = SearchProcesses(1), threading.Event()
    print(processes.call(process_of, on_progress=None), flush=True)
    search = lambda: processes.call(endless, on_progress=lambda _: begun.set() or True)
    threading.Thread(target=search, daemon=True).start()
    begun.wait()
"""


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "pass"])
def test_processes_end_with_the_one_that_began_them(tmp_path, end):
    (tmp_path / "owner.py").write_text(f"{OWNER}    {end}\n")
    # Whoever leaves is not to wait for the search: without an end of that, it would be for good.
    owner = subprocess.run(
        [sys.executable, tmp_path / "owner.py"], capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=120,
    )  # fmt: skip
    pid = int(owner.stdout)
    until = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < until, "it outlives its owner"
        time.sleep(0.05)
