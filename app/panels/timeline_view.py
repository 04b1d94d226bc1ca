"""How one looks at the execution: the stretch of time, the groups and the request; kept like other views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.figures.gantt import MOST_BARS, MOST_NAMED_ROWS, lane_kinds
from app.panels.address import Address, finite
from app.panels.compare_view import spans_of
from app.state.answer import Answer, Answered, AnyAnswer
from app.state.results import kept
from app.state.session import Session
from simulator import STATUS, SimulationResult
from simulator.metrics import counted_arrivals_s
from simulator.windows import busiest_window_s, most_waiting_at_s

# So many executions in one picture can still be told apart.
COMFORTABLE = 400
ADDRESS = Address(lambda views: views.timeline.address, ("start", "end", "groups", "request"))


@dataclass(frozen=True)
class GanttView:
    """What is looked at.

    Attributes:
        entry: the placement. run_s: first and last arrival. window_s: the stretch that is drawn.
        groups: numbers of the groups that are drawn. request: number of the request whose life is told.
    """

    entry: Answered
    run_s: tuple[float, float]
    window_s: tuple[float, float]
    groups: tuple[int, ...]
    request: int

    @property
    def result(self) -> SimulationResult:
        return self.entry.outcome.result


def current_gantt_view(session: Session, answer: Answer, entry: Answered) -> GanttView:
    """The view of this session as far as it fits the placement, else its busiest moments and a missed request.

    What it begins with stays when another placement is looked at, so that the same moment and request are compared.
    """
    given, result = ADDRESS.given(session), entry.outcome.result
    run_s = counted_arrivals_s(answer.inputs.problem.workload, answer.inputs.warmup_s)
    numbers = [finite(part) for part in given.get("groups", "").split(",") if part]
    groups = tuple(sorted({int(g) for g in numbers if g is not None and 0 <= g < len(result.groups)}))
    groups = groups or kept(("groups to draw", entry.outcome_key), lambda: _busiest_groups(result))
    forget_pinned(given, answer)
    start_s, end_s = finite(given.get("start")), finite(given.get("end"))
    if start_s is None or end_s is None or not end_s > start_s or start_s > run_s[1] or end_s < run_s[0]:
        start_s, end_s = _around_full_queues(entry, groups, run_s)
        if answer.is_current:
            # Until then a better placement may come, of which another moment is worth a look.
            given |= {"start": str(start_s), "end": str(end_s), "pinned": answer.inputs_key}
    request = finite(given.get("request"))
    if request is None or not 0 <= request < len(result.workload):
        key = ("first missed", entry.outcome_key, start_s, end_s)
        request = kept(key, lambda: first_missed(result, start_s, end_s))
        if answer.is_current:
            given["request"] = str(request)
    holder = int(result.group[int(request)])
    if not numbers and holder >= 0:
        groups = tuple(sorted({*groups, holder}))
    return GanttView(entry, run_s, (start_s, end_s), groups, int(request))


def forget_pinned(given: dict[str, str], answer: AnyAnswer) -> None:
    """Take out what was found for other traffic and nobody chose."""
    if given.get("pinned", answer.inputs_key) != answer.inputs_key:
        for key in ("start", "end", "request", "pinned"):
            given.pop(key, None)


def change_gantt_view(session: Session, **values: str | float | None) -> None:
    """Look at something else, see Address.change; the visitor's choice outlasts other traffic."""
    ADDRESS.given(session).pop("pinned", None)
    ADDRESS.change(session, **values)


def write_gantt_address(session: Session) -> None:
    """Put the view into the address, so that a link shows it."""
    ADDRESS.write(session)


def busiest(entry: Answered, groups: tuple[int, ...], executions: int) -> tuple[float, float] | None:
    """The shortest stretch in which these groups begin so many stages; None where they never ran."""
    result, spans = entry.outcome.result, spans_of(entry)

    def made() -> tuple[float, float] | None:
        rows = np.isin(result.group[spans.request], groups)
        return busiest_window_s(spans, executions, rows)

    return kept(("busiest", entry.outcome_key, groups, executions), made)


def most_that_fits(groups: tuple[int, ...], result: SimulationResult) -> int:
    """How many executions a stretch may begin, so that those that run into it from before can be drawn too."""
    return max(MOST_BARS - sum(result.groups[g].group.pp for g in groups), 2)


def first_missed(result: SimulationResult, start_s: float, end_s: float) -> int:
    """The first request of the stretch that missed its deadline, else the first in it, else the last of the run."""
    low, high = np.searchsorted(result.workload.arrival_s, (start_s, end_s))
    missed = np.flatnonzero(~result.in_slo[low:high])
    return int(min(low + (missed[0] if missed.size else 0), len(result.workload) - 1))


def next_of(result: SimulationResult, request: int, fate: str) -> int | None:
    """The next request of that fate, beginning again at the start of the run; None if there is none."""
    those = np.flatnonzero(result.status == STATUS.index(fate))
    if not those.size:
        return None
    return int(those[np.searchsorted(those, request, side="right") % those.size])


def _around_full_queues(entry: Answered, groups: tuple[int, ...], run_s: tuple[float, float]) -> tuple[float, float]:
    """A stretch of a comfortable length, with the moment at which most requests wait in its middle."""
    result = entry.outcome.result
    tight = busiest(entry, groups, COMFORTABLE)
    if tight is None:
        return run_s
    at_s = kept(("worst moment", entry.outcome_key, run_s), lambda: most_waiting_at_s(result, *run_s))
    length_s = max(tight[1] - tight[0], 1e-3)
    start_s = max(at_s - length_s / 2, 0.0)
    return start_s, start_s + length_s


def _busiest_groups(result: SimulationResult) -> tuple[int, ...]:
    """All groups, or as many of those with most requests as can have their stages named."""
    sent = np.bincount(result.group[result.group >= 0], minlength=len(result.groups))
    chosen, rows = [], 0
    for g in np.argsort(-sent, kind="stable"):
        rows += result.groups[g].group.pp + len(lane_kinds(result.groups[g].group.pp)) + 1
        if chosen and rows > MOST_NAMED_ROWS:
            break
        chosen.append(int(g))
    return tuple(sorted(chosen))
