"""The paper's model sets."""

from __future__ import annotations

from planner.scenario.schema import ModelSection

# In this order their script lists the kinds, so model i is of kind i mod 6.
MIXED_KINDS = ("bert-6.7b", "moe-5.3b", "bert-2.6b", "moe-2.4b", "bert-1.3b", "moe-1.3b")


def same_models(profile: str, count: int, slo_scale: float) -> list[ModelSection]:
    """So many models of one kind."""
    return [ModelSection(name=f"{profile}-{{i}}", profile=profile, count=count, slo_scale=slo_scale)]


def mixed_models(each: int, slo_scale: float) -> list[ModelSection]:
    """So many models of each of six kinds, the kinds taking turns."""
    return [
        ModelSection(name=f"{kind}-{turn}", profile=kind, slo_scale=slo_scale)
        for turn in range(each)
        for kind in MIXED_KINDS
    ]
