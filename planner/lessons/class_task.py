"""An exercise for a class: a fixed cluster and trace, placements by hand, and their score on traffic nobody has "
"seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from planner.problem import Problem
from planner.search import search
from planner.version import VERSION
from simulator import Cluster, Group, InputError, Model, Placement, Workload, serving_preset, simulate
from simulator.arrivals import gamma_workload, split_rate
from simulator.catalogue import builtin_catalogue

NAMES = "ABCDEFGH"
PROFILE = "bert-2.6b"
SERVING = serving_preset("published")
REQUESTS = 4_000


@dataclass(frozen=True)
class Task:
    """What the teacher sets: models and devices, weights that fit a device, traffic, deadline, seed of the shown "
    "trace."""

    models: int = 6
    devices: int = 4
    memory_gib: float = 13.0
    rate_per_s: float = 10.0
    cv: float = 3.0
    slo_scale: float = 5.0
    seed: int = 0

    @property
    def names(self) -> str:
        """The names of the models, a letter each; the first is the most popular one."""
        return NAMES[: self.models]

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.devices, self.memory_gib)

    def served(self) -> tuple[Model, ...]:
        """The models, alike in size and speed."""
        profile = builtin_catalogue()[PROFILE]
        return tuple(Model.with_slo_scale(name, profile, self.slo_scale) for name in self.names)

    def traffic(self, is_hidden: bool) -> Workload:
        """Requests by a power law over the models. The hidden ones follow from all that is set, so all have the "
        "same."""
        seed = self.seed
        if is_hidden:
            seed = int.from_bytes(hashlib.sha256(json.dumps(asdict(self)).encode()).digest()[:3], "big") + 1_000
        rates = split_rate(self.rate_per_s, self.models, "power_law", 1.0)
        return gamma_workload(tuple(rates), self.cv, REQUESTS / self.rate_per_s, seed)

    def placement(self, stages: int, held: Sequence[str]) -> Placement:
        """Groups of so many stages with these models; InputError where they do not fit."""
        placement = Placement(tuple(Group(stages, 1, tuple(names)) for names in held), "by hand")
        placement.check(self.served(), self.cluster)
        return placement

    def score(self, placement: Placement, is_hidden: bool) -> float:
        """Share of deadlines met, 0..1."""
        return simulate(self.served(), placement, self.traffic(is_hidden), SERVING).slo_attainment

    def searched(self) -> Placement:
        """What a search finds for the shown trace: the best groups of one size, filled by the fast heuristic."""
        found = search(Problem(self.served(), self.cluster, self.traffic(False), SERVING), "uniform").placement
        assert isinstance(found, Placement), "it gives no placement over time"
        return found


def read_held(text: str, task: Task, stages: int) -> list[str]:
    """The models of every group of a text such as "AB.CD"; what is unknown or said twice is passed over."""
    words = text.split(".")
    groups = task.devices // stages
    words = [*words, *[""] * groups][:groups]
    return ["".join(name for name in task.names if name in word) for word in words]


def answer_document(
    task: Task, placement: Placement, student: str, tries: int, scores: tuple[float, float]
) -> dict[str, Any]:
    """An answer for the teacher: the task, the placement, and the scores on the shown and on the hidden trace."""
    return {
        "exercise": asdict(task), "student": student, "handed_in": tries,
        "groups": [{"pp": group.pp, "tp": group.tp, "models": list(group.models)} for group in placement.groups],
        "slo_attainment": {"shown": scores[0], "hidden": scores[1]}, "version": VERSION,
    }  # fmt: skip


def check_answer(document: Any) -> tuple[float, float]:
    """Both scores of an answer, on the shown and on the hidden trace, simulated again; InputError where it is none."""
    try:
        task = Task(**document["exercise"])
        placement = Placement(tuple(Group(g["pp"], g["tp"], tuple(g["models"])) for g in document["groups"]), "by hand")
        placement.check(task.served(), task.cluster)
        return task.score(placement, False), task.score(placement, True)
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise InputError(f"This is no answer to an exercise: {error} is missing or wrong.") from None
