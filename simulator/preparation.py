"""Compiling, or loading, the kernels before they are needed, so that it never counts as simulating or searching."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import numpy as np

from simulator import kernels
from simulator.headway import Headway, OnProgress, tell
from simulator.kernel_stamps import is_compiled
from simulator.placement import Group, Placement
from simulator.profiles import Model, Profile, ProfileEntry
from simulator.run import simulate
from simulator.serving import Serving
from simulator.timeline import build_timeline
from simulator.workload import Workload

POLL_S = 0.05
# Kernels that were compiled before are loaded within this time, and nobody need be told.
PATIENCE_S = 1.0
LOADING = "loading what was compiled before"


class Preparation:
    """Work that is done once in a process, in a thread of its own that ends with the process.

    Waiting for it can be given up at any moment, which compiling itself cannot.

    Args:
        work: what to do.
        expected_s: about how long it takes where nothing was compiled before.
        is_compiled: whether it was compiled on this machine before, so that it is only loaded.

    Attributes:
        words: what it is, for the person who waits.
    """

    def __init__(self, work: Callable[[], None], expected_s: float, is_compiled: bool = False) -> None:
        self.words = LOADING if is_compiled else f"preparing, once on this machine, {expected_s:g} s or more"
        self._expected_s, self._began_s = expected_s, time.monotonic()
        self._work = work
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._failure: BaseException | None = None

    @property
    def is_ready(self) -> bool:
        """Whether everything is prepared."""
        return self._ended.is_set() and self._failure is None

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return self._thread is not None and not self._ended.is_set()

    @property
    def share_done(self) -> float:
        """About how much is done, from 0 to 1; by the time it took so far, because compiling does not say.

        It nears 1 ever more slowly, as a machine that does other things too takes many times as long.
        """
        if not self.is_under_way:
            return float(self.is_ready)
        return min(1 - math.exp((self._began_s - time.monotonic()) / self._expected_s), 0.95)

    def start(self) -> None:
        """Begin in the background, unless that was done before; what failed is tried again."""
        with self._lock:
            if self._thread is None or (self._ended.is_set() and self._failure is not None):
                self._failure = None
                self._ended.clear()
                self._began_s = time.monotonic()
                self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)
                self._thread.start()

    def wait(self, on_progress: OnProgress | None = None) -> None:
        """Begin if need be, and return once everything is prepared.

        Args:
            on_progress: told every 50 ms what is going on, once it takes longer than loading does; before that an
                empty phase.

        Raises:
            Cancelled: `on_progress` returned False; the work goes on in the background.
        """
        if self.is_ready:
            return
        self.start()
        began_s = time.monotonic()
        while not self._ended.wait(POLL_S):
            words = self.words if time.monotonic() - began_s > PATIENCE_S else ""
            tell(on_progress, Headway(words))
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as failure:  # Raised again in those who wait.
            self._failure = failure
        finally:
            self._ended.set()


def tiny_case() -> tuple[list[Model], Workload]:
    """Three small models and sixty requests: enough to run every kernel, and no work."""
    entries = {(pp, 1): ProfileEntry(pp, 1, (1.0 / pp,) * pp, (6.0 / pp,) * pp) for pp in (1, 2)}
    models = [Model(f"m{i}", Profile("p", entries), 2.0) for i in range(3)]
    return models, Workload(np.arange(60) * 0.2, np.arange(60) % 3, 3)


def _simulate_once() -> None:
    models, workload = tiny_case()
    placement = Placement((Group(2, 1, ("m0", "m1")), Group(1, 1, ("m2",))))
    result = simulate(models, placement, workload, Serving())
    build_timeline(result, 10)


def _batch_once() -> None:
    SIMULATING.wait()
    models, workload = tiny_case()
    simulate(models, Placement((Group(1, 1, ("m0", "m1")),)), workload, Serving(max_batch_size=2))


SIMULATING = Preparation(_simulate_once, 5, is_compiled(kernels.serve))
BATCHING = Preparation(_batch_once, 8, is_compiled(kernels.serve_batches))


def preparation_for(serving: Serving) -> Preparation:
    """What has to be prepared to simulate under these rules."""
    return BATCHING if serving.max_batch_size > 1 else SIMULATING
