"""Where the store lies and how much it may hold, by environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from app.store.contract import Limits, StoreError, WorkspaceStore
from app.store.sql import SqlStore

FOLDER, DATABASE = "PLANNER_DATA", "DATABASE_URL"
WORKSPACE_MB, TOTAL_MB = "PLANNER_WORKSPACE_MB", "PLANNER_STORE_MB"


def open_store(environment: Mapping[str, str] = os.environ) -> WorkspaceStore:
    """The store that the environment names; nothing is written yet. Raises StoreError if a variable is wrong."""
    folder = Path(environment.get(FOLDER) or user_data_path("placement-planner", appauthor=False)).absolute()
    url = environment.get(DATABASE) or f"sqlite:///{folder / 'workspaces.sqlite3'}"
    limits = Limits()
    limits = Limits(
        _bytes(environment, WORKSPACE_MB, limits.workspace_bytes), _bytes(environment, TOTAL_MB, limits.total_bytes)
    )
    try:
        return SqlStore(url, folder / "files", limits)
    except Exception as error:
        raise StoreError(f"{DATABASE} does not name a database that can be used: {type(error).__name__}.") from error


def _bytes(environment: Mapping[str, str], name: str, default: int) -> int:
    given = environment.get(name)
    if not given:
        return default
    if not (given.isdecimal() and int(given) > 0):
        raise StoreError(f"The variable {name} is {given!r}; a whole number of megabytes above 0 is allowed.")
    return int(given) * 1024**2
