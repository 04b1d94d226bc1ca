"""Every published run with our prediction of it, as last validated, and its setting as a scenario."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from planner.compare import placement_section
from planner.evidence.published import WARMUP_S, PublishedRun, load_published, model_name
from planner.evidence.validate import RunError
from planner.scenario.schema import (
    ClusterSection,
    GammaSection,
    ModelSection,
    Scenario,
    ServingSection,
    WorkloadSection,
)

# Written by `python -m planner validate --write`; a test replays and compares.
REPLAYS_FILE = Path(__file__).with_name("replays.csv")
SEVERAL = "several kinds"


@dataclass(frozen=True)
class Replayed:
    """A published run, and what we predict under a preset; both 0..1."""

    run: PublishedRun
    preset: str
    predicted: float

    @property
    def published(self) -> float:
        return self.run.slo_attainment

    @property
    def error(self) -> float:
        """Ours minus theirs."""
        return self.predicted - self.published

    @property
    def is_real(self) -> bool:
        """Whether it ran on real devices."""
        return self.run.mode == "testbed"

    @property
    def configuration(self) -> str:
        """How its groups are cut, in words."""
        shapes = {(group.pp, group.tp) for group in self.run.placement.groups}
        if len(shapes) != 1:
            return SEVERAL
        ((pp, tp),) = shapes
        if pp * tp == 1:
            return "single devices"
        return " x ".join(f"{name} {degree}" for name, degree in (("pp", pp), ("tp", tp)) if degree > 1)

    @property
    def order(self) -> int:
        """Devices of its groups, for ordering; those of several kinds last."""
        sizes = {group.devices for group in self.run.placement.groups}
        return max(sizes) if self.configuration != SEVERAL else 1000

    @property
    def symbol(self) -> str:
        """Of its point: apart where operators are cut."""
        if self.configuration == SEVERAL:
            return "square"
        return "diamond" if any(group.tp > 1 for group in self.run.placement.groups) else "circle"

    @property
    def about(self) -> str:
        """The run in a line."""
        run = self.run
        where = "16 real V100s" if self.is_real else f"{run.devices} devices"
        return (
            f"{run.policy}, {where}, {run.num_models} models, {run.total_rate_per_s:g} requests/s, CV {run.cv:g}, "
            f"SLO scale {run.slo_scale:g} ({self.preset})"
        )

    def scenario(self) -> Scenario:
        """The setting of the run with its placement."""
        run = self.run
        kinds, names = run.model_types, [model_name(i) for i in range(run.num_models)]
        if len(set(kinds)) == 1:
            models = [ModelSection(name=model_name(0).replace("0", "{i}"), profile=kinds[0], count=run.num_models,
                                   slo_scale=run.slo_scale)]  # fmt: skip
        else:
            models = [ModelSection(name=name, profile=kinds[i % len(kinds)], slo_scale=run.slo_scale)
                      for i, name in enumerate(names)]  # fmt: skip
        gamma = GammaSection(total_rate_per_s=run.total_rate_per_s, cv=run.cv, split="power_law",
                             exponent=run.exponent, duration_s=run.duration_s)  # fmt: skip
        return Scenario(
            version=1,
            name=f"published: {run.policy}, {run.sweep.removeprefix('goodput_vs_').replace('_', ' ')}",
            cluster=ClusterSection(devices=run.devices, memory_gib=run.memory_gib),
            models=models,
            workload=WorkloadSection(gamma=gamma, warmup_s=WARMUP_S),
            serving=ServingSection(preset=self.preset),
            placements=[placement_section(run.placement).model_copy(update={"name": run.policy})],
        )


@cache
def known_replays() -> tuple[Replayed, ...]:
    """Every published run with our prediction, as last validated; those on real devices under both presets."""
    runs = load_published()
    with REPLAYS_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(Replayed(runs[int(row["run"])], row["preset"], float(row["slo_attainment"])) for row in rows)


def write_replays(errors: Sequence[RunError]) -> None:
    """Keep the predictions of the project's own runs for `known_replays`."""
    number = {id(run): i for i, run in enumerate(dict.fromkeys(error.run for error in errors))}
    with REPLAYS_FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("run", "preset", "slo_attainment"))
        for error in errors:
            writer.writerow((number[id(error.run)], error.preset, repr(error.slo_attainment)))
