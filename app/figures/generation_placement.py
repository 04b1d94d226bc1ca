"""Engines that generate on their devices: weights, cache, and how much of it was in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.cluster import Piece, build_memory_figure
from app.look import words
from app.look.theme import LIGHT, Theme
from planner.export.engines import EngineShare, engine_shares
from planner.export.layout import EngineLayout
from planner.generation.figures import EngineFigures
from simulator import Placement


def build_engine_memory_figure(
    layout: EngineLayout, used: Mapping[int, float], theme: Theme = LIGHT, hue: int = 0
) -> go.Figure:
    """Weights and cache of every device. used: the most of its cache that a group had in use, 0..1, where known."""
    names = list(layout.models)
    weights, caches = [], []
    for placed in layout.groups:
        shares = engine_shares(layout, placed)
        weights.append([
            Piece(f"weights of {name}", share.engine.profile.weight_gib or 0.0, names.index(name))
            for name, share in shares.items()
        ])  # fmt: skip
        caches.append((cache_gib(shares), used.get(placed.index)))
    drawn = Placement(tuple(placed.group for placed in layout.groups), layout.placement.name)
    return build_memory_figure(drawn, weights, caches, layout.cluster, describe_memory(layout, used), theme, hue)


def describe_memory(layout: EngineLayout, used: Mapping[int, float]) -> str:
    """How full the fullest cache gets, and where; how many engines there are where that is not known."""
    if not used:
        engines = sum(len(group.engines) for group in layout.engines.values())
        devices = sum(placed.group.tp for placed in layout.groups)
        return f"{words.plural(engines, 'engine')} on {words.plural(devices, 'device')}, their weights and KV cache"
    group = max(used, key=lambda index: used[index])
    if not used[group]:
        return "No request ever takes room in a KV cache"
    return f"The KV cache of {words.numbered('group', group)} gets fullest: {words.share(used[group])} in use at most"


def cache_gib(shares: dict[str, EngineShare]) -> float:
    """Of a device, all its engines."""
    return sum(share.kv_gib for share in shares.values())


def cache_in_use(layout: EngineLayout, engines: Sequence[EngineFigures]) -> dict[int, float]:
    """The most that each group of a placement had in use of its cache, 0..1, by its index."""
    used: dict[int, float] = {}
    for engine in engines:
        index = layout.groups[engine.group].index
        used[index] = max(used.get(index, 0.0), engine.peak_cache or 0.0)
    return used
