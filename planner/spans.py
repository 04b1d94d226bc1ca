"""Groups whose devices lie on several nodes, which no profile knows."""

from __future__ import annotations

from simulator import Cluster, Placement, Schedule


def groups_over_nodes(placement: Placement, cluster: Cluster) -> dict[int, range]:
    """Nodes of each group that touches more than one, by number of the group: group i follows group i - 1.

    Groups without a model run nothing and are left out.
    """
    spans, first = {}, 0
    for index, group in enumerate(placement.groups):
        end = first + group.devices
        nodes = range(first // cluster.devices_per_node, (end - 1) // cluster.devices_per_node + 1)
        if group.models and len(nodes) > 1:
            spans[index] = nodes
        first = end
    return spans


def node_notices(placement: Placement | Schedule, cluster: Cluster) -> tuple[str, ...]:
    """A sentence where groups lie on several nodes, of a schedule those of any of its placements; else none."""
    parts = [p for _, p in placement.epochs] if isinstance(placement, Schedule) else [placement]
    spans = [groups_over_nodes(part, cluster) for part in parts]
    found = sorted({index for one in spans for index in one})
    if not found:
        return ()
    listed = ", ".join(map(str, found[:8])) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
    most = max(len(nodes) for one in spans for nodes in one.values())
    return (
        f"{'Group' if len(found) == 1 else 'Groups'} {listed} of placement '{placement.name}' "
        f"{'lies' if len(found) == 1 else 'lie'} on {'' if most == 2 else 'up to '}{most} nodes of "
        f"{cluster.devices_per_node} devices; profiles hold inside a node, and what the network between nodes costs is "
        "not simulated.",
    )
