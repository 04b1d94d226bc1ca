"""Thousands of workspaces: none makes the others slower, and the bounds hold.

Counted are the steps of SQLite's machine, which no load of this one changes.
"""

import random
import time

import pytest

from app.store import Limits, Part, StoreError, new_workspace_id
from tests.hostile.conftest import IS_SIEGE
from tests.store_cases import begin, sql_store

MANY = 10_000 if IS_SIEGE else 200
STEPS = 100
PARTS = {key: Part([{"version": 1, "content": key * 300}]) for key in ("scenario", "undo", "uploads", "view")}


def steps_of(store, work):
    """How often SQLite's machine came to another hundred of steps while something was done."""
    count = 0

    def one_more():
        nonlocal count
        count += 1

    with store.database.reading() as connection:
        raw = connection.connection.driver_connection
    raw.set_progress_handler(one_more, STEPS)
    began_s = time.perf_counter()
    work()
    took_s = time.perf_counter() - began_s
    raw.set_progress_handler(None, 0)
    return count, took_s


def work_on(store, workspace):
    """What a visitor has done of his workspace, by name."""
    revision = store.load(workspace).revision
    return {
        "open": lambda: store.load(workspace),
        "save": lambda: store.save(workspace, {"scenario": Part(random.random())}, revision),
        "look": lambda: store.save(workspace, {}, revision),
        "upload": lambda: store.put_blob(random.randbytes(1000)),
        "name a version": lambda: store.add_version(workspace, "now"),
        "list versions": lambda: store.versions(workspace),
        "open as a reader": lambda: store.load(store.read_only_id(workspace)),
    }


def test_no_workspace_makes_another_slower(tmp_path):
    store, few = sql_store(tmp_path), {}
    for number in range(MANY):
        workspace = begin(store)
        store.save(workspace, PARTS, 0)
        if number == 40:
            # The first time, what all keep is counted.
            work_on(store, workspace)["save"]()
            few = {name: steps_of(store, work)[0] for name, work in work_on(store, workspace).items()}
    for name, work in work_on(store, workspace).items():
        steps, took_s = steps_of(store, work)
        print(f"{name} among {MANY} workspaces: {1000 * took_s:.1f} ms")
        assert steps <= 2 * few[name] + 10, name
    began_s = time.perf_counter()
    assert store.collect_garbage() == 0
    usage = store.usage(workspace)
    took_s = time.perf_counter() - began_s
    print(f"garbage and usage: {1000 * took_s:.0f} ms, {usage.total_bytes / 1024**2:.0f} MB kept")
    assert usage.total_bytes >= (MANY - 2) * sum(len(part.text(key)) for key, part in PARTS.items())


def test_the_bound_of_the_store_holds_for_many_small_workspaces(tmp_path):
    store = sql_store(tmp_path, limits=Limits(total_bytes=100_000))
    with pytest.raises(StoreError, match="The store of this server would hold"):
        for _ in range(1000):
            workspace = new_workspace_id()
            store.create(workspace)
            store.save(workspace, PARTS, 0)
    assert 90_000 < store.usage(workspace).total_bytes <= 100_000
