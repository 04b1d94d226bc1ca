"""Compiles the kernels before a visitor needs them: as `python -m` module, or in the background of the server."""

from __future__ import annotations

import sys
import threading

from app.background.jobs import THREADS
from app.settings import PROBLEM
from planner.executors.processes import SearchProcesses
from planner.search import SEARCHING, search_elsewhere
from simulator.generation.preparation import GENERATING
from simulator.headway import Headway
from simulator.preparation import BATCHING, LOADING, SIMULATING

ALL = (SIMULATING, SEARCHING, BATCHING, GENERATING)


def start_warm_up() -> None:
    """Prepare in the background, once in the life of the server; what the first page needs comes first."""
    for preparation in ALL:
        preparation.start()


def is_prepared() -> bool:
    """Whether nothing is being compiled any more."""
    return not any(preparation.is_under_way for preparation in ALL)


def search_in_processes() -> None:
    """Have searches run beside this server and not in it, once in its life; the first process is begun by and by."""
    processes = SearchProcesses(THREADS)
    search_elsewhere(processes)

    def begin() -> None:
        SEARCHING.wait()
        processes.prepare()

    start_warm_up()
    threading.Thread(target=begin, name="search processes", daemon=True).start()


def share_prepared(what: str) -> float:
    """About how much is done of what a job says that it waits for; 0 if it waits for no preparation."""
    shares = (preparation.share_done for preparation in ALL if preparation.is_under_way and preparation.words == what)
    return next(shares, 0.0)


def warm_up() -> None:
    """Prepare everything, and say so where it takes a while."""
    said: set[str] = set()

    def say(told: Headway) -> None:
        if told.phase not in ("", LOADING) and not said:
            print("Compiling the simulator and the searches, once, some 20 s ...", file=sys.stderr)
            said.add(told.phase)

    for preparation in ALL:
        preparation.wait(say)


if __name__ == "__main__":
    if PROBLEM is not None:
        sys.exit(PROBLEM)
    warm_up()
