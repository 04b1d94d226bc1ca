"""The modelled part of the shipped catalogue: `python -m planner.parallelise.shipped` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import simulator.catalogue
from planner.parallelise.architectures import load_architectures
from planner.parallelise.known import alone_calibration, paper_device, paper_models
from planner.parallelise.profile_model import DEFAULT_BATCHES, profile_model
from simulator.catalogue import catalogue_document, load_catalogue
from simulator.profiles import Profile, ProfileEntry

SHIPPED_CATALOGUE = Path(simulator.catalogue.__file__).with_name("catalogue.json")
# Largest (pp, tp) of each model.
LIMITS = {"bert-104b": (32, 8)}
DEFAULT_LIMITS = (8, 8)
# Entries that are better known than any model could make them.
KEPT_SOURCES = ("measured", "recovered")


def paper_profiles(names: Sequence[str] | None = None, batches: Sequence[int] = DEFAULT_BATCHES) -> dict[str, Profile]:
    """Modelled profiles of the paper's models on its device, each calibrated on its single latency alone.

    This is the catalogue to replay the published runs with; `names` defaults to all seven models.
    """
    profiles = {}
    for name in names or paper_models():
        max_pp, max_tp = LIMITS.get(name, DEFAULT_LIMITS)
        modelled = profile_model(
            load_architectures()[name], paper_device(), max_pp, max_tp, batches, alone_calibration(name)
        )
        profiles[name] = modelled.profile
    return profiles


def replace_estimated(catalogue: Mapping[str, Profile], modelled: Mapping[str, Profile]) -> dict[str, Profile]:
    """A catalogue whose estimated entries give way to modelled ones, and which has the modelled rest.

    Measured and recovered entries keep their latencies and weights. Where they know no batch sizes, they get
    those of the model: each stage's latency times what the batch costs there in the model relative to batch 1.
    """
    merged = dict(catalogue)
    for name, profile in modelled.items():
        known = catalogue.get(name)
        entries = dict(profile.entries)
        for key, entry in known.entries.items() if known else ():
            if entry.source in KEPT_SOURCES:
                entries[key] = _with_batches(entry, entries[key]) if key in entries else entry
        alone_s = known.alone_s if known else profile.alone_s
        merged[name] = Profile(name, entries, profile.device, alone_s)
    return merged


def _with_batches(entry: ProfileEntry, modelled: ProfileEntry) -> ProfileEntry:
    if entry.batches:
        return entry
    total = sum(modelled.stage_latency_s)
    batches = {
        batch: tuple(latency_s * sum(stages) / total for latency_s in entry.stage_latency_s)
        for batch, stages in modelled.batches.items()
    }
    return replace(entry, batches=batches)


def shipped_document(recovered: Mapping[str, Profile]) -> dict:
    """The catalogue JSON that ships: what is recovered, the rest modelled; microseconds and KiB."""
    document = catalogue_document(replace_estimated(recovered, paper_profiles()))
    return json.loads(json.dumps(document), parse_float=lambda text: round(float(text), 6))


if __name__ == "__main__":
    SHIPPED_CATALOGUE.write_text(json.dumps(shipped_document(load_catalogue(SHIPPED_CATALOGUE)), indent=1) + "\n")
