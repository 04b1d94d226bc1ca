"""Work on other machines: a Dask scheduler and its workers. Dask is imported only where a cluster is asked for."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from planner.executors.shared import Shared, packed
from simulator import InputError

if TYPE_CHECKING:
    from distributed import Client

CLUSTER_VARIABLE = "PLANNER_CLUSTER"
CONNECT_S = 5.0
# Without a word from the scheduler for so long, it is gone.
GONE_S = 3.0
# Points of a sweep that are only simulated go to a worker in tens, because each takes milliseconds.
POINTS_PER_TASK = 16

Result = TypeVar("Result")


class Gone(InputError):
    """The scheduler does not answer any more."""


class Machines(Executor):
    """The workers of a scheduler, with the interface of concurrent.futures.

    A task is begun again elsewhere where its worker dies; workers that join later are used as well. Tasks are
    functions of modules, with arguments that can be pickled; what many of them read is shared once.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address
        self._executor = client.get_executor(pure=False)
        self._shared: list[Shared] = []
        self._silent_since_s: float | None = None

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Begin a task on some worker."""
        return self._executor.submit(fn, *args, **kwargs)

    def share(self, obj: Any) -> Shared:
        """Give every worker, also those that join later, an object once; raises Gone."""
        from planner.executors.dask_plugin import Keeper

        shared, content = packed(obj)
        if shared not in self._shared:
            with self._answering():
                self._client.register_plugin(Keeper(shared, content), name=shared.digest)
            self._shared.append(shared)
        return shared

    def everywhere(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function in every worker, beside its tasks; where nobody answers any more, nothing is done."""
        if self._client.status == "running":
            with suppress(Exception):
                self._client.run(function, *args, on_error="ignore")

    def check(self) -> None:
        """Raise Gone where the scheduler has not been there for some seconds."""
        if self._client.status == "running":
            self._silent_since_s = None
            return
        now_s = time.monotonic()
        self._silent_since_s = self._silent_since_s or now_s
        if now_s - self._silent_since_s > GONE_S:
            raise self._gone()

    def result(self, future: Future[Result]) -> Result:
        """What a finished task gave; raises Gone where it was lost with the scheduler."""
        try:
            return future.result()
        except (CancelledError, OSError):
            raise self._gone() from None

    def close(self) -> None:
        """Forget what was shared and leave the scheduler."""
        if self._client.status == "running":
            for shared in self._shared:
                with suppress(Exception):
                    self._client.unregister_worker_plugin(shared.digest)
        with suppress(Exception):
            self._client.close(timeout=1)

    def _gone(self) -> Gone:
        return Gone(f"The scheduler at {self._address} does not answer any more; what was found before is kept.")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TimeoutError, CancelledError):
            raise self._gone() from None


@contextmanager
def machines(address: str | None = None) -> Iterator[Machines | None]:
    """The cluster at an address (tcp://host:port), by default of PLANNER_CLUSTER; None where neither names one.

    Raises InputError where Dask is not installed, the address is none, or nobody answers there.
    """
    address = address or os.environ.get(CLUSTER_VARIABLE) or None
    if address is None:
        yield None
        return
    connected = _connect(address)
    try:
        yield connected
    finally:
        connected.close()


def _connect(address: str) -> Machines:
    if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d{1,5}", address):
        raise InputError(f"The cluster is '{address}'; tcp://host:port of a Dask scheduler is allowed.")
    try:
        from distributed import Client
    except ImportError:
        raise InputError("A cluster needs Dask, which is not installed: pip install -r requirements-dask.txt") from None
    # What matters of it is said in sentences.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError):
        raise InputError(f"No Dask scheduler answers at {address}.") from None
    return Machines(client, address)
