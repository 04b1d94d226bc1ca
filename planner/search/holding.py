"""Which of several placements that score nearly the same to answer with: the one that holds on other days.

The best placement of many that were tried owes part of its lead to chance: it fits this one day. Where the lead is
within its own error, days that no placement was improved on tell more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from planner.executors.cluster import PER_TASK
from planner.problem import Problem
from planner.search.budget import Stopped
from planner.search.run import Run
from planner.search.scoring import Scored, score_layout
from planner.search.space import Layout, Space, build_traffic
from planner.search.training import SEEDS_PER_SEARCH, day_seed, has_days, resample
from simulator import words

# A choice gives up less than this share of the requests in sample, however large the error is. The best in sample
# never falls, so a longer search is never worse than a shorter one by more.
MOST_GIVEN_UP = 0.001
# What the search does meanwhile, in the words of its steps.
CHOICE = "choose what holds"
# So many candidates run so many days; the best of them run more days, as many as there is work left for.
MAX_CANDIDATES = 32
FIRST_DAYS, MORE_DAYS = 8, 24
# A run of a whole day costs several evaluations, most of which are given up early; together below a tenth of the time.
EVALUATIONS_PER_RUN = 150
# Beyond the seeds of days to plan for and to test on.
FIRST_SEED = 7 * SEEDS_PER_SEARCH // 10


def choose(run: Run) -> None:
    """Make the layout of the pool that holds best on other days the answer, if it is as good in sample.

    Nothing changes where there are no other days, or where the limits leave too little.
    """
    if run.incumbent.layout is None or not has_days(run):
        return
    size = run.space.asked(run.traffic)
    runs = run.budget.tally.evaluations // EVALUATIONS_PER_RUN
    layouts = run.pool.near_best(MOST_GIVEN_UP * size, min(MAX_CANDIDATES, runs // FIRST_DAYS))
    if len(layouts) < 2:
        return
    run.budget.tally.phase = CHOICE
    try:
        candidates = _as_good(run, layouts)
        days, totals = _race(run, candidates, runs)
    except Stopped:
        return
    if not days:
        return
    chosen = int(totals.argmax())
    if chosen and totals[chosen] > totals[0]:
        what = _reason(totals / days, days)
        best = candidates[chosen]
        score = run.share(best.good)
        run.incumbent.replace(what, run.space.placement(best.layout), score, best.layout)


def _reason(means: np.ndarray, days: int) -> str:
    """What a choice was made for. means: float64 (candidates,), mean attainments, the best in sample first; -inf for
    those that were left out after the first days."""
    finalists = int(np.isfinite(means).sum())
    lead = words.points_difference(means.max(), means[0])
    ran = f"of {means.size} placements whose difference on the traffic itself is within its error"
    if finalists < means.size:
        ran += f", {finalists} of them left after {FIRST_DAYS} other days"
    by = "by less than 0.01 points" if lead == "same" else f"by {lead.lstrip('+')}"
    return (
        f"{ran}, this one holds best on {days} other days: {words.share(means.max())} of requests in time there, more "
        f"than the best on the traffic itself {by}"
    )


def paired_error(first: Scored, second: Scored, cuts: np.ndarray) -> float:
    """Standard error of the difference of two layouts' requests in time, from the differences between cuts.

    Requests near each other share their fate, so stretches are what varies, not requests.

    Args:
        cuts: int64 (K + 1,), of the traffic that both were scored on. Returns 0 for a single stretch.
    """
    stretches = cuts.size - 1
    if stretches < 2:
        return 0.0
    gained = np.diff((first.good_at - second.good_at).sum(axis=1), prepend=0)
    expected = gained.sum() * np.diff(cuts) / cuts[-1]
    return math.sqrt(stretches / (stretches - 1) * float(np.square(gained - expected).sum()))


def _as_good(run: Run, layouts: list[Layout]) -> list[Scored]:
    """The best layout in sample and those that are behind it by no more than the error of the difference."""
    arguments = (run.workers.control, run.traffic)
    tasks = ((score_layout, (run.space, layout, *arguments)) for layout in layouts)
    scored = [result for result in run.workers.each(tasks, per_task=PER_TASK) if result is not None]
    best = scored[0]
    return [s for s in scored if s is best or best.good - s.good <= paired_error(best, s, run.traffic.cuts)]


def _race(run: Run, candidates: list[Scored], runs: int) -> tuple[int, np.ndarray]:
    """Candidates on other days: how many days, and float64 (candidates,), the sum of each one's attainments.

    Those that drop out after the first days have -inf. Where the limits end it, whole days count.
    """
    total = np.zeros(len(candidates))
    if len(candidates) < 2:
        return 0, total
    for shares in _on_days(run, candidates, range(FIRST_DAYS)):
        total += shares
    left = runs - FIRST_DAYS * len(candidates)
    finalists = min(max(left // MORE_DAYS, 2), len(candidates))
    # The best in sample stays, to compare with.
    order = np.argsort(-total[1:], kind="stable") + 1
    inside = np.concatenate([[0], order[: finalists - 1]])
    sums, days = np.full(total.size, -np.inf), FIRST_DAYS
    sums[inside] = total[inside]
    more = min(left // finalists, MORE_DAYS)
    try:
        for shares in _on_days(run, [candidates[i] for i in inside], range(FIRST_DAYS, FIRST_DAYS + more)):
            sums[inside] += shares
            days += 1
    except Stopped:
        pass
    return days, sums


def _on_days(run: Run, candidates: list[Scored], days: range) -> Iterator[np.ndarray]:
    layouts = [candidate.layout for candidate in candidates]
    seeds = [day_seed(run.seed, FIRST_SEED + day) for day in days]
    arguments = (run.space, run.space.problem, layouts, run.workers.control)
    for shares in run.workers.each((_on_day, (*arguments, seed)) for seed in seeds):
        if shares is not None:
            yield shares


def _on_day(space: Space, problem: Problem, layouts: list[Layout], control: np.ndarray, seed: int) -> np.ndarray | None:
    """float64 (layouts,), attainments on one resampled day; None if stopped."""
    traffic = build_traffic(resample(problem, seed))
    shares = np.empty(len(layouts))
    for i, layout in enumerate(layouts):
        scored = score_layout(space, layout, control, traffic)
        if scored is None:
            return None
        shares[i] = scored.good / max(space.asked(traffic), 1)
    return shares
