"""What the simulation assumed, and what a target cannot do: the head of every export."""

from __future__ import annotations

from collections.abc import Sequence

from planner.export.engines import simulated_engines
from planner.export.layout import AnyLayout, EngineLayout

_DISPATCH = {
    "shortest_queue": "to the group with the fewest outstanding requests",
    "earliest_free": "to the group whose last stage is free first",
    "earliest_finish": "to the group that would finish it first",
    "round_robin": "to the groups that hold its model in turn",
}


def head(layout: AnyLayout, target: str, losses: Sequence[str]) -> list[str]:
    """Sentences for the head of an export: what it is, what was assumed, what is lost with this target."""
    placement, cluster = layout.placement, layout.cluster
    lines = [
        f"Placement '{placement.name}' for {target}.",
        f"{len(layout.groups)} groups with {placement.replicas} replicas of {len(layout.models)} models on "
        f"{placement.devices} of {cluster.devices} devices ({cluster.device}, {cluster.devices_per_node} to a node).",
        "",
        "The simulation assumed:",
        *(f"- {line}" for line in simulated(layout)),
        "",
        f"What {target} does otherwise:",
        *(f"- {line}" for line in losses),
    ]
    if layout.unplaced:
        names = ", ".join(layout.unplaced[:8]) + (" ..." if len(layout.unplaced) > 8 else "")
        lines += ["", f"Not placed, so not in here: {names}."]
    return lines


def simulated(layout: AnyLayout) -> list[str]:
    """What the simulation assumed of the serving system, one sentence each."""
    if isinstance(layout, EngineLayout):
        return simulated_engines(layout)
    serving = layout.serving
    lines = [f"A request goes {_DISPATCH[serving.dispatch]}."]
    if any(len(placed.group.models) > 1 for placed in layout.groups):
        lines.append(
            "All models of a group share its devices and one first-come first-served queue; stage k of the pipeline "
            "runs one request (or batch) at a time, of whichever model, while other stages run others."
        )
    if serving.admission == "deadline":
        lines.append(
            f"A request that is predicted to miss its deadline is rejected at once (margin "
            f"{1000 * serving.admission_margin_s:g} ms)."
        )
    else:
        lines.append("Every request is accepted, however late it will be.")
    if serving.max_batch_size == 1:
        lines.append("Requests run one by one, without batching.")
    else:
        lines.append(
            f"An idle group takes up to {serving.max_batch_size} requests of one model, as many as meet their deadline."
        )
    delay_ms = 1000 * (
        serving.client_delay_s + serving.dispatch_delay_s + serving.start_delay_s + serving.response_delay_s
    )
    lines.append(
        f"{delay_ms:g} ms pass outside the model for each request, and every stage of a pipeline of n stages takes "
        f"{100 * serving.stage_overhead:g} % x n longer than profiled."
    )
    return lines


def shared_groups(layout: AnyLayout) -> str:
    """The groups that hold several models, in words; empty if there is none."""
    shared = [str(placed.index) for placed in layout.groups if len(placed.group.models) > 1]
    if not shared:
        return ""
    if len(shared) > 12:
        shared = [*shared[:12], f"{len(shared) - 12} more"]
    return ("Group " if len(shared) == 1 else "Groups ") + ", ".join(shared)
