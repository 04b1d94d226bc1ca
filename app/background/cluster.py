"""The cluster that the page's jobs work on, and this machine where nobody answers there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from threading import Lock
from typing import Any, TypeVar

from planner.executors.cluster import CLUSTER_VARIABLE, Machines, Nobody, machines
from planner.scenario.schema import PlacementSection
from planner.search import SearchResult
from simulator.headway import OnProgress

Placed = TypeVar("Placed")
# A page waits so long for a cluster; where nobody answers, nobody is asked again for some time.
CONNECT_S, AWAY_S = 2.0, 30.0
RAN_HERE = "did not answer, so this ran on this machine."
# By address, until when nobody is asked there.
_away: dict[str, float] = {}
_lock = Lock()


@contextmanager
def machines_or_here(told: Callable[[str], object]) -> Iterator[Machines | None]:
    """The cluster of PLANNER_CLUSTER; None where there is none, or nobody answers, of which `told` gets a sentence.

    Raises InputError where it can never be one: a wrong address, or no Dask.
    """
    address = os.environ.get(CLUSTER_VARIABLE)
    with ExitStack() as stack:
        if address:
            # One asks, and whoever comes meanwhile learns what it found.
            with _lock:
                found = _found(address, stack)
            if found is None:
                told(f"The cluster at {address} {RAN_HERE}")
            yield found
        else:
            yield None


def found_with(
    place: Callable[..., tuple[Placed, SearchResult | None]],
    section: PlacementSection,
    inputs: Any,
    on_progress: OnProgress | None,
) -> tuple[Placed, SearchResult | None]:
    """A section placed on the cluster; where nobody answers there, the notes of its search say that it ran here.

    place: (section, inputs, progress, executor=...) -> placement, search.
    """
    said: list[str] = []
    with machines_or_here(said.append) if section.search is not None else nullcontext() as executor:
        placement, found = place(section, inputs, on_progress, executor=executor)
    return placement, None if found is None else replace(found, notes=(*found.notes, *said))


def _found(address: str, stack: ExitStack) -> Machines | None:
    if time.monotonic() < _away.get(address, 0.0):
        return None
    try:
        return stack.enter_context(machines(address, CONNECT_S))
    except Nobody:
        _away[address] = time.monotonic() + AWAY_S
        return None
