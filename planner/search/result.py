"""What every search gives back, whatever its algorithm."""

from __future__ import annotations

from dataclasses import dataclass, field

from planner.search.bound import Bound
from simulator import Placement, Schedule
from simulator.headway import Headway


@dataclass(frozen=True)
class Alternative:
    """Something that was tried at a step and how it scored."""

    what: str
    score: float


@dataclass(frozen=True)
class Step:
    """One step of a search, for replaying it.

    Attributes:
        phase: what the search was doing, a few words.
        what: what was chosen, a sentence.
        placement: the placement after the step.
        score: its SLO attainment on the planning traffic, 0..1; by the weights of models where there are any.
        seconds: since the search began.
        evaluations: placements scored so far.
        alternatives: the best of what else was tried at this step.
    """

    phase: str
    what: str
    placement: Placement
    score: float
    seconds: float
    evaluations: int
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Progress(Headway):
    """What a running search reports.

    Attributes:
        evaluations: placements scored so far.
        best_score: best SLO attainment so far, 0..1; None before any placement was scored.
        seconds: since it began; time_left_s: until its limit, None if there is none.
        placement: the best so far, None before there is one; steps: that led there.
    """

    evaluations: int
    best_score: float | None
    seconds: float
    time_left_s: float | None = None
    placement: Placement | Schedule | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class HeldOut:
    """A placement on other days than those it was planned for.

    Attributes:
        in_sample: mean SLO attainment on the traffic and the resamplings that it was planned for.
        mean: mean SLO attainment on the others, 0..1.
        half_width: half of the 95 % confidence interval of that mean (Student's t); NaN with a single one, or
            where all have the same share, which does not say how far others differ.
        resamplings: how many others.
    """

    in_sample: float
    mean: float
    half_width: float
    resamplings: int


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search.

    Attributes:
        algorithm: its name.
        placement: the best placement found (a schedule for `clockwork`).
        score: its SLO attainment on the planning traffic, from the simulator, 0..1.
        seconds, evaluations: what it took.
        stop_reason: "done" (the algorithm came to its end), "time limit", "evaluation limit", "no improvement",
            "bound met", "loss of the cluster" or "cancelled".
        steps: the replayable history.
        notes: sentences worth telling, e.g. models that fit nowhere.
        held_out: how the placement does on resamplings that it was not planned for, if that was asked.
        partial: a sentence, also among the notes, that says what is missing where the search ended before the
            placement was whole, e.g. some windows of a schedule were not planned: its score is not comparable to
            others then. None where it is whole.
        bound: what no placement can pass, and why; None for a schedule, or where a history was read
            from a file.
        is_weighted: whether the scores of the steps count requests by the weights of their models; `score` never does.
    """

    algorithm: str
    placement: Placement | Schedule
    score: float
    seconds: float
    evaluations: int
    stop_reason: str
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = field(default=())
    held_out: HeldOut | None = None
    bound: Bound | None = None
    partial: str | None = None
    is_weighted: bool = False
