"""The least replicas that rules ask for, dealt out before a search adds others."""

from __future__ import annotations

import numpy as np

from planner.search import fill_kernels
from planner.search.space import Layout, Space


def with_least(space: Space, start: Layout, allowed: np.ndarray | None = None) -> Layout | None:
    """The layout with as many replicas of each model as rules ask for at least; None where not all find a place.

    Models that fewest groups can hold come first, each in the group with most memory left. It is a heuristic: there may
    be a way where this finds none.

    Args:
        allowed: bool (M,), the models to place, by default all.
    """
    if not space.least.size:
        return start
    layout, catalogue = start.copy(), space.catalogue
    used_gib = fill_kernels.used_memory(layout.shape, layout.holds, catalogue)
    choices = space.fits_alone[:, layout.shape].sum(axis=1)
    for m in sorted(range(choices.size), key=lambda m: (choices[m] - space.least[m], m)):
        if allowed is not None and not allowed[m]:
            continue
        for _ in range(int(space.least[m] - layout.holds[:, m].sum())):
            free = [g for g in range(layout.shape.size) if not layout.holds[g, m]
                    and fill_kernels.room_for(m, layout.shape[g], used_gib[g], catalogue)]  # fmt: skip
            if not free:
                return None
            g = min(free, key=lambda g: used_gib[g].sum() / catalogue.depth[layout.shape[g]])
            layout.holds[g, m] = True
            used_gib[g] += catalogue.weight_gib[catalogue.first_row[m] + layout.shape[g]]
    return layout
