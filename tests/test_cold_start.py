"""A fresh machine gives the same answers: compiling takes none of the time of a search."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from planner.__main__ import main
from planner.commands.parser import COMMANDS
from planner.search import SEARCHING, fill_kernels, kept_kernels, refine_kernels, rerun_kernels, search
from simulator import Schedule, Serving, kernel_stamps, kernels, metric_kernels, score_kernels, simulate
from simulator.errors import Cancelled
from simulator.preparation import BATCHING, Preparation
from simulator.timeline import build_timeline
from tests.search_cases import random_problem

SHORT = """
version: 1
name: short
cluster: {devices: 4, memory_gib: 13}
models:
  - {name: "m{i}", profile: bert-1.3b, count: 6, slo_scale: 5}
workload:
  gamma: {total_rate_per_s: 20, cv: 3, duration_s: 60, seed: 1}
placements:
  - {name: found, search: {algorithm: alpaserve, time_limit_s: 0.3}}
  - {name: by hand, groups: [{pp: 4, tp: 1, models: [m0, m1, m2, m3, m4, m5]}]}
"""
API = """
import sys
from planner import build_inputs, load_scenario, search
print(search(build_inputs(load_scenario(sys.argv[1])).problem, time_limit_s=0.3).score)
"""


def run_fresh(cache, *arguments, **options):
    """Output of a fresh process with its own cache of kernels."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False, **options
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    path = tmp_path_factory.mktemp("cold") / "short.yaml"
    path.write_text(SHORT, encoding="utf-8")
    return str(path)


def test_a_fresh_machine_plans_and_simulates_like_a_warm_one(scenario, tmp_path):
    """The first command compiles what simulating needs, the second what searching needs; the rest find both."""
    commands = {
        "simulate": ("-m", "planner", "simulate", scenario, "--placement", "by hand", "--json"),
        "plan": ("-m", "planner", "plan", scenario, "--time-limit", "0.3", "--json"),
    }
    for name, command in commands.items():
        cold = run_fresh(tmp_path, *command)
        warm = run_fresh(tmp_path, *command)
        assert ("preparing, once" in cold.stderr) and ("preparing, once" not in warm.stderr), name
        cold_met, warm_met = (json.loads(x.stdout)["placements"][0]["slo_attainment"] for x in (cold, warm))
        assert cold_met > 0.1 and cold_met == pytest.approx(warm_met, abs=0.02), name
    assert float(run_fresh(tmp_path, "-c", API, scenario).stdout) == pytest.approx(cold_met, abs=0.02)
    capacity = ("-m", "planner", "capacity", scenario, "--target", "0.5", "--devices", "1-4", "--time-limit", "0.3")
    (plan,) = json.loads(run_fresh(tmp_path, *capacity, "--json").stdout)["plans"][:1]
    assert plan["devices"] is not None and plan["slo_attainment"] >= 0.5


def test_a_sweep_on_a_fresh_machine_has_no_false_zero(scenario, tmp_path):
    """The first points are searched while nothing is compiled yet."""
    sweep = ("-m", "planner", "sweep", scenario, "--over", "devices=4,8", "--time-limit", "0.3", "--json")
    points = json.loads(run_fresh(tmp_path, *sweep).stdout)["points"]
    assert len(points) == 4 and all(point["slo_attainment"] > 0.1 for point in points)


def test_a_disk_that_takes_no_more_is_no_failure(scenario, tmp_path):
    """No file may grow beyond 1 KiB: nothing compiled can be saved, and all is simulated all the same."""
    resource = pytest.importorskip("resource")
    command = ("-m", "planner", "simulate", scenario, "--placement", "by hand", "--json")
    done = run_fresh(tmp_path, *command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["placements"][0]["slo_attainment"] > 0.1
    assert not any(path.stat().st_size > 1024 for path in tmp_path.rglob("*.nbc"))


def test_the_second_process_compiles_what_the_search_runs(tmp_path):
    """The search finds the largest kernel compiled by the helper, and so compiles it nowhere twice."""
    code = (
        "from planner.search.preparation import compile_improvement; compile_improvement();"
        "from planner.search.refine_kernels import improve; print(improve.signatures)"
    )
    SEARCHING.wait()
    assert run_fresh(tmp_path, "-c", code).stdout.strip() == str(refine_kernels.improve.signatures)
    assert list(tmp_path.rglob("*.improve-*.nbi"))


@pytest.mark.parametrize("module", ["argparse", "planner.commands.plan"])
def test_ctrl_c_during_the_imports_ends_without_a_traceback(module, scenario):
    code = (
        "import os, signal, sys\n"
        "class Importing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == sys.argv[3]: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Importing())\n"
        "from planner.__main__ import run\n"
        "run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "plan", scenario, module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_a_plan_without_files_of_tables_loads_no_library_for_them(scenario):
    """What the command line imports is waited for every time."""
    code = (
        "import sys; from planner.__main__ import main; main(sys.argv[1:])\n"
        "sys.exit(bool({'pandas', 'pyarrow', 'scipy.optimize', 'scipy.stats'} & set(sys.modules)))"
    )
    arguments = ("simulate", scenario, "--placement", "by hand")
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "by hand" in done.stdout


def test_ctrl_c_while_compiling_ends_with_a_sentence(scenario, tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", "plan", scenario],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    for line in process.stderr:
        if "preparing, once" in line:
            break
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in error and "stopped" in out


def test_nothing_is_compiled_after_the_preparation():
    SEARCHING.wait()
    BATCHING.wait()
    modules = (kernels, metric_kernels, score_kernels, fill_kernels, refine_kernels, kept_kernels, rerun_kernels)
    dispatchers = [x for module in modules for x in vars(module).values() if hasattr(x, "signatures")]
    before = {x.__name__: len(x.signatures) for x in dispatchers}
    for seed in range(4):
        problem = random_problem(seed, models=(2, 4), devices=(2, 4))
        for algorithm in ("alpaserve", "exhaustive", "selective_replication"):
            found = search(problem, algorithm, max_evaluations=300)
        build_timeline(simulate(problem.models, found.placement, problem.workload, problem.serving), 5)
        batches = Serving(max_batch_size=2, dispatch=problem.serving.dispatch)
        simulate(problem.models, found.placement, problem.workload, batches)
        simulate(problem.models, Schedule(((0.0, found.placement), (1.0, found.placement))), problem.workload)
    assert {x.__name__: len(x.signatures) for x in dispatchers} == before


def test_waiting_can_be_given_up_and_work_is_done_once():
    calls, released = [], threading.Event()

    def work():
        calls.append(1)
        assert released.wait(60)

    preparation = Preparation(work, 1)
    with pytest.raises(Cancelled):
        preparation.wait(lambda words: False)
    assert preparation.is_under_way and not preparation.is_ready
    released.set()
    preparation.wait()
    preparation.wait()
    assert preparation.is_ready and calls == [1]


def test_what_failed_is_raised_and_tried_again():
    outcomes = [OSError("no space left"), None]

    def work():
        if (failure := outcomes.pop(0)) is not None:
            raise failure

    preparation = Preparation(work, 1)
    with pytest.raises(OSError, match="no space"):
        preparation.wait()
    preparation.wait()
    assert preparation.is_ready


def test_help_imports_none_of_the_commands():
    """The help of all commands needs nothing that takes long to import."""
    code = "import sys, planner.commands.parser as p; p.build_parser(None); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_help_exists(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"planner {name}" in capsys.readouterr().out


def test_where_no_compiled_kernel_can_be_saved_those_of_the_image_are_copied(tmp_path, monkeypatch):
    (tmp_path / "home" / "numba").mkdir(parents=True)
    (tmp_path / "home" / "numba" / "kernel.nbi").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kernel_stamps.os, "access", lambda *_: False)
    monkeypatch.setattr(kernel_stamps.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(kernel_stamps.config, "CACHE_DIR", "")
    kernel_stamps.choose_cache_place()
    place = Path(kernel_stamps.config.CACHE_DIR)
    assert place.parent == tmp_path and (place / "kernel.nbi").exists()
