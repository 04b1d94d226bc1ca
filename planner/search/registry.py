"""Which algorithms there are and what each may be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.search import baselines
from planner.search.alpaserve import alpaserve
from planner.search.beam import beam, greedy
from planner.search.clockwork import clockwork
from planner.search.exhaustive import exhaustive
from planner.search.refine import refine
from planner.search.run import Run
from simulator import InputError, Placement


@dataclass(frozen=True)
class Option:
    """One option of an algorithm.

    Attributes:
        name: as in the scenario file.
        kind: "int", "float", "bool", "choice", "shapes" (a list of (pp, tp)) or "placement".
        default: used when it is not given; None = not set.
        allowed: what may be given: (lowest, highest) of a number, the words of a choice, otherwise empty.
        help: what it does, a sentence.
    """

    name: str
    kind: str
    default: Any
    allowed: tuple = ()
    help: str = ""

    def check(self, algorithm: str, value: Any) -> Any:
        """The value as the algorithm takes it; raises InputError saying what is allowed."""
        if value is None and self.default is None:
            return None
        checked = _CHECKS[self.kind](value, self.allowed)
        if checked is None:
            allowed = _ALLOWED[self.kind](self.allowed)
            raise InputError(f"Option '{self.name}' of algorithm '{algorithm}' is {value!r}; {allowed} is allowed.")
        return checked


@dataclass(frozen=True)
class Algorithm:
    """A search algorithm: a plain title, one line about it, its options, and the function that runs it."""

    title: str
    description: str
    options: tuple[Option, ...]
    function: Callable[..., None]

    def start(self, run: Run, name: str, given: Mapping[str, Any]) -> None:
        """Run with the given options, defaults for the others; raises InputError for a wrong one."""
        known = {option.name: option for option in self.options}
        for key in given:
            if key not in known:
                allowed = f"{', '.join(known)} are allowed" if known else "it has none"
                raise InputError(f"Algorithm '{name}' has no option '{key}'; {allowed}.")
        values = {key: option.check(name, given.get(key, option.default)) for key, option in known.items()}
        self.function(run, **values)


def find_algorithm(name: str) -> Algorithm:
    """An algorithm by its name; raises InputError naming those that exist."""
    if name not in ALGORITHMS:
        raise InputError(f"Algorithm '{name}' is not known; {', '.join(ALGORITHMS)} are allowed.")
    return ALGORITHMS[name]


def _whole(value: Any, allowed: tuple) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and allowed[0] <= value <= allowed[1]
    return value if good else None


def _number(value: Any, allowed: tuple) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and allowed[0] <= value <= allowed[1]
    return float(value) if good else None


def _shapes(value: Any, _: tuple) -> tuple[tuple[int, int], ...] | None:
    try:
        shapes = tuple((pp, tp) for pp, tp in value)
    except (TypeError, ValueError):
        return None
    good = shapes and all(isinstance(x, int) and x >= 1 for shape in shapes for x in shape)
    return shapes if good else None


_CHECKS: dict[str, Callable[[Any, tuple], Any]] = {
    "int": _whole,
    "float": _number,
    "bool": lambda value, _: value if isinstance(value, bool) else None,
    "choice": lambda value, allowed: value if value in allowed else None,
    "shapes": _shapes,
    "placement": lambda value, _: value if isinstance(value, Placement) else None,
}
_ALLOWED: dict[str, Callable[[tuple], str]] = {
    "int": lambda allowed: f"a whole number from {allowed[0]} to {allowed[1]}",
    "float": lambda allowed: f"a number from {allowed[0]:g} to {allowed[1]:g}",
    "bool": lambda _: "true or false",
    "choice": lambda allowed: "one of " + ", ".join(map(str, allowed)),
    "shapes": lambda _: "a list of pairs (pp, tp) of whole numbers from 1 on",
    "placement": lambda _: "a placement",
}

_PP = Option("pp", "int", 4, (1, 64), "stages of every group")
_TP = Option("tp", "int", 1, (1, 64), "tensor degree of every group")

_GROUPS = Option("placement", "placement", None, (), "groups to fill instead of pp and tp")
_LIMITS = (
    Option("max_pp", "int", 8, (1, 64), "most stages of a group"),
    Option("max_tp", "int", 4, (1, 64), "highest tensor degree of a group"),
    Option("shapes", "shapes", None, (), "the only (pp, tp) to use, instead of the two limits"),
)

_RESAMPLINGS = Option("resamplings", "int", 0, (0, 64), "other days, drawn at random, to plan for at the same time")

ALGORITHMS: dict[str, Algorithm] = {
    "alpaserve": Algorithm(
        "AlpaServe",
        "Tries every way to cut the cluster into groups, then improves the best by local changes.",
        (
            Option("bucketing", "choice", "all", ("all", "released", "one"), "how slow and fast models are separated"),
            *_LIMITS,
            Option("mixed", "bool", False, (), "also half of the devices in one configuration, half in another"),
            Option("refine", "bool", True, (), "improve by local changes while anything is left of the limits"),
            _RESAMPLINGS,
        ),
        alpaserve,
    ),
    "selective_replication": Algorithm(
        "Selective replication",
        "Every device on its own; popular models get more replicas.",
        (),
        baselines.selective_replication,
    ),
    "uniform": Algorithm(
        "Uniform groups",
        "All groups have one parallel configuration; the fast heuristic fills them.",
        (_PP, _TP),
        baselines.uniform,
    ),
    "dedicated": Algorithm(
        "Dedicated devices",
        "Every model has its own devices, as many as its load asks for.",
        (
            Option("pp", "int", None, (1, 64), "stages of every group; by default the smallest that fits each model"),
            Option("tp", "int", None, (1, 64), "tensor degree of every group"),
        ),
        baselines.dedicated,
    ),
    "round_robin": Algorithm(
        "Round robin",
        "Models are dealt out to equal groups in turn, without looking at the traffic.",
        (_PP, _TP),
        baselines.round_robin,
    ),
    "fast_greedy": Algorithm(
        "Fast greedy",
        "The most under-served model joins the least loaded group, until memory is full.",
        (_PP, _TP, _GROUPS),
        baselines.fast_greedy,
    ),
    "refine": Algorithm(
        "Improve a placement",
        "Begins with a given placement and improves it by local changes.",
        (Option("placement", "placement", Placement(()), (), "where to begin"), *_LIMITS, _RESAMPLINGS),
        refine,
    ),
    "greedy": Algorithm(
        "Greedy (Algorithm 1)",
        "Adds, one by one, the replica with which the simulation scores best.",
        (_PP, _TP, _GROUPS),
        greedy,
    ),
    "beam": Algorithm(
        "Beam search (Algorithm 1)",
        "As greedy, but goes on from several of the best selections at once.",
        (_PP, _TP, _GROUPS, Option("width", "int", 3, (1, 64), "selections that are kept")),
        beam,
    ),
    "clockwork": Algorithm(
        "Clockwork++",
        "Single devices, planned anew for every window of time.",
        (
            Option("window_s", "float", 60.0, (0.1, 1e7), "seconds from one change of placement to the next"),
            Option("foresight", "bool", True, (), "plan each window for its own requests, not those before"),
        ),
        clockwork,
    ),
    "exhaustive": Algorithm(
        "Every placement",
        "Tries all placements of a small case; nothing can be better.",
        (*_LIMITS, Option("max_placements", "int", 200_000, (1, 10_000_000), "give up if there are more")),
        exhaustive,
    ),
}
