"""What a search is given: models, cluster, traffic and serving rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from planner.executors.shared import Lent
from planner.rules import NO_RULES, Rules
from simulator import Cluster, InputError, Model, Serving, Workload


@dataclass(frozen=True, eq=False)
class Problem(Lent):
    """Find the placement that finishes most requests in time.

    Attributes:
        models: the served models; `workload.model` holds indices into them.
        cluster: devices, memory, node size, price.
        workload: the traffic to plan for.
        serving: the rules of the serving system.
        resample: draws the traffic of another such day from a seed, for plans that hold on other days; without it
            arrivals are drawn from rate and CV of each model in windows of the workload.
        rules: what placements keep to.
        weights: by model, as how many requests one of its requests counts in a search; 1 where it is not named.
    """

    models: tuple[Model, ...]
    cluster: Cluster
    workload: Workload
    serving: Serving
    resample: Callable[[int], Workload] | None = None
    rules: Rules = NO_RULES
    weights: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(self.models))
        if self.workload.num_models != len(self.models):
            raise InputError(f"The workload speaks of {self.workload.num_models} models; {len(self.models)} are given.")
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"Two models are called '{twice}'; every name may occur once.")

    def under(self, rules: Mapping[str, str | int]) -> Problem:
        """The same with some fields of `serving` changed."""
        return replace(self, serving=replace(self.serving, **rules)) if rules else self
