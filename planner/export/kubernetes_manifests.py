"""Kubernetes: a workload a group, a Service a model (kubernetes.io, "Schedule GPUs", "Deployments", "Service")."""

from __future__ import annotations

import yaml

from planner.export.assumptions import head, shared_groups
from planner.export.engines import deadlines_in_words
from planner.export.layout import AnyLayout, EngineLayout, GroupLayout
from planner.export.names import comment, one_line
from planner.export.vllm_commands import FIRST_MASTER_PORT, FIRST_PORT, vllm_flags, vllm_losses

IMAGE = "vllm/vllm-openai:latest"
APP = "model-placement"
_LABEL = "app.kubernetes.io/name"
_GROUP = f"{APP}/group"
_PART = f"{APP}/part"


def kubernetes_files(layout: AnyLayout) -> dict[str, str]:
    """placement.yaml: for each group a Deployment of one pod, or one for each part where it spans nodes; for each
    model a Service in front of the groups that hold it.
    """
    ports = {name: FIRST_PORT + number for number, name in enumerate(layout.models)}
    documents = []
    for placed in layout.groups:
        documents += _group(layout, placed, ports)
    documents += [_service(layout, name, ports[name]) for name in layout.models]
    text = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=110)
    return {"placement.yaml": comment(head(layout, "Kubernetes", _losses(layout))) + text}


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks and no aliases, as a person writes them."""

    def ignore_aliases(self, data):
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _losses(layout: AnyLayout) -> list[str]:
    lines = [
        "A Service sends a connection to any of the groups that hold the model, not to the one the simulation chose; "
        "put a router in front to do better.",
        "Kubernetes chooses nodes and devices: the plan's are kept as annotations only.",
        f"Every pod runs {IMAGE} with a claim `models` for the weights (one folder LABEL a model); pin the image and "
        "make the claim, or put your own server in their place.",
    ]
    shared = shared_groups(layout)
    if shared:
        lines.append(
            f"{shared}: containers cannot share devices, so all models of a group run in one container, which asks "
            "for all its devices."
        )
    if any(len(placed.parts) > 1 for placed in layout.groups):
        lines.append(
            "A group that spans nodes is one pod for each part, and these restart one by one; a LeaderWorkerSet "
            "(leaderworkerset.x-k8s.io/v1) of the same size restarts them together, where it is installed."
        )
    return lines + vllm_losses(layout)


def _group(layout: AnyLayout, placed: GroupLayout, ports: dict[str, int]) -> list[dict]:
    name, parts = f"group-{placed.index}", len(placed.parts)
    documents = [_deployment(layout, placed, ports, rank) for rank in range(parts)]
    if parts > 1:
        labels = {_LABEL: APP, _GROUP: str(placed.index)}
        meeting_point = {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels | {_PART: "0"},
            "ports": [{"name": "rendezvous", "port": FIRST_MASTER_PORT}],
        }
        metadata = {"name": name, "labels": labels}
        documents.insert(0, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": meeting_point})
    return documents


def _deployment(layout: AnyLayout, placed: GroupLayout, ports: dict[str, int], rank: int) -> dict:
    name = f"group-{placed.index}" + (f"-part-{rank}" if rank else "")
    labels = {_LABEL: APP, _GROUP: str(placed.index), _PART: str(rank)}
    # Services look for the label of their model, and only the first part of a group answers.
    holds = {f"{APP}/{layout.labels[model]}": "held" for model in placed.group.models} if rank == 0 else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": _annotations(placed)},
        "spec": {
            "replicas": 1,
            # Two pods of a group at once would need its devices twice.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels | holds}, "spec": _pod(layout, placed, ports, rank)},
        },
    }


def _annotations(placed: GroupLayout) -> dict[str, str]:
    return {
        f"{APP}/configuration": f"pp {placed.group.pp}, tp {placed.group.tp}",
        f"{APP}/devices": " ".join(f"{node}:{device}" for node, device in placed.devices),
        f"{APP}/models": one_line(", ".join(placed.group.models)),
    }


def _pod(layout: AnyLayout, placed: GroupLayout, ports: dict[str, int], rank: int) -> dict:
    mine = [ports[name] for name in placed.group.models]
    container = {
        "name": "engines",
        "image": IMAGE,
        "command": ["bash", "-c", _script(layout, placed, ports, rank)],
        "resources": {"limits": {"nvidia.com/gpu": str(len(placed.parts[rank].devices))}},
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "shared-memory", "mountPath": "/dev/shm"},
        ],
    }
    if rank == 0:
        probe = f"for port in {' '.join(map(str, mine))}; do curl -fs localhost:$port/health || exit 1; done"
        container["ports"] = [{"containerPort": port} for port in mine]
        container["readinessProbe"] = {"exec": {"command": ["bash", "-c", probe]}, "periodSeconds": 10}
    return {
        "containers": [container],
        "volumes": [
            {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        ],
    }


def _script(layout: AnyLayout, placed: GroupLayout, ports: dict[str, int], rank: int) -> str:
    """All engines of a part; when one ends, the container ends and is started anew."""
    engines = [_engine(layout, placed, ports, name, rank) for name in placed.group.models]
    script = "\n".join(["set -euo pipefail", *engines, "wait -n", ""])
    # Kubernetes reads $(NAME) in a command as a variable of its own; $$( stands for the signs themselves.
    return script.replace("$(", "$$(")


def _engine(layout: AnyLayout, placed: GroupLayout, ports: dict[str, int], name: str, rank: int) -> str:
    group = f"group-{placed.index}"
    master = f"{group} {FIRST_MASTER_PORT + ports[name] - FIRST_PORT}"
    flags = " ".join(vllm_flags(layout, placed, name, ports[name], rank, master))
    return f"vllm serve /models/{layout.labels[name]} {flags} &"


def _service(layout: AnyLayout, name: str, port: int) -> dict:
    label = layout.labels[name]
    if isinstance(layout, EngineLayout):
        deadlines = deadlines_in_words(layout.models[name].slo)
    else:
        deadlines = f"{layout.models[name].slo_s:g} s"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": f"model-{label}",
            "labels": {_LABEL: APP},
            "annotations": {f"{APP}/model": one_line(name), f"{APP}/slo": deadlines},
        },
        "spec": {"selector": {f"{APP}/{label}": "held"}, "ports": [{"name": "http", "port": 80, "targetPort": port}]},
    }
