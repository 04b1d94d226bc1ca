"""Placement search: every algorithm behind one function."""

from planner.search.bound import Bound, upper_bound
from planner.search.preparation import SEARCHING
from planner.search.registry import ALGORITHMS, Algorithm, Option, find_algorithm
from planner.search.result import Alternative, HeldOut, Progress, SearchResult, Step
from planner.search.search import search
from planner.search.space import fits

__all__ = [
    "ALGORITHMS",
    "SEARCHING",
    "Algorithm",
    "Alternative",
    "Bound",
    "HeldOut",
    "Option",
    "Progress",
    "SearchResult",
    "Step",
    "find_algorithm",
    "fits",
    "search",
    "upper_bound",
]
