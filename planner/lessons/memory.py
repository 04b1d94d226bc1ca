"""How many replicas of BERT-2.6B fit, and how short pipelines may be, over the memory of a device (figure 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from planner.lessons.eight_models import MODELS, serve_eight
from planner.lessons.verdicts import Lead, lead
from planner.theory.two_models import TwoWays
from simulator.catalogue import builtin_catalogue

PROFILE = builtin_catalogue()["bert-2.6b"]
WEIGHT_GIB = PROFILE.entry(1, 1).max_weight_gib
SHAPES = (8, 4, 2, 1)
MOST_GIB = 44.0


@dataclass(frozen=True)
class Stretch:
    """What holds from a memory on: from_gib, replicas of different models on a device, stages of the pipelines."""

    from_gib: float
    replicas: int
    stages: int


def pipeline_gib(stages: int) -> float:
    """Memory that a device of a pipeline needs to hold its part of all models, GiB."""
    return MODELS * PROFILE.entry(stages, 1).max_weight_gib


def fitting(memory_gib: float) -> Stretch | None:
    """What fits into a memory: as many replicas and as few stages as possible; None where no pipeline holds all."""
    stages = min((k for k in SHAPES if pipeline_gib(k) <= memory_gib + 1e-9), default=None)
    replicas = min(int((memory_gib + 1e-9) / WEIGHT_GIB), MODELS)
    return None if stages is None else Stretch(memory_gib, replicas, stages)


def stretches() -> list[Stretch]:
    """Every memory up to MOST_GIB at which something changes, ascending."""
    edges = {pipeline_gib(k) for k in SHAPES} | {k * WEIGHT_GIB for k in range(1, MODELS + 1)}
    found = [fitting(edge) for edge in sorted(edges) if edge <= MOST_GIB]
    return [stretch for stretch in found if stretch is not None]


@lru_cache(maxsize=256)
def serve_stretch(replicas: int, stages: int, rate_per_s: float, cv: float) -> TwoWays:
    """Both ways with so many replicas on a device and so many stages, without deadlines."""
    return serve_eight(rate_per_s, cv, room=replicas, stages=stages, profile=PROFILE)


def lead_of(stretch: Stretch, rate_per_s: float, cv: float) -> Lead:
    """How far the pipelines of a stretch are ahead in mean latency, seconds."""
    return lead(serve_stretch(stretch.replicas, stretch.stages, rate_per_s, cv), "mean latency")


def pays_until_gib(rate_per_s: float, cv: float) -> float | None:
    """The memory from which on splitting does not pay any more; None where it never does."""
    signs = [lead_of(stretch, rate_per_s, cv).sign for stretch in stretches()]
    wins = [i for i, sign in enumerate(signs) if sign > 0]
    return stretches()[wins[-1] + 1].from_gib if wins and wins[-1] + 1 < len(signs) else None
