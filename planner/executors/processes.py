"""Searches in processes of their own, so that a server's pages never wait for Python's lock in theirs.

Searches are compiled for the most part, but between two kernels each of their threads takes the lock. With two of
them at work on two cores, ten visitors waited twenty times as long for their pages as without.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, TypeVar

from planner.search.result import Progress
from planner.search.where import OnProgress
from simulator import Cancelled, InputError
from simulator.headway import goes_on

# How often a search tells how far it is, and hears whether it is to go on.
TELL_S = 0.1
# A process that has nothing to do for so long ends, and gives its memory back.
IDLE_S = 60.0
# Less than the server's own work by so much: pages go first.
NICE = 10
STOP = "stop"

Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Lost(InputError):
    """The process of a search ended before the search."""

    def __init__(self) -> None:
        super().__init__(
            "The process of this search was ended from outside, probably for want of memory; search again, or with "
            "fewer requests."
        )


class SearchProcesses:
    """Processes that search, begun where they are needed, so many at most; further searches wait for a turn."""

    def __init__(self, most: int) -> None:
        # Processes are forked from one that has loaded everything and has no threads.
        methods = multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if self._context.get_start_method() == "forkserver":
            self._context.set_forkserver_preload(["planner.executors.preloaded"])
        self._turns = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []

    def prepare(self) -> None:
        """Begin one process, so that the first search does not wait for it."""
        self._give_back(self._take())

    def call(
        self, function: Callable[..., Result], /, *args: Any, on_progress: OnProgress | None, **kwargs: Any
    ) -> Result:
        """function(*args, on_progress=..., **kwargs) in another process, with its result or its exception.

        Function and arguments can be pickled. `on_progress` is called in the calling thread; when it returns False
        the function is told so. Raises Cancelled if that is before its turn, Lost where the process is killed. Where
        the system allows no further process the function runs here.
        """
        waiting = Progress("waiting for a turn", evaluations=0, best_score=None, seconds=0.0)
        while not self._turns.acquire(timeout=TELL_S):
            if not goes_on(on_progress, waiting):
                raise Cancelled
        try:
            process = self._take()
            if process is None:
                return function(*args, on_progress=on_progress, **kwargs)
            try:
                return process.call(function, args, kwargs, on_progress)
            finally:
                self._give_back(process)
        finally:
            self._turns.release()

    def _take(self) -> _Process | None:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_ready():
                    return process
        try:
            return _Process(self._context)
        except (OSError, EOFError):
            log.exception("no process can be started to search in, so this one searches itself")
            return None

    def _give_back(self, process: _Process | None) -> None:
        if process is not None and not process.is_busy:
            with self._lock:
                self._idle.append(process)


class _Process:
    """One process, as its owner sees it.

    Attributes:
        is_busy: whether it has not said yet how its search ended; left so, it ends when this object does.
    """

    def __init__(self, context: Any) -> None:
        self.is_busy = False
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        # Python waits at its end for processes that it began, and these hear no other signal.
        Finalize(self, _end, (self._process,), exitpriority=0)

    def is_ready(self) -> bool:
        """Whether it is there for another search; it ends by itself where it was idle for long."""
        with suppress(OSError, EOFError):
            self._connection.send(None)
            return self._connection.poll(10 * TELL_S) and self._connection.recv() is None
        return False

    def call(self, function: Any, args: Any, kwargs: Any, on_progress: OnProgress | None) -> Any:
        self.is_busy = True
        try:
            _send(self._connection, (function, args, kwargs))
            return self._followed(on_progress)
        except (OSError, EOFError):
            raise Lost from None

    def _followed(self, on_progress: OnProgress | None) -> Any:
        told, goes = Progress("start", evaluations=0, best_score=None, seconds=0.0), True
        while True:
            if self._connection.poll(TELL_S):
                kind, content = self._connection.recv()
                self.is_busy = kind not in ("result", "error")
                if kind == "result":
                    return content
                if kind == "error":
                    raise content
                told = content if kind == "better" else replace(content, placement=told.placement, steps=told.steps)
            if goes and not goes_on(on_progress, told):
                goes = False
                self._connection.send(STOP)


def _end(process: BaseProcess) -> None:
    if process.is_alive():
        process.kill()


def _send(connection: Connection, message: object) -> None:
    """As `send` does, but read-only arrays stay so: kernels are compiled for them apart from others."""
    connection.send_bytes(pickle.dumps(message, protocol=5))


def _serve(connection: Connection) -> None:
    """The life of a process: one search after the other, until its owner is gone or has had none for long."""
    # Whoever is told to end, and all that he began with him, still wants what was found; his own end ends this one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with suppress(AttributeError, OSError):
        os.nice(NICE)
    with suppress(EOFError, OSError):
        while connection.poll(IDLE_S):
            task = connection.recv()
            # A stop may come when the search has ended by itself.
            if task != STOP:
                _send(connection, task if task is None else _done(connection, *task))


def _done(connection: Connection, function: Any, args: Any, kwargs: Any) -> tuple[str, Any]:
    try:
        return "result", function(*args, on_progress=_Telling(connection), **kwargs)
    except Exception as error:
        # The traceback does not travel with it.
        error.add_note(traceback.format_exc())
        return "error", error


class _Telling:
    """Tells the owner how far the search is; what it found so far only where that has become more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told_s, self._steps, self._is_stopped = 0.0, -1, False

    def __call__(self, progress: Progress) -> bool:
        if not self._is_stopped and self._connection.poll():
            # The one word there is: stop, said once. Where the owner is gone nobody wants the rest either.
            self._connection.recv()
            self._is_stopped = True
        if self._is_stopped:
            return False
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            if len(progress.steps) != self._steps:
                self._steps = len(progress.steps)
                _send(self._connection, ("better", progress))
            else:
                _send(self._connection, ("same", replace(progress, placement=None, steps=())))
        return True
