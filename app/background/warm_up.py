"""Compiles the kernels before a visitor needs them: as `python -m` module, or in the background of the server."""

from __future__ import annotations

import gc
import sys
import time

from app.settings import PROBLEM
from planner.search import SEARCHING
from simulator.generation.preparation import GENERATING
from simulator.headway import Headway
from simulator.preparation import BATCHING, LOADING, SIMULATING

ALL = (SIMULATING, SEARCHING, BATCHING, GENERATING)
# What closed tabs leave behind is found after so long, see `set_loaded_aside`.
SET_ASIDE_S = 600.0
_set_aside_s: dict[str, float] = {}


def start_warm_up() -> None:
    """Prepare in the background, once in the life of the server; what the first page needs comes first."""
    for preparation in ALL:
        preparation.start()


def is_prepared() -> bool:
    """Whether nothing is being compiled any more."""
    return not any(preparation.is_under_way for preparation in ALL)


def set_loaded_aside(page: str) -> None:
    """Take what libraries hold out of the garbage collector's way, when a page was drawn for the first time.

    Streamlit collects after every run of a page and of a fragment. Looking through all that is loaded for good takes
    0.2 s of a core each time, which ten visitors would wait for most of the time.
    """
    now_s = time.monotonic()
    if not is_prepared() or now_s < _set_aside_s.get(page, 0.0) + SET_ASIDE_S:
        return
    _set_aside_s.update({page: now_s} | dict.fromkeys(_set_aside_s, now_s))
    # What was set aside before may be garbage by now.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
