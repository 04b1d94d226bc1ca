"""JSON: the placement in full, for tools of one's own."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from planner.export.assumptions import simulated
from planner.export.engines import EngineShare, engine_losses, engine_shares
from planner.export.layout import AnyLayout, ClusterLayout, EngineLayout, GroupLayout

FORMAT_VERSION = 1


def json_files(layout: AnyLayout) -> dict[str, str]:
    """placement.json: groups, devices, memory on every device by model, deadlines, sources of the profiles."""
    document = {
        "format": "placement",
        "version": FORMAT_VERSION,
        "name": layout.placement.name,
        "assumptions": simulated(layout),
        "losses": engine_losses(layout) if isinstance(layout, EngineLayout) else [],
        "cluster": asdict(layout.cluster),
    }
    if isinstance(layout, EngineLayout):
        document |= {
            "generation": layout.problem.section.model_dump(),
            "models": [_generating_model(layout, name) for name in layout.models],
            "groups": [_engine_group(layout, placed) for placed in layout.groups],
        }
    else:
        document |= {
            "serving": asdict(layout.serving),
            "models": [_model(layout, name) for name in layout.models],
            "groups": [_group(layout, placed) for placed in layout.groups],
        }
    document["unplaced_models"] = list(layout.unplaced)
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


def _generating_model(layout: EngineLayout, name: str) -> dict:
    model = layout.models[name]
    profile = next(iter(model.profiles.values()))
    return {
        "name": name,
        "label": layout.labels[name],
        "profile": profile.name,
        "device": profile.device,
        **{f"slo_{quantity}": limit for quantity, limit in asdict(model.slo).items()},
        "groups": [placed.index for placed in layout.groups_of(name)],
    }


def _engine_group(layout: EngineLayout, placed: GroupLayout) -> dict:
    shares = engine_shares(layout, placed)
    return {
        "index": placed.index,
        "tp": placed.group.tp,
        "models": list(placed.group.models),
        **({"role": placed.group.role} if placed.group.role else {}),
        "kv_pool_bytes": layout.engines[placed.index].kv_pool_bytes,
        "engines": [_engine(share) for share in shares.values()],
        "devices": [
            {
                "node": node,
                "device": device,
                "tensor_rank": rank,
                "weight_gib": math.fsum(share.engine.profile.weight_gib or 0.0 for share in shares.values()),
                "kv_gib": math.fsum(share.kv_gib for share in shares.values()),
            }
            for rank, (node, device) in enumerate(placed.devices)
        ],
    }


def _engine(share: EngineShare) -> dict:
    profile = share.engine.profile
    return {
        "model": share.engine.model,
        **asdict(share.engine.limits),
        "kv_blocks": share.kv_blocks,
        "max_model_len": share.max_model_len,
        "weight_gib": profile.weight_gib,
        "kv_gib": share.kv_gib,
        "source": profile.provenance,
    }
