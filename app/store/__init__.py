"""Workspaces that outlast the page: parts by key, files by their SHA-256, named versions.

The rest of the app sees `WorkspaceStore` only; SQLAlchemy and the folder of files stay in this room.
"""

from app.store.contract import (
    Changed,
    Limits,
    Loaded,
    Part,
    StoreError,
    Usage,
    Version,
    WorkspaceStore,
    may_write,
    new_workspace_id,
)
from app.store.opening import open_store

__all__ = [
    "Changed",
    "Limits",
    "Loaded",
    "Part",
    "StoreError",
    "Usage",
    "Version",
    "WorkspaceStore",
    "may_write",
    "new_workspace_id",
    "open_store",
]
