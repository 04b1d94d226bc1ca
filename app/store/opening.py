"""The store that the environment names."""

from __future__ import annotations

import os
from collections.abc import Mapping

from app.settings import read_settings
from app.store.contract import Limits, StoreError, WorkspaceStore
from app.store.sql import SqlStore
from simulator import InputError

MIB = 1024**2


def open_store(environment: Mapping[str, str] = os.environ) -> WorkspaceStore:
    """The store that the environment names; nothing is written yet. Raises StoreError if a variable is wrong."""
    try:
        settings = read_settings(environment)
    except InputError as error:
        raise StoreError(str(error)) from None
    folder = settings.data.absolute()
    url = settings.database or f"sqlite:///{folder / 'workspaces.sqlite3'}"
    limits = Limits(settings.workspace_mb * MIB, settings.store_mb * MIB)
    try:
        return SqlStore(url, folder / "files", limits)
    except Exception as error:
        raise StoreError(f"DATABASE_URL does not name a database that can be used: {type(error).__name__}.") from error
