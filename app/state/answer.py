"""An answer: what has a result, what is still to come, and what is in the way.

Models with fixed latencies have an `Answer` of `Answered`, scenarios with models that generate a `TokenAnswer` of
`TokenAnswered`; what serves both says `AnyAnswer`, `AnyAnswered`, `AnyInputs` and `AnyOutcome`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.background.jobs import Job
from planner import Inputs, PlacementOutcome, Scenario
from planner.compare import Comparison
from planner.generation.compare import TokenOutcome
from planner.generation.inputs import TokenInputs
from planner.scenario.schema import PlacementSection

AnyInputs = Inputs | TokenInputs
AnyOutcome = PlacementOutcome | TokenOutcome
InputsT = TypeVar("InputsT", Inputs, TokenInputs)
OutcomeT = TypeVar("OutcomeT", PlacementOutcome, TokenOutcome)


@dataclass(frozen=True)
class _Answered(Generic[OutcomeT]):
    """A placement of the basket with its result.

    Attributes:
        section: as in the scenario; hue: the number of its hue.
        run_key: of all that its result follows from, its name aside; outcome: its result.
        job: that brought it, if this session asked for it.
    """

    section: PlacementSection
    hue: int
    run_key: str
    outcome: OutcomeT
    job: Job | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether it is the best of a search that was stopped, by the visitor or by the end of the server."""
        return was_stopped(self.outcome) or (self.job is not None and self.job.is_stopped)

    @property
    def outcome_key(self) -> str:
        """Of this very result: of its name too, and told apart from that of another run of the same search."""
        found = self.outcome.search
        run = f"{found.seconds!r}:{found.evaluations}:{found.score!r}" if found else ""
        return f"{self.run_key}:{run}:{self.section.name}"


class Answered(_Answered[PlacementOutcome]):
    """A placement of models with fixed latencies, with its result."""


class TokenAnswered(_Answered[TokenOutcome]):
    """A placement of a scenario with models that generate, with its result."""


AnyAnswered = Answered | TokenAnswered
EntryT = TypeVar("EntryT", Answered, TokenAnswered)


def was_stopped(outcome: AnyOutcome) -> bool:
    """Whether a result is the best of a search that was stopped."""
    return outcome.search is not None and outcome.search.stop_reason == "cancelled"


@dataclass(frozen=True)
class Pending:
    """A placement of the basket without a result.

    Attributes:
        section, hue, run_key: as of Answered.
        job: what its result waits for; problem: why there will be none, None while it is to be expected.
    """

    section: PlacementSection
    hue: int
    run_key: str
    job: Job | None
    problem: str | None = None


@dataclass(frozen=True)
class AnswerOf(Generic[InputsT, EntryT]):
    """The scenario answered as far as it can be.

    Attributes:
        scenario, built: what the results were computed from; built is None before there are any inputs.
        inputs_key: of all that results follow from beside their placement.
        shown: the placements that have a result, in the order of the basket.
        waiting: placements of the scenario as it stands that have none.
        problems: what is wrong with the scenario as it stands, by area of the page; inputs and results are then
            those of the last scenario without problems.
        building: the job that makes the inputs of the scenario as it stands, None once they are there.
        is_earlier: whether inputs and results belong to earlier settings.
    """

    scenario: Scenario
    built: InputsT | None
    inputs_key: str
    shown: tuple[EntryT, ...]
    waiting: tuple[Pending, ...]
    problems: Mapping[str, str]
    building: Job | None = None
    is_earlier: bool = False

    @property
    def inputs(self) -> InputsT:
        """What the results were computed from; only where there is a result, or `built` says that there are inputs."""
        if self.built is None:
            raise LookupError("this answer has no inputs")
        return self.built

    @property
    def best(self) -> EntryT:
        """The placement that meets most deadlines, the first of equals; only where there is a result."""
        return max(self.shown, key=lambda entry: nothing_last(entry.outcome.slo_attainment))

    @property
    def is_current(self) -> bool:
        """Whether every placement of the scenario as it stands has its result."""
        return not (self.problems or self.waiting or self.building or self.is_earlier)

    @property
    def is_under_way(self) -> bool:
        """Whether a result is still to be expected."""
        return any(entry.problem is None for entry in self.waiting) or self.building is not None

    def entry(self, name: str | None) -> EntryT:
        """The shown placement of this name, else the best one; only where there is a result."""
        return next((entry for entry in self.shown if entry.section.name == name), None) or self.best


class Answer(AnswerOf[Inputs, Answered]):
    """The answer to a scenario of models with fixed latencies."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what went in, and about the placements that have a result."""
        outcomes = tuple(entry.outcome for entry in self.shown)
        return Comparison(self.scenario, self.built, outcomes).notices if self.built else ()


class TokenAnswer(AnswerOf[TokenInputs, TokenAnswered]):
    """The answer to a scenario with models that generate token by token."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what went in."""
        return self.built.notices if self.built else ()


AnyAnswer = Answer | TokenAnswer


def nothing_last(share: float | None) -> float:
    """A share to sort by; one that is not known comes after all others."""
    return -1.0 if share is None or math.isnan(share) else share
