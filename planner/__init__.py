"""What to do: scenarios, placement search, comparison, the command line.

Names are imported when they are first asked for, so that the command line answers `--help` at once.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.compare import Comparison, PlacementOutcome, compare
    from planner.problem import Problem
    from planner.scenario.file import dump_scenario, load_scenario, parse_scenario
    from planner.scenario.inputs import Inputs, build_inputs
    from planner.scenario.schema import Scenario
    from planner.search import SearchResult, search

_HOMES = {
    "Comparison": "compare",
    "Inputs": "scenario.inputs",
    "PlacementOutcome": "compare",
    "Problem": "problem",
    "Scenario": "scenario.schema",
    "SearchResult": "search.result",
    "build_inputs": "scenario.inputs",
    "compare": "compare",
    "dump_scenario": "scenario.file",
    "load_scenario": "scenario.file",
    "parse_scenario": "scenario.file",
    "search": "search.search",
}

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


def _exported(name: str) -> property:
    # `compare` and `search` are also names of modules, which importing them would set here: the function stays.
    return property(lambda self: getattr(import_module(f"planner.{_HOMES[name]}"), name), lambda self, value: None)


class _Package(ModuleType):
    """The package, whose exported names are looked up when asked for."""


for _name in _HOMES:
    setattr(_Package, _name, _exported(_name))
sys.modules[__name__].__class__ = _Package
