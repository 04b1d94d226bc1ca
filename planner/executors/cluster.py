"""Work on other machines: a Dask scheduler and its workers. Dask is imported only where a cluster is asked for."""

from __future__ import annotations

import logging
import os
import pickle
import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from planner.executors.sending import Lender, carry_out, stop_there
from planner.executors.shared import Shared
from simulator import InputError

if TYPE_CHECKING:
    import numpy as np
    from distributed import Client, Security

CLUSTER_VARIABLE = "PLANNER_CLUSTER"
CONNECT_S = 5.0
# Without a word from the scheduler for so long, it is gone.
GONE_S = 3.0
# How often workers are counted and the scheduler is looked for.
WATCH_S = 0.5
# Messages of a client wait for each other; Dask's own 10 ms are as long as a task's way there and back without them.
GATHERED_S = 0.001
# What takes milliseconds goes to a worker in tens.
PER_TASK = 16

Result = TypeVar("Result")


class Gone(InputError):
    """The cluster does not do the work any more."""


class Nobody(InputError):
    """No scheduler answers at an address."""


class Machines(Executor):
    """The workers of a scheduler, with the interface of concurrent.futures.

    A task is begun again elsewhere where its worker dies; workers that join later are used as well. What many tasks
    read reaches each worker once, see `sending`. Where the scheduler goes, all futures raise Gone.

    Attributes:
        tasks, bytes_out, bytes_back: how many went out, and what they and what they gave took; not what is lent.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address, self._name = client, address, uuid.uuid4().hex
        self._executor = client.get_executor(pure=False)
        self._lender = Lender(self._give, self._take_back)
        self._under_way: set[Future[Any]] = set()
        self._lost: Gone | None = None
        self._lock, self._closed = Lock(), Event()
        self._threads = 1
        self.tasks = self.bytes_out = self.bytes_back = 0
        Thread(target=self._watch, name="machines", daemon=True).start()

    @property
    def at_a_time(self) -> int:
        """Tasks to have under way, so that no worker waits for the next one."""
        return 2 * self._threads

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Begin a task on some worker: a function of a module, and arguments that can be pickled."""
        if self._lost is not None:
            raise self._lost
        content, used = self._lender.packed((partial(fn, **kwargs), args))
        try:
            asked = self._executor.submit(carry_out, content)
        except Exception:
            # The task is bytes by now, so it is the client's: closed, or about to be.
            raise self._gone() from None
        sent: Future[Result] = Future()
        with self._lock:
            self.tasks, self.bytes_out = self.tasks + 1, self.bytes_out + len(content)
            self._under_way.add(sent)

        def end(sent: Future[Result]) -> None:
            with self._lock:
                self._under_way.discard(sent)
            self._lender.release(used)
            if sent.cancelled():
                asked.cancel()

        sent.add_done_callback(end)
        asked.add_done_callback(lambda asked: self._bring(asked, sent))
        return sent

    def stop(self, control: np.ndarray) -> None:
        """Raise a flag, int64 (1,), here and in every worker; whoever got it with a task stops soon."""
        control[0] = 1
        name = self._lender.flag(control)
        # Nobody waits for a machine that does not answer.
        Thread(target=self.everywhere, args=(stop_there, name), daemon=True).start()

    def follow(self, control: np.ndarray) -> None:
        """Tasks that get this flag, int64 (1,), look at a twin of it from now on, until `forget`."""
        self._lender.flag(control)

    def forget(self, control: np.ndarray) -> None:
        """No task will get this flag any more."""
        self._lender.forget(control)

    def everywhere(self, function: Callable[..., Result], *args: Any) -> list[Result]:
        """Call a function in every worker, beside its tasks: what those gave that answered."""
        if self._client.status == "running":
            with suppress(Exception):
                told: Any = self._client.run(function, *args, on_error="ignore")
                return list(told.values())
        return []

    def close(self) -> None:
        """Forget what was shared and leave the scheduler."""
        self._closed.set()
        if self._client.status == "running":
            for shared in self._lender.all():
                self._take_back(shared)
        with suppress(Exception):
            self._client.close(timeout=1)

    def _bring(self, asked: Future[bytes], sent: Future[Any]) -> None:
        """What a task gave, to whoever waits for it."""
        # Who waits may have given it up, or the scheduler, at this very moment.
        with suppress(InvalidStateError):
            try:
                content = asked.result()
                self.bytes_back += len(content)
                sent.set_result(pickle.loads(content))
            except Exception as error:
                if not sent.done():
                    sent.set_exception(self._reason(error))

    def _watch(self) -> None:
        """Count the workers, and end everything once the scheduler has not been there for some seconds."""
        silent_since_s: float | None = None
        while not self._closed.wait(WATCH_S):
            if self._client.status == "running":
                silent_since_s = None
                with suppress(Exception):
                    known: Any = self._client.nthreads()
                    self._threads = max(sum(known.values()), 1)
                continue
            silent_since_s = silent_since_s or time.monotonic()
            if time.monotonic() - silent_since_s > GONE_S:
                self._lost = self._gone()
                with self._lock:
                    left = list(self._under_way)
                for sent in left:
                    with suppress(InvalidStateError):
                        sent.set_exception(self._lost)
                return

    def _give(self, shared: Shared, content: bytes) -> None:
        from planner.executors.dask_plugin import Keeper

        until_s = time.monotonic() + GONE_S
        while True:
            try:
                self._client.register_plugin(Keeper(shared, content, self._name), name=self._plugin(shared))
                return
            except (OSError, CancelledError) as error:
                # A worker may have died just now, which the scheduler has to notice first.
                if time.monotonic() > until_s:
                    raise self._reason(error) from None
                time.sleep(WATCH_S)

    def _take_back(self, shared: Shared) -> None:
        with suppress(Exception):
            self._client.unregister_worker_plugin(self._plugin(shared))

    def _plugin(self, shared: Shared) -> str:
        # Others at the same scheduler may share the same, and take it back earlier.
        return f"{shared.digest} of {self._name}"

    def _reason(self, error: Exception) -> Exception:
        """What an error of the cluster means, a sentence; the error itself where it is the task's own."""
        name = type(error).__name__
        if isinstance(error, (CancelledError, TimeoutError)) or name == "CommClosedError":
            return self._gone()
        if name == "KilledWorker":
            return self._died()
        if isinstance(error, OSError):
            why = error.strerror or error
            return Gone(f"A worker of {self._address} cannot work: {why}; what was found before is kept.")
        return error

    def _gone(self) -> Gone:
        return Gone(f"The scheduler at {self._address} does not answer any more; what was found before is kept.")

    def _died(self) -> Gone:
        return Gone(
            f"A task was begun several times on workers of {self._address}, and each of them died; what was found "
            "before is kept."
        )


@contextmanager
def machines(address: str | None = None, connect_s: float | None = None) -> Iterator[Machines | None]:
    """The cluster at an address (tcp://host:port), by default of PLANNER_CLUSTER; None where neither names one.

    connect_s: how long an answer is waited for, by default CONNECT_S.

    Raises InputError where Dask is not installed or the address is none, Nobody where nobody answers there.
    """
    address = address or os.environ.get(CLUSTER_VARIABLE) or None
    if address is None:
        yield None
        return
    connected = _connect(address, connect_s or CONNECT_S)
    try:
        yield connected
    finally:
        connected.close()


def check_address(address: str) -> None:
    """Raise InputError if no Dask scheduler can have this address."""
    if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d{1,5}", address):
        raise InputError(f"The cluster is '{address}'; tcp://host:port of a Dask scheduler is allowed.")


def _connect(address: str, connect_s: float) -> Machines:
    check_address(address)
    try:
        from distributed import Client, Security
    except ImportError:
        raise InputError("A cluster needs Dask, which is not installed: pip install -r requirements-dask.txt") from None
    # What matters of it is said in sentences.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if address.startswith("tls:") and not _has_certificates(Security()):
        raise InputError(
            f"The cluster is '{address}'; tls:// needs certificates, named by Dask's setting distributed.comm.tls."
        )
    try:
        client = Client(address, timeout=connect_s, set_as_default=False)
    except (OSError, TimeoutError):
        raise Nobody(f"No Dask scheduler answers at {address}.") from None
    messages: Any = client.scheduler_comm
    messages.interval = GATHERED_S
    return Machines(client, address)


def _has_certificates(security: Security) -> bool:
    with suppress(OSError):
        return security.get_connection_args("client")["ssl_context"] is not None
    return False
