"""Searches, sweeps and what is asked about them on a Dask cluster of real processes on this machine."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.state.compute import outcome_of
from planner.__main__ import main
from planner.compare import compare
from planner.executors.cluster import CLUSTER_VARIABLE, Gone, machines
from planner.executors.shared import _owners, forget, keep, packed
from planner.reproduce.run import chosen, figure_of, reproduce
from planner.scenario.file import load_scenario
from planner.scenario.inputs import build_inputs
from planner.search import LOST, search
from planner.what_if.capacity import find_capacity
from planner.what_if.growth import find_growth
from planner.what_if.recommend import found_section, recommend
from planner.what_if.robustness import Candidate, robustness
from planner.what_if.sweep import sweep
from planner.what_if.unseen import hold_out_traffic
from simulator import InputError, simulate
from tests.search_cases import random_problem
from tests.test_search_blocks import large_problem

SEARCH, REFINE = (sys.modules[f"planner.search.{name}"] for name in ("search", "refine"))
SENDING, SIDE_BY_SIDE = sys.modules["planner.executors.sending"], sys.modules["planner.what_if.side_by_side"]
ROOT = Path(__file__).parent.parent
AXES = [("devices", [2, 3, 4]), ("rate_scale", [0.5, 1, 1.5])]
SCENARIO = """version: 1
models: [{name: "m-{i}", profile: bert-1.3b, count: 3, slo_scale: 3}]
cluster: {devices: 4}
workload:
  trace: {path: trace.csv}
placements:
- {name: found, search: {algorithm: alpaserve, max_evaluations: 3000, seed: 3}}
- {name: given, groups: [{pp: 1, models: [m-0, m-1]}, {pp: 1, models: [m-2]}]}
"""


@pytest.fixture
def scenario(tmp_path):
    random = np.random.default_rng(1)
    arrival_s, model = np.cumsum(random.exponential(0.1, 2_000)), random.integers(0, 3, 2_000)
    rows = (f"{t:.4f},m-{m}" for t, m in zip(arrival_s, model, strict=True))
    (tmp_path / "trace.csv").write_text("arrival_s,model\n" + "\n".join(rows))
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    return load_scenario(tmp_path / "scenario.yaml")


class Processes:
    """A scheduler and workers, each a process that `dask` itself starts."""

    def __init__(self, folder):
        self.folder, self.started = folder, {}
        self.start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                   "--scheduler-file", str(folder / "scheduler.json"))  # fmt: skip
        wait_until(lambda: (folder / "scheduler.json").exists() and (folder / "scheduler.json").read_text().strip())
        self.address = json.loads((folder / "scheduler.json").read_text())["address"]

    def start(self, name, *words):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PLANNER_WORKERS": "1"}
        command = [sys.executable, "-m", "dask", *words]
        log = (self.folder / f"{name}.log").open("w")
        self.started[name] = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def worker(self, name):
        self.start(name, "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name,
                   "--local-directory", str(self.folder / name))  # fmt: skip

    def kill(self, name):
        self.started[name].send_signal(signal.SIGKILL)
        self.started[name].wait()


def wait_until(condition, most_s=60.0):
    until = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.05)


@contextmanager
def cluster(folder, *workers):
    processes = Processes(folder)
    try:
        for name in workers:
            processes.worker(name)
        yield processes
    finally:
        for process in processes.started.values():
            process.kill()
            process.wait()


def timeless(document):
    """Without how long a search took."""
    if isinstance(document, dict):
        return {key: timeless(value) for key, value in document.items() if key != "seconds"}
    return [timeless(value) for value in document] if isinstance(document, list) else document


@contextmanager
def sending_counted(executor):
    """A list with an entry for each task that goes out."""
    sent, send = [], executor._executor.submit
    executor._executor.submit = lambda *args: sent.append(1) or send(*args)
    yield sent
    executor._executor.submit = send


def names_of_workers(executor):
    return {worker["name"] for worker in executor._client.scheduler_info(n_workers=-1)["workers"].values()}


def connected(executor, *names):
    wait_until(lambda: names_of_workers(executor) >= set(names))


def replace_both(processes, executor):
    """Kill both workers, once, and let a late one join between."""
    if "third" not in processes.started:
        processes.kill("first")
        processes.worker("third")
        # The other one goes once the late one is there, so that this one has to finish the work.
        connected(executor, "third")
        processes.kill("second")


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    """Two workers that tests share which kill nobody."""
    folder = tmp_path_factory.mktemp("dask")
    with cluster(folder, "first", "second") as processes, machines(processes.address) as executor:
        connected(executor, "first", "second")
        yield executor


@pytest.fixture
def everything_goes_out(monkeypatch):
    """Searches of tests are tiny, and would be done here."""
    monkeypatch.setattr(SEARCH, "LEAST_REQUESTS", 0)
    monkeypatch.setattr(SENDING, "LEAST_LENT_BYTES", 1 << 10)
    monkeypatch.setattr(SIDE_BY_SIDE, "LEAST_SIMULATED", 0)


def hard_problem():
    """Nothing found in it keeps all deadlines, so that searches go on to their limits."""
    return random_problem(5, models=(6, 6), devices=(4, 4), requests=(600, 600))


def lost_sentence(processes):
    return f"The scheduler at {processes.address} does not answer any more; what was found before is kept."


def found(result):
    steps = [(s.what, s.score, s.evaluations) for s in result.steps]
    return result.placement, result.score, result.evaluations, result.stop_reason, steps, str(result.held_out)


SEARCHES = {
    "buckets and improvement": ("alpaserve", 6_000, {"held_out": 3, "resamplings": 1}),
    "as published": ("alpaserve", 2_000, {"refine": False}),
    "beam": ("beam", 300, {"pp": 1, "held_out": 2}),
    "windows": ("clockwork", 2_000, {"window_s": 5.0}),
    "all": ("exhaustive", 2_000, {}),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_find_the_same_there(executor, everything_goes_out, name):
    algorithm, limit, options = SEARCHES[name]
    problem = random_problem(5, models=(3, 3), devices=(4, 4), requests=(600, 600)) if name == "all" else hard_problem()
    here, there = (search(problem, algorithm, max_evaluations=limit, executor=e, **options) for e in (None, executor))
    assert found(here) == found(there)


def test_so_do_rounds_of_many_chains_blocks_and_a_placement_to_refine(executor, everything_goes_out, monkeypatch):
    monkeypatch.setattr(REFINE, "EVALUATIONS_PER_CHAIN", 1_000)
    problem = hard_problem()
    begun = search(problem, "round_robin").placement
    before = executor.tasks, executor.bytes_out, executor.bytes_back
    cases = [(problem, "alpaserve", 9_000, {}), (large_problem(), "alpaserve", 3_000, {}),
             (problem, "refine", 4_000, {"placement": begun})]  # fmt: skip
    for problem, algorithm, limit, options in cases:
        here, there = (search(problem, algorithm, 1, max_evaluations=limit, executor=e, **options)
                       for e in (None, executor))  # fmt: skip
        assert found(here) == found(there)
    tasks, out, back = (after - b for after, b in zip((executor.tasks, executor.bytes_out, executor.bytes_back), before,
                                                      strict=True))  # fmt: skip
    # A table of layouts found worse has 128 KiB.
    assert max(out, back) / tasks < 32 * 1024


def test_a_worker_killed_in_mid_search_and_one_that_joins_late_change_nothing_and_without_scheduler_the_best_is_kept(
    tmp_path, everything_goes_out
):
    here = search(hard_problem(), max_evaluations=9_000)
    with cluster(tmp_path, "first", "second") as processes, machines(processes.address) as executor:
        assert executor is not None
        connected(executor, "first", "second")

        def lose_both(progress):
            if progress.evaluations >= 2_000:
                replace_both(processes, executor)
            return True

        there = search(hard_problem(), max_evaluations=9_000, on_progress=lose_both, executor=executor)
        assert names_of_workers(executor) == {"third"} and found(there) == found(here)

        def lose_all(progress):
            if progress.evaluations >= 2_000 and processes.started["scheduler"].poll() is None:
                processes.kill("scheduler")
            return True

        left = search(hard_problem(), max_evaluations=10**9, on_progress=lose_all, executor=executor)
        assert left.stop_reason == LOST and left.evaluations >= 2_000 and left.score >= here.steps[0].score
        assert left.notes[-1] == lost_sentence(processes)
        problem = hard_problem()
        again = simulate(problem.models, left.placement, problem.workload, problem.serving)
        assert left.score == again.slo_attainment


def test_so_it_is_in_mid_sweep(scenario, tmp_path):
    here = sweep(scenario, AXES).to_json(0.9)
    with cluster(tmp_path, "first", "second") as processes, machines(processes.address) as executor:
        assert executor is not None
        connected(executor, "first", "second")
        told = []

        def on_progress(headway):
            told.append(headway)
            if headway.done >= 2:
                replace_both(processes, executor)
            return True

        there = sweep(scenario, AXES, on_progress=on_progress, executor=executor)
        assert names_of_workers(executor) == {"third"}
        assert there.complete and there.to_json(0.9) == here
        assert (18, 18) in {(headway.done, headway.total) for headway in told}

        def lose_all(headway):
            if headway.done >= 2 and processes.started["scheduler"].poll() is None:
                processes.kill("scheduler")
            return True

        swept = sweep(scenario, AXES, on_progress=lose_all, executor=executor)
        known = [result for result in swept.results if result.outcome is not None]
        assert not swept.complete and 2 <= len(known) < 18
        reasons = {result.reason for result in swept.results if result.outcome is None}
        assert reasons == {lost_sentence(processes)}


def test_a_worker_that_cannot_work_is_no_scheduler_that_is_gone(tmp_path):
    with cluster(tmp_path, "first") as processes, machines(processes.address) as executor:
        connected(executor, "first")
        cannot = rf"^A worker of {processes.address} cannot work: No such file or directory; what was found before is"
        with pytest.raises(Gone, match=cannot):
            executor.submit(os.stat, str(tmp_path / "nothing")).result(60)
        # What tasks read lies in the worker's folder.
        (tmp_path / "first").rename(tmp_path / "moved")
        lent = np.zeros(100_000)
        lent.flags.writeable = False
        with pytest.raises(Gone, match=cannot):
            executor.submit(np.sum, lent)


def test_capacity_is_the_same_there(scenario, executor, everything_goes_out):
    here, there = (find_capacity(scenario, 0.9, highest=4, executor=e).to_json() for e in (None, executor))
    assert timeless(here) == timeless(there)


def test_so_are_recommendations_and_growth(scenario, executor, everything_goes_out):
    short = found_section(evaluations=300)
    asked = [
        lambda executor: recommend(scenario, 0.9, search=short, highest=6, executor=executor).to_json(),
        lambda executor: find_growth(scenario, 0.9, short, 1.5, highest=6, executor=executor).to_json(),
    ]
    for ask in asked:
        assert timeless(ask(executor)) == timeless(ask(None))


def test_so_are_other_traffic_other_latencies_and_a_figure_of_the_paper(scenario, executor, everything_goes_out):
    inputs = build_inputs(scenario)
    compared = compare(scenario, inputs=inputs)
    candidates = [Candidate(o.name, o.placement, o.result.serving, o.search is not None) for o in compared.outcomes]
    figure = chosen(figure_of("17"), ["requests"], [8, 16])
    asked = [
        lambda executor: hold_out_traffic(inputs, candidates, scenario, executor=executor),
        lambda executor: robustness(inputs, candidates, scenario, draws=2, seeds=2, executor=executor).to_json(),
        lambda executor: reproduce(figure, executor=executor).to_json(),
    ]
    for ask in asked:
        with sending_counted(executor) as sent:
            there = ask(executor)
        assert sent and there == ask(None)
    stopped = reproduce(figure_of("17"), lambda now: now.done < 5, executor=executor)
    assert not stopped.complete and sum(p.outcome is not None for p in stopped.points) < 30


def test_commands_and_the_page_work_there(scenario, executor, everything_goes_out, capsys, monkeypatch):
    file = str(scenario.folder / "scenario.yaml")
    for words in (["plan", file], ["robustness", file, "--draws", "1", "--seeds", "1"]):
        documents = []
        for more in ([], ["--cluster", executor._address]):
            assert main([*words, "--json", *more]) == 0
            documents.append(timeless(json.loads(capsys.readouterr().out)))
        assert documents[0] == documents[1]
    others = (["recommend", file], ["sweep", file, "--over", "devices=2"], ["capacity", file], ["reproduce", "17"])
    for words in (*others, ["plan", file], ["simulate", file], ["robustness", file]):
        assert main([*words, "--cluster", "somewhere"]) == 2
        assert "The cluster is 'somewhere'; tcp://host:port" in capsys.readouterr().err
    section, inputs = scenario.placements[0], build_inputs(scenario)
    here = outcome_of(section, inputs).placement
    monkeypatch.setenv(CLUSTER_VARIABLE, executor._address)
    assert outcome_of(section, inputs).placement == here
    monkeypatch.setenv(CLUSTER_VARIABLE, "somewhere")
    with pytest.raises(InputError, match="The cluster is 'somewhere'"):
        outcome_of(section, inputs)
    # What is not searched for is simulated here.
    assert outcome_of(scenario.placements[1], inputs).search is None


def test_stop_ends_what_is_under_way_there(scenario, executor, everything_goes_out):
    searched = scenario.placements[0]
    assert searched.search is not None
    # Without a limit, each of these searches lasts for minutes.
    endless = searched.model_copy(update={"search": searched.search.model_copy(update={"max_evaluations": 10**9})})
    until = time.monotonic() + 3
    stopped = sweep(scenario, AXES, [endless], lambda _: time.monotonic() < until, executor)
    assert not stopped.complete
    one = search(hard_problem(), max_evaluations=10**9, on_progress=lambda p: p.evaluations < 2_000, executor=executor)
    assert one.stop_reason == "cancelled" and one.evaluations >= 2_000
    # The workers are free again.
    given = sweep(scenario, AXES, [scenario.placements[1]], executor=executor)
    assert given.complete


def test_nobody_there_and_no_address_are_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr(sys.modules["planner.executors.cluster"], "CONNECT_S", 1.0)
    nobody = r"^No Dask scheduler answers at tcp://127\.0\.0\.1:9\.$"
    with pytest.raises(InputError, match=nobody), machines("tcp://127.0.0.1:9"):
        pass
    bare = r"^The cluster is 'tls://127\.0\.0\.1:9'; tls:// needs certificates, named by Dask's setting distributed\."
    with pytest.raises(InputError, match=bare), machines("tls://127.0.0.1:9"):
        pass
    monkeypatch.setenv(CLUSTER_VARIABLE, "somewhere")
    wrong = r"^The cluster is 'somewhere'; tcp://host:port of a Dask scheduler is allowed"
    with pytest.raises(InputError, match=wrong), machines():
        pass
    monkeypatch.delenv(CLUSTER_VARIABLE)
    with machines() as executor:
        assert executor is None
    assert issubclass(Gone, InputError)


def test_dask_is_imported_only_where_a_cluster_is_asked_for():
    code = "import sys, planner.what_if.sweep, planner.what_if.capacity; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_without_dask_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    missing = r"Dask, which is not installed: pip install -r requirements-dask\.txt$"
    with pytest.raises(InputError, match=missing), machines("tcp://127.0.0.1:9"):
        pass


def test_large_arrays_are_mapped_from_the_file_and_read_only_and_others_stay_as_they_were(tmp_path):
    given = {"words": "some", "rows": np.arange(1000.0), "none": np.empty(0), "few": np.arange(3, dtype=np.int32)}
    given["rows"].flags.writeable = False

    def dumps(obj, callback):
        return pickle.dumps(obj, protocol=5, buffer_callback=callback)

    def loads(content, buffers):
        return pickle.loads(content, buffers=buffers)

    shared, content = packed(given, dumps)
    assert packed(given, dumps) == (shared, content)
    keep(shared, content, tmp_path, "one")
    keep(shared, content, tmp_path, "two")
    try:
        forget(shared, "one")
        read = shared.read(loads)
        assert read["words"] == "some" and all(np.array_equal(read[k], given[k]) for k in ("rows", "none", "few"))
        assert not read["rows"].flags.writeable and not read["rows"].flags.owndata and read["few"].flags.writeable
        assert shared.read(loads) is read
    finally:
        forget(shared, "two")
    assert shared.digest not in _owners and list(tmp_path.iterdir()) == [] and read["rows"][999] == 999
