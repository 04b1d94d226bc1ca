"""A profile from an architecture and a device alone: bytes over bandwidth, operations over peak. Nothing is fitted."""

from __future__ import annotations

import numpy as np

from planner.generation.fit_log import measured_on
from planner.generation.known_errors import Error, known_generation_errors
from planner.parallelise import Architecture, Device, Operator, build_operators
from planner.parallelise.cost import collective_s
from simulator import InputError, words
from simulator.generation import GenerationProfile

CHECK = "estimated, nothing fitted"
# Between the sum and the larger of reading and computing.
SHARPNESS = 1.5
DEGREES = (1, 2, 4, 8)
CACHE_NUMBER_BYTES = 2


def estimate_profiles(
    architecture: Architecture, device: Device, name: str | None = None
) -> tuple[GenerationProfile, ...]:  # fmt: skip
    """One profile for each of DEGREES that holds the model and divides it; raises InputError where none does."""
    found, reason = [], ""
    for tp in (degree for degree in DEGREES if degree <= device.devices_per_node):
        try:
            profile = estimate_profile(architecture, device, tp, name)
        except InputError as error:
            reason = reason or str(error)
            continue
        weight_gib = profile.weight_gib or 0.0
        if weight_gib < device.weight_memory_gib:
            found.append(profile)
        else:
            reason = (
                f"weights of {words.gib(weight_gib)} on each leave nothing of {words.gib(device.weight_memory_gib)}."
            )
    if not found:
        raise InputError(f"{architecture.name} can be had on no 1, 2, 4 or 8 of {device.name}: {reason}")
    return tuple(found)


def estimate_profile(
    architecture: Architecture, device: Device, tp: int, name: str | None = None
) -> GenerationProfile:  # fmt: skip
    """What iterations cost by the data sheet and the constants of the device's software.

    The weights of every matrix are read once an iteration, those of all experts too; a token costs the operations of
    the matrices that it passes, of the experts that it is sent to among them; context costs the bytes of its cache, a
    prompt the operations of its attention; with tp > 1 there are two all-reduces a layer. Raises InputError where heads
    do not divide or the device has no rate for the numbers of the model.
    """
    where = measured_on(architecture, name or architecture.name, device.name, tp, CACHE_NUMBER_BYTES)
    embedding, *blocks, head = build_operators(architecture, 1, 1)
    software = device.software
    bytes_per_s = device.memory_gb_per_s * 1e9 * software.memory_efficiency * tp
    flops_per_s = device.rate_flops(architecture.dtype) * software.matmul_efficiency * tp
    read_bytes = sum(op.weight_bytes for op in (*blocks, head)) + (embedding.weight_bytes if head.borrows else 0.0)
    wide = architecture.heads * architecture.head_width
    link_s, link_token_s = _links(architecture, device, tp)
    return GenerationProfile(
        where.model, where.device, tp,
        weight_read_s=read_bytes / bytes_per_s,
        token_s=sum(map(_product_flops, blocks)) / flops_per_s,
        sharpness=SHARPNESS,
        sequence_s=_product_flops(head) / flops_per_s + head.stream_bytes / bytes_per_s,
        context_token_s=where.kv_bytes_per_token * tp / bytes_per_s,
        prefill_pair_s=4 * architecture.layers * wide / flops_per_s,
        kv_bytes_per_token=where.kv_bytes_per_token, weight_gib=where.weight_gib,
        link_s=link_s, link_token_s=link_token_s,
        provenance=f"estimated from architecture and data sheet, not measured. {known_error_sentence()}",
    )  # fmt: skip


def known_error_sentence() -> str:
    """How far estimates were off where there are measurements."""
    sizes = 100 * np.array([e.error for e in estimate_errors()])
    least, most, middle = (words.number(float(f(sizes))) for f in (np.min, np.max, np.median))
    return (
        f"Against {words.plural(sizes.size, 'set')} of measurements of dense models the median error of such estimates "
        f"is {least} to {most}{words.SPACE}%, and {middle}{words.SPACE}% in the middle"
    )


def estimate_errors() -> tuple[Error, ...]:
    """How far estimates were off, by device and model, of what was measured."""
    return tuple(error for error in known_generation_errors() if error.check == CHECK)


def _product_flops(operator: Operator) -> float:
    """Operations of one token in the matrices of an operator, attention between tokens aside."""
    return sum(matmul.flops for matmul in operator.matmuls if matmul.holds_weights)


def _links(architecture: Architecture, device: Device, tp: int) -> tuple[float, float]:
    """Seconds of the all-reduces of an iteration, and of each token in it."""
    token_bytes = architecture.hidden * architecture.dtype_bytes
    without = 2 * architecture.layers * collective_s("all_reduce", 0.0, tp, device)
    with_one = 2 * architecture.layers * collective_s("all_reduce", token_bytes, tp, device)
    return without, with_one - without
