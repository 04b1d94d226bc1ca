"""The analytic cost model: seconds of matrix products, memory traffic, collectives and hops on a device.

A roofline with few constants, all of them of the device and its software (`hardware.Software`):

    operator   launch * kernels + sum over products of max(flops / (peak * e * fill), bytes / bandwidth)
               + other traffic / bandwidth
    fill       tiles / (tiles + processors / 2): half a wave of 128 x 128 tiles idles on average
    collective latency * log2(n) + 2 (n - 1) / n * bytes / link for an all-reduce, half of it for a reduce-scatter or
               an all-gather, (n - 1) / n * bytes a device sends / link for an all-to-all
    hop        latency * (1 + log2(n)) + bytes / link, between servers at the bandwidth that the server's devices share
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from planner.parallelise.hardware import Device
from planner.parallelise.operators import Matmul, Operator

TILE = 128


@dataclass(frozen=True)
class Calibration:
    """Factors that measurements put on the modelled seconds.

    Attributes:
        compute: on the time of operators.
        communication: on collectives and hops.
    """

    compute: float = 1.0
    communication: float = 1.0


UNCALIBRATED = Calibration()


def operator_s(operator: Operator, axis: str | None, ways: int, tokens_split: bool, device: Device) -> float:
    """Seconds of an operator on the fullest of `ways` devices, without communication and calibration.

    Args:
        operator: the work of a batch.
        axis: along which it is split; None does all of it on every device.
        ways: devices of the stage.
        tokens_split: whether norms and residuals that follow run on 1 / ways of the tokens.
        device: the accelerator.
    """
    software = device.software
    bytes_per_s = device.memory_gb_per_s * 1e9 * software.memory_efficiency
    rate = device.rate_flops(operator.dtype) * software.matmul_efficiency
    products = sum(
        _matmul_s(matmul.part(axis, ways), rate, bytes_per_s, operator.dtype_bytes, device.processors)
        for matmul in (*operator.matmuls, *(operator.lookup if software.one_hot_embedding else ()))
    )
    # On few tokens the unfused stack chooses slower attention kernels; this step is in the measurements.
    few = operator.tokens < software.few_tokens
    score_passes = software.few_tokens_score_passes if few else software.score_passes
    divided = (
        operator.score_bytes * score_passes + operator.routing_bytes * software.routing_passes + operator.stream_bytes
    )
    whole = operator.token_bytes * software.token_passes
    traffic = divided * operator.share(axis, ways) + whole / (ways if tokens_split else 1)
    return software.launch_s * operator.kernels + products + traffic / bytes_per_s


def _matmul_s(part: Matmul, rate: float, bytes_per_s: float, dtype_bytes: int, processors: int) -> float:
    tiles = part.copies * math.ceil(part.rows / TILE) * math.ceil(part.columns / TILE)
    fill = tiles / (tiles + processors / 2)
    if not part.holds_weights:
        # Scores and one-hot masks are counted as traffic of the operator; here only the arithmetic.
        return part.flops / (rate * fill)
    numbers = part.rows * part.inner + part.inner * part.columns + part.rows * part.columns
    return max(part.flops / (rate * fill), numbers * part.copies * dtype_bytes / bytes_per_s)


def activation_bytes(operator: Operator, axis: str | None, ways: int, device: Device) -> float:
    """Bytes of activations alive on the fullest of `ways` devices while the operator runs.

    Its input and output, its inner activations, and two copies of the scores unless attention is fused.
    """
    scores = 2 * operator.score_bytes if device.software.score_passes else 0.0
    inner = operator.inner_bytes + scores + operator.routing_bytes
    return 2 * operator.token_bytes + inner * operator.share(axis, ways)


def collective_s(kind: str, total_bytes: float, ways: int, device: Device) -> float:
    """Seconds of a collective over a tensor of `total_bytes` (all devices together) among `ways` devices.

    `kind`: "none", "all_reduce", "reduce_scatter", "all_gather", or "all_to_all". Ring algorithm.
    """
    if ways == 1 or kind == "none":
        return 0.0
    factor = {"all_reduce": 2.0, "reduce_scatter": 1.0, "all_gather": 1.0, "all_to_all": 1.0 / ways}[kind]
    software = device.software
    moved = factor * (ways - 1) / ways * total_bytes
    latency_s = software.collective_s * math.log2(ways)
    return latency_s + moved / (device.link_bytes_per_s(ways) * software.link_efficiency)


def hop_s(total_bytes: float, ways: int, crosses_nodes: bool, device: Device) -> float:
    """Seconds to pass activations of `total_bytes` to the next stage, 1 / ways of them to each of its devices.

    Inside a server every pair of devices has its own link; between servers they share the server's.
    """
    software = device.software
    link = device.node_gb_per_s if crosses_nodes else device.hop_gb_per_s * ways
    latency_s = software.hop_s * (1 + math.log2(ways))
    return latency_s + total_bytes / (link * 1e9 * software.link_efficiency)
