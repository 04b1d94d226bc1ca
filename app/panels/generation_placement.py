"""Which models that generate stand on which engine: weights, cache and limits of every one, and their files."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.figures.generation_placement import build_engine_memory_figure, cache_gib, cache_in_use, describe_memory
from app.look import words
from app.look.style import verdict_html
from app.panels.compare_draw import draw_kept
from app.panels.keep import draw_table
from app.panels.placement_export import draw_engine_exports
from app.panels.verdict import draw_remarks
from app.state.answer import TokenAnswer, TokenAnswered
from planner.export.engines import engine_shares
from planner.export.layout import EngineLayout, lay_out_engines
from planner.generation.compare import groups_by_kind
from simulator import Placement
from simulator.generation import PREFILL


def draw(answer: TokenAnswer, entry: TokenAnswered) -> None:
    """The engines of a placement in words, as a picture and as a table, and the way to production."""
    generating, others = groups_by_kind(entry.outcome.placement, answer.inputs)
    if not generating:
        st.info("This placement holds no model that generates.")
        return
    layout = lay_out_engines(Placement(generating, entry.section.name), answer.inputs.problem)
    st.html(verdict_html(entry.hue, describe_engines_held(layout)))
    draw_remarks([entry])
    if others:
        st.caption(
            f"{words.plural(len(others), 'more group')} of this placement hold models with fixed latencies; they are "
            "not shown here."
        )
    _draw_memory(layout, entry)
    st.header("Engine by engine", anchor=False)
    draw_table(engine_table(layout, entry), "placement-engines", "Devices, weights, cache and limits of every engine",
               column_config=_COLUMNS)  # fmt: skip
    draw_engine_exports(answer, entry)


def describe_engines_held(layout: EngineLayout) -> str:
    """How many engines of how many models stand on how many devices, how many share them, and how full these are."""
    engines = [engine for group in layout.engines.values() for engine in group.engines]
    name, devices = words.shorten(layout.placement.name, 40), sum(placed.group.tp for placed in layout.groups)
    sentence = (
        f"{name} runs {words.plural(len(engines), 'engine')} of {words.plural(len(layout.models), 'model')} on "
        f"{words.plural(devices, 'device')}."
    )
    shared = sum(len(placed.group.models) > 1 for placed in layout.groups)
    if shared:
        sentence += f" Several models take turns on {words.plural(shared, 'group')} of devices."
    prompts = sum(placed.group.role == PREFILL for placed in layout.groups)
    if prompts:
        apart = words.plural(prompts, "group computes", "groups compute")
        sentence += f" {apart} prompts, the others later tokens."
    if layout.unplaced:
        sentence += f" No engine has {words.join([words.shorten(n, 30) for n in layout.unplaced[:5]])}."
    least = min(layout.groups, key=lambda placed: cache_gib(engine_shares(layout, placed)))
    left_gib = cache_gib(engine_shares(layout, least))
    return f"{sentence} Weights leave at least {words.gib(left_gib)} of a device for the KV cache."


def engine_table(layout: EngineLayout, entry: TokenAnswered) -> pd.DataFrame:
    """One row an engine: where, weights and cache of each of its devices, limits, and how full the cache gets."""
    figures = iter(entry.outcome.figures.engines)
    rows = []
    for placed in layout.groups:
        for share in engine_shares(layout, placed).values():
            engine, seen = share.engine, next(figures)
            rows.append({
                "Engine": seen.engine,
                "Model": engine.model,
                **({"Role": placed.group.role} if placed.group.role else {}),
                "Devices": ", ".join(f"{node}:{device}" for node, device in placed.devices),
                "tp": engine.profile.tp,
                "Profile": f"{engine.profile.name} on {engine.profile.device}",
                "Weights (GiB a device)": engine.profile.weight_gib,
                "KV cache (GiB a device)": share.kv_gib,
                "KV blocks": share.kv_blocks,
                "Tokens in the cache": share.kv_blocks * engine.limits.block_size,
                "Shares the cache with": len(placed.group.models) - 1,
                "Longest request (tokens)": share.max_model_len,
                "Running at most": engine.limits.max_num_seqs,
                "Requests": seen.requests,
                "KV in use, most (%)": None if seen.peak_cache is None else 100 * seen.peak_cache,
            })  # fmt: skip
    return pd.DataFrame(rows)


_COLUMNS = {
    "Devices": st.column_config.TextColumn(help="Node and device on it."),
    "Weights (GiB a device)": st.column_config.NumberColumn(format="%.2f"),
    "KV cache (GiB a device)": st.column_config.NumberColumn(
        format="%.2f", help="An equal part of the pool where several engines share the devices."
    ),
    "Longest request (tokens)": st.column_config.NumberColumn(help="Of the model in the traffic, prompt and output."),
    "KV in use, most (%)": st.column_config.NumberColumn(format="%.1f", help="Of the pool, by all its engines."),
}


def _draw_memory(layout: EngineLayout, entry: TokenAnswered) -> None:
    used = cache_in_use(layout, entry.outcome.figures.engines)
    draw_kept("placement-memory", (entry.outcome_key, entry.hue, layout.cluster), lambda theme: (
        build_engine_memory_figure(layout, used, theme, entry.hue), describe_memory(layout, used),
    ))  # fmt: skip
    st.caption("Grey: weights, a shade a model; coloured: the KV cache, stronger up to the most that was in use.")
