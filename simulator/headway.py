"""How far long work has come: one record that whoever waits is told, and whose answer stops the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from simulator import words
from simulator.errors import Cancelled


@dataclass(frozen=True)
class Headway:
    """How far some work has come. Work that knows more tells a subclass.

    Attributes:
        phase: what is being done, in words.
        done, total: pieces of the work; total is 0 where it is not known.
        name: of the placement or the like that is worked on.
    """

    phase: str
    done: int = 0
    total: int = 0
    name: str = ""


def simulated(done: int, total: int) -> Headway:
    """So many requests are simulated, of all."""
    return Headway(f"simulating, {words.count(done)} of {words.count(total)} requests", done, total)


Told = TypeVar("Told", bound=Headway)
# Called in the calling thread now and then; when it returns False, the work stops.
OnProgress = Callable[[Headway], bool | None]


def goes_on(on_progress: Callable[[Told], bool | None] | None, headway: Told) -> bool:
    """Tell how far the work has come; whether it is to go on."""
    return on_progress is None or on_progress(headway) is not False


def tell(on_progress: Callable[[Told], bool | None] | None, headway: Told) -> None:
    """Tell how far the work has come; raises Cancelled where it is to stop."""
    if not goes_on(on_progress, headway):
        raise Cancelled
