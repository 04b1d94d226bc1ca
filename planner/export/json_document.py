"""JSON: the placement in full, for tools of one's own."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from planner.export.assumptions import simulated
from planner.export.layout import ClusterLayout, GroupLayout

FORMAT_VERSION = 1


def json_files(layout: ClusterLayout) -> dict[str, str]:
    """placement.json: groups, devices, memory on every device by model, deadlines, sources of the profiles."""
    document = {
        "format": "placement",
        "version": FORMAT_VERSION,
        "name": layout.placement.name,
        "assumptions": simulated(layout),
        "losses": [],
        "cluster": asdict(layout.cluster),
        "serving": asdict(layout.serving),
        "models": [_model(layout, name) for name in layout.models],
        "unplaced_models": list(layout.unplaced),
        "groups": [_group(layout, placed) for placed in layout.groups],
    }
    return {"placement.json": json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"}


def _model(layout: ClusterLayout, name: str) -> dict:
    model = layout.models[name]
    return {
        "name": name,
        "label": layout.labels[name],
        "profile": model.profile.name,
        "device": model.profile.device,
        "slo_s": model.slo_s if math.isfinite(model.slo_s) else None,
        "groups": [placed.index for placed in layout.groups_of(name)],
    }


def _group(layout: ClusterLayout, placed: GroupLayout) -> dict:
    group = placed.group
    entries = {name: layout.models[name].profile.entry(group.pp, group.tp) for name in group.models}
    return {
        "index": placed.index,
        "pp": group.pp,
        "tp": group.tp,
        "models": list(group.models),
        "replicas": [
            {
                "model": name,
                "stage_latency_s": list(entry.stage_latency_s),
                "stage_weight_gib": list(entry.stage_weight_gib),
                "source": entry.source,
            }
            for name, entry in entries.items()
        ],
        "devices": [
            {
                "node": node,
                "device": device,
                "stage": stage,
                "tensor_rank": rank,
                "weight_gib": math.fsum(entry.stage_weight_gib[stage] for entry in entries.values()),
            }
            for stage in range(group.pp)
            for rank, (node, device) in enumerate(placed.stage_devices(stage))
        ],
    }
