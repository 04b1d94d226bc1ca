"""What threads and workers of a Dask cluster make of a search, a sweep and a capacity plan on this machine.

python -m benchmarks.bench_workers

One thread here is the baseline of the same run. Every answer is compared with that of the baseline, to the digit.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from planner.executors.cluster import Machines, machines
from planner.scenario.file import parse_scenario
from planner.scenario.inputs import build_inputs
from planner.search import SEARCHING, search
from planner.search.preparation import prepare_everywhere
from planner.search.workers import WORKERS_VARIABLE
from planner.what_if.capacity import find_capacity
from planner.what_if.sweep import sweep

ROOT = Path(__file__).parent.parent
SCENARIO = parse_scenario("""version: 1
models:
- {name: "large-{i}", profile: bert-6.7b, count: 8, slo_scale: 4}
- {name: "small-{i}", profile: bert-1.3b, count: 16, slo_scale: 4}
cluster: {devices: 16}
workload: {gamma: {duration_s: 2400, total_rate_per_s: 25, cv: 4}}
placements:
- {name: found, search: {algorithm: alpaserve, max_evaluations: 4000}}
""")
EVALUATIONS, MOST_DEVICES = 60_000, 24
AXES = [("devices", [12.0, 16.0]), ("rate_scale", [0.8, 1.0, 1.2, 1.4])]
EMPTY_TASKS = 200
Ask = Callable[[Machines | None], object]


def search_once(executor: Machines | None) -> object:
    """Chains of one search."""
    problem = build_inputs(SCENARIO).problem
    found = search(problem, max_evaluations=EVALUATIONS, executor=executor)
    return found.placement, found.score, found.evaluations


def sweep_once(executor: Machines | None) -> object:
    """Eight points, each with a search."""
    return sweep(SCENARIO, AXES, executor=executor).to_json(0.99)["points"]


def capacity_once(executor: Machines | None) -> object:
    """One number of devices after the other, each with a search."""
    plan = find_capacity(SCENARIO, 0.9, highest=MOST_DEVICES, executor=executor).plans[0]
    return plan.devices, plan.tried


ASKED: dict[str, Ask] = {"search": search_once, "sweep": sweep_once, "capacity": capacity_once}


class Cluster:
    """A scheduler and workers with one thread each, processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, list[subprocess.Popen[bytes]]()
        file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        while not (file.exists() and file.read_text()):
            time.sleep(0.05)
        self.address = str(json.loads(file.read_text())["address"])

    def add_worker(self) -> None:
        """One more."""
        own = self.folder / str(len(self.started))
        self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                    "--local-directory", str(own))  # fmt: skip

    def _start(self, *words: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT), WORKERS_VARIABLE: "1"}
        self.started.append(subprocess.Popen(
            [sys.executable, "-m", "dask", *words], env=environment, cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ))  # fmt: skip

    @property
    def processor_s(self) -> float:
        """Processor seconds of all of them so far."""
        times = [psutil.Process(process.pid).cpu_times() for process in self.started]
        return sum(one.user + one.system for one in times)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A scheduler without workers; all of it ends with the context."""
    with tempfile.TemporaryDirectory() as folder:
        started = Cluster(Path(folder))
        try:
            yield started
        finally:
            for process in started.started:
                process.kill()
                process.wait()


def measured(ask: Ask, executor: Machines | None, elsewhere: Cluster | None) -> tuple[object, float, float]:
    """The answer, seconds of the clock and processor seconds of all processes that took part."""
    before_s = time.process_time() + (elsewhere.processor_s if elsewhere else 0.0)
    began_s = time.perf_counter()
    answer = ask(executor)
    wall_s = time.perf_counter() - began_s
    return answer, wall_s, time.process_time() + (elsewhere.processor_s if elsewhere else 0.0) - before_s


def print_row(*cells: str) -> None:
    """One line of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


def report(where: str, executor: Machines | None, elsewhere: Cluster | None, base: dict[str, tuple[object, float]]):
    """A row for each question; the first to be reported is the baseline of the others."""
    for name, ask in ASKED.items():
        tasks, out, back = (executor.tasks, executor.bytes_out, executor.bytes_back) if executor else (0, 0, 0)
        answer, wall_s, processor_s = measured(ask, executor, elsewhere)
        first, first_s = base.setdefault(name, (answer, wall_s))
        sent = [""] * 3
        if executor:
            kib = ((executor.bytes_out - out) / 1024, (executor.bytes_back - back) / 1024)
            sent = [str(executor.tasks - tasks), f"{kib[0]:,.0f}", f"{kib[1]:,.0f}"]
        same = "yes" if repr(answer) == repr(first) else "NO"
        print_row(name, where, f"{wall_s:.1f}", f"{first_s / wall_s:.2f}", f"{processor_s:.1f}", *sent, same)


def wait_for(executor: Machines, workers: int) -> None:
    """Until so many workers are there and have their kernels."""
    while len(executor.everywhere(os.getpid)) < workers:
        time.sleep(0.1)
    prepare_everywhere(executor)


def main() -> None:
    """The tables."""
    SEARCHING.wait()
    requests = len(build_inputs(SCENARIO).problem.workload)
    print(
        f"{requests:,} requests, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the beginning\n"
    )
    print_row("what", "where", "seconds", "speed-up", "processor s", "tasks", "KiB out", "KiB back", "same answer")
    print_row(*["---"] * 9)
    base: dict[str, tuple[object, float]] = {}
    for threads in (1, 2):
        os.environ[WORKERS_VARIABLE] = str(threads)
        report(f"here, {threads} thread{'s' * (threads > 1)}", None, None, base)
    os.environ[WORKERS_VARIABLE] = "1"
    with cluster() as elsewhere, machines(elsewhere.address) as executor:
        assert executor is not None
        for workers in (1, 2):
            elsewhere.add_worker()
            wait_for(executor, workers)
            report(f"{workers} worker{'s' * (workers > 1)}", executor, elsewhere, base)
        trips_s: list[float] = []
        for _ in range(EMPTY_TASKS):
            began_s = time.perf_counter()
            executor.submit(int).result()
            trips_s.append(time.perf_counter() - began_s)
        middle_s, worst_s = statistics.median(trips_s), sorted(trips_s)[-EMPTY_TASKS // 100]
    print(f"\nAn empty task, there and back: {1000 * middle_s:.1f} ms in the median, {1000 * worst_s:.1f} ms the 99th "
          f"percentile of {EMPTY_TASKS}. Load average at the end: {os.getloadavg()[0]:.1f}.")  # fmt: skip


if __name__ == "__main__":
    main()
