"""Token-by-token serving: engines that batch continuously, requests with tokens, and what happens to each."""

from simulator.generation.engine import (
    DECODE,
    PREFILL,
    ROLES,
    Engine,
    EngineGroup,
    EngineLimits,
    FitError,
    GenerationProfile,
)
from simulator.generation.life import LifeStep, request_life
from simulator.generation.metrics import GenerationFigures, TokenSlo, measure_generation, meets
from simulator.generation.result import STATUS, GenerationResult, Handoff
from simulator.generation.run import (
    DISPATCH_RULES,
    TooManyIterations,
    record_engines,
    simulate_generation,
    watch_engines,
)
from simulator.generation.series import EngineBins, EngineSeries
from simulator.generation.workload import TokenWorkload

__all__ = [
    "DECODE",
    "DISPATCH_RULES",
    "PREFILL",
    "ROLES",
    "STATUS",
    "Engine",
    "EngineBins",
    "EngineGroup",
    "EngineLimits",
    "EngineSeries",
    "FitError",
    "GenerationFigures",
    "GenerationProfile",
    "GenerationResult",
    "Handoff",
    "LifeStep",
    "TokenSlo",
    "TokenWorkload",
    "TooManyIterations",
    "measure_generation",
    "meets",
    "record_engines",
    "request_life",
    "simulate_generation",
    "watch_engines",
]
