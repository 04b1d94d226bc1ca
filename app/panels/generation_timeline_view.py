"""How one looks at engines that generate: the stretch of time, the group and the request; kept like other views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.panels.address import finite
from app.panels.timeline_view import ADDRESS, COMFORTABLE, forget_pinned
from app.state.answer import TokenAnswer, TokenAnswered
from app.state.results import kept
from app.state.session import Session
from planner.generation.figures import EngineFigures, deadlines_kept
from planner.generation.record import record_group
from simulator.generation import EngineSeries, GenerationResult, TooManyIterations

# Iterations, or rows of several that only decode, which one picture holds; of more, equal parts of time are drawn.
MOST_ROWS = 4_000


@dataclass(frozen=True)
class EngineView:
    """What is looked at.

    Attributes:
        entry: the placement. window_s: the stretch. group: number of the engines' devices, as in EngineFigures.
        request: number of the request whose life is told. met: bool (n,), which requests meet all their deadlines.
    """

    entry: TokenAnswered
    window_s: tuple[float, float]
    group: int
    request: int
    met: np.ndarray

    @property
    def result(self) -> GenerationResult:
        return self.entry.outcome.result

    @property
    def engines(self) -> tuple[EngineFigures, ...]:
        """Those of the group."""
        return tuple(engine for engine in self.entry.outcome.figures.engines if engine.group == self.group)


def current_engine_view(session: Session, answer: TokenAnswer, entry: TokenAnswered) -> EngineView:
    """The view of this session as far as it fits the placement, else where most requests wait, and a missed request.

    What it begins with stays when another placement is looked at, so that the same moment and request are compared.
    """
    given, result = ADDRESS.given(session), entry.outcome.result
    forget_pinned(given, answer)
    engines, edges_s = entry.outcome.figures.engines, entry.outcome.figures.over_time.edges_s
    met = kept(("met", entry.outcome_key), lambda: deadlines_kept(answer.inputs.problem, result)["all"])
    group = finite(given.get("groups"))
    chosen = group is not None and any(engine.group == group for engine in engines)
    if not chosen:
        group = engines[most_waiting(entry)[0]].group
    start_s, end_s = finite(given.get("start")), finite(given.get("end"))
    last_s = float(np.nanmax(result.last_token_s, initial=edges_s[-1]))
    if start_s is None or end_s is None or not end_s > start_s or start_s > last_s or end_s < edges_s[0]:
        start_s, end_s = _comfortable(entry, answer, int(group or 0))
        if answer.is_current:
            given |= {"start": str(start_s), "end": str(end_s), "pinned": answer.inputs_key}
    request = finite(given.get("request"))
    if request is None or not 0 <= request < len(result.workload):
        request = first_missed_at(result, met, (start_s, end_s), [e.engine for e in engines if e.group == group])
        if answer.is_current:
            given["request"] = str(request)
    return EngineView(entry, (start_s, end_s), int(group or 0), int(request), met)


def recorded(view: EngineView, answer: TokenAnswer) -> EngineSeries | None:
    """The iterations of the group in the stretch; None where they are too many to be drawn one by one."""

    def make() -> EngineSeries:
        return record_group(view.entry.outcome, answer.inputs, view.group, view.window_s, MOST_ROWS)

    try:
        return kept(("recorded", view.entry.outcome_key, view.group, view.window_s), make)
    except TooManyIterations:
        return None


def most_waiting(entry: TokenAnswered) -> tuple[int, int]:
    """Engine and stretch of the run in which most requests wait; where nobody does, in which most run."""
    bins = entry.outcome.figures.over_time
    values = bins.most_waiting if bins.most_waiting.any() else np.nan_to_num(bins.running)
    engine, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(engine), int(column)


def first_missed_at(
    result: GenerationResult, met: np.ndarray, window_s: tuple[float, float], engines: list[int]
) -> int:
    """The first request of the stretch at these engines that missed a deadline, else the first there, else of all."""
    low, high = np.searchsorted(result.workload.arrival_s, window_s)
    there = np.flatnonzero(result.at_engines(engines)[low:high])
    missed = there[~met[low:high][there]]
    first = missed if missed.size else there
    return int(min(low + (first[0] if first.size else 0), len(result.workload) - 1))


def next_where(mask: np.ndarray, request: int) -> int | None:
    """The next request for which it holds, beginning again at the start of the run; None if there is none."""
    those = np.flatnonzero(mask)
    return int(those[np.searchsorted(those, request, side="right") % those.size]) if those.size else None


def _comfortable(entry: TokenAnswered, answer: TokenAnswer, group: int) -> tuple[float, float]:
    """About COMFORTABLE iterations of the group around the moment at which most of its requests wait."""
    bins = entry.outcome.figures.over_time
    mine = [engine.engine for engine in entry.outcome.figures.engines if engine.group == group]
    values = bins.most_waiting[mine] if bins.most_waiting[mine].any() else np.nan_to_num(bins.running[mine])
    column = int(np.argmax(values.max(axis=0)))
    stretch_s = float(bins.edges_s[column]), float(bins.edges_s[column + 1])
    length_s = max(stretch_s[1] - stretch_s[0], 1e-3)
    try:
        rows = len(record_group(entry.outcome, answer.inputs, group, stretch_s, MOST_ROWS).segments)
    except TooManyIterations:
        rows = MOST_ROWS
    length_s *= COMFORTABLE / max(rows, COMFORTABLE / 20)
    start_s = max((stretch_s[0] + stretch_s[1] - length_s) / 2, float(bins.edges_s[0]))
    return round(start_s, 4), round(start_s + length_s, 4)
