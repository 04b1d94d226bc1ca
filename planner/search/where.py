"""Where searches run: in the thread that asks, or where a server has them run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from planner.search.result import Progress

Result = TypeVar("Result")
OnProgress = Callable[[Progress], bool | None]


class Elsewhere(Protocol):
    """What runs a search for a thread that waits for it."""

    def call(
        self, function: Callable[..., Result], /, *args: Any, on_progress: OnProgress | None, **kwargs: Any
    ) -> Result:
        """function(*args, on_progress=on_progress, **kwargs), or its exception."""
        ...


_chosen: list[Elsewhere] = []


def search_elsewhere(elsewhere: Elsewhere | None) -> None:
    """Have all searches of this process run there from now on; None: in the threads that ask for them."""
    _chosen[:] = [] if elsewhere is None else [elsewhere]


def run_search(function: Callable[..., Result], *args: Any, on_progress: OnProgress | None, **kwargs: Any) -> Result:
    """function(*args, on_progress=on_progress, **kwargs), where searches run."""
    # An executor that was given is of this process.
    if _chosen and kwargs.get("executor") is None:
        return _chosen[0].call(function, *args, on_progress=on_progress, **kwargs)
    return function(*args, on_progress=on_progress, **kwargs)
