"""Which algorithms there are and what each may be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.search import baselines
from planner.search import options as known
from planner.search.alpaserve import alpaserve
from planner.search.beam import beam, greedy
from planner.search.clockwork import clockwork
from planner.search.exhaustive import exhaustive
from planner.search.options import Option, describe, read_options
from planner.search.refine import refine
from planner.search.run import Run
from simulator import InputError


@dataclass(frozen=True)
class Algorithm:
    """A search algorithm: a plain title, one line about it, the class of its options, and the function that runs it."""

    title: str
    description: str
    options_class: type[Any]
    function: Callable[[Run, Any], None]

    @property
    def options(self) -> tuple[Option, ...]:
        """What may be set, described."""
        return describe(self.options_class)


def find_algorithm(name: str) -> Algorithm:
    """An algorithm by its name; raises InputError naming those that exist."""
    if name not in ALGORITHMS:
        raise InputError(f"Algorithm '{name}' is not known; {', '.join(ALGORITHMS)} are allowed.")
    return ALGORITHMS[name]


def configure(name: str, given: Mapping[str, Any]) -> Any:
    """The options of an algorithm from what was given; raises InputError for an unknown algorithm or a wrong option."""
    return read_options(find_algorithm(name).options_class, name, given)


ALGORITHMS: dict[str, Algorithm] = {
    "alpaserve": Algorithm(
        "AlpaServe",
        "Tries every way to cut the cluster into groups, then improves the best by local changes.",
        known.AlpaServeOptions,
        alpaserve,
    ),
    "selective_replication": Algorithm(
        "Single-device replication",
        "Every device on its own; popular models get more replicas.",
        known.NoOptions,
        baselines.selective_replication,
    ),
    "uniform": Algorithm(
        "Uniform groups",
        "All groups have one parallel configuration; the fast heuristic fills them.",
        known.GroupOptions,
        baselines.uniform,
    ),
    "dedicated": Algorithm(
        "Dedicated devices",
        "Every model has its own devices, as many as its load asks for.",
        known.DedicatedOptions,
        baselines.dedicated,
    ),
    "round_robin": Algorithm(
        "Round robin",
        "Models are dealt out to equal groups in turn, without looking at the traffic.",
        known.GroupOptions,
        baselines.round_robin,
    ),
    "fast_greedy": Algorithm(
        "Fast greedy",
        "The most under-served model joins the least loaded group, until memory is full.",
        known.FillOptions,
        baselines.fast_greedy,
    ),
    "refine": Algorithm(
        "Improve a placement",
        "Begins with a given placement and improves it by local changes.",
        known.RefineOptions,
        refine,
    ),
    "greedy": Algorithm(
        "Greedy (Algorithm 1)",
        "Adds, one by one, the replica with which the simulation scores best.",
        known.FillOptions,
        greedy,
    ),
    "beam": Algorithm(
        "Beam search (Algorithm 1)",
        "As greedy, but goes on from several of the best selections at once.",
        known.BeamOptions,
        beam,
    ),
    "clockwork": Algorithm(
        "Clockwork++",
        "Single devices, planned anew for every window of time.",
        known.ClockworkOptions,
        clockwork,
    ),
    "exhaustive": Algorithm(
        "Every placement",
        "Tries all placements of a small case; nothing can be better.",
        known.ExhaustiveOptions,
        exhaustive,
    ),
}
