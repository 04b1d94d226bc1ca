"""Triton: a model repository for every node (Triton User Guide, "Model Configuration", "Ensemble Models").

Triton's instances are whole models on single devices; a pipeline is an ensemble of one model a stage, each pinned to
its device. An instance with a rate limiter resource runs only when no other instance on that device does, which is
how the models of a group take turns.
"""

from __future__ import annotations

import math

from planner.export.assumptions import head, shared_groups
from planner.export.layout import ClusterLayout, GroupLayout, wait_s
from planner.export.names import comment
from simulator import InputError, words


class _Word(str):
    """A word of the format itself (an enumeration, a truth value), written without quotes."""


# The tensors between clients, stages and backend; what is inside them is the model's own affair.
_INPUT = {"name": "INPUT", "data_type": _Word("TYPE_INT64"), "dims": [-1]}
_OUTPUT = {"name": "OUTPUT", "data_type": _Word("TYPE_FP16"), "dims": [-1]}
_HIDDEN = {"data_type": _Word("TYPE_FP16"), "dims": [-1, -1]}


def triton_files(layout: ClusterLayout) -> dict[str, str]:
    """node-N/MODEL/config.pbtxt for every model, stage and ensemble of node N.

    Raises InputError for a group that spans nodes, because a Triton server knows the devices of one node.
    """
    for placed in layout.groups:
        if len(placed.nodes) > 1:
            called = words.numbered("group", placed.index).capitalize()
            raise InputError(
                f"{called} spans {words.numbered('node', *placed.nodes)}; a "
                "Triton server runs models on one node only, so groups within a node are allowed (or export to vllm, "
                "ray or kubernetes)."
            )
    title = comment(head(layout, "Triton", _losses(layout)))
    files = {}
    for path, config in _configs(layout).items():
        folder = path.rsplit("/", 1)[1]
        files[f"{path}/config.pbtxt"] = title + _text({"name": folder} | config)
    return files


def _losses(layout: ClusterLayout) -> list[str]:
    lines = [
        "Tensors are called INPUT, HIDDEN and OUTPUT, and the backend is python: put in those of your model files.",
        "Every node runs its own server; a router in front chooses between nodes and groups.",
        "A model on several single devices of a node has one queue for all of them, not one for each group.",
    ]
    if any(placed.group.devices > 1 for placed in layout.groups):
        lines.append(
            "A pipeline is an ensemble NAME_gN of one model a stage, NAME_gN_sK; queueing happens before every stage, "
            "and once a request has begun nothing rejects it."
        )
    if any(placed.group.tp > 1 for placed in layout.groups):
        lines.append(
            "Triton does not split one model over devices: a stage of several devices has kind KIND_MODEL, and its "
            "backend must place itself on the devices of its parameter `gpus`."
        )
    shared = shared_groups(layout)
    if shared:
        lines.append(
            f"{shared}: models have a queue each. Started with --rate-limit=execution_count they take turns on a "
            "device (resource `device`), but by Triton's choice, not in order of arrival."
        )
    if layout.serving.admission == "deadline":
        lines.append(
            "There is no admission by prediction: a request is rejected once it has waited longer than its deadline "
            "allows (default_timeout_microseconds), so it holds its place in the queue until then."
        )
    return lines


def _configs(layout: ClusterLayout) -> dict[str, dict]:
    configs: dict[str, dict] = {}
    for placed in layout.groups:
        for name in placed.group.models:
            if placed.group.devices == 1:
                _add_single(configs, layout, placed, name)
            else:
                _add_pipeline(configs, layout, placed, name)
    return configs


def _add_single(configs: dict[str, dict], layout: ClusterLayout, placed: GroupLayout, name: str) -> None:
    node, device = placed.devices[0]
    path = f"node-{node}/{layout.labels[name]}"
    if path in configs:
        configs[path]["instance_group"][0]["gpus"].append(device)
        return
    configs[path] = _served(layout, _INPUT, _OUTPUT, _pinned([device])) | _batching(layout, placed, name)


def _add_pipeline(configs: dict[str, dict], layout: ClusterLayout, placed: GroupLayout, name: str) -> None:
    group = placed.group
    # Labels have no underscore, so this cannot be the name of another model.
    whole = f"{layout.labels[name]}_g{placed.index}"
    folder = f"node-{placed.nodes[0]}"
    steps = []
    for stage in range(group.pp):
        first, last = stage == 0, stage == group.pp - 1
        taken = _INPUT if first else {"name": "HIDDEN_IN"} | _HIDDEN
        given = _OUTPUT if last else {"name": "HIDDEN_OUT"} | _HIDDEN
        devices = [device for _, device in placed.stage_devices(stage)]
        config = _served(layout, taken, given, _pinned(devices) if group.tp == 1 else _own_choice(devices))
        if group.tp > 1:
            parameters = {"gpus": ",".join(map(str, devices)), "tensor_parallel_size": str(group.tp)}
            config["parameters"] = [{"key": key, "value": {"string_value": v}} for key, v in parameters.items()]
        # Only the first stage drops what has waited too long: later ones have already spent time on it.
        config |= _batching(layout, placed, name) if first else {"dynamic_batching": {}}
        configs[f"{folder}/{whole}_s{stage + 1}"] = config
        steps.append(
            {
                "model_name": f"{whole}_s{stage + 1}",
                "model_version": -1,
                "input_map": {"key": taken["name"], "value": "INPUT" if first else f"hidden_{stage}"},
                "output_map": {"key": given["name"], "value": "OUTPUT" if last else f"hidden_{stage + 1}"},
            }
        )
    configs[f"{folder}/{whole}"] = {
        "platform": "ensemble",
        "max_batch_size": layout.serving.max_batch_size,
        "input": [_INPUT],
        "output": [_OUTPUT],
        "ensemble_scheduling": {"step": steps},
    }


def _served(layout: ClusterLayout, taken: dict, given: dict, instances: dict) -> dict:
    return {
        "backend": "python",
        "max_batch_size": layout.serving.max_batch_size,
        "input": [taken],
        "output": [given],
        "instance_group": [instances],
    }


def _pinned(devices: list[int]) -> dict:
    limit = {"resources": [{"name": "device", "count": 1}]}
    return {"kind": _Word("KIND_GPU"), "count": 1, "gpus": devices, "rate_limiter": limit}


def _own_choice(devices: list[int]) -> dict:
    # Triton does not know which devices such an instance uses, so the resource is of the server and named after them.
    resource = {"name": "devices-" + "-".join(map(str, devices)), "global": _Word("true"), "count": 1}
    return {"kind": _Word("KIND_MODEL"), "count": 1, "rate_limiter": {"resources": [resource]}}


def _batching(layout: ClusterLayout, placed: GroupLayout, name: str) -> dict:
    """Queue policy: rejected after the longest wait that still meets the deadline."""
    longest_s = wait_s(layout, layout.models[name], placed)
    if layout.serving.admission != "deadline" or not math.isfinite(longest_s):
        return {"dynamic_batching": {}}
    policy = {
        "timeout_action": _Word("REJECT"),
        # 0 would mean no timeout.
        "default_timeout_microseconds": max(math.floor(1e6 * longest_s), 1),
        "allow_timeout_override": _Word("true"),
    }
    return {"dynamic_batching": {"default_queue_policy": policy}}


def _text(message: dict, indent: str = "") -> str:
    """A message in protobuf's text format."""
    lines = []
    for key, value in message.items():
        for item in value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]:
            if isinstance(item, dict):
                lines.append(f"{indent}{key} {{\n{_text(item, indent + '  ')}{indent}}}\n")
            elif isinstance(item, list):
                lines.append(f"{indent}{key}: [ {', '.join(map(str, item))} ]\n")
            elif isinstance(item, str) and not isinstance(item, _Word):
                lines.append(f'{indent}{key}: "{item}"\n')
            else:
                lines.append(f"{indent}{key}: {item}\n")
    return "".join(lines)
