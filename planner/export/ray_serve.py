"""Ray Serve: the config file of `serve deploy` (ServeDeploySchema, docs.ray.io, "Serve Config Files")."""

from __future__ import annotations

import math

import yaml

from planner.export.assumptions import head, shared_groups
from planner.export.layout import ClusterLayout, GroupLayout
from planner.export.names import comment


def ray_files(layout: ClusterLayout) -> dict[str, str]:
    """serve.yaml: one application, one deployment of one replica a group, its devices as a placement group.

    A bundle is one stage (tp devices), so that Ray keeps a stage on one node; where a stage is larger than a node, a
    bundle is one device.
    """
    document = {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000},
        "applications": [
            {
                "name": "placement",
                "route_prefix": "/",
                "import_path": "serving_app:app",
                "deployments": [_deployment(layout, placed) for placed in layout.groups],
            }
        ],
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=False, width=110)
    return {"serve.yaml": comment(head(layout, "Ray Serve", _losses(layout))) + text}


def _losses(layout: ClusterLayout) -> list[str]:
    lines = [
        "The file configures deployments group-N; `serving_app:app` is yours and must define a deployment of each "
        "name, which loads the models of its user_config with pp stages of tp devices each.",
        "Ray Serve routes by power of two choices among the replicas of one deployment; choosing between groups that "
        "hold the same model is the work of your ingress deployment.",
        "Ray chooses the nodes: device numbers of the plan are not kept, only how many devices stand together.",
    ]
    shared = shared_groups(layout)
    if shared:
        lines.append(
            f"{shared}: Ray Serve has no deployment of several models in one pipeline. Here one replica owns the "
            "group's devices and its models; one queue for all of them, in order of arrival, is yours to write."
        )
    if layout.serving.admission == "deadline":
        lines.append(
            "There is no admission by deadline: max_queued_requests bounds the length of the queue instead, at what "
            "fits into the longest deadline of the group; reject by deadline_s in your own code to be exact."
        )
    return lines


def _deployment(layout: ClusterLayout, placed: GroupLayout) -> dict:
    group = placed.group
    by_stage = group.tp <= layout.cluster.devices_per_node
    size, count = (group.tp, group.pp) if by_stage else (1, group.devices)
    deployment = {
        "name": f"group-{placed.index}",
        "num_replicas": 1,
        "max_ongoing_requests": group.pp * layout.serving.max_batch_size,
        "ray_actor_options": {"num_cpus": 1, "num_gpus": 0},
        "placement_group_bundles": [{"CPU": 1, "GPU": size} for _ in range(count)],
        "placement_group_strategy": "STRICT_PACK" if len(placed.nodes) == 1 else "PACK",
        "user_config": {
            "pipeline_parallel_size": group.pp,
            "tensor_parallel_size": group.tp,
            "models": [_model(layout, name) for name in group.models],
        },
    }
    longest = _longest_queue(layout, placed)
    if longest is not None:
        deployment["max_queued_requests"] = longest
    return deployment


def _model(layout: ClusterLayout, name: str) -> dict:
    model = layout.models[name]
    deadline_s = model.slo_s if math.isfinite(model.slo_s) else None
    return {"name": name, "label": layout.labels[name], "profile": model.profile.name, "deadline_s": deadline_s}


def _longest_queue(layout: ClusterLayout, placed: GroupLayout) -> int | None:
    """Requests that the group can still finish in time if all are of the quickest model; None for no bound."""
    models = [layout.models[name] for name in placed.group.models]
    deadline_s = max(model.slo_s for model in models)
    if layout.serving.admission != "deadline" or not math.isfinite(deadline_s):
        return None
    factor = layout.serving.stage_factor(placed.group.pp)
    entries = [model.profile.entry(placed.group.pp, placed.group.tp) for model in models]
    quickest_s = min(max(entry.stage_latency_s) * factor / layout.serving.max_batch_size for entry in entries)
    return max(math.ceil(deadline_s / quickest_s), 1)
