"""Fitted profiles that ship, in `profiles.json`; written by `python -m tools.fit_generation`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from simulator.generation import FitError, GenerationProfile

PROFILES_FILE = Path(__file__).with_name("profiles.json")

# What weights and cache may take of each device, GiB: its memory less what a serving engine leaves free and needs for
# activations. Of the RTX 4090 as in the measured run (2,588 blocks beside the weights), of others about as much less.
DEVICE_MEMORY_GIB = {"RTX 4090": 20.0, "RTX PRO 6000": 80.0, "H100": 70.0}


@cache
def shipped_profiles() -> tuple[GenerationProfile, ...]:
    """All profiles that ship, each with its provenance and the error of its fit."""
    rows = json.loads(PROFILES_FILE.read_text(encoding="utf-8"))
    return tuple(GenerationProfile(**{**row, "error": FitError(**row["error"])}) for row in rows)


def write_profiles(profiles: Sequence[GenerationProfile]) -> None:
    """Keep profiles for `shipped_profiles`."""
    PROFILES_FILE.write_text(json.dumps([asdict(p) for p in profiles], indent=1) + "\n", encoding="utf-8")
