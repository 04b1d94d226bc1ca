"""How devices may be cut into groups and models into buckets (Algorithm 2)."""

from __future__ import annotations

from collections.abc import Sequence

from planner.search.space import Space

# The authors' value (their code): models whose latencies differ by less may share a bucket.
LATENCY_THRESHOLD = 0.38


def allowed_shapes(
    space: Space, max_pp: int, max_tp: int, shapes: Sequence[tuple[int, int]] | None = None
) -> list[int]:
    """Indices of the configurations within the limits, or of the given ones (InputError if one is unknown)."""
    if shapes is not None:
        wanted = {space.shapes[space.shape_index(pp, tp)] for pp, tp in shapes}
        return [c for c, shape in enumerate(space.shapes) if shape in wanted]
    return [c for c, (pp, tp) in enumerate(space.shapes) if pp <= max_pp and tp <= max_tp]


def group_partitions(space: Space, devices: int, shapes: Sequence[int], mixed: bool) -> list[list[int]]:
    """Ways to cut devices into groups, each a list of configurations.

    Equal groups of each power of two that does not cross nodes in parts, in each allowed configuration; what is left
    over becomes pipelines of its binary digits (their code, `solve_placement_one_eco`). With mixed also each
    pair of configurations with about half of the devices each. Where rules cut the cluster into zones: the same
    configuration in each of them, on all devices.
    """
    node = space.problem.cluster.devices_per_node
    regular: list[int] = []
    for c in sorted(shapes, key=lambda c: (space.catalogue.devices[c], space.shapes[c][0])):
        size = int(space.catalogue.devices[c])
        if size <= devices and (size & (size - 1) == 0) and not (size > node and size % node):
            regular.append(c)
    if len(space.zones) > 1:
        return [with_remainder(space, c) for c in _once(space, regular)]
    cuts = [_equal_groups(space, devices, c) for c in regular]
    if mixed:
        for i, first in enumerate(regular):
            for second in regular[i + 1 :]:
                size = int(space.catalogue.devices[first])
                half = devices // 2 // size * size
                if half > 0 and space.catalogue.devices[second] <= devices - half:
                    cuts.append([first] * (half // size) + _equal_groups(space, devices - half, second))
    return cuts


def equal_groups(space: Space, shape: int) -> list[int]:
    """As many groups of a configuration as the devices of each zone make."""
    size = int(space.catalogue.devices[shape])
    own = [(space.in_zone(shape, z), zone.devices // size) for z, zone in enumerate(space.zones)]
    return [c for c, count in own if c is not None for _ in range(count)]


def with_remainder(space: Space, shape: int) -> list[int]:
    """The same, and in each zone a remainder of pipelines."""
    found: list[int] = []
    for z, zone in enumerate(space.zones):
        own = space.in_zone(shape, z)
        found += _remainder(space, zone.devices, z) if own is None else _equal_groups(space, zone.devices, own, z)
    return found


def _once(space: Space, shapes: Sequence[int]) -> list[int]:
    """One of the configurations that are alike but for their zone."""
    return list({space.shapes[c]: c for c in shapes}.values())


def _remainder(space: Space, devices: int, zone: int) -> list[int]:
    """Pipelines of the powers of two that make up a number of devices, ascending (their code)."""
    sizes = [1 << bit for bit in range(devices.bit_length()) if devices >> bit & 1]
    known = [space.shapes.index((size, 1)) for size in sizes if (size, 1) in space.shapes]
    return [c for c in (space.in_zone(c, zone) for c in known) if c is not None]


def _equal_groups(space: Space, devices: int, shape: int, zone: int = 0) -> list[int]:
    count, left = divmod(devices, int(space.catalogue.devices[shape]))
    return [shape] * count + _remainder(space, left, zone)


def released_buckets(latency_s: Sequence[float]) -> list[list[int]]:
    """The one clustering of the released code: in order, each model joins the first bucket whose first member's
    latency is within the threshold."""
    buckets: list[list[int]] = []
    for m, own_s in enumerate(latency_s):
        for bucket in buckets:
            first_s = latency_s[bucket[0]]
            if abs(own_s - first_s) / first_s < LATENCY_THRESHOLD:
                bucket.append(m)
                break
        else:
            buckets.append([m])
    return buckets


def latency_classes(latency_s: Sequence[float]) -> list[list[int]]:
    """Models by equal latency, fastest first: the atoms of which buckets are made."""
    return [[m for m, own_s in enumerate(latency_s) if own_s == value] for value in sorted(set(latency_s))]


def may_share(fastest_s: float, slowest_s: float) -> bool:
    """Whether models of these latencies may share a bucket."""
    return (slowest_s - fastest_s) / slowest_s < LATENCY_THRESHOLD
