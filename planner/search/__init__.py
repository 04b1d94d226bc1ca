"""Placement search: every algorithm behind one function."""

from planner.search.bound import Bound, upper_bound
from planner.search.budget import LOST
from planner.search.options import Option
from planner.search.preparation import SEARCHING
from planner.search.registry import ALGORITHMS, Algorithm, configure, find_algorithm
from planner.search.result import Alternative, HeldOut, Progress, SearchResult, Step
from planner.search.search import NoPlacement, search
from planner.search.space import model_problem
from planner.search.where import run_search, search_elsewhere

__all__ = [
    "ALGORITHMS",
    "LOST",
    "SEARCHING",
    "Algorithm",
    "Alternative",
    "Bound",
    "HeldOut",
    "NoPlacement",
    "Option",
    "Progress",
    "SearchResult",
    "Step",
    "configure",
    "find_algorithm",
    "model_problem",
    "run_search",
    "search",
    "search_elsewhere",
    "upper_bound",
]
