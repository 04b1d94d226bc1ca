"""Engines that generate, as vLLM runs them: share of the cache, flags, what was assumed and what is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.export.layout import EngineLayout, GroupLayout
from planner.generation.known_errors import NOT_MODELLED, NOT_VALIDATED
from simulator import words
from simulator.generation import ROLES, Engine, TokenSlo

_DISPATCH = {
    "round_robin": "to the engines that have its model in turn",
    "fewest_requests": "to the engine whose devices have the fewest outstanding requests",
    "fewest_tokens": "to the engine whose devices have the fewest tokens still to compute (output lengths known)",
    "least_kv": "to the engine whose devices have the smallest share of the cache in use",
}

# docs.vllm.ai, engine arguments: --block-size.
_BLOCK_SIZES = (1, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class EngineShare:
    """What an engine has of its group.

    Attributes:
        engine: as simulated. kv_blocks: its blocks of the cache; an equal part of the pool where several share one.
        kv_gib: of each device. memory_share: of what all engines of the group take of a device, 0..1.
        max_model_len: tokens of the longest request of the model in the traffic that these blocks hold; None if none.
    """

    engine: Engine
    kv_blocks: int
    kv_gib: float
    memory_share: float
    max_model_len: int | None


def engine_shares(layout: EngineLayout, placed: GroupLayout) -> dict[str, EngineShare]:
    """Every engine of a group, by its model."""
    group = layout.engines[placed.index]
    parts = []
    for engine in group.engines:
        blocks = group.pool_units // len(group.engines) // group.block_units(engine)
        parts.append((engine, blocks, blocks * engine.limits.block_size * engine.profile.kv_bytes_per_token / 2**30))
    total_gib = sum((engine.profile.weight_gib or 0.0) + kv_gib for engine, _, kv_gib in parts)
    return {
        engine.model: EngineShare(
            engine, blocks, kv_gib, ((engine.profile.weight_gib or 0.0) + kv_gib) / total_gib,
            _longest(layout, engine.model, blocks * engine.limits.block_size),
        )
        for engine, blocks, kv_gib in parts
    }  # fmt: skip


def engine_flags(share: EngineShare, device_share: float) -> list[str]:
    """The limits of an engine as flags of `vllm serve`; device_share: of a device, for all its engines together."""
    limits = share.engine.limits
    flags = [
        f"--tensor-parallel-size {share.engine.profile.tp}",
        f"--max-num-seqs {limits.max_num_seqs}",
        f"--max-num-batched-tokens {limits.max_num_batched_tokens}",
        f"--block-size {limits.block_size}",
        f"--num-gpu-blocks-override {share.kv_blocks}",
        "--enable-chunked-prefill" if limits.chunked_prefill else "--no-enable-chunked-prefill",
        # Rounded down, so that the sum never exceeds the device.
        f"--gpu-memory-utilization {int(1e4 * device_share * share.memory_share) / 1e4:.4f}",
    ]
    return flags + ([f"--max-model-len {share.max_model_len}"] if share.max_model_len is not None else [])


def simulated_engines(layout: EngineLayout) -> list[str]:
    """What the simulation assumed of the engines, one sentence each."""
    section = layout.problem.section
    lines = [
        f"A request goes {_DISPATCH[section.dispatch]}, and is "
        + ("never rejected." if section.admission == "none" else "rejected where its TTFT is predicted too late."),
        f"Engines batch continuously: at most {words.count(section.max_num_batched_tokens)} new tokens an iteration, "
        f"{words.count(section.max_num_seqs)} running requests, cache in blocks of {section.block_size} tokens; "
        + ("prompts are cut and mixed with decoding." if section.chunked_prefill else "prompts are computed whole."),
    ]
    if any(len(placed.group.models) > 1 for placed in layout.groups):
        lines.append(
            "Engines of one group share one pool of cache and take turns by iteration"
            + (f", at {words.duration(section.switch_s)} a switch." if section.switch_s else ", switching free.")
        )
    if any(placed.group.role for placed in layout.groups):
        lines += [_roles_in_words(layout), NOT_VALIDATED]
    profiles = {engine.profile for group in layout.engines.values() for engine in group.engines}
    for profile in sorted(profiles, key=lambda p: (p.name, p.device, p.tp)):
        error = f", median error {words.share(profile.error.median)}" if profile.error is not None else ""
        lines.append(f"Iterations of {profile.name} on {profile.device}, tp {profile.tp}: {profile.provenance}{error}.")
    return [*lines, NOT_MODELLED]


def _roles_in_words(layout: EngineLayout) -> str:
    prompts, later = (
        words.numbered("group", *(placed.index for placed in layout.groups if placed.group.role == role))
        for role in ROLES
    )
    return (
        f"Prompts and first tokens are computed by {prompts}, later tokens by {later}; caches go between them at "
        f"{layout.problem.section.kv_transfer_gb_per_s:g} GB/s, each at once."
    )


def engine_losses(layout: EngineLayout) -> list[str]:
    """What vLLM does otherwise than the simulation with these engines, wherever it is started."""
    lines = [
        "--num-gpu-blocks-override gives the cache the blocks that were simulated; vLLM also needs memory for "
        "activations, so where it does not start, lower cluster.memory_gib and plan again.",
        "--max-model-len is the longest request of the model in the traffic; longer ones are refused, so raise it as "
        "far as the model and these blocks allow.",
    ]
    if layout.problem.section.admission != "none":
        lines.append("vLLM takes every request; turning away those that would be late is left to the router before it.")
    block_size = layout.problem.section.block_size
    if block_size not in _BLOCK_SIZES:
        lines.append(
            f"vLLM takes blocks of {words.join([str(size) for size in _BLOCK_SIZES])} tokens and refuses "
            f"{block_size}, so plan with one of these."
        )
    if any(placed.group.role for placed in layout.groups):
        lines.append(
            "Engines here compute both prompts and tokens; to compute them apart, start those of each role with a "
            "--kv-transfer-config for the links at hand, behind a router that sends a request to one of each."
        )
    shared = [placed for placed in layout.groups if len(placed.group.models) > 1]
    if shared:
        numbers = words.join([str(placed.index) for placed in shared[:12]])
        lines.append(
            f"{'Group' if len(shared) == 1 else 'Groups'} {numbers}{' and others' if len(shared) > 12 else ''}: an "
            "engine of vLLM serves one model, so every model has its own engine with an equal part of the pool, and "
            "engines compete for the devices instead of taking turns by iteration."
        )
    return lines


def deadlines_in_words(slo: TokenSlo) -> str:
    """`TTFT 1 s, TPOT 0.05 s`."""
    limits = (("TTFT", slo.ttft_s), ("TPOT", slo.tpot_s), ("E2E", slo.e2e_s))
    return ", ".join(f"{name} {limit:g} s" for name, limit in limits if limit is not None)


def _longest(layout: EngineLayout, name: str, held_tokens: int) -> int | None:
    workload = layout.problem.workload
    lengths = (workload.input_tokens + workload.output_tokens)[workload.model == workload.models.index(name)]
    # The last token needs no place in the cache.
    fitting = lengths[lengths - 1 <= held_tokens]
    return int(np.minimum(fitting.max(), held_tokens)) if fitting.size else None
