"""A burst of requests on two devices, event by event (figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.theory.two_models import TwoWays
from simulator import stage_spans

# Where a request is: in the queue, on one of its places in computing order, on the hop, or answered.
QUEUE, OWN_1, OWN_2, FIRST_HALF, SECOND_HALF, HOP, ANSWERED = range(7)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Event:
    """One request changes its place.

    Attributes:
        at: when, in units of a request's time alone. way: 0 dedicated, 1 shared. request: from 0 on.
        place: where it is from then on.
    """

    at: float
    way: int
    request: int
    place: int


def list_events(both: TwoWays) -> tuple[Event, ...]:
    """Everything that happens after the burst has come, in order; at one instant answers come first."""
    events = []
    for way, result in enumerate((both.dedicated, both.shared)):
        spans = stage_spans(result)
        for row, request in enumerate(spans.request.tolist()):
            begin, end = spans.begin_s[row], spans.end_s[row]
            if way == 0:
                stays = [(begin[0], OWN_1 + int(result.group[request]))]
            else:
                hop = [(begin[1], HOP)] if end[1] - begin[1] > _ROUNDING else []
                stays = [(begin[0], FIRST_HALF), *hop, (begin[2], SECOND_HALF)]
            stays.append((result.finish_s[request], ANSWERED))
            events += [Event(round(float(at), 9), way, request, place) for at, place in stays]
    rank = (QUEUE, FIRST_HALF, OWN_1, OWN_2, HOP, SECOND_HALF, ANSWERED)
    return tuple(sorted(events, key=lambda e: (e.at, e.way, -rank.index(e.place), e.request)))


def places(events: Sequence[Event], requests: int) -> np.ndarray:
    """Where every request is after these events: int64 (2, requests), by way; all begin in the queue."""
    found = np.full((2, requests), QUEUE)
    for event in events:
        found[event.way, event.request] = event.place
    return found


def running_means(events: Sequence[Event]) -> tuple[float | None, float | None]:
    """Mean latency of what is answered so far, both ways; None before the first answer. The burst comes at 0."""
    answers = [[e.at for e in events if e.way == way and e.place == ANSWERED] for way in (0, 1)]
    first, second = (float(np.mean(times)) if times else None for times in answers)
    return first, second
