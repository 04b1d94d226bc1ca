"""What is written around the devices of a cluster's picture, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.drawing import escape
from app.look import words
from simulator import Placement

MOST_GROUP_LABELS = 80
NARROWEST_PX = 480
PX_PER_CHARACTER = 6.5
# For texts that the browser leaves out where they have no room.
_WIDE_PX = 700
# Heights in units of one full device, which has DEVICE_PX: the bar itself with the line of group names above it and
# that of node names below; what a meter of load needs, and a line of models.
LINE, METER, MODELS = 1.5, 0.17, 0.22
DEVICE_PX = 76


@dataclass(frozen=True)
class Columns:
    """What is drawn side by side: devices, or whole groups where there are too many devices.

    Attributes:
        group: int64 (n,), -1 for a spare device. stage: int64 (n,).
        x, line: float64 and int64 (n,), where each stands; lines are counted from the top.
        what: "device" or "group".
        foot: how far a frame reaches below its devices, and below: the lines of writing under it, in full devices.
    """

    group: np.ndarray
    stage: np.ndarray
    x: np.ndarray
    line: np.ndarray
    what: str
    foot: float = 0.05
    below: float = 0.0

    @property
    def step(self) -> float:
        """From one line to the next, in full devices."""
        return LINE + self.foot + self.below


def frame_text(
    placement: Placement, g: int, width: float, full_width: float, busy: Sequence[float] | None
) -> str:  # fmt: skip
    """The longest name of a group that fits above its frame where the picture is narrow."""
    group = placement.groups[g]
    size = f"{group.pp}×{group.tp}"
    name = words.numbered("group", g)
    long = f"{name}: {words.plural(group.pp, 'stage')} × {words.plural(group.tp, 'device')}"
    bare = name.removeprefix("group ")
    texts = [long, f"{name}: {size}", f"{bare}: {size}", name]
    if busy is not None:
        load = f"{words.share(busy[g])} busy"
        texts = [
            f"{long}, {load}",
            f"{name}: {size}, {load}",
            f"{name}: {load}",
            f"{name}: {words.share(busy[g])}",
            name,
        ]
    characters = width / (full_width + 1) * NARROWEST_PX / PX_PER_CHARACTER
    return next((t for t in texts if len(t) <= characters), bare)


def model_names(
    columns: Columns, base_y: np.ndarray, placement: Placement, order: Sequence[str]
) -> list[tuple[float, float, float, str]]:  # fmt: skip
    """What stands below each group: its most loaded models as far as they fit, and how many more it holds.

    Of each text the left end of its room, the length of that, the height it stands at, and the text.
    """
    if len(placement.groups) > MOST_GROUP_LABELS:
        return []
    rank = {name: i for i, name in enumerate(order)}
    names = []
    for g, group in enumerate(placement.groups):
        mine = np.flatnonzero(columns.group == g)
        mine = mine[columns.line[mine] == columns.line[mine[0]]] if mine.size else mine
        if not mine.size or not rank:
            continue
        left, right = float(columns.x[mine[0]]) - 0.5, float(columns.x[mine[-1]]) + 0.5
        held = sorted(group.models, key=lambda name: rank[name])
        characters = (right - left) / (float(columns.x.max()) + 1) * _WIDE_PX / PX_PER_CHARACTER
        text = _as_many_as_fit(held, int(characters))
        if text:
            names.append((left, right - left, float(base_y[mine[0]]) - columns.foot - MODELS / 2, text))
    return names


def _as_many_as_fit(held: Sequence[str], characters: int) -> str:
    """ "a, b and 3 more", at most so long; empty where not even one name fits."""
    for count in range(len(held), 0, -1):
        more = len(held) - count
        text = words.join([*held[:count], f"{more} more"] if more else list(held))
        if len(text) <= characters:
            return escape(text)
    return ""
