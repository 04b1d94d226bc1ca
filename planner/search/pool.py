"""Good layouts that a search met on its way, to choose from in the end."""

from __future__ import annotations

import numpy as np

from planner.search.space import Layout

MAX_LAYOUTS = 256


class Pool:
    """Different layouts with their requests in time.

    Attributes:
        floor: layouts with fewer requests in time are not kept.
    """

    def __init__(self) -> None:
        self.floor = 0
        self._found: dict[bytes, tuple[Layout, int]] = {}

    def add(self, layout: Layout, good: int) -> None:
        """Keep a layout, which nobody changes any more."""
        if good >= self.floor:
            self._found.setdefault(layout.key(), (layout, good))
        if len(self._found) > 2 * MAX_LAYOUTS:
            best = sorted(self._found.items(), key=lambda item: -item[1][1])[:MAX_LAYOUTS]
            self._found = dict(best)

    def near_best(self, given_up: float, count: int) -> list[Layout]:
        """Up to `count` layouts that lose no more than `given_up` requests, spread over their ranks, best first."""
        ranked = sorted(self._found.values(), key=lambda found: -found[1])
        near = [layout for layout, good in ranked if good >= ranked[0][1] - given_up]
        if len(near) <= count:
            return near
        return [near[i] for i in np.unique(np.linspace(0, len(near) - 1, count).astype(np.int64))]
