"""Who is ahead, if a run can tell: one rule for all lessons, so that no two of them disagree about a setting."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from planner.theory.two_models import TwoWays
from simulator.intervals import batch_means_half_width

# A lead counts from twice the half width of its 95 % interval on: with hundreds of settings on a map, one in twenty
# of those that do not differ would otherwise be given to somebody.
SURE = 2.0
MEASURES = ("deadlines met", "mean latency")


@dataclass(frozen=True)
class Lead:
    """How far sharing is ahead of dedicating, request by request on the same traffic.

    Attributes:
        gain: seconds that it answers earlier, or share of deadlines that it meets more; negative where it is behind.
        half_width: of the 95 % interval of the gain; NaN where there are too few requests to tell.
    """

    gain: float
    half_width: float

    @property
    def sign(self) -> int:
        """1: sharing is ahead, -1: dedicating is, 0: this run cannot tell."""
        is_sure = math.isfinite(self.half_width) and abs(self.gain) > max(SURE * self.half_width, 1e-12)
        return int(math.copysign(is_sure, self.gain))


def lead(both: TwoWays, measure: str) -> Lead:
    """Who is ahead by one of MEASURES; latency is of runs in which every request is answered."""
    if measure == "deadlines met":
        gains = both.shared.in_slo.astype(np.float64) - both.dedicated.in_slo
    else:
        gains = both.dedicated.latency_s - both.shared.latency_s
    return Lead(float(gains.mean()) if gains.size else 0.0, batch_means_half_width(gains))
