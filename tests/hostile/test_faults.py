"""The store fails under a server while visitors work: they go on, are told, and nothing that was kept is lost."""

import sqlite3
import subprocess
import time
from contextlib import contextmanager

import psycopg
import pytest

from tests.hostile.conftest import IS_SIEGE, serving
from tests.hostile.visitor import PATIENCE_S, Visitor
from tests.store_cases import sql_store
from tests.test_cluster import wait_until

NOT_KEPT = "is not kept"
# How long the fault lasts, beyond what the page says of it.
LASTS_S = 30.0 if IS_SIEGE else 0.0


@contextmanager
def locked(folder, _postgres):
    """Somebody writes to SQLite's file and does not end."""
    with sqlite3.connect(folder / "workspaces.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield "somebody else has been writing to it for seconds"
        other.execute("ROLLBACK")


@contextmanager
def full(folder, _postgres):
    """Not a byte is left on the disk of the data."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1024)):
                pass
        except OSError:
            pass
    yield "the disk is full"
    filler.unlink()


@contextmanager
def gone(_folder, postgres):
    """PostgreSQL is stopped."""
    postgres.stop()
    yield "the database cannot be reached"
    postgres.start()


@contextmanager
def slow(_folder, postgres):
    """Every statement waits for somebody else's."""
    with psycopg.connect(postgres.url(postgres.used)) as other:
        other.execute("LOCK TABLE parts, workspaces IN ACCESS EXCLUSIVE MODE")
        yield "somebody else has been writing to it for seconds"
        other.rollback()


@contextmanager
def disk_of_its_own(folder, megabytes):
    """A small disk at a folder; skips where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "planner", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted by this user")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def store_of(fault, tmp_path, request):
    """A server whose store can have this fault, the folder, and PostgreSQL where that keeps it."""
    if fault in (gone, slow):
        postgres = request.getfixturevalue("postgres")
        url = postgres.new_database()
        postgres.used = url.rsplit("/", 1)[1]
        with serving(tmp_path, DATABASE_URL=url) as server:
            yield server, postgres, sql_store(server.folder, url)
    elif fault is full:
        with disk_of_its_own(tmp_path / "data", 3), serving(tmp_path) as server:
            yield server, None, sql_store(server.folder)
    else:
        with serving(tmp_path) as server:
            yield server, None, sql_store(server.folder)


def redrawn_until(visitor, is_so):
    """Have a page drawn again and again until it says something."""
    until_s = time.monotonic() + PATIENCE_S
    while not is_so(visitor.said()):
        assert time.monotonic() < until_s, visitor.alerts()
        time.sleep(0.5)
        visitor.ask()
        visitor.settle()


def kept_deadline(store, visitor):
    content = store.load(visitor.workspace).parts["scenario"].document["content"]
    return {section["slo_scale"] for section in content["models"]}


WHOLE = pytest.mark.skipif(not IS_SIEGE, reason="a part of `make siege`")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "fault", [locked, gone, pytest.param(full, marks=WHOLE), pytest.param(slow, marks=WHOLE)], ids=lambda f: f.__name__
)
def test_the_page_goes_on_says_what_is_not_kept_and_keeps_it_afterwards(fault, tmp_path, request, sample):
    with store_of(fault, tmp_path, request) as (server, postgres, store):
        with Visitor(server.address, sample) as one, Visitor(server.address, sample) as other:
            for visitor, deadline in ((one, 6.0), (other, 7.0)):
                visitor.open().until(lambda visitor=visitor: visitor.headline)
                visitor.settle().move_deadline(deadline)
                redrawn_until(visitor, lambda _: visitor.workspace is not None)  # noqa: B023
            wait_until(lambda: kept_deadline(store, one) == {6.0}, PATIENCE_S)
            with fault(server.folder, postgres) as sentence:
                for visitor, deadline in ((one, 9.0), (other, 10.0)):
                    before = visitor.headline
                    visitor.move_deadline(deadline)
                    visitor.until(lambda visitor=visitor, before=before: visitor.headline != before)
                redrawn_until(one, lambda said: NOT_KEPT in said)
                assert any(sentence in alert for alert in one.alerts()), one.alerts()
                time.sleep(LASTS_S)
                assert not one.exceptions() and not other.exceptions()
            for visitor, deadline in ((one, 9.0), (other, 10.0)):
                redrawn_until(visitor, lambda said: NOT_KEPT not in said)
                wait_until(lambda v=visitor, d=deadline: kept_deadline(store, v) == {d}, PATIENCE_S)
        store.database.engine.dispose()
