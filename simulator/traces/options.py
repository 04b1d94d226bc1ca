"""How a trace becomes a workload: the keys of `workload.trace` in a scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.errors import InputError

MAPPINGS = ("stripe", "by_name", "blocks")
RESAMPLINGS = ("none", "gamma")
DEQUANTISATIONS = ("none", "even", "random")
MAX_SEED = 2**31 - 1

_MAX_SCALE = 1e6
_MAX_CV_SCALE = 1000.0
_MAX_SECONDS = 1e10


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

    start_s: float = 0.0
    duration_s: float | None = None
    map_models: str | Mapping[str, str] = "stripe"
    rate_scale: float = 1.0
    cv_scale: float = 1.0
    time_scale: float = 1.0
    resample: str = "none"
    window_s: float = 60.0
    seed: int = 0
    dequantise: str = "none"

    def __post_init__(self) -> None:
        self._check_number("start_s", 0.0, _MAX_SECONDS, "from 0")
        for name, top in (
            ("duration_s", _MAX_SECONDS),
            ("rate_scale", _MAX_SCALE),
            ("cv_scale", _MAX_CV_SCALE),
            ("time_scale", _MAX_SCALE),
            ("window_s", _MAX_SECONDS),
        ):
            if name != "duration_s" or self.duration_s is not None:
                self._check_number(name, math.ulp(0.0), top, "above 0")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed is {self.seed!r}; a whole number from 0 to {MAX_SEED:,} is allowed.")
        for name, allowed in (("resample", RESAMPLINGS), ("dequantise", DEQUANTISATIONS)):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is '{getattr(self, name)}'; {', '.join(allowed)} are allowed.")
        if isinstance(self.map_models, Mapping):
            for source, model in self.map_models.items():
                if not (isinstance(source, str) and isinstance(model, str)):
                    raise InputError(f"map_models maps {source!r} to {model!r}; two names as text are allowed.")
            object.__setattr__(self, "map_models", dict(self.map_models))
        elif self.map_models not in MAPPINGS:
            raise InputError(
                f"map_models is '{self.map_models}'; {', '.join(MAPPINGS)} or a mapping from source to model names "
                "is allowed."
            )
        if self.cv_scale != 1 and self.resample == "none":
            raise InputError(
                f"cv_scale is {self.cv_scale:g} without resampling; set resample: gamma, because only arrivals that "
                "are drawn anew can be burstier."
            )

    def _check_number(self, name: str, low: float, high: float, words: str) -> None:
        value = getattr(self, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (is_number and math.isfinite(value) and low <= value <= high):
            raise InputError(f"{name} is {value!r}; a number {words} to {high:,.0f} is allowed.")
