"""kill -9 at random moments: of the server while visitors work, of the workers and the scheduler of a cluster.

`SIEGE=1` kills the server a hundred times; the seed is printed, and `SIEGE_SEED` gives another.
"""

import os
import random
import sqlite3
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from planner.executors.cluster import machines
from planner.what_if.sweep import sweep
from tests.hostile.conftest import IS_SIEGE, Server
from tests.hostile.visitor import PATIENCE_S, Visitor
from tests.store_cases import sql_store
from tests.test_cluster import AXES, cluster, connected, scenario, wait_until  # noqa: F401

SERVER_KILLS, VISITORS = (100, 3) if IS_SIEGE else (2, 2)
CLUSTER_KILLS = 10 if IS_SIEGE else 0
SEED = int(os.environ.get("SIEGE_SEED", "7"))
KEPT = "Everything you do is kept under the address of this page"
DEADLINES = [2 + 0.5 * i for i in range(36)]


class Worker:
    """A visitor who changes something, asks the Library whether it is kept, and names a version, until the server dies.

    Attributes: said: the deadline that was last said to be kept. asked: those that were asked for since. named: the
    versions that stood on the page. number, kept: of all changes, and of those that were said to be kept.
    """

    def __init__(self, address, query):
        self.address, self.query, self.workspace = address, query, None
        self.said, self.asked, self.named, self.number, self.kept, self.failure = None, [], set(), 0, 0, None
        self.is_at_work = threading.Event()

    def work(self, draw):
        try:
            with Visitor(self.address, self.query) as visitor:
                visitor.open().until(lambda: visitor.headline)
                visitor.settle()
                self.is_at_work.set()
                while True:
                    self.change(visitor, draw.choice([d for d in DEADLINES if d != visitor.deadline()]))
        except (ConnectionClosed, InvalidHandshake, OSError):
            pass
        except Exception as error:
            self.failure = error
        finally:
            self.is_at_work.set()

    def change(self, visitor, deadline):
        self.asked.append(deadline)
        visitor.move_deadline(deadline)
        self.workspace = visitor.workspace
        self.query = f"w={self.workspace}"
        visitor.open("library")
        if KEPT in visitor.said():
            self.said, self.asked, self.kept = deadline, [], self.kept + 1
        self.number += 1
        visitor.type("text_input", "Name", f"version {self.number}")
        visitor.click("Keep as a version")
        if f"version {self.number}" in visitor.said():
            self.named.add(f"version {self.number}")
        visitor.open("")

    def check(self, store):
        """Whether all that was said to be kept is there; gives the deadline."""
        if self.failure is not None:
            raise self.failure
        if self.said is None:
            return
        content = store.load(self.workspace).parts["scenario"].document["content"]
        (deadline,) = {section["slo_scale"] for section in content["models"]}
        assert deadline in (self.said, *self.asked), (deadline, self.said, self.asked)
        versions = {version.name for version in store.versions(self.workspace)}
        # The last one may have been kept before it could be said.
        assert self.named <= versions and len(versions) <= self.number
        self.said, self.asked = deadline, []


def test_the_server_killed_at_random_moments_has_all_that_it_said_to_be_kept(tmp_path, sample):
    print(f"SIEGE_SEED={SEED}, {SERVER_KILLS} kills")
    server, draw = Server(tmp_path), random.Random(SEED)
    workers = [Worker(server.address, sample) for _ in range(VISITORS)]
    store = sql_store(server.folder)
    try:
        for kill in range(SERVER_KILLS):
            server.start()
            threads = [threading.Thread(target=w.work, args=(random.Random(SEED + kill),)) for w in workers]
            for worker, thread in zip(workers, threads, strict=True):
                worker.is_at_work.clear()
                thread.start()
            for worker in workers:
                worker.is_at_work.wait()
            if kill == 0:
                # Later it may come before anything more is kept; then what was kept before is looked for.
                wait_until(lambda: all(worker.kept or worker.failure for worker in workers), PATIENCE_S)
            time.sleep(draw.uniform(0.0, 3.0))
            server.kill()
            for thread in threads:
                thread.join()
            for worker in workers:
                worker.check(store)
        # And the page shows it.
        server.start()
        for worker in workers:
            if worker.said is not None:
                with Visitor(server.address, worker.query) as visitor:
                    assert visitor.open().deadline() == worker.said
    finally:
        server.kill()
        store.database.engine.dispose()
    print(f"changes that were said to be kept: {sum(worker.kept for worker in workers)}")
    with sqlite3.connect(server.folder / "workspaces.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.skipif(not CLUSTER_KILLS, reason="a part of `make siege`; tests/test_cluster.py kills each once")
@pytest.mark.timeout(1200)
def test_workers_killed_at_random_moments_change_nothing(scenario, tmp_path):  # noqa: F811
    here, draw, killed = sweep(scenario, AXES).to_json(0.9), random.Random(SEED), 0
    for turn in range(CLUSTER_KILLS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with cluster(folder, "first", "second") as processes, machines(processes.address) as executor:
            connected(executor, "first", "second")
            after_s = draw.uniform(0, 2)

            def kill(processes=processes, after_s=after_s):
                time.sleep(after_s)
                processes.kill("first")
                processes.worker("third")

            killer = threading.Thread(target=kill)
            killer.start()
            there = sweep(scenario, AXES, executor=executor)
            killer.join()
            killed += 1
        assert there.complete and there.to_json(0.9) == here
    print(f"{killed} workers killed")


@pytest.mark.skipif(not CLUSTER_KILLS, reason="a part of `make siege`; tests/test_cluster.py kills it once")
@pytest.mark.timeout(1200)
def test_a_scheduler_killed_at_random_moments_ends_the_sweep_with_a_sentence(scenario, tmp_path):  # noqa: F811
    draw = random.Random(SEED)
    for turn in range(CLUSTER_KILLS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with cluster(folder, "first") as processes, machines(processes.address) as executor:
            connected(executor, "first")
            killer = threading.Timer(draw.uniform(0, 2), processes.kill, args=("scheduler",))
            killer.start()
            swept = sweep(scenario, AXES, executor=executor)
            killer.join()
        for result in swept.results:
            assert (result.outcome is None) == ("does not answer any more" in (result.reason or ""))
