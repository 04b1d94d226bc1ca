"""The store over a database and a folder: quotas, garbage, and whatever may be wrong with either."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import inspect

from app.store import Limits, Part, StoreError, new_workspace_id, open_store
from app.store import sql as sql_module
from app.store.contract import read_only_id
from app.store.database import Database
from app.store.tables import METADATA
from tests.store_cases import begin, sql_store


@pytest.fixture
def disk(tmp_path, database_url):
    store = sql_store(tmp_path, database_url)
    yield store
    store.database.engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_uses(disk):
    disk.create(new_workspace_id())
    found, dialect = inspect(disk.database.engine), disk.database.engine.dialect
    for table in METADATA.sorted_tables:
        columns = {
            c["name"]: (c["type"].compile(dialect).split(" WITHOUT")[0], c["nullable"])
            for c in found.get_columns(table.name)
        }
        expected = {c.name: (c.type.compile(dialect).split(" WITHOUT")[0], c.nullable) for c in table.columns}
        assert columns == expected, table.name
        assert {i["name"] for i in found.get_indexes(table.name)} >= {i.name for i in table.indexes}


def test_nothing_in_the_store_opens_a_workspace(tmp_path):
    disk = sql_store(tmp_path)
    workspace = begin(disk)
    disk.save(workspace, {"a": Part(1)}, 0)
    disk.database.engine.dispose()
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert workspace.encode() not in content and read_only_id(workspace).encode() not in content


def test_a_damaged_file_is_refused_and_an_upload_mends_it(disk):
    workspace = begin(disk)
    digest = disk.put_blob(b"content" * 100)
    disk.save(workspace, {"a": Part(1, (digest,))}, 0)
    path = disk.blobs.path(digest)
    stored = bytearray(path.read_bytes())
    for place in range(len(stored)):
        path.write_bytes(bytes([*stored[:place], stored[place] ^ 0xFF, *stored[place + 1 :]]))
        try:
            assert disk.get_blob(workspace, digest) == b"content" * 100
        except StoreError as error:
            assert "damaged" in str(error)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="damaged"):
        disk.get_blob(workspace, digest)
    path.unlink()
    with pytest.raises(StoreError, match="gone"):
        disk.get_blob(workspace, digest)
    assert disk.put_blob(b"content" * 100) == digest
    assert disk.get_blob(workspace, digest) == b"content" * 100


def test_quotas_are_said_before_they_bite_and_change_nothing(tmp_path, database_url):
    store = sql_store(tmp_path, database_url, limits=Limits(10_000, 15_000))
    workspace = begin(store)
    store.save(workspace, {"a": Part("x" * 7_000)}, 0)
    assert store.usage(workspace).warning is None
    store.save(workspace, {"b": Part("x" * 1_500)}, 1)
    assert "This workspace holds" in store.usage(workspace).warning
    with pytest.raises(StoreError, match="This workspace would hold"):
        store.save(workspace, {"a": Part("y" * 9_000)}, 2)
    assert store.load(workspace).parts["a"] == Part("x" * 7_000) and store.load(workspace).revision == 2
    with pytest.raises(StoreError, match="The store of this server would hold"):
        store.put_blob(bytes(range(256)) * 30 + new_workspace_id().encode() * 400 + os.urandom(9_000))
    assert not [path for path in (tmp_path / "files").rglob("*") if path.is_file()]


def test_garbage_goes_and_what_is_needed_stays(disk, monkeypatch):
    workspace = begin(disk)
    needed, old, versioned = disk.put_blob(b"needed"), disk.put_blob(b"old"), disk.put_blob(b"versioned")
    disk.save(workspace, {"a": Part(1, (needed,)), "b": Part(1, (versioned,))}, 0)
    disk.add_version(workspace, "v")
    disk.save(workspace, {"b": None}, 1)
    assert disk.collect_garbage() == 0
    later = sql_module._now() + timedelta(hours=2)
    monkeypatch.setattr(sql_module, "_now", lambda: later)
    assert disk.collect_garbage() == 1 and not disk.blobs.path(old).exists()
    assert disk.get_blob(workspace, needed) == b"needed" and disk.get_blob(workspace, versioned) == b"versioned"
    disk.delete_version(workspace, 1)
    monkeypatch.setattr(sql_module, "_now", lambda: later + timedelta(days=2))
    assert disk.collect_garbage() == 2 and not disk.blobs.path(versioned).exists()
    disk.delete(workspace)
    monkeypatch.setattr(sql_module, "_now", lambda: later + timedelta(days=4))
    disk.collect_garbage()
    assert not disk.blobs.path(needed).exists()
    with pytest.raises(StoreError):
        disk.restore(workspace)


def test_a_locked_database_is_said_and_used_again_afterwards(tmp_path):
    store = sql_store(tmp_path, busy_timeout_s=0.05)
    workspace = begin(store)
    other = sqlite3.connect(tmp_path / "workspaces.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="somebody else has been writing"):
        store.save(workspace, {"a": Part(1)}, 0)
    assert store.load(workspace).parts == {}
    other.execute("ROLLBACK")
    other.close()
    store.save(workspace, {"a": Part(1)}, 0)
    assert store.load(workspace).parts == {"a": Part(1)}


def test_a_full_disk_is_said_and_leaves_no_half_file(disk, tmp_path, monkeypatch):
    begin(disk)

    def full(_number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.store.blobs.os.fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        disk.put_blob(b"x")
    assert not [path for path in (tmp_path / "files").rglob("*") if path.is_file()]


def test_a_full_database_is_said_and_the_old_state_stays(tmp_path):
    disk = sql_store(tmp_path)
    workspace = begin(disk)
    disk.save(workspace, {"a": Part(1)}, 0)
    with disk.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(StoreError, match="the disk is full"):
        disk.save(workspace, {"a": Part("x" * 100_000)}, 1)
    assert disk.load(workspace).parts == {"a": Part(1)}


def test_a_store_that_is_not_there_is_said_and_used_once_it_is(tmp_path):
    (tmp_path / "place").write_text("a file where the folder should be")
    store = open_store({"PLANNER_DATA": str(tmp_path / "place")})
    with pytest.raises(StoreError, match="The store of workspaces cannot be used now"):
        store.create(new_workspace_id())
    (tmp_path / "place").unlink()
    begin(store)


@pytest.mark.parametrize("content", [b"not a database, only some text that stands in its place" * 50])
def test_a_file_that_is_no_database_is_said(tmp_path, content):
    (tmp_path / "workspaces.sqlite3").write_bytes(content)
    with pytest.raises(StoreError, match="its file is no database"):
        sql_store(tmp_path).create(new_workspace_id())


@pytest.mark.parametrize("value", ["-1", "0", "1e3", "many"])
def test_wrong_variables_are_named(tmp_path, value):
    with pytest.raises(StoreError, match="PLANNER_STORE_MB"):
        open_store({"PLANNER_DATA": str(tmp_path), "PLANNER_STORE_MB": value})
    with pytest.raises(StoreError, match="DATABASE_URL"):
        open_store({"PLANNER_DATA": str(tmp_path), "DATABASE_URL": "nonsense"})


def test_many_prepare_a_new_store_at_once(tmp_path, database_url):
    stores = [sql_store(tmp_path, database_url) for _ in range(6)]
    with ThreadPoolExecutor(6) as executor:
        addresses = list(executor.map(begin, stores))
    assert all(stores[0].load(address).parts == {} for address in addresses)


def test_a_database_that_a_later_version_made_is_refused_not_damaged(tmp_path):
    store = sql_store(tmp_path)
    begin(store)
    store.database.engine.dispose()
    with sqlite3.connect(tmp_path / "workspaces.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="later version"):
        Database(f"sqlite:///{tmp_path / 'workspaces.sqlite3'}").writing().__enter__()
