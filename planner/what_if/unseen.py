"""What placements meet on traffic that they were not planned for: the score that a plan may be judged by.

A search knows the traffic that it plans for, so its score there flatters it. Held out is the next stretch of the
trace where it has one, else traffic drawn like it with other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.compare import Comparison
from planner.scenario.inputs import Inputs, TraceReader
from planner.scenario.schema import Scenario
from planner.what_if.robustness import Candidate, other_days
from simulator import Cancelled, simulate, words
from simulator.headway import Headway, OnProgress, goes_on
from simulator.intervals import batch_means_half_width, mean_half_width, share_half_width
from simulator.metrics import counted_rows

DRAWS = 8
# Requests times placements times draws; more is not held out unless it is asked for: some seconds.
MOST_SIMULATED = 60_000_000


@dataclass(frozen=True)
class UnseenScore:
    """A placement on traffic that it was not planned for.

    Attributes:
        name: of the placement. is_searched: whether it was planned at all.
        seen, mean: SLO attainment on the scenario's own traffic and on the other, 0..1.
        half_width: of the 95 % interval of `mean`: over draws (Student's t), or of one stretch (batch means); NaN
            where it is not known.
    """

    name: str
    is_searched: bool
    seen: float
    mean: float
    half_width: float


@dataclass(frozen=True)
class Unseen:
    """All placements of a scenario on the same unseen traffic.

    Attributes:
        scores: in the scenario's order. days: how many draws or stretches.
        is_later: whether it is the next stretch of the trace, else draws.
        is_clear: whether the first on unseen traffic leads the first on the seen by more than the interval of their
            difference; True where they are the same.
    """

    scores: tuple[UnseenScore, ...]
    days: int
    is_later: bool
    is_clear: bool

    @property
    def first_seen(self) -> UnseenScore:
        """The placement that meets most of the traffic that was planned for."""
        return max(self.scores, key=lambda score: score.seen)

    @property
    def first(self) -> UnseenScore:
        """The one that meets most of unseen traffic; that of the seen among equals."""
        best = max(score.mean for score in self.scores)
        return self.first_seen if self.first_seen.mean == best else next(s for s in self.scores if s.mean == best)

    @property
    def is_changed(self) -> bool:
        """Whether another placement is first on unseen traffic."""
        return self.first is not self.first_seen

    @property
    def how(self) -> str:
        """What it is, in words."""
        return "the next stretch of the trace" if self.is_later else f"{words.plural(self.days, 'draw')} like it"

    def score(self, name: str) -> UnseenScore | None:
        """Of a placement by its name; None if it was not tried."""
        return next((score for score in self.scores if score.name == name), None)

    def to_json(self, name: str) -> dict:
        """The key `unseen` of a placement in JSON documents; empty if it was not tried."""
        score = self.score(name)
        if score is None:
            return {}
        half = None if math.isnan(score.half_width) else score.half_width
        kind = "next stretch" if self.is_later else "drawn"
        return {"unseen": {"slo_attainment": score.mean, "half_width": half, "days": self.days, "traffic": kind}}


def hold_out_traffic(
    inputs: Inputs,
    candidates: Sequence[Candidate],
    scenario: Scenario,
    on_progress: OnProgress | None = None,
    read: TraceReader | None = None,
    draws: int = DRAWS,
) -> Unseen | None:
    """Simulate placements on traffic that was not planned for; None where there is none, or nothing to judge.

    Args:
        inputs, scenario: what they were planned for. on_progress: returning False ends the work without a result.

    Raises Cancelled if it was stopped.
    """
    days, is_later = other_days(inputs, scenario, draws, read)
    if not days or not candidates or not len(inputs.problem.workload):
        return None
    met: list[list[np.ndarray]] = []
    for number, (label, make) in enumerate([("the traffic planned for", lambda: inputs.problem), *days]):
        if not goes_on(on_progress, Headway(label, number, 1 + len(days))):
            raise Cancelled
        problem = make()
        rows = counted_rows(problem.workload, inputs.warmup_s)
        met.append([
            simulate(problem.models, c.placement, problem.workload, c.serving).in_slo[rows] for c in candidates
        ])  # fmt: skip
    if any(not part.size for day in met for part in day):
        return None
    scores = tuple(
        UnseenScore(c.name, c.is_searched, float(np.mean(met[0][i])), *_mean([day[i] for day in met[1:]]))
        for i, c in enumerate(candidates)
    )
    found = Unseen(scores, len(days), is_later, True)
    first, before = scores.index(found.first), scores.index(found.first_seen)
    return replace(found, is_clear=first == before or _is_clear([(day[first], day[before]) for day in met[1:]]))


def held_out(comparison: Comparison, on_progress: OnProgress | None = None) -> Unseen | None:
    """The placements of a comparison on unseen traffic; None without a search, or where that would take long.

    A comparison that was stopped, or too large (MOST_SIMULATED), is not held out; nor where `on_progress` stops it.
    """
    outcomes = comparison.outcomes
    if not (comparison.complete and any(outcome.search is not None for outcome in outcomes)):
        return None
    if is_too_much(comparison.inputs, len(outcomes)):
        return None
    candidates = [Candidate(o.name, o.placement, o.result.serving, o.search is not None) for o in outcomes]
    try:
        return hold_out_traffic(comparison.inputs, candidates, comparison.scenario, on_progress)
    except Cancelled:
        return None


def is_too_much(inputs: Inputs, placements: int) -> bool:
    """Whether holding out takes so long that it is not done by itself."""
    return len(inputs.problem.workload) * placements * DRAWS > MOST_SIMULATED


def _mean(days: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean attainment and half of its interval."""
    if len(days) == 1:
        return float(np.mean(days[0])), share_half_width(days[0])
    shares = np.array([day.mean() for day in days])
    # Draws that all have one share do not say how far others differ.
    return float(shares.mean()), mean_half_width(shares) if np.ptp(shares) > 0 else math.nan


def _is_clear(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    if len(pairs) == 1:
        gap = pairs[0][0].astype(np.float64) - pairs[0][1]
        return bool(gap.mean() > batch_means_half_width(gap))
    gaps = np.array([first.mean() - second.mean() for first, second in pairs])
    return bool(gaps.mean() > mean_half_width(gaps))
