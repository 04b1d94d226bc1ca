"""What a Dask worker does when something is shared with it. Imported only where there is a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distributed import WorkerPlugin

from planner.executors.shared import Shared, forget, keep

if TYPE_CHECKING:
    from distributed import Worker


class Keeper(WorkerPlugin):
    """Keeps a packed object in a file of the worker's own folder. The scheduler gives it to workers that join later."""

    def __init__(self, shared: Shared, content: bytes, owner: str) -> None:
        self.shared, self.content, self.owner = shared, content, owner

    def setup(self, worker: Worker) -> None:
        """Write the file."""
        keep(self.shared, self.content, Path(worker.local_directory), self._owner(worker))
        self.content = b""

    def teardown(self, worker: Worker) -> None:
        """Remove it."""
        forget(self.shared, self._owner(worker))

    def _owner(self, worker: Worker) -> str:
        # Several workers may be threads of one process.
        return f"{self.owner} {worker.id}"
