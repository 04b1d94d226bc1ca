"""The kernels of token-by-token serving, prepared before any clock runs."""

from __future__ import annotations

import numpy as np

from simulator.generation.engine import Engine, EngineGroup, EngineLimits, GenerationProfile
from simulator.generation.run import simulate_generation
from simulator.generation.serve_kernels import drain
from simulator.generation.workload import TokenWorkload
from simulator.kernel_stamps import is_compiled
from simulator.preparation import SIMULATING, Preparation


def _generate_once() -> None:
    SIMULATING.wait()
    profile = GenerationProfile("m", "", 1, 1e-2, 1e-4, 1.5, 0.0, 0.0, 0.0, 1.0)
    group = EngineGroup((Engine("m", profile, EngineLimits(kv_blocks=100)),))
    ones = np.ones(2, np.int64)
    simulate_generation([group], TokenWorkload(np.zeros(2), 0 * ones, ones, ones, ("m",)))


GENERATING = Preparation(_generate_once, 8, is_compiled(drain))
