"""Published runs: reading them, and replaying one.

`published_runs.csv` holds the runs that the project checks itself against: 383 simulated by the authors, 20 on 16 real
V100s, and the authors' simulation of the same 20 (source of each row: file and sweep in the mms repository; see
docs/validation.md). Groups are written "pp x tp: model numbers", separated by "|".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simulator import Group, InputError, Model, Placement, Profile, Serving, Workload, simulate
from simulator.arrivals import gamma_workload, split_rate
from simulator.metrics import counted_rows

RUNS_FILE = Path(__file__).with_name("published_runs.csv")
# The authors leave 10 s of requests out at each end (their code).
WARMUP_S = 10.0
FIELDS = (
    "source",
    "sweep",
    "mode",
    "policy",
    "devices",
    "memory_budget_gib",
    "model_types",
    "num_models",
    "total_rate",
    "rate_split",
    "cv",
    "slo_scale",
    "duration_s",
    "groups",
    "slo_attainment",
)


@dataclass(frozen=True)
class PublishedRun:
    """One row: the setting, the placement, and the attainment that the authors report.

    Attributes:
        source, sweep: the authors' file and the sweep it belongs to.
        mode: "simulate" or "testbed" (real devices).
        policy: the authors' name of the placement algorithm.
        model_types: profile names; model i has type model_types[i % len].
        total_rate_per_s: split by power law, model i proportional to (i + 1) ** -exponent.
        slo_attainment: as published, 0..1.
    """

    source: str
    sweep: str
    mode: str
    policy: str
    devices: int
    memory_gib: float
    model_types: tuple[str, ...]
    num_models: int
    total_rate_per_s: float
    exponent: float
    cv: float
    slo_scale: float
    duration_s: float
    placement: Placement
    slo_attainment: float


def load_published(path: str | Path = RUNS_FILE) -> list[PublishedRun]:
    """Published runs of a CSV (the project's own file) or of a JSON Lines file with the same fields.

    Raises InputError with file, line and field.
    """
    path = Path(path)
    try:
        if path.suffix == ".csv":
            rows = pd.read_csv(path, dtype={"groups": str}).to_dict("records")
        else:
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"Published runs '{path}' cannot be read: {error}.") from None
    runs = []
    for number, row in enumerate(rows, start=1):
        try:
            runs.append(_run(row))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Published runs '{path}', run {number}: {error!r}; {', '.join(FIELDS)} are needed."
            ) from None
    return runs


def model_name(index: int) -> str:
    """What a replay calls model number `index`."""
    return f"model-{index}"


def run_models(run: PublishedRun, catalogue: Mapping[str, Profile]) -> tuple[Model, ...]:
    """The models of a run; raises InputError if the catalogue lacks a type."""
    missing = [kind for kind in run.model_types if kind not in catalogue]
    if missing:
        raise InputError(f"The published runs use profile '{missing[0]}', which the catalogue lacks.")
    return tuple(
        Model.with_slo_scale(model_name(i), catalogue[run.model_types[i % len(run.model_types)]], run.slo_scale)
        for i in range(run.num_models)
    )


def run_workload(run: PublishedRun, seed: int = 0) -> Workload:
    """The very requests of a run (their code)."""
    rates = split_rate(run.total_rate_per_s, run.num_models, "power_law", run.exponent)
    return gamma_workload(rates, run.cv, run.duration_s, seed)


def replay(run: PublishedRun, catalogue: Mapping[str, Profile], serving: Serving) -> float:
    """The SLO attainment of a run by our simulator, 10 s of requests left out at each end."""
    workload = run_workload(run)
    result = simulate(run_models(run, catalogue), run.placement, workload, serving)
    return float(np.mean(result.in_slo[counted_rows(workload, WARMUP_S)]))


def _run(row: dict) -> PublishedRun:
    types = row["model_types"]
    groups = row["groups"]
    if not row["rate_split"].startswith("power_law_"):
        raise ValueError(f"rate_split is '{row['rate_split']}'; power_law_EXPONENT is allowed")
    parsed = _groups_of_text(groups) if isinstance(groups, str) else _groups_of_list(groups)
    return PublishedRun(
        source=row["source"],
        sweep=row["sweep"],
        mode=row["mode"],
        policy=row["policy"],
        devices=int(row["devices"]),
        memory_gib=float(row["memory_budget_gib"]),
        model_types=tuple(types.split()) if isinstance(types, str) else tuple(types),
        num_models=int(row["num_models"]),
        total_rate_per_s=float(row["total_rate"]),
        exponent=float(row["rate_split"].removeprefix("power_law_")),
        cv=float(row["cv"]),
        slo_scale=float(row["slo_scale"]),
        duration_s=float(row["duration_s"]),
        placement=Placement(parsed, "published"),
        slo_attainment=float(row["slo_attainment"]),
    )


def _groups_of_list(groups: list[dict]) -> tuple[Group, ...]:
    return tuple(Group(g["pp"], g["tp"], tuple(model_name(m) for m in g["models"])) for g in groups)


def _groups_of_text(text: str) -> tuple[Group, ...]:
    groups = []
    for part in text.split("|"):
        shape, _, members = part.partition(":")
        pp, _, tp = shape.partition("x")
        groups.append(Group(int(pp), int(tp), tuple(model_name(int(m)) for m in members.split())))
    return tuple(groups)
