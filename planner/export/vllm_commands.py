"""vLLM: `vllm serve` commands, one a group and model, in a shell script for each node (docs.vllm.ai)."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from planner.export.assumptions import head, shared_groups
from planner.export.engines import engine_flags, engine_losses, engine_shares
from planner.export.layout import AnyLayout, ClusterLayout, EngineLayout, GroupLayout, Part
from planner.export.names import comment
from simulator import words

FIRST_PORT = 8000
FIRST_MASTER_PORT = 29500
# Share of a device that all engines on it may take together; vLLM's own default for one engine.
DEVICE_SHARE = 0.9


@dataclass(frozen=True)
class Engine:
    """One `vllm serve` of one model on one group.

    Attributes:
        placed: the group. model: the name of the model.
        port: where it answers. master_port: where its parts meet.
    """

    placed: GroupLayout
    model: str
    port: int
    master_port: int


def vllm_files(layout: AnyLayout) -> dict[str, str]:
    """node-N.sh for every node that is used, and routes.json: the addresses of every model."""
    engines = _engines(layout)
    title = comment(head(layout, "vLLM", vllm_losses(layout) + _script_losses(layout)))
    files = {}
    for node in sorted({node for placed in layout.groups for node in placed.nodes}):
        files[f"node-{node}.sh"] = _script(layout, engines, node, title)
    routes: dict[str, list[str]] = {name: [] for name in layout.models}
    for engine in engines:
        routes[engine.model].append(f"http://${{NODE_{engine.placed.parts[0].node}_HOST}}:{engine.port}/v1")
    files["routes.json"] = json.dumps(routes, indent=1, ensure_ascii=False) + "\n"
    return files


def vllm_flags(layout: AnyLayout, placed: GroupLayout, name: str, port: int, rank: int, master: str) -> list[str]:
    """Flags of `vllm serve` for a model of a group, each with its value and quoted for a shell.

    --max-num-seqs counts all requests inside the engine, so a pipeline of pp stages needs pp times the batch size to
    be full. --gpu-memory-utilization is the model's share of the weights on the group's devices. Where the group has
    several parts, `rank` says which one this is, and `master` where they meet ("HOST" and "PORT", a space between).
    """
    group, parts = placed.group, len(placed.parts)
    flags = [
        # With "=", a name may begin with a dash.
        shlex.quote(f"--served-model-name={name}"),
        f"--pipeline-parallel-size {group.pp}",
        *_limits(layout, placed, name),
        f"--port {port}",
    ]
    if parts > 1:
        host, master_port = master.split(" ")
        flags += [f"--nnodes {parts}", f"--node-rank {rank}", f"--master-addr {host}", f"--master-port {master_port}"]
        # Only the first part answers requests.
        flags += ["--headless"] if rank else []
    return flags


def _limits(layout: AnyLayout, placed: GroupLayout, name: str) -> list[str]:
    if isinstance(layout, EngineLayout):
        return engine_flags(engine_shares(layout, placed)[name], DEVICE_SHARE)
    return [
        f"--tensor-parallel-size {placed.group.tp}",
        f"--max-num-seqs {placed.group.pp * layout.serving.max_batch_size}",
        f"--gpu-memory-utilization {memory_share(layout, placed, name):.4f}",
    ]


def vllm_losses(layout: AnyLayout) -> list[str]:
    """What vLLM does otherwise, wherever it is started."""
    if isinstance(layout, EngineLayout):
        return engine_losses(layout)
    lines = [
        "The profiles are of one forward pass for each request; vLLM also generates token by token and batches "
        "continuously, so measure and profile your models with it before trusting the attainment.",
    ]
    shared = shared_groups(layout)
    if shared:
        lines.append(
            f"{shared}: an engine serves one model, so every model of a group has its own engine and queue on the "
            "same devices. Engines do not wait for one another: requests of different models compete for the device "
            "instead of running in order of arrival, and each needs memory of its own beside the weights "
            "(--gpu-memory-utilization is split by weight; correct it by measurement)."
        )
    if layout.serving.admission == "deadline":
        lines.append("There is no admission by deadline: a request that will be late is run all the same.")
    return lines


def memory_share(layout: ClusterLayout, placed: GroupLayout, name: str) -> float:
    """The share of its devices' memory that a model of a group may take, so that all together take DEVICE_SHARE."""
    group = placed.group
    weights = {
        other: max(layout.models[other].profile.entry(group.pp, group.tp).max_weight_gib, 1e-3)
        for other in group.models
    }
    # Rounded down, so that the sum never exceeds the device.
    return int(1e4 * DEVICE_SHARE * weights[name] / sum(weights.values())) / 1e4


def _engines(layout: AnyLayout) -> list[Engine]:
    next_port: dict[int, int] = {}
    engines = []
    for placed in layout.groups:
        node = placed.parts[0].node
        for name in placed.group.models:
            number = next_port.get(node, 0)
            next_port[node] = number + 1
            engines.append(Engine(placed, name, FIRST_PORT + number, FIRST_MASTER_PORT + number))
    return engines


def _script_losses(layout: AnyLayout) -> list[str]:
    lines = [
        "vLLM does not route between groups: put a router in front that knows routes.json and does what the "
        "simulation assumed.",
        "Weights are expected in $MODEL_ROOT/LABEL (default /models), one folder a model.",
    ]
    if any(len(placed.parts) > 1 for placed in layout.groups):
        lines.append(
            "Groups that span nodes start one process on each with --nnodes; set NODE_N_HOST to the address of every "
            "node, and expect the network between nodes to cost more than profiled."
        )
    return lines


def _script(layout: AnyLayout, engines: list[Engine], node: int, title: str) -> str:
    lines = ["#!/usr/bin/env bash", title + "set -euo pipefail", 'MODEL_ROOT="${MODEL_ROOT:-/models}"']
    mine = [engine for engine in engines if node in engine.placed.nodes]
    hosts = sorted({engine.placed.parts[0].node for engine in mine if len(engine.placed.parts) > 1})
    named = {host: words.numbered("node", host) for host in hosts}
    lines += [f': "${{NODE_{host}_HOST:?set it to the address of {name}}}"' for host, name in named.items()]
    lines += ["# When one engine ends, the others are stopped.", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ""]
    for engine in mine:
        for rank, part in enumerate(engine.placed.parts):
            if part.node == node:
                lines.append(_command(layout, engine, rank, part))
    return "\n".join([*lines, "wait -n", ""])


def _command(layout: AnyLayout, engine: Engine, rank: int, part: Part) -> str:
    placed = engine.placed
    master = f'"${{NODE_{placed.parts[0].node}_HOST}}" {engine.master_port}'
    flags = vllm_flags(layout, placed, engine.model, engine.port, rank, master)
    called = words.numbered("group", placed.index)
    return (
        comment([f"{called} (pp {placed.group.pp}, tp {placed.group.tp}): {engine.model}"])
        + f"CUDA_VISIBLE_DEVICES={','.join(map(str, part.devices))} \\\n"
        + f'  vllm serve "$MODEL_ROOT/{layout.labels[engine.model]}" \\\n    '
        + " \\\n    ".join(flags)
        + " &\n"
    )
