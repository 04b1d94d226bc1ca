"""What to do: scenarios, placement search, comparison, the command line."""

from planner.compare import Comparison, PlacementOutcome, compare
from planner.inputs import Inputs, build_inputs
from planner.problem import Problem
from planner.scenario import Scenario
from planner.scenario_file import dump_scenario, load_scenario, parse_scenario
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
