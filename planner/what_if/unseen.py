"""What placements meet on traffic that they were not planned for: the score that a plan may be judged by.

A search knows the traffic that it plans for, so its score there flatters it. Held out is the next stretch of the
trace where it has one, else traffic drawn like it with other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from planner.compare import Comparison
from planner.executors.cluster import Gone
from planner.problem import Problem
from planner.scenario.inputs import Inputs
from planner.scenario.schema import Scenario
from planner.what_if.robustness import Candidate, other_days
from planner.what_if.side_by_side import side_by_side
from simulator import Cancelled, Schedule, simulate, words
from simulator.headway import Headway, OnProgress, goes_on
from simulator.intervals import batch_means_half_width, mean_half_width, share_half_width
from simulator.metrics import counted_rows

DRAWS = 8
# Requests times placements times draws; more is not held out unless it is asked for: some seconds.
MOST_SIMULATED = 60_000_000
# Bursts are looked for in bins of these, seconds: what fills a queue, and what keeps it full.
PEAK_BINS_S = (1.0, 10.0, 60.0)
# Seen / drawn peaks from here on are no chance of draws alike.
CLEARLY_CALMER = 1.25
STOPPED = "The work was stopped before placements were tried on traffic that was not planned for."


@dataclass(frozen=True)
class UnseenScore:
    """A placement on traffic that it was not planned for.

    Attributes:
        name: of the placement. is_searched: whether it was planned at all.
        seen, mean: SLO attainment on the scenario's own traffic and on the other, 0..1.
        half_width: of the 95 % interval of `mean`: over draws (Student's t), or of one stretch (batch means); NaN
            where it is not known.
        is_schedule: whether it changes over time, at the times that were planned for.
    """

    name: str
    is_searched: bool
    seen: float
    mean: float
    half_width: float
    is_schedule: bool = False

    def misses(self, target: float) -> bool | None:
        """Whether it meets less than a target; None where the target lies within its interval."""
        half = 0.0 if math.isnan(self.half_width) else self.half_width
        if self.mean - half >= target:
            return False
        return True if self.mean + half < target else None


@dataclass(frozen=True)
class Calmer:
    """By how much draws are calmer than the traffic planned for.

    Attributes:
        bin_s: of PEAK_BINS_S that in which they differ most, seconds.
        seen, drawn: busiest bin / mean bin of the traffic planned for, and of the draws (their mean).
    """

    bin_s: float
    seen: float
    drawn: float

    @classmethod
    def of(cls, peaks: Sequence[np.ndarray]) -> Calmer | None:
        """From the peaks of the traffic planned for and then of each draw, see peaks_to_mean; None if none is calmer.

        Calmer is what no draw attains, and clearly: by chance the busiest bins of all draws may be a little less busy.
        """
        seen, drawn = peaks[0], np.array(peaks[1:])
        ratio = seen / drawn.mean(axis=0)
        most = int(np.argmax(ratio))
        if not ratio[most] >= CLEARLY_CALMER or drawn[:, most].max() >= seen[most]:
            return None
        return cls(PEAK_BINS_S[most], float(seen[most]), float(drawn[:, most].mean()))

    def to_json(self) -> dict:
        """The key `calmer` beside a score."""
        return {"calmer": {"bin_s": self.bin_s, "peak_to_mean": self.drawn, "peak_to_mean_planned_for": self.seen}}


def peaks_to_mean(arrival_s: np.ndarray) -> np.ndarray:
    """Busiest bin / mean bin of arrivals (float64 seconds, ascending), for each of PEAK_BINS_S: float64; 1 of none."""
    if not arrival_s.size:
        return np.ones(len(PEAK_BINS_S))
    since_s = arrival_s - arrival_s[0]
    peaks = []
    for bin_s in PEAK_BINS_S:
        # The last bin is counted as a whole one, so that what is left of it does not make a peak.
        place = (since_s / bin_s).astype(np.int64)
        busiest = np.unique(place, return_counts=True)[1].max()
        peaks.append(busiest * (place[-1] + 1) / arrival_s.size)
    return np.array(peaks)


@dataclass(frozen=True)
class Unseen:
    """All placements of a scenario on the same unseen traffic.

    Attributes:
        scores: in the scenario's order. days: how many draws or stretches.
        is_later: whether it is the next stretch of the trace, else draws.
        is_clear: whether the first on unseen traffic leads the first on the seen by more than the interval of their
            difference; True where they are the same.
        calmer: where draws spread the bursts of the traffic planned for; else None.
    """

    scores: tuple[UnseenScore, ...]
    days: int
    is_later: bool
    is_clear: bool
    calmer: Calmer | None = None

    @property
    def is_no_check(self) -> bool:
        """Whether draws are calmer than the traffic planned for and a searched placement meets more of them, by more
        than its interval: scores on them then say nothing of its bursts."""
        return self.calmer is not None and any(
            score.is_searched and score.mean - np.nan_to_num(score.half_width) > score.seen for score in self.scores
        )

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
        """Whether another placement is first on unseen traffic that is a check, by more than chance."""
        return self.is_turned and self.is_clear

    @property
    def is_turned(self) -> bool:
        """Whether another placement is first on unseen traffic that is a check, be it by chance."""
        return not self.is_no_check and self.first is not self.first_seen

    @property
    def how(self) -> str:
        """What it is, in words."""
        return "the next stretch of the trace" if self.is_later else f"{words.plural(self.days, 'draw')} like it"

    def score(self, name: str) -> UnseenScore | None:
        """Of a placement by its name; None if it was not tried, or where the draws are no check."""
        return None if self.is_no_check else self._score(name)

    def _score(self, name: str) -> UnseenScore | None:
        return next((score for score in self.scores if score.name == name), None)

    def to_json(self, name: str) -> dict:
        """The key `unseen` of a placement in JSON documents; empty if it was not tried."""
        score = self._score(name)
        if score is None:
            return {}
        half = None if math.isnan(score.half_width) else score.half_width
        kind = "next stretch" if self.is_later else "drawn"
        calmer = self.calmer.to_json() if self.calmer is not None and self.is_no_check else {}
        return {
            "unseen": {"slo_attainment": score.mean, "half_width": half, "days": self.days, "traffic": kind} | calmer
        }


# Scores; or the sentence why there are none; or None, where nothing was searched and so nothing flatters.
HeldOut = Unseen | str | None


def hold_out(
    inputs: Inputs,
    candidates: Sequence[Candidate],
    scenario: Scenario,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
) -> HeldOut:
    """What stands beside the scores of searches without being asked for: as hold_out_traffic, if that is quick."""
    if not any(candidate.is_searched for candidate in candidates):
        return None
    if said := too_many(len(inputs.problem.workload) * len(candidates) * DRAWS):
        return said
    try:
        return hold_out_traffic(inputs, candidates, scenario, on_progress, executor)
    except Cancelled:
        return STOPPED
    except Gone as gone:
        return str(gone)


def hold_out_traffic(
    inputs: Inputs,
    candidates: Sequence[Candidate],
    scenario: Scenario,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
    draws: int = DRAWS,
) -> Unseen | str:
    """Simulate placements on traffic that was not planned for; a sentence where there is none.

    Args:
        inputs, scenario: what they were planned for. on_progress: returning False ends the work without a result.
        executor: other machines, or None.

    Raises Cancelled if it was stopped, Gone where other machines are gone.
    """
    if not len(inputs.problem.workload):
        return NO_REQUESTS
    reasons: dict[str, str] = {}
    days, is_later = other_days(inputs, scenario, draws, reasons)
    if not days:
        return f"There is no traffic that was not planned for. {' '.join(reasons.values())}"
    every = [("the traffic planned for", partial(_same, inputs.problem)), *days]
    tasks = [(_simulated, (tuple(candidates), make, inputs.warmup_s)) for _, make in every]
    done: list[tuple[np.ndarray, list[np.ndarray]]] = []

    def watch() -> bool:
        return goes_on(on_progress, Headway(every[len(done)][0], len(done), len(every)))

    requests = len(inputs.problem.workload) * len(candidates) * len(tasks)
    done.extend(side_by_side(lambda _: tasks, len(tasks), requests, executor, watch))
    peaks, met = [peak for peak, _ in done], [day for _, day in done]
    tried = [(c.name, c.is_searched, isinstance(c.placement, Schedule)) for c in candidates]
    return scores_of(tried, met, is_later, peaks)


def scores_of(
    tried: Sequence[tuple[str, bool, bool]],
    met: Sequence[Sequence[np.ndarray]],
    is_later: bool,
    peaks: Sequence[np.ndarray],
) -> Unseen | str:
    """The scores of placements from who met the deadline; a sentence where no request counts.

    Args:
        tried: name, whether searched, whether it changes over time. met: bool (requests,), one a placement, for the
            traffic planned for and then for every other. peaks: of each of these, see peaks_to_mean.
    """
    if any(not part.size for day in met for part in day):
        return NO_REQUESTS
    scores = tuple(
        UnseenScore(name, searched, float(np.mean(met[0][i])), *_mean([day[i] for day in met[1:]]), changes)
        for i, (name, searched, changes) in enumerate(tried)
    )
    found = Unseen(scores, len(met) - 1, is_later, True, None if is_later else Calmer.of(peaks))
    first, before = scores.index(found.first), scores.index(found.first_seen)
    return replace(found, is_clear=first == before or _is_clear([(day[first], day[before]) for day in met[1:]]))


def _simulated(
    candidates: Sequence[Candidate], make: Callable[[], Problem], warmup_s: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The peaks of the arrivals, and who of the requests that count met its deadline: bool, one a candidate."""
    problem = make()
    rows = counted_rows(problem.workload, warmup_s)
    met = [simulate(problem.models, c.placement, problem.workload, c.serving).in_slo[rows] for c in candidates]
    return peaks_to_mean(problem.workload.arrival_s), met


def _same(problem: Problem) -> Problem:
    return problem


def held_out(
    comparison: Comparison, on_progress: OnProgress | None = None, executor: Executor | None = None
) -> HeldOut:
    """The placements of a comparison on unseen traffic; see hold_out."""
    outcomes = comparison.outcomes
    candidates = [Candidate(o.name, o.placement, o.result.serving, o.search is not None) for o in outcomes]
    if not comparison.complete:
        return STOPPED if any(candidate.is_searched for candidate in candidates) else None
    return hold_out(comparison.inputs, candidates, comparison.scenario, on_progress, executor)


def with_unseen(document: dict, held: HeldOut) -> dict:
    """A document whose placements have names, and what each of them meets on unseen traffic (`unseen`), or why not."""
    if not isinstance(held, Unseen):
        return document | reason_json(held)
    return document | {"placements": [entry | held.to_json(entry["name"]) for entry in document["placements"]]}


def reason_json(held: HeldOut) -> dict:
    """The key `unseen_reason` of a document where scores on unseen traffic are absent; empty where they are not."""
    return {"unseen_reason": held} if isinstance(held, str) else {}


def too_many(requests: int) -> str:
    """Why so many requests are not simulated without being asked for; empty where they are."""
    if requests <= MOST_SIMULATED:
        return ""
    return (
        f"Scores are those of the traffic that was planned for: to hold some out, {words.count(requests)} requests "
        f"would be simulated, and up to {words.count(MOST_SIMULATED)} are without being asked. `robustness` on the "
        "command line and the page Accuracy try other traffic."
    )


NO_REQUESTS = "No request is left to be counted on the traffic planned for, or on other traffic."


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
