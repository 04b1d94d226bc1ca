"""What to do: scenarios, placement search, comparison, the command line."""

from planner.compare import Comparison, PlacementOutcome, compare
from planner.problem import Problem
from planner.scenario.file import dump_scenario, load_scenario, parse_scenario
from planner.scenario.inputs import Inputs, build_inputs
from planner.scenario.schema import Scenario
from planner.search import SearchResult, search

__all__ = [
    "Comparison",
    "Inputs",
    "PlacementOutcome",
    "Problem",
    "Scenario",
    "SearchResult",
    "build_inputs",
    "compare",
    "dump_scenario",
    "load_scenario",
    "parse_scenario",
    "search",
]
