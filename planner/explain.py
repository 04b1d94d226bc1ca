"""Why one placement meets more deadlines than another, in facts that are counted from both runs.

What the difference comes from is measured in `causes`. Every other fact is about the requests that only the better
placement met: how they ended with the other one, whether they came in a burst of their model, whether even an idle
group would have been too slow, and how many devices stood idle meanwhile. That idle share is the paper's argument for
sharing (section 3.1): with dedicated devices a burst at one model queues up while devices of the others have nothing
to do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from planner.causes import Cause, main_cause, measure_causes, models_without_room
from simulator import STATUS, Cluster, SimulationResult, stage_spans
from simulator.intervals import batch_means_half_width
from simulator.loads import StageSpans
from simulator.metrics import counted_rows
from simulator.pairs import PairedOutcomes, pair_outcomes

# A burst of a model: a stretch in which it would have 5 requests on average and has more than three times as many.
# Poisson arrivals do that once in 14,000 stretches, so it is burstiness and not chance.
BURST_REQUESTS = 5
BURST_TIMES = 3.0


@dataclass(frozen=True)
class PairedDifference:
    """Attainment of the second run minus that of the first, 0..1, and half of its 95 % interval.

    Both runs saw the same requests, so the interval is that of the differences, block by block (batch means); it is
    much narrower than the intervals of both attainments. NaN with too few requests.
    """

    difference: float
    half_width: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return math.isfinite(self.half_width) and abs(self.difference) > self.half_width


@dataclass(frozen=True)
class ModelDifference:
    """One model in two runs of the same requests: how many it has, its attainment 0..1 in each, and the difference."""

    name: str
    requests: int
    first: float
    second: float
    gap: PairedDifference


@dataclass(frozen=True)
class Reasons:
    """Facts about the requests that only the better of two runs met.

    Attributes:
        better, worse: names of the placements; `swapped` if the better one is the second that was given.
        paired: counts, the better one first.
        difference: of the better one against the worse one.
        fates: how those requests ended with the worse one, (fate, count) for late, rejected and unplaced.
        in_bursts: share of them that arrived in a burst of their model.
        all_in_bursts: the same share of all requests, to compare with.
        burst_time: share of the time that is a burst of a model, averaged over those requests.
        hopeless: share of them that even an idle group of the worse placement could not have answered in time.
        idle: share of the worse placement's devices that computed nothing when such a request reached its queue, on
            average; all_idle: the same when any request did.
        causes: what accounts for how many of them, most first (see planner.causes).
        no_room: how many of them ask for a model that the worse placement holds nowhere and has no memory left for;
            None where the cluster is not known.
        top_model, top_share: the model with most of them, and its share. The shares are NaN if there are none.
    """

    better: str
    worse: str
    swapped: bool
    paired: PairedOutcomes
    difference: PairedDifference
    fates: tuple[tuple[str, int], ...]
    in_bursts: float
    all_in_bursts: float
    burst_time: float
    hopeless: float
    idle: float
    all_idle: float
    causes: tuple[Cause, ...]
    no_room: int | None
    top_model: str
    top_share: float

    @property
    def main_cause(self) -> Cause | None:
        """The difference of the placements that accounts for most of them; None where none does for half."""
        return main_cause(self.causes, self.paired.only_first)


def paired_difference(first: SimulationResult, second: SimulationResult, warmup_s: float = 0.0) -> PairedDifference:
    """By how much the second run attains more than the first, with the interval of the paired differences.

    Raises InputError unless both ran the same requests.
    """
    pair_outcomes(first, second, warmup_s)
    rows = counted_rows(first.workload, warmup_s)
    return _difference(second.in_slo[rows].astype(np.float64) - first.in_slo[rows])


def model_differences(
    first: SimulationResult, second: SimulationResult, warmup_s: float = 0.0
) -> tuple[ModelDifference, ...]:
    """The paired difference model by model, the largest gain of the second run first; models without requests left out.

    Raises InputError unless both ran the same requests.
    """
    pair_outcomes(first, second, warmup_s)
    rows = counted_rows(first.workload, warmup_s)
    model = first.workload.model[rows]
    before, after = (result.in_slo[rows].astype(np.float64) for result in (first, second))
    order = np.argsort(model, kind="stable")
    bounds = np.searchsorted(model[order], np.arange(len(first.models) + 1))
    found = []
    for m, served in enumerate(first.models):
        mine = order[bounds[m] : bounds[m + 1]]
        if mine.size:
            met = float(before[mine].mean()), float(after[mine].mean())
            found.append(ModelDifference(served.name, mine.size, *met, _difference(after[mine] - before[mine])))
    return tuple(sorted(found, key=lambda row: -row.gap.difference))


def _difference(gains: np.ndarray) -> PairedDifference:
    """Of requests in order of arrival; gains: float64 (n,), -1 lost, 1 gained."""
    if not gains.size:
        return PairedDifference(math.nan, math.nan)
    return PairedDifference(float(gains.mean()), batch_means_half_width(gains))


def explain_difference(
    first: SimulationResult,
    second: SimulationResult,
    warmup_s: float = 0.0,
    spans: tuple[StageSpans | None, StageSpans | None] = (None, None),
    cluster: Cluster | None = None,
) -> Reasons:
    """Why the better of two runs of the same requests is better. Of equals the first counts as better.

    Args:
        spans: stage_spans of both runs, if at hand.
        cluster: on which both are placed, to tell models that have no room.

    Raises InputError unless both ran the same requests.
    """
    rows = counted_rows(first.workload, warmup_s)
    swapped = int(second.in_slo[rows].sum()) > int(first.in_slo[rows].sum())
    better, worse = (second, first) if swapped else (first, second)
    worse_spans = (spans[0] if swapped else spans[1]) or stage_spans(worse)
    counted = np.zeros(len(first.workload), dtype=bool)
    counted[rows] = True
    lost = np.flatnonzero(better.in_slo & ~worse.in_slo & counted)
    in_burst, burst_time = model_bursts(better.workload.arrival_s, better.workload.model, better.workload.num_models)
    model = better.workload.model[lost]
    most = np.bincount(model, minlength=len(better.models))
    ended = np.bincount(worse.status[lost], minlength=len(STATUS))
    hopeless, reach_s = hopeless_requests(worse), _reach_s(worse)
    return Reasons(
        better=better.name,
        worse=worse.name,
        swapped=swapped,
        paired=pair_outcomes(better, worse, warmup_s),
        difference=paired_difference(worse, better, warmup_s),
        fates=tuple((fate, int(ended[STATUS.index(fate)])) for fate in ("late", "rejected", "unplaced")),
        in_bursts=_mean(in_burst[lost]),
        all_in_bursts=_mean(in_burst[counted]),
        burst_time=_mean(burst_time[model]),
        hopeless=_mean(hopeless[lost]),
        idle=_mean(idle_devices(worse, reach_s[lost], worse_spans)),
        all_idle=_mean(idle_devices(worse, reach_s[counted], worse_spans)),
        causes=measure_causes(better, worse, lost, hopeless),
        no_room=None if cluster is None else _without_room(worse, lost, cluster),
        top_model=better.models[int(np.argmax(most))].name if lost.size else "",
        top_share=float(most.max() / lost.size) if lost.size else math.nan,
    )


def model_bursts(arrival_s: np.ndarray, model: np.ndarray, num_models: int) -> tuple[np.ndarray, np.ndarray]:
    """Which requests arrive in a burst of their model (see BURST_REQUESTS, BURST_TIMES).

    Args:
        arrival_s: float64 (n,), sorted. model: int (n,).

    Returns:
        bool (n,), in a burst; float64 (num_models,), the share of the time that is a burst of the model.
    """
    in_burst, share = np.zeros(arrival_s.size, dtype=bool), np.zeros(num_models)
    span_s = float(arrival_s[-1] - arrival_s[0]) if arrival_s.size else 0.0
    if span_s <= 0:
        return in_burst, share
    order = np.argsort(model, kind="stable")
    bounds = np.searchsorted(model[order], np.arange(num_models + 1))
    place = (arrival_s - arrival_s[0]) / span_s
    for m in range(num_models):
        mine = order[bounds[m] : bounds[m + 1]]
        stretches = max(mine.size // BURST_REQUESTS, 1)
        at = np.minimum((place[mine] * stretches).astype(np.int64), stretches - 1)
        hot = np.bincount(at, minlength=stretches) > BURST_TIMES * mine.size / stretches
        in_burst[mine], share[m] = hot[at], hot.mean()
    return in_burst, share


def hopeless_requests(result: SimulationResult) -> np.ndarray:
    """bool (n,): placed, but even an idle group could not have answered within the deadline (batch 1).

    Of a schedule the quickest group of any of its placements counts.
    """
    serving = result.serving
    margin_s = serving.admission_margin_s if serving.admission == "deadline" else 0.0
    after_s = max(serving.start_delay_s + serving.response_delay_s, serving.response_delay_s + margin_s)
    quickest_s = np.full(len(result.models), np.inf)
    holders: dict[tuple[int, int], set[str]] = {}
    for placed in result.groups:
        holders.setdefault((placed.group.pp, placed.group.tp), set()).update(placed.group.models)
    for m, served in enumerate(result.models):
        for (pp, tp), names in holders.items():
            if served.name in names:
                entry_s = served.profile.entry(pp, tp).latency_s * serving.stage_factor(pp)
                quickest_s[m] = min(quickest_s[m], entry_s)
    slo_s = np.array([served.slo_s for served in result.models])[result.workload.model]
    if result.workload.slo_s is not None:
        slo_s = np.where(np.isnan(result.workload.slo_s), slo_s, result.workload.slo_s)
    needed_s = (quickest_s + serving.client_delay_s + serving.dispatch_delay_s + after_s)[result.workload.model]
    return (needed_s > slo_s) & np.isfinite(needed_s)


def idle_devices(result: SimulationResult, at_s: np.ndarray, spans: StageSpans | None = None) -> np.ndarray:
    """float64 (k,): share of the placement's devices that compute nothing at each moment of `at_s`.

    Devices that are in no group are not counted; NaN where there are none.

    Args:
        at_s: float64 (k,), seconds. spans: stage_spans(result), if at hand.
    """
    at_s = np.asarray(at_s, dtype=np.float64)
    if not result.groups:
        return np.full(at_s.size, math.nan)
    spans = stage_spans(result) if spans is None else spans
    tp = np.array([placed.group.tp for placed in result.groups], dtype=np.float64)
    # Requests of one batch occupy their stage together.
    weight = tp[result.group[spans.request]] / np.maximum(result.batch_size[spans.request], 1)
    runs = np.isfinite(spans.begin_s)
    weights = np.broadcast_to(weight[:, None], runs.shape)[runs]
    busy = _level(spans.begin_s[runs], weights, at_s) - _level(spans.end_s[runs], weights, at_s)
    starts_s = np.array([placed.start_s for placed in result.groups])
    ends_s = np.array([placed.end_s for placed in result.groups])
    devices = np.array([placed.group.devices for placed in result.groups], dtype=np.float64)
    there = _level(starts_s, devices, at_s) - _level(ends_s, devices, at_s)
    share = np.divide(busy, there, out=np.full(at_s.size, math.nan), where=there > 0)
    return np.clip(1.0 - share, 0.0, 1.0)


def _level(event_s: np.ndarray, weight: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Sum of the weights of events up to and including each moment."""
    order = np.argsort(at_s)
    # Sorting the moments is cheaper than sorting every execution of the run.
    reached = np.searchsorted(at_s[order], event_s, side="left")
    level = np.empty(at_s.size)
    level[order] = np.cumsum(np.bincount(reached, weights=weight, minlength=at_s.size + 1))[: at_s.size]
    return level


def _without_room(result: SimulationResult, rows: np.ndarray, cluster: Cluster) -> int:
    homeless = set(models_without_room(result, cluster))
    is_homeless = np.array([model.name in homeless for model in result.models], dtype=bool)
    return int(is_homeless[result.workload.model[rows]].sum())


def _reach_s(result: SimulationResult) -> np.ndarray:
    return result.workload.arrival_s + result.serving.client_delay_s + result.serving.dispatch_delay_s


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan
