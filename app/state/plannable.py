"""Whether a scenario that comes from outside, as text or in a link, may take the place of the visitor's work."""

from __future__ import annotations

from app.state.compute import problems_of
from app.state.limits import check_models, check_requests
from app.state.results import shared_cache
from app.state.uploads import Uploads
from planner.scenario.schema import Scenario
from simulator import InputError


def check_plannable(scenario: Scenario, uploads: Uploads) -> None:
    """Raise InputError if a scenario is over a bound of the page or names what there is not.

    Files that it waits for are no reason: the page asks for them once it is in force. Nothing large is made for it.
    """
    check_models(scenario)
    problems = problems_of(scenario, uploads)
    waits_for_trace = problems.pop("traffic", None) is not None
    if scenario.profiles is not None and scenario.profiles not in uploads.profiles:
        problems.pop("models", None)
    for sentence in problems.values():
        raise InputError(sentence)
    if not waits_for_trace:
        has_trace = scenario.workload.trace is not None
        check_requests(scenario, uploads.read_trace(scenario, shared_cache()) if has_trace else None)
