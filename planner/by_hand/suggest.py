"""The best next single change of a placement: a few hundred edits, each simulated on the whole traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice, zip_longest

from planner.by_hand.editing import (
    EditContext,
    add_group,
    add_replica,
    drop_replica,
    half_shapes,
    keeps_rules,
    merge_groups,
    move_replica,
    placement_problems,
    reshape_group,
    split_group,
)
from planner.explain import paired_difference
from planner.scenario.inputs import Inputs
from planner.targets import TargetMiss, targets_missed
from simulator import Figures, InputError, Placement, SimulationResult, measure, simulate, words
from simulator.headway import Headway, goes_on

MOST_CHANGES = 300
MOST_SUGGESTIONS = 5
# Generators are cut here, so that 64 groups with 200 models do not make a million candidates.
MOST_OF_A_KIND = 2_000


@dataclass(frozen=True, kw_only=True)
class ChangeHeadway(Headway):
    """How many changes are simulated; best: the highest SLO attainment among them, 0..1."""

    best: float


@dataclass(frozen=True)
class Change:
    """One edit: what it does, in words, and the placement it leads to."""

    what: str
    placement: Placement


@dataclass(frozen=True)
class Suggestion:
    """A change that was simulated.

    Attributes:
        slo_attainment: with it, 0..1; gain: the difference to before. worth: the same difference where each request
            counts as much as the weight of its model says; what changes are ranked by.
        is_clear: whether the gain is larger than the uncertainty of the paired difference; False with few requests.
        losers: models that meet fewer deadlines with it: name, and by how much its attainment falls, most first.
        pushed: models that it pushes below their own targets, which they meet without it.
    """

    what: str
    placement: Placement
    slo_attainment: float
    gain: float
    is_clear: bool
    losers: tuple[tuple[str, float], ...]
    worth: float
    pushed: tuple[TargetMiss, ...] = ()


@dataclass(frozen=True)
class Suggestions:
    """What came of trying.

    Attributes:
        best: the changes that are worth most, best first, at most MOST_SUGGESTIONS; only those that gain. Those that
            push a model below its own target come last.
        tried: how many were simulated; possible: how many were found worth trying.
        complete: False if it was stopped.
    """

    best: tuple[Suggestion, ...]
    tried: int
    possible: int
    complete: bool


def suggest_changes(
    placement: Placement,
    inputs: Inputs,
    on_progress: Callable[[ChangeHeadway], bool | None] | None = None,
    most: int = MOST_CHANGES,
) -> Suggestions:
    """Simulate single changes of a placement and rank them by SLO attainment (without the warm-up), weighted by model.

    Changes that break a placement rule which the placement keeps are left out.

    Args:
        placement: fits the cluster. inputs: from build_inputs.
        on_progress: told after each simulation; returning False stops with the best so far.
        most: changes to simulate at most, those first that promise most.

    Raises:
        InputError: the placement does not fit.
    """
    problem = inputs.problem
    placement.check(problem.models, problem.cluster)
    start = _run(placement, inputs)
    before = measure(start, inputs.warmup_s)
    bench = EditContext(problem.models, problem.cluster, problem.rules)
    changes = list(islice(single_changes(placement, bench, before), most))
    scored: list[Suggestion] = []
    best_so_far, complete = before.total.slo_attainment, True
    for done, change in enumerate(changes, start=1):
        scored.append(_score(change, start, before, inputs))
        best_so_far = max(best_so_far, scored[-1].slo_attainment)
        if not goes_on(on_progress, ChangeHeadway("changes", done, len(changes), best=best_so_far)):
            complete = done == len(changes)
            break
    gaining = (suggestion for suggestion in scored if suggestion.worth > 0)
    ranked = sorted(gaining, key=lambda suggestion: (bool(suggestion.pushed), -suggestion.worth))
    return Suggestions(tuple(ranked[:MOST_SUGGESTIONS]), len(scored), len(changes), complete)


def single_changes(placement: Placement, bench: EditContext, figures: Figures) -> Iterator[Change]:
    """Every kind of edit that fits, in turn, each kind in the order of its promise; no placement twice.

    Args:
        figures: of the placement, which say who misses deadlines and which groups are busy.
    """
    missed = {name: fates.requests - fates.served for name, fates in figures.models}
    wanting = [name for name in sorted(missed, key=lambda name: -missed[name]) if missed[name] > 0]
    busy = {group.index: group.utilization for group in figures.groups}
    idle_first = sorted(range(len(placement.groups)), key=lambda g: busy.get(g, 0.0))
    asked = {name: fates.requests for name, fates in figures.models}
    kinds = (
        _additions(placement, bench, wanting, idle_first),
        _replacements(placement, bench, wanting, idle_first, asked),
        _moves(placement, bench, wanting, idle_first),
        _reshapes(placement, bench),
        _splits_and_merges(placement, bench),
        _new_groups(placement, bench, wanting),
        _removals(placement, asked),
    )
    seen = {_key(placement)}
    for turn in zip_longest(*(islice(_possible(kind), MOST_OF_A_KIND) for kind in kinds)):
        for change in turn:
            if change is None or _key(change.placement) in seen:
                continue
            seen.add(_key(change.placement))
            if not placement_problems(change.placement, bench) and keeps_rules(placement, change.placement, bench):
                yield change


Attempt = tuple[str, Callable[[], Placement]]


def _possible(attempts: Iterable[Attempt]) -> Iterator[Change]:
    """Those attempts that an edit does not refuse."""
    for what, make in attempts:
        try:
            changed = make()
        except InputError:
            continue
        yield Change(what, changed)


def _additions(
    placement: Placement, bench: EditContext, wanting: list[str], idle_first: list[int]
) -> Iterator[Attempt]:
    for name in wanting:
        for g in idle_first:
            what = f"add {name} to {words.numbered('group', g)}"
            yield what, lambda name=name, g=g: add_replica(placement, g, name, bench)


def _replacements(
    placement: Placement, bench: EditContext, wanting: list[str], idle_first: list[int], asked: dict[str, int]
) -> Iterator[Attempt]:
    """A model that misses deadlines takes the place of the one in a group that is asked for least."""
    for name in wanting:
        for g in idle_first:
            held = [other for other in placement.groups[g].models if other != name]
            for other in sorted(held, key=lambda other: asked.get(other, 0))[:1]:
                yield (
                    f"in {words.numbered('group', g)}, {name} takes the place of {other}",
                    lambda name=name, g=g, other=other: add_replica(drop_replica(placement, g, other), g, name, bench),
                )


def _moves(placement: Placement, bench: EditContext, wanting: list[str], idle_first: list[int]) -> Iterator[Attempt]:
    """From the busiest groups to the idlest, models with misses first."""
    rank = {name: i for i, name in enumerate(wanting)}
    for source in reversed(idle_first):
        for name in sorted(placement.groups[source].models, key=lambda name: rank.get(name, len(rank))):
            for target in idle_first:
                yield (
                    f"move {name} from {words.numbered('group', source)} to {words.numbered('group', target)}",
                    lambda n=name, s=source, t=target: move_replica(placement, n, s, t, bench),
                )


def _reshapes(placement: Placement, bench: EditContext) -> Iterator[Attempt]:
    for g, group in enumerate(placement.groups):
        for pp, tp in bench.shapes(group.models):
            yield (
                f"cut {words.numbered('group', g)} into {pp} × {tp} instead of {group.pp} × {group.tp} (pp × tp)",
                lambda g=g, pp=pp, tp=tp: reshape_group(placement, g, pp, tp, bench, drop_misfits=True),
            )


def _splits_and_merges(placement: Placement, bench: EditContext) -> Iterator[Attempt]:
    for g, group in enumerate(placement.groups):
        half = half_shapes(group.pp, group.tp)
        if half is not None:
            yield (
                f"split {words.numbered('group', g)} into two of {half[0]} × {half[1]} (pp × tp)",
                lambda g=g, half=half: split_group(placement, g, half, half, bench),
            )
    for a, b in combinations(range(len(placement.groups)), 2):
        one, other = placement.groups[a], placement.groups[b]
        if (one.pp, one.tp) == (other.pp, other.tp):
            yield (
                f"merge {words.numbered('group', a, b)} into one of {2 * one.pp} × {one.tp} (pp × tp)",
                lambda a=a, b=b, pp=2 * one.pp, tp=one.tp: merge_groups(placement, a, b, pp, tp, bench),
            )


def _new_groups(placement: Placement, bench: EditContext, wanting: list[str]) -> Iterator[Attempt]:
    spare = bench.spare_devices(placement)
    for pp, tp in bench.shapes():
        if pp * tp <= spare:
            yield (
                f"add a group of {pp} × {tp} (pp × tp) for the models that miss most",
                lambda pp=pp, tp=tp: _filled(placement, pp, tp, bench, wanting),
            )


def _filled(placement: Placement, pp: int, tp: int, bench: EditContext, wanting: list[str]) -> Placement:
    changed, index = add_group(placement, pp, tp, bench), len(placement.groups)
    for name in wanting:
        try:
            changed = add_replica(changed, index, name, bench)
        except InputError:
            continue
    if not changed.groups[index].models:
        raise InputError("No model that misses deadlines fits the new group.")
    return changed


def _removals(placement: Placement, asked: dict[str, int]) -> Iterator[Attempt]:
    held = [(asked.get(name, 0), g, name) for g, group in enumerate(placement.groups) for name in group.models]
    for _, g, name in sorted(held):
        what = f"drop {name} from {words.numbered('group', g)}"
        yield what, lambda g=g, name=name: drop_replica(placement, g, name)


def _key(placement: Placement) -> tuple:
    """The same for placements that differ in the order of groups and models only."""
    return tuple(sorted((g.pp, g.tp, tuple(sorted(g.models))) for g in placement.groups))


def _score(change: Change, start: SimulationResult, before: Figures, inputs: Inputs) -> Suggestion:
    result = _run(change.placement, inputs)
    after = measure(result, inputs.warmup_s)
    attainment = after.total.slo_attainment
    pairs = zip(before.models, after.models, strict=True)
    falls = [(name, old.slo_attainment - new.slo_attainment) for (name, old), (_, new) in pairs if old.requests]
    losers = sorted(((name, fall) for name, fall in falls if fall > 0), key=lambda item: -item[1])
    is_clear = paired_difference(start, result, inputs.warmup_s).is_clear
    missed = {miss.model for miss in targets_missed(before, inputs.targets)}
    return Suggestion(
        what=change.what,
        placement=change.placement,
        slo_attainment=attainment,
        gain=attainment - before.total.slo_attainment,
        is_clear=is_clear,
        losers=tuple(losers),
        worth=_weighted(after, inputs) - _weighted(before, inputs),
        pushed=tuple(miss for miss in targets_missed(after, inputs.targets) if miss.model not in missed),
    )


def _weighted(figures: Figures, inputs: Inputs) -> float:
    """SLO attainment, 0..1, where each request counts as much as the weight of its model says."""
    weight = [inputs.problem.weights.get(name, 1.0) for name, _ in figures.models]
    asked = sum(w * fates.requests for w, (_, fates) in zip(weight, figures.models, strict=True))
    return sum(w * fates.served for w, (_, fates) in zip(weight, figures.models, strict=True)) / asked if asked else 1.0


def _run(placement: Placement, inputs: Inputs) -> SimulationResult:
    problem = inputs.problem
    return simulate(problem.models, replace(placement, name="change"), problem.workload, problem.serving)
