"""How one looks at a comparison: the pair, what everything is filtered to, the stretch of time and the moment.

Kept in the session and written into the address, so that a link shows the same view. Whatever no longer fits the answer
(another trace, a placement taken out) is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.look import words
from app.panels.address import Address, finite
from app.state.answer import Answer, Answered, AnyAnswered, EntryT, TokenAnswer, TokenAnswered, nothing_last
from app.state.results import kept
from app.state.session import Session
from simulator import Figures, InputError, SimulationResult, Timeline, build_timeline, measure, stage_spans
from simulator.loads import StageSpans
from simulator.metrics import counted_arrivals_s, counted_rows
from simulator.selection import select_requests
from simulator.windows import most_waiting_at_s

MOST_SHOWN = 6
BINS = 240
_ADDRESS = Address(lambda views: views.compare.address, ("first", "second", "model", "in", "group", "from", "to", "at"))


@dataclass(frozen=True)
class View:
    """What is looked at.

    Attributes:
        shown: the placements side by side, the one that meets most deadlines first.
        first, second: the pair; gains and losses are those of the second against the first.
        model: index of the one model that everything is filtered to.
        group: the placement and the number of the group whose requests everything is filtered to.
        run_s, window_s: first and last arrival of the run, and the stretch that is looked at.
        at_s: the moment; the worst one of the first of the pair where nobody chose one. mark_s: where the chart over
            time marks it; None where it was clicked, because the browser then shows it itself and the zoom would be
            lost with another picture, and where nobody chose it.
    """

    shown: tuple[Answered, ...]
    first: Answered
    second: Answered
    model: int | None
    group: tuple[Answered, int] | None
    run_s: tuple[float, float]
    window_s: tuple[float, float]
    at_s: float
    mark_s: float | None

    @property
    def filter_key(self) -> tuple:
        """Names what everything is filtered to; empty where it is not."""
        if self.model is not None:
            return ("model", self.model)
        return () if self.group is None else ("group", self.group[0].outcome_key, self.group[1])

    def filter_in_words(self, answer: Answer) -> str:
        """What everything is filtered to, empty where it is not."""
        if self.model is not None:
            return f"only model {words.shorten(answer.inputs.problem.models[self.model].name, 40)}"
        if self.group is not None:
            holder, index = self.group
            sender = words.shorten(holder.section.name, 40)
            return f"only requests that {sender} sent to {words.numbered('group', index)}"
        return ""


@dataclass(frozen=True)
class TokenView:
    """What is looked at of models that generate: as of View; `model` by its name, None where all are counted."""

    shown: tuple[TokenAnswered, ...]
    first: TokenAnswered
    second: TokenAnswered
    model: str | None = None


def current_view(session: Session, answer: Answer) -> View:
    """The view of this session, as far as it fits the answer, which shows at least two placements."""
    given = _ADDRESS.given(session)
    shown = compared(session, answer.shown)
    by_name = {entry.section.name: entry for entry in shown}
    first, second = chosen_pair(session, shown)
    names = [model.name for model in answer.inputs.problem.models]
    holder, number = by_name.get(given.get("in", "")), finite(given.get("group"))
    groups = len(holder.outcome.result.groups) if holder else 0
    run_s = counted_arrivals_s(answer.inputs.problem.workload, answer.inputs.warmup_s)
    window_s = _window(finite(given.get("from")), finite(given.get("to")), run_s)
    at_s = finite(given.get("at"))
    chosen_s = at_s if at_s is not None and window_s[0] <= at_s <= window_s[1] else None
    return View(
        shown=shown,
        first=first,
        second=second,
        model=names.index(given["model"]) if given.get("model") in names else None,
        group=(holder, int(number)) if holder is not None and number is not None and 0 <= number < groups else None,
        run_s=run_s,
        window_s=window_s,
        at_s=_worst_moment(first, window_s) if chosen_s is None else chosen_s,
        mark_s=None if "clicked" in given else chosen_s,
    )


def current_token_view(session: Session, answer: TokenAnswer) -> TokenView:
    """The same of models that generate."""
    shown = compared(session, answer.shown)
    model = _ADDRESS.given(session).get("model")
    known = [name for name in answer.inputs.problem.workload.models if name in shown[0].outcome.figures.models]
    return TokenView(shown, *chosen_pair(session, shown), model if model in known else None)


def compared(session: Session, entries: Sequence[EntryT]) -> tuple[EntryT, ...]:
    """At most MOST_SHOWN: the chosen pair and those that meet most deadlines, the best first."""
    pair = set(chosen_names(session))

    def met(entry: EntryT) -> float:
        return -nothing_last(entry.outcome.slo_attainment)

    chosen = sorted(entries, key=lambda entry: (entry.section.name not in pair, met(entry)))[:MOST_SHOWN]
    return tuple(sorted(chosen, key=met))


def left_out(shown: Sequence[AnyAnswered], entries: Sequence[AnyAnswered]) -> str:
    """The sentence which placements are not compared; empty where all are."""
    names = {entry.section.name for entry in shown}
    others = [
        f"{words.shorten(entry.section.name, 40)} ({words.share(nothing_last(entry.outcome.slo_attainment))})"
        for entry in sorted(entries, key=lambda e: -nothing_last(e.outcome.slo_attainment))
        if entry.section.name not in names
    ]
    if not others:
        return ""
    return (
        f"{len(shown)} of {len(entries)} placements are compared, the chosen two and those that meet most deadlines; "
        f"not {words.join(others)}. Choose one above to see it."
    )


def chosen_names(session: Session) -> tuple[str, str]:
    """The names of the pair (first, second) in the address, empty where nobody chose."""
    given = _ADDRESS.given(session)
    return given.get("first", ""), given.get("second", "")


def chosen_pair(session: Session, shown: Sequence[EntryT]) -> tuple[EntryT, EntryT]:
    """The pair (first, second) of at least two placements; the best against the next one where nobody chose."""
    first_name, second_name = chosen_names(session)
    by_name = {entry.section.name: entry for entry in shown}
    second = by_name.get(second_name, shown[0])
    first = by_name.get(first_name)
    if first is None or first is second:
        first = next(entry for entry in shown if entry is not second)
    return first, second


def change_view(session: Session, **values: str | float | None) -> None:
    """Look at something else, see Address.change; a moment that was clicked is forgotten."""
    _ADDRESS.given(session).pop("clicked", None)
    _ADDRESS.change(session, **values)


def write_address(session: Session) -> None:
    """Put the view into the address, so that a link shows it."""
    _ADDRESS.write(session)


def rows_in_view(view: View) -> np.ndarray | None:
    """bool (n,): the requests that everything is filtered to; None without a filter."""
    if view.model is not None:
        return view.first.outcome.result.workload.model == view.model
    if view.group is not None:
        return view.group[0].outcome.result.group == view.group[1]
    return None


def result_in_view(entry: Answered, view: View, answer: Answer) -> SimulationResult:
    """The counted requests (no warm-up) of a placement that everything is filtered to."""
    result = entry.outcome.result

    def made() -> SimulationResult:
        counted = np.zeros(len(result.workload), dtype=bool)
        counted[counted_rows(result.workload, answer.inputs.warmup_s)] = True
        rows = rows_in_view(view)
        return select_requests(result, counted if rows is None else counted & rows)

    if not view.filter_key and answer.inputs.warmup_s <= 0:
        return result
    key = ("in view", entry.outcome_key, view.filter_key, answer.inputs.warmup_s)
    return kept(key, made)


def figures_in_view(entry: Answered, view: View, answer: Answer) -> Figures:
    """The figures of those requests."""
    if not view.filter_key:
        return entry.outcome.figures
    warmup_s = answer.inputs.warmup_s
    key = ("figures", entry.outcome_key, view.filter_key, warmup_s)
    return kept(key, lambda: measure(entry.outcome.result, warmup_s, rows_in_view(view)))


def timeline_in_view(entry: Answered, view: View, window_s: tuple[float, float]) -> Timeline:
    """What the placement was doing in a stretch: queues and counts of the requests in view, groups busy with all."""
    result = entry.outcome.result

    def made() -> Timeline:
        return build_timeline(result, BINS, *window_s, rows_in_view(view))

    return kept(("timeline in view", entry.outcome_key, view.filter_key, window_s), made)


def spans_of(entry: Answered) -> StageSpans:
    """When each request of a placement was on which stage."""
    result = entry.outcome.result
    return kept(("spans", entry.outcome_key), lambda: stage_spans(result))


def shown_window(start_s: float, end_s: float, run_s: tuple[float, float]) -> dict[str, float | None]:
    """What change_view needs for a stretch; the whole run is nothing special."""
    if end_s <= start_s:
        raise InputError(f"From {start_s:g} to {end_s:g} s is no stretch of time; the end must lie behind the start.")
    is_whole = start_s <= run_s[0] and end_s >= run_s[1]
    return {"from_": None if is_whole else float(start_s), "to": None if is_whole else float(end_s)}


def _window(start_s: float | None, end_s: float | None, run_s: tuple[float, float]) -> tuple[float, float]:
    start_s = run_s[0] if start_s is None else max(start_s, run_s[0])
    end_s = run_s[1] if end_s is None else min(end_s, run_s[1])
    return (start_s, end_s) if end_s > start_s else run_s


def _worst_moment(entry: Answered, window_s: tuple[float, float]) -> float:
    """When most requests waited at a placement."""
    key = ("worst moment", entry.outcome_key, window_s)
    return kept(key, lambda: most_waiting_at_s(entry.outcome.result, *window_s))
