"""What sections of placements a sweep or a capacity plan can be asked about."""

from __future__ import annotations

from collections.abc import Sequence

from planner.scenario.schema import PlacementSection
from planner.search import find_algorithm
from simulator import InputError

# A schedule may hold more models than fit at once, one after the other, so no bound holds for it.
_REPLANNING = ("clockwork",)


def check_sections(sections: Sequence[PlacementSection]) -> None:
    """Raises InputError where two sections have one name or an algorithm is not known: no point could tell that."""
    names = [section.name for section in sections]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"Two placements are called '{twice}'; every name may occur once.")
    for section in sections:
        if section.search is not None:
            find_algorithm(section.search.algorithm)


def replans(section: PlacementSection) -> bool:
    """Whether what a section finds changes over time."""
    return section.search is not None and section.search.algorithm in _REPLANNING
