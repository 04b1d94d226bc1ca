"""Placement search: every algorithm behind one function."""

from planner.search.bound import Bound, upper_bound
from planner.search.registry import ALGORITHMS, Algorithm, Option, find_algorithm
from planner.search.result import Alternative, HeldOut, Progress, SearchResult, Step
from planner.search.search import search
from planner.search.space import fits
from planner.search.warm_up import warm_up

__all__ = [
    "ALGORITHMS",
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
    "warm_up",
]
