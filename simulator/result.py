"""What a simulation says: the fate of every request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator import kernels
from simulator.placement import Group
from simulator.profiles import Model
from simulator.serving import Serving
from simulator.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

STATUS = ("served", "late", "rejected", "unplaced")


@dataclass(frozen=True, eq=False)
class PlacedGroup:
    """A group of a placement while that placement holds.

    Attributes:
        index: its number within its placement.
        group: configuration and models.
        first_device: it takes group.devices devices from this one on.
        start_s, end_s: when its placement holds; 0 to inf without a schedule.
        clock_s: float64 (pp,), until when each stage is busy with what came before.
    """

    index: int
    group: Group
    first_device: int
    start_s: float
    end_s: float
    clock_s: np.ndarray


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """Per request, in the workload's order; arrays of shape (n,), not to be changed.

    Attributes:
        name: of the placement.
        models, workload, serving: what was simulated.
        groups: every group; those of later placements of a schedule are numbered on.
        status: int8, an index into STATUS.
        group: int32, an index into `groups`; -1 where no group holds the model.
        start_s: float64, start on the first stage; NaN if the request did not run.
        finish_s: float64, when the answer is there, seconds on the workload's clock; NaN if it did not run.
        batch_size: int16, with how many requests it ran, itself included; 0 if it did not run.
    """

    name: str
    models: tuple[Model, ...]
    workload: Workload
    serving: Serving
    groups: tuple[PlacedGroup, ...]
    status: np.ndarray
    group: np.ndarray
    start_s: np.ndarray
    finish_s: np.ndarray
    batch_size: np.ndarray

    @property
    def in_slo(self) -> np.ndarray:
        """bool (n,): finished within its deadline."""
        return self.status == kernels.SERVED

    @property
    def ran(self) -> np.ndarray:
        """bool (n,): was executed, in time or late."""
        return self.status <= kernels.LATE

    @property
    def latency_s(self) -> np.ndarray:
        """float64 (n,): from arrival to answer, seconds; NaN if the request did not run."""
        return self.finish_s - self.workload.arrival_s

    @property
    def slo_attainment(self) -> float:
        """Requests finished within their deadline / all requests, warm-up included; NaN without requests."""
        return float(np.mean(self.in_slo)) if len(self.workload) else float("nan")

    def request_frames(self, rows_per_frame: int = 1_000_000) -> Iterator[pd.DataFrame]:
        """One row a request: placement, arrival_s, model, group, start_s, finish_s, status; in bounded pieces."""
        # Here, because few callers need it and it takes long to load.
        import pandas as pd

        names = np.array([model.name for model in self.models], dtype=object)
        statuses = np.array(STATUS, dtype=object)
        for low in range(0, max(len(self.workload), 1), rows_per_frame):
            rows = slice(low, low + rows_per_frame)
            group = pd.array(self.group[rows], dtype="Int32")
            group[self.group[rows] < 0] = pd.NA
            yield pd.DataFrame(
                {
                    "placement": self.name,
                    "arrival_s": self.workload.arrival_s[rows],
                    "model": names[self.workload.model[rows]],
                    "group": group,
                    "start_s": self.start_s[rows],
                    "finish_s": self.finish_s[rows],
                    "status": statuses[self.status[rows]],
                }
            )
