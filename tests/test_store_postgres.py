"""A database server that is away, slow, locked or full of others' work: one sentence, nothing lost, and back again."""

import socket

import psycopg
import pytest

from app.store import Part, StoreError, new_workspace_id, open_store
from app.store.database import _POSTGRES_LOCK
from tests.postgres_server import make_server, remove
from tests.store_cases import begin, sql_store

# Long enough for a statement on a loaded machine, short enough for a test.
PATIENCE_S = 1.0


@pytest.fixture
def server():
    """A server of this test's own, which it may stop."""
    server = make_server()
    yield server
    remove(server)


def test_a_server_that_went_away_is_said_and_used_again_once_it_is_back(server, tmp_path):
    store = sql_store(tmp_path, server.new_database(), busy_timeout_s=PATIENCE_S)
    workspace = begin(store)
    digest = store.put_blob(b"kept")
    store.save(workspace, {"a": Part(1, (digest,))}, 0)
    server.stop()
    for attempt in (
        lambda: store.load(workspace),
        lambda: store.save(workspace, {"a": Part(2)}, 1),
        lambda: store.put_blob(b"not kept"),
    ):
        with pytest.raises(StoreError, match="the database cannot be reached"):
            attempt()
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1
    server.start()
    assert store.load(workspace).parts == {"a": Part(1, (digest,))}
    store.save(workspace, {"a": Part(2)}, 1)
    assert store.load(workspace).parts == {"a": Part(2)}


def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://planner@127.0.0.1:{silent.getsockname()[1]}/store"
        with pytest.raises(StoreError, match="the database cannot be reached"):
            sql_store(tmp_path, url, busy_timeout_s=PATIENCE_S).create(new_workspace_id())


def test_whoever_writes_for_long_is_said_and_waited_for_by_no_reader(postgres, tmp_path):
    url = postgres.new_database()
    store = sql_store(tmp_path, url, busy_timeout_s=PATIENCE_S)
    workspace = begin(store)
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (_POSTGRES_LOCK,))
        with pytest.raises(StoreError, match="somebody else has been writing"):
            store.save(workspace, {"a": Part(1)}, 0)
        assert store.load(workspace).parts == {}
    store.save(workspace, {"a": Part(1)}, 0)
    assert store.load(workspace).parts == {"a": Part(1)}
    store.database.engine.dispose()


def test_a_statement_that_takes_too_long_is_given_up(postgres, tmp_path):
    store = sql_store(tmp_path, postgres.new_database(), busy_timeout_s=0.1)
    with (
        pytest.raises(StoreError, match="it does not answer in time"),
        store.database.reading() as connection,
    ):
        connection.exec_driver_sql("SELECT pg_sleep(200)")
    store.database.engine.dispose()


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(postgres, tmp_path):
    store = sql_store(tmp_path, postgres.new_database())
    workspace = begin(store)
    count = "SELECT count(*) FROM parts"
    with store.database.reading() as connection:
        before = connection.exec_driver_sql(count).scalar()
        store.save(workspace, {"a": Part(1)}, 0)
        assert connection.exec_driver_sql(count).scalar() == before == 0
    assert list(store.load(workspace).parts) == ["a"]
    store.database.engine.dispose()


def test_nothing_in_the_database_opens_a_workspace(postgres, tmp_path):
    store = sql_store(tmp_path, postgres.new_database())
    workspace = begin(store)
    store.save(workspace, {"a": Part(1)}, 0)
    with store.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM workspaces").all()
    assert rows and workspace not in str(rows) and store.read_only_id(workspace) not in str(rows)
    store.database.engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_address_may_be_written_as_hosts_write_it(postgres, tmp_path, scheme):
    url = postgres.new_database().replace("postgresql:", f"{scheme}:")
    begin(open_store({"DATABASE_URL": url, "PLANNER_DATA": str(tmp_path)}))


def test_a_database_that_is_not_there_says_so_without_its_address(postgres, tmp_path):
    url = postgres.url("nobody_made_this").replace("planner@", "planner:secret-word@")
    with pytest.raises(StoreError) as refused:
        sql_store(tmp_path, url).create(new_workspace_id())
    assert "cannot be reached" in str(refused.value) and "secret-word" not in str(refused.value)


def test_a_session_that_hangs_in_a_transaction_gives_the_writing_desk_back(postgres, tmp_path):
    url = postgres.new_database()
    hung, store = (sql_store(tmp_path, url, busy_timeout_s=patience_s) for patience_s in (0.1, 10.0))
    workspace = begin(store)
    with pytest.raises(StoreError), hung.database.writing() as connection:
        store.save(workspace, {"a": Part(1)}, 0)
        connection.exec_driver_sql("SELECT 1")
    assert store.load(workspace).parts == {"a": Part(1)}
    for each in (hung, store):
        each.database.engine.dispose()
