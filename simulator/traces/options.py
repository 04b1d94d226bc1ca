"""How a trace becomes a workload: the keys of `workload.trace` in a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simulator.errors import InputError
from simulator.schema import Burstiness, Duration, OneOf, Scale, Seed, Time, checked

MAPPINGS = ("stripe", "by_name", "blocks")
# Of these, what deals out the sources that have a request in the window.
DEALT = ("stripe", "blocks")
RESAMPLINGS = ("none", "gamma")
DEQUANTISATIONS = ("none", "even", "random")
MappingRule = Annotated[str, OneOf(MAPPINGS)]
Resampling = Annotated[str, OneOf(RESAMPLINGS)]
Dequantisation = Annotated[str, OneOf(DEQUANTISATIONS)]


@dataclass(frozen=True)
class TraceOptions:
    """Which part of a trace is replayed, on which models, and how it is changed.

    Attributes:
        start_s, duration_s: the window [start_s, start_s + duration_s) of the trace; no duration means to its end.
            Times are counted from start_s.
        map_models: "stripe" (source i asks for model i mod n), "blocks" (contiguous blocks of nearly equal length),
            "by_name", or a mapping from source to model names.
        rate_scale: factor on the rate.
        cv_scale: factor on the burstiness; only with resample "gamma". For counts it is the CV itself.
        time_scale: factor on all times after the cut: 0.5 replays the window twice as fast.
        resample: "none", or "gamma" to draw arrivals anew per model and window.
        window_s: length of a window of the resampling, seconds.
        seed: of everything that is drawn.
        dequantise: "none", or how requests of one tick of the clock are spread over it: "even" or "random".

    Raises InputError that names the key, what was found and what is allowed.
    """

    start_s: Time = 0.0
    duration_s: Duration | None = None
    map_models: MappingRule | dict[str, str] = "stripe"
    rate_scale: Scale = 1.0
    cv_scale: Burstiness = 1.0
    time_scale: Scale = 1.0
    resample: Resampling = "none"
    window_s: Duration = 60.0
    seed: Seed = 0
    dequantise: Dequantisation = "none"

    def __post_init__(self) -> None:
        checked(self, "")
        if self.cv_scale != 1 and self.resample == "none":
            raise InputError(
                f"cv_scale is {self.cv_scale:g} without resampling; set resample: gamma, because only arrivals that "
                "are drawn anew can be burstier."
            )
