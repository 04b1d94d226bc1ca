"""Searches for groups of engines: dedicated, shared, both improved by local changes, and prompts apart from decoding.

Deterministic: whatever is tried, is tried in one order, and ties go to what was tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import tee

import numpy as np

from planner.executors.cluster import Machines
from planner.generation.figures import deadlines_kept
from planner.generation.problem import TokenProblem
from planner.search import NoPlacement, Progress, SearchResult
from planner.search.budget import Asked, Budget, Stopped
from planner.search.preparation import begin
from planner.search.result import Alternative, Step
from planner.search.workers import InTurn, Task, Workers
from simulator import Group, InputError, Placement
from simulator.generation import DECODE, PREFILL, simulate_generation
from simulator.generation.preparation import GENERATING
from simulator.headway import goes_on

ALTERNATIVES = 5
TITLES = {
    "dedicated": "Dedicated engines",
    "shared": "Shared engines",
    "refine": "Dedicated or shared engines, refined",
    "disaggregated": "Prompts on some engines, tokens on others (not validated)",
}
# Those whose figures measurements speak for.
VALIDATED = ("dedicated", "shared", "refine")
DESCRIPTIONS = {
    "dedicated": "Every engine has devices of its own, dealt out by load or one by one to where each brings most.",
    "shared": "All models on every group of devices, one cache for all, turns by iteration; the best tensor degree.",
    "refine": "The better of both, improved by adding, removing and replacing models, joining and splitting groups.",
    "disaggregated": "All models on every group; some for prompts, the others for later tokens; every share is tried.",
}

Groups = tuple[Group, ...]


@dataclass(frozen=True)
class EngineSearchResult(SearchResult):
    """What a search for engines found: one placement, which does not change over time."""

    placement: Placement


@dataclass
class _Run:
    problem: TokenProblem
    name: str
    budget: Budget
    workers: Workers | InTurn
    scores: dict[Groups, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    best: Groups | None = None

    @property
    def best_score(self) -> float | None:
        return None if self.best is None else self.scores[self.best]

    @property
    def tensor_degrees(self) -> list[int]:
        """Degrees that some model has a profile of, and the cluster devices for."""
        known = {tp for model in self.problem.models for tp in model.profiles}
        return sorted(tp for tp in known if tp <= self.problem.cluster.devices)

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(model.name for model in self.problem.models)

    def score(self, groups: Groups) -> float:
        """Share of the requests that meet their deadlines; raises Stopped where the budget ends."""
        return next(self.score_each([groups]))

    def score_each(self, several: Iterable[Groups]) -> Generator[float, None, None]:
        """The same of several, in order; on other machines some are scored before they are asked for."""
        asked, ahead = tee(map(_ordered, several))
        scored = self.workers.each(self._tasks(ahead), abandon=True)
        for groups in asked:
            if groups not in self.scores:
                self.budget.check()
                self._note(groups, next(scored))
            yield self.scores[groups]

    def _tasks(self, several: Iterable[Groups]) -> Iterator[Task[float]]:
        begun = set[Groups]()
        for groups in several:
            if groups not in self.scores and groups not in begun:
                begun.add(groups)
                yield _score, (self.problem, groups, self.name)

    def _note(self, groups: Groups, score: float) -> None:
        self.budget.spend(1)
        self.scores[groups] = score
        if self.best is None or score > self.scores[self.best]:
            self.best, self.budget.tally.improved_at = groups, self.budget.tally.evaluations

    def keep(self, what: str, groups: Groups, tried: Sequence[tuple[str, float]] = ()) -> None:
        """Write down a step."""
        self.steps.append(self._step(what, groups, tried))

    def history(self) -> tuple[Step, ...]:
        """All steps so far, the last one to the best of all that was tried; only where there is one."""
        assert self.best is not None, "there is no history before anything was scored"
        if self.steps and self.steps[-1].placement.groups == self.best:
            return tuple(self.steps)
        return (*self.steps, self._step("the best of all that was tried", self.best))

    def _step(self, what: str, groups: Groups, tried: Sequence[tuple[str, float]] = ()) -> Step:
        tally, groups = self.budget.tally, _ordered(groups)
        others = sorted((a for a in tried if a[0] != what), key=lambda a: -a[1])[:ALTERNATIVES]
        return Step(
            tally.phase, what, Placement(groups, self.name), self.scores[groups], tally.seconds, tally.evaluations,
            tuple(Alternative(*a) for a in others),
        )  # fmt: skip


def _score(problem: TokenProblem, groups: Groups, name: str) -> float:
    result = simulate_generation(
        problem.engine_groups(groups, name), problem.workload, problem.section.dispatch,
        ttft_limits_s=problem.ttft_limits_s, kv_bandwidth_bytes_per_s=problem.kv_bandwidth_bytes_per_s,
    )  # fmt: skip
    return float(deadlines_kept(problem, result)["all"].mean())


def begin_here() -> bool:
    """Begin to prepare this process for such searches; whether it is prepared."""
    return begin(GENERATING)


def search_engines(
    problem: TokenProblem,
    algorithm: str = "refine",
    name: str = "placement",
    time_limit_s: float | None = None,
    max_evaluations: int | None = None,
    on_progress: Callable[[Progress], bool | None] | None = None,
    start: Placement | None = None,
    executor: Machines | None = None,
) -> EngineSearchResult:
    """The groups of engines that meet the deadlines of most requests, as far as an algorithm finds them.

    Args:
        algorithm: `dedicated`, every engine a group of its own, by load and added one by one where each device brings
            most; `shared`, all models on every group, for each tensor degree; `refine`, the better of both or `start`,
            improved by adding, removing and replacing models and by joining and splitting groups; `disaggregated`
            (not validated), all models on every group, some groups for prompts and the others for later tokens.
        name: of the placement. start: of the same models on no more devices.
        on_progress: called now and then; returning False stops the search, which gives its best so far.
        executor: other machines, which are prepared; else placements are scored in the calling thread.

    Raises InputError for an unknown algorithm, NoPlacement if nothing fits or nothing was scored in time.
    """
    if algorithm not in TITLES:
        raise InputError(
            f"Algorithm '{algorithm}' is not known for generating models; {', '.join(TITLES)} are allowed."
        )

    def report() -> bool:
        if on_progress is None:
            return True
        tally = run.budget.tally
        steps = run.history() if run.best is not None else ()
        return goes_on(on_progress, Progress(
            tally.phase, evaluations=tally.evaluations, best_score=run.best_score, seconds=tally.seconds,
            time_left_s=run.budget.time_left_s, placement=steps[-1].placement if steps else None, steps=steps,
        ))  # fmt: skip

    budget = Budget(time_limit_s, max_evaluations, Asked(report))
    workers = InTurn(budget, np.zeros(1, np.int64)) if executor is None else Workers(budget, executor)
    run = _Run(problem, name, budget, workers)
    stop_reason = "done"
    try:
        if start is not None:
            run.budget.enter("begin with what is known")
            run.score(start.groups)
            run.keep("begin with what is known", start.groups)
        _ALGORITHMS[algorithm](run)
    except Stopped as stopped:
        stop_reason = stopped.reason
    finally:
        workers.close()
    best = run.best
    if best is None:
        raise NoPlacement(TITLES[algorithm], stop_reason)
    tally = run.budget.tally
    return EngineSearchResult(
        algorithm, Placement(best, name), run.scores[best], tally.seconds, tally.evaluations, stop_reason,
        run.history(), _notes(run, best),
    )  # fmt: skip


def _notes(run: _Run, groups: Groups) -> tuple[str, ...]:
    held = {name for group in groups for name in group.models}
    left = [name for name in run.model_names if name not in held]
    notes = [f"No devices were left for {', '.join(left)}, or none that hold it."] if left else []
    return (*notes, *([] if run.workers.lost is None else [run.workers.lost]))


def _ordered(groups: Groups) -> Groups:
    plain = (Group(1, g.tp, tuple(sorted(g.models)), g.role) for g in groups)
    # Prompts first.
    return tuple(sorted(plain, key=lambda g: (g.role == DECODE, g.tp, g.models)))


def _by_load(run: _Run, tokens: np.ndarray) -> None:
    """For each tensor degree, engines dealt out one by one to the model with most tokens a device."""
    run.budget.enter("dedicated: devices by load")
    models = run.problem.models
    tried: dict[int, Groups] = {}
    for tp in run.tensor_degrees:
        held = np.zeros(len(models))
        fits = np.array([run.problem.fits(Group(1, tp, (model.name,))) for model in models])
        for _ in range(run.problem.cluster.devices // tp if fits.any() else 0):
            held[int(np.argmax(np.where(fits, tokens / (held + 1), -1.0)))] += 1
        if held.any():
            tried[tp] = tuple(
                Group(1, tp, (model.name,))
                for model, count in zip(models, held, strict=True)
                for _ in range(int(count))
            )
    for (tp, groups), _ in zip(tried.items(), run.score_each(tried.values()), strict=True):
        run.keep(f"devices by load, tp {tp}", groups)


def _dedicated(run: _Run) -> None:
    """Engines by load; and added one by one, the one whose devices bring most, of equals by load. The best is kept."""
    problem, devices = run.problem, run.problem.cluster.devices
    workload = problem.workload
    tokens = np.bincount(workload.model, workload.input_tokens + workload.output_tokens, len(problem.models))
    _by_load(run, tokens)
    run.budget.enter("dedicated: add engines")
    groups: Groups = ()
    score = 0.0
    while score < 1:
        free = devices - sum(group.tp for group in groups)
        tried: list[tuple[float, Group]] = []
        for number, model in enumerate(problem.models):
            held = sum(group.tp for group in groups if group.models == (model.name,))
            for tp in sorted(model.profiles):
                group = Group(1, tp, (model.name,))
                if tp <= free and problem.fits(group):
                    tried.append((tokens[number] / (held + tp), group))
        if not tried:
            break
        scores = list(run.score_each((*groups, group) for _, group in tried))
        gains = [((s - score) / group.tp, load) for s, (load, group) in zip(scores, tried, strict=True)]
        chosen = tried[gains.index(max(gains))][1]
        outcomes = [(_added(group), s) for s, (_, group) in zip(scores, tried, strict=True)]
        groups = (*groups, chosen)
        score = run.score(groups)
        run.keep(_added(chosen), groups, outcomes)


def _added(group: Group) -> str:
    return f"an engine of {', '.join(group.models)} with tp {group.tp}"


def _shared(run: _Run) -> None:
    """All models on every group, for each tensor degree."""
    run.budget.enter("shared: all models on every group")
    tried: list[tuple[str, Groups]] = []
    for tp in run.tensor_degrees:
        group = Group(1, tp, run.model_names)
        if run.problem.fits(group):
            groups = (group,) * (run.problem.cluster.devices // tp)
            tried.append((f"all models on {len(groups)} groups of tp {tp}", groups))
    _keep_best(run, tried)


def _disaggregated(run: _Run) -> None:
    """All models on every group: the first groups compute prompts, the others later tokens; every share is tried."""
    run.budget.enter("disaggregated: groups for prompts")
    tried: list[tuple[str, Groups]] = []
    for tp in run.tensor_degrees:
        groups = run.problem.cluster.devices // tp
        if groups < 2 or not run.problem.fits(Group(1, tp, run.model_names)):
            continue
        for prompts in range(1, groups):
            held = (Group(1, tp, run.model_names, PREFILL),) * prompts
            held += (Group(1, tp, run.model_names, DECODE),) * (groups - prompts)
            tried.append((f"{prompts} of {groups} groups of tp {tp} for prompts", held))
    _keep_best(run, tried)


def _keep_best(run: _Run, tried: Sequence[tuple[str, Groups]]) -> None:
    """Score all; the best of them is the step, the others its alternatives."""
    scores = list(run.score_each(groups for _, groups in tried))
    if tried:
        what, groups = tried[scores.index(max(scores))]
        run.keep(what, groups, [(other, score) for (other, _), score in zip(tried, scores, strict=True)])


def _refine(run: _Run) -> None:
    """The first change that improves, again and again, until none does."""
    if run.best is None:
        _shared(run)
        _dedicated(run)
    run.budget.enter("refine: change groups")
    improved = True
    while improved and run.best is not None and run.scores[run.best] < 1:
        improved, before = False, run.scores[run.best]
        changes, tried = tee(_neighbours(run, run.best))
        with closing(run.score_each(groups for _, groups in tried)) as scores:
            for (what, groups), score in zip(changes, scores, strict=True):
                if score > before:
                    run.keep(what, groups)
                    improved = True
                    break


def _neighbours(run: _Run, groups: Groups) -> Iterator[tuple[str, Groups]]:
    """Placements one change away: (what changed, groups)."""
    free = run.problem.cluster.devices - sum(group.tp for group in groups)
    for index, group in enumerate(groups):
        if group in groups[:index]:
            continue
        rest = groups[:index] + groups[index + 1 :]
        for models in _other_models(run, group):
            yield from _if_fits(
                run, f"{_added(Group(1, group.tp, models))} for {_added(group)}", rest, group.tp, models
            )
        if 2 * group.tp in run.tensor_degrees and group in rest:
            fewer = rest[: rest.index(group)] + rest[rest.index(group) + 1 :]
            yield from _if_fits(run, f"two groups of tp {group.tp} joined", fewer, 2 * group.tp, group.models)
        if group.tp % 2 == 0 and group.tp // 2 in run.tensor_degrees:
            half = Group(1, group.tp // 2, group.models)
            yield from _if_fits(run, f"a group of tp {group.tp} split", (*rest, half), half.tp, half.models)
    for tp in run.tensor_degrees:
        for name in run.model_names if tp <= free else ():
            yield from _if_fits(run, _added(Group(1, tp, (name,))), groups, tp, (name,))


def _other_models(run: _Run, group: Group) -> Iterator[tuple[str, ...]]:
    for name in run.model_names:
        if name not in group.models:
            yield (*group.models, name)
    for name in group.models if len(group.models) > 1 else ():
        yield tuple(model for model in group.models if model != name)
    for name in run.model_names:
        if name not in group.models:
            for gone in group.models:
                yield tuple(name if model == gone else model for model in group.models)


def _if_fits(run: _Run, what: str, rest: Groups, tp: int, models: tuple[str, ...]) -> Iterator[tuple[str, Groups]]:
    group = Group(1, tp, models)
    if run.problem.fits(group):
        yield what, (*rest, group)


_ALGORITHMS = {"dedicated": _dedicated, "shared": _shared, "refine": _refine, "disaggregated": _disaggregated}
