"""The options of every algorithm, one frozen dataclass each, and how they are checked and described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from simulator import InputError, Placement

Shapes = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Option:
    """One option of an algorithm, as the page, the command line and the scenario file read it.

    Attributes:
        name: as in the scenario file.
        kind: "int", "float", "bool", "choice", "shapes" (a list of (pp, tp)) or "placement".
        default: used when it is not given; None = not set.
        allowed: what may be given: (lowest, highest) of a number, the words of a choice, otherwise empty.
        help: what it does, a sentence.
        label: what a page calls it, in plain words.
    """

    name: str
    kind: str
    default: Any
    allowed: tuple[Any, ...] = ()
    help: str = ""
    label: str = ""

    def check(self, algorithm: str, value: Any) -> Any:
        """The value as the algorithm takes it; raises InputError saying what is allowed."""
        if value is None and self.default is None:
            return None
        checked = _CHECKS[self.kind](value, self.allowed)
        if checked is None:
            allowed = _ALLOWED[self.kind](self.allowed)
            raise InputError(f"Option '{self.name}' of algorithm '{algorithm}' is {value!r}; {allowed} is allowed.")
        return checked


def _option(kind: str, default: Any, allowed: tuple[Any, ...], help: str, label: str = "") -> Any:
    return field(default=default, metadata={"kind": kind, "allowed": allowed, "help": help, "label": label})


def describe(options: type) -> tuple[Option, ...]:
    """The fields of an options class as options."""
    return tuple(Option(name=f.name, default=f.default, **f.metadata) for f in fields(options))


Options = TypeVar("Options")


def read_options(options: type[Options], algorithm: str, given: Mapping[str, Any]) -> Options:
    """The given values and defaults for the others; raises InputError for a wrong one."""
    known = {option.name: option for option in describe(options)}
    for key in given:
        if key not in known:
            allowed = f"{', '.join(known)} are allowed" if known else "it has none"
            raise InputError(f"Algorithm '{algorithm}' has no option '{key}'; {allowed}.")
    return options(**{key: option.check(algorithm, given.get(key, option.default)) for key, option in known.items()})


@dataclass(frozen=True)
class NoOptions:
    """An algorithm without options."""


@dataclass(frozen=True)
class GroupOptions:
    """Equal groups."""

    pp: int = _option("int", 4, (1, 64), "stages of every group")
    tp: int = _option("int", 1, (1, 64), "tensor degree of every group")


@dataclass(frozen=True)
class FillOptions(GroupOptions):
    """Equal or given groups to fill."""

    placement: Placement | None = _option("placement", None, (), "groups to fill instead of pp and tp")


@dataclass(frozen=True)
class BeamOptions(FillOptions):
    """Algorithm 1."""

    width: int = _option("int", 3, (1, 64), "selections that are kept", "Candidates kept at each step (beam width)")


@dataclass(frozen=True)
class DedicatedOptions:
    """Groups of one model each."""

    pp: int | None = _option("int", None, (1, 64), "stages of every group; by default the smallest that fits")
    tp: int | None = _option("int", None, (1, 64), "tensor degree of every group")


@dataclass(frozen=True)
class ShapeOptions:
    """Which configurations groups may have."""

    max_pp: int = _option("int", 8, (1, 64), "most stages of a group", "Most stages a model is cut into (pipeline)")
    max_tp: int = _option(
        "int", 4, (1, 64), "highest tensor degree of a group", "Most devices that share a stage (tensor parallel)"
    )
    shapes: Shapes | None = _option("shapes", None, (), "the only (pp, tp) to use, instead of the two limits")


@dataclass(frozen=True)
class RefineOptions(ShapeOptions):
    """Local improvement of a placement."""

    placement: Placement = _option("placement", Placement(()), (), "where to begin")
    resamplings: int = _option(
        "int",
        0,
        (0, 64),
        "other days, drawn at random, to plan for at the same time",
        "Also plan for this many other days (resamplings)",
    )


@dataclass(frozen=True)
class AlpaServeOptions(ShapeOptions):
    """Algorithm 2."""

    bucketing: str = _option(
        "choice",
        "all",
        ("all", "released", "one"),
        "how slow and fast models are separated",
        "Keep slow and fast models apart (buckets)",
    )
    mixed: bool = _option(
        "bool",
        False,
        (),
        "also half of the devices in one configuration, half in another",
        "Also try two group sizes side by side",
    )
    refine: bool = _option(
        "bool",
        True,
        (),
        "improve by local changes while anything is left of the limits",
        "Improve step by step until the time is up",
    )
    resamplings: int = _option(
        "int",
        0,
        (0, 64),
        "other days, drawn at random, to plan for at the same time",
        "Also plan for this many other days (resamplings)",
    )


@dataclass(frozen=True)
class ClockworkOptions:
    """Windows of time."""

    window_s: float = _option(
        "float", 60.0, (0.1, 1e7), "seconds from one change of placement to the next", "Change the placement every (s)"
    )
    foresight: bool = _option(
        "bool", True, (), "plan each window for its own requests, not those before", "Plan knowing the requests to come"
    )


@dataclass(frozen=True)
class ExhaustiveOptions(ShapeOptions):
    """Every placement."""

    max_placements: int = _option(
        "int", 200_000, (1, 10_000_000), "give up if there are more", "Most placements to try"
    )


def _whole(value: Any, allowed: tuple[Any, ...]) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and allowed[0] <= value <= allowed[1]
    return value if good else None


def _number(value: Any, allowed: tuple[Any, ...]) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and allowed[0] <= value <= allowed[1]
    return float(value) if good else None


def _shapes(value: Any, _: tuple[Any, ...]) -> Shapes | None:
    try:
        shapes = tuple((pp, tp) for pp, tp in value)
    except (TypeError, ValueError):
        return None
    good = shapes and all(isinstance(x, int) and x >= 1 for shape in shapes for x in shape)
    return shapes if good else None


_CHECKS: dict[str, Callable[[Any, tuple[Any, ...]], Any]] = {
    "int": _whole,
    "float": _number,
    "bool": lambda value, _: value if isinstance(value, bool) else None,
    "choice": lambda value, allowed: value if value in allowed else None,
    "shapes": _shapes,
    "placement": lambda value, _: value if isinstance(value, Placement) else None,
}
_ALLOWED: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "int": lambda allowed: f"a whole number from {allowed[0]} to {allowed[1]}",
    "float": lambda allowed: f"a number from {allowed[0]:g} to {allowed[1]:g}",
    "bool": lambda _: "true or false",
    "choice": lambda allowed: "one of " + ", ".join(map(str, allowed)),
    "shapes": lambda _: "a list of pairs (pp, tp) of whole numbers from 1 on",
    "placement": lambda _: "a placement",
}
