"""A placement as configuration of a serving system."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.export.json_document import json_files
from planner.export.kubernetes_manifests import kubernetes_files
from planner.export.layout import ClusterLayout, EngineLayout, lay_out, lay_out_engines
from planner.export.ray_serve import ray_files
from planner.export.triton_repository import triton_files
from planner.export.vllm_commands import vllm_files
from planner.generation.problem import TokenProblem
from simulator import Cluster, InputError, Model, Placement, Schedule, Serving

_TARGETS: dict[str, Callable[[ClusterLayout], dict[str, str]]] = {
    "ray": ray_files,
    "vllm": vllm_files,
    "kubernetes": kubernetes_files,
    "triton": triton_files,
    "json": json_files,
}
TARGETS = tuple(_TARGETS)
_ENGINE_TARGETS: dict[str, Callable[[EngineLayout], dict[str, str]]] = {
    "vllm": vllm_files,
    "kubernetes": kubernetes_files,
    "json": json_files,
}
ENGINE_TARGETS = tuple(_ENGINE_TARGETS)


def export_placement(
    placement: Placement | Schedule,
    models: Sequence[Model],
    cluster: Cluster,
    serving: Serving,
    target: str,
) -> dict[str, str]:
    """The files that set up a placement with a serving system; nothing is written.

    Args:
        placement: what is exported; it must fit the cluster.
        models, cluster, serving: as simulated.
        target: one of TARGETS: `ray` (Serve config), `vllm` (commands a node), `kubernetes` (manifests), `triton`
            (model repositories), `json`.

    Returns:
        Text by relative file name, folders separated by "/". Every file but routes.json says in its head (in JSON:
        under `assumptions` and `losses`) what the simulation assumed and what the target does otherwise.

    Raises:
        InputError: an unknown target, a schedule, a placement that does not fit or holds nothing, or one that the
            target cannot express.
    """
    if target not in _TARGETS:
        raise InputError(f"The export target is '{target}'; {', '.join(TARGETS)} are allowed.")
    return _TARGETS[target](lay_out(placement, models, cluster, serving))


def export_engines(placement: Placement, problem: TokenProblem, target: str) -> dict[str, str]:
    """The files that set up engines of generating models with their limits; as export_placement.

    target: one of ENGINE_TARGETS: `vllm` (commands a node), `kubernetes` (manifests), `json`.
    """
    if target not in _ENGINE_TARGETS:
        raise InputError(
            f"The export target is '{target}'; for models that generate {', '.join(ENGINE_TARGETS)} are allowed."
        )
    return _ENGINE_TARGETS[target](lay_out_engines(placement, problem))
