"""A found plan with further copies of its groups: what bears a loss where no search finds anything that does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from planner.problem import Problem
from simulator import Group, Placement


def with_copies(plan: Placement, problem: Problem) -> Placement:
    """The plan, and as many further copies of its groups behind it as the cluster has devices for.

    Whole copies of the plan as long as they fit; then groups, those first whose models have most requests that no other
    group of the plan could take.
    """
    groups, free = list(plan.groups), problem.cluster.devices - plan.devices
    for group in _copied(plan, problem):
        if group.devices <= free:
            groups.append(group)
            free -= group.devices
    return replace(plan, groups=tuple(groups))


def _copied(plan: Placement, problem: Problem) -> Iterator[Group]:
    """Groups in the order in which they are copied, more than the cluster has room for."""
    times, torn = divmod(problem.cluster.devices, max(plan.devices, 1))
    for _ in range(times - 1):
        yield from plan.groups
    if torn and plan.groups:
        names = (model.name for model in problem.models)
        requests = dict(zip(names, problem.workload.requests_per_model().tolist(), strict=True))
        holders = Counter(name for group in plan.groups for name in group.models)
        yield from sorted(
            plan.groups,
            key=lambda group: -sum(requests[n] for n in group.models if holders[n] == 1) / group.devices,
        )
