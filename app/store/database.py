"""A database behind SQLAlchemy: one writer at a time, migrations at the first use, sentences for faults."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from app.store.contract import StoreError

BUSY_TIMEOUT_S = 5.0
_MIGRATIONS = Path(__file__).with_name("migrations")
# Any number that no other user of the database takes for its lock.
_POSTGRES_LOCK = 6_023_417
# What faults are called, by a part of what SQLite or the system says.
_FAULTS = {
    "locked": "somebody else has been writing to it for seconds",
    "lock timeout": "somebody else has been writing to it for seconds",
    "statement timeout": "it does not answer in time",
    "disk is full": "the disk is full",
    "no space": "the disk is full",
    "readonly": "it may only be read",
    "read-only": "it may only be read",
    "permission denied": "the server may not write there",
    "unable to open": "its file cannot be opened",
    "malformed": "its file is damaged",
    "not a database": "its file is no database",
    "authentication failed": "the database does not accept the server's name and password",
    "connection": "the database cannot be reached",
}


class Database:
    """Attributes: engine: SQLAlchemy's. Nothing is opened before the first transaction."""

    def __init__(self, url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._url = _with_driver(make_url(url))
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        options = {"connect_args": {"timeout": busy_timeout_s}} if self._is_sqlite else _patience(busy_timeout_s)
        self.engine = create_engine(self._url, **options)
        if self._is_sqlite:
            _use_explicit_transactions(self.engine)
        self._is_ready = False
        self._preparing = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state; raises StoreError."""
        with in_words():
            self._prepare()
            # SQLite's transactions see one state anyhow; PostgreSQL's would see a new one at every statement.
            one_state = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
            with self.engine.connect().execution_options(**one_state) as connection, connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is alone from its beginning, so that nothing changes between look and write."""
        with in_words():
            self._prepare()
            with self._alone() as connection:
                yield connection

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(is_writing=True) as connection, connection.begin():
            if not self._is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _POSTGRES_LOCK})
            yield connection

    def _prepare(self) -> None:
        """Bring the tables up to date, once; a second process waits and finds nothing left to do."""
        with self._preparing:
            if self._is_ready:
                return
            # Alembic takes a third of a second to import, which a page without a store does not need.
            from alembic import command
            from alembic.config import Config
            from alembic.util import CommandError

            if self._is_sqlite and self._url.database:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            with self._alone() as connection:
                config.attributes["connection"] = connection
                try:
                    command.upgrade(config, "head")
                except CommandError:
                    raise StoreError("The store of workspaces was made by a later version of this program.") from None
            self._is_ready = True


def _with_driver(url: URL) -> URL:
    """Addresses of PostgreSQL as hosts hand them out, without a driver, are for the one that is installed."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def _patience(busy_timeout_s: float) -> dict[str, Any]:
    """Options of an engine for PostgreSQL: whatever does not answer in time fails, and keeps no page waiting."""
    wait_ms = max(round(busy_timeout_s * 1000), 1)
    settings = {
        "lock_timeout": wait_ms,
        "statement_timeout": 4 * wait_ms,
        # A server that froze in a transaction gives the only place at the writing desk back.
        "idle_in_transaction_session_timeout": 12 * wait_ms,
    }
    return {
        "pool_pre_ping": True,
        "pool_timeout": busy_timeout_s,
        "connect_args": {
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            # libpq counts whole seconds, at least two.
            "connect_timeout": max(round(busy_timeout_s), 2),
            "tcp_user_timeout": 4 * wait_ms,
        },
    }


def _use_explicit_transactions(engine: Engine) -> None:
    """SQLite's driver begins transactions late and by itself; these begin when they are told to."""

    @event.listens_for(engine, "connect")
    def prepare(connection, _record) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


@contextmanager
def in_words() -> Iterator[None]:
    """Faults of the database and of the disk as StoreError."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(_sentence(str(getattr(error, "orig", None) or error))) from error
    except OSError as error:
        known = "no space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        raise StoreError(_sentence(known)) from error


def _sentence(said: str) -> str:
    fault = next((words for part, words in _FAULTS.items() if part in said.lower()), "it reports a fault")
    return f"The store of workspaces cannot be used now: {fault}."
