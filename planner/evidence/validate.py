"""Replays the published results and says how far off we are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from planner.evidence.published import PublishedRun, load_published, replay
from simulator import Profile, serving_preset
from simulator.catalogue import builtin_catalogue
from simulator.headway import Headway, OnProgress, goes_on

# Written by `python -m planner validate --write`; a test replays and compares.
ERRORS_FILE = Path(__file__).with_name("published_errors.json")


@dataclass(frozen=True)
class RunError:
    """One published run, replayed. `error` is ours minus theirs, 0..1."""

    run: PublishedRun
    preset: str
    slo_attainment: float

    @property
    def error(self) -> float:
        return self.slo_attainment - self.run.slo_attainment


@dataclass(frozen=True)
class ErrorSummary:
    """Errors of a set of runs under a preset, as shares of 1.

    Attributes:
        runs: which set: "simulated by the authors" or "measured on 16 V100s".
        preset: the serving preset of the replay.
        count: how many runs. mean_abs, max_abs: of the absolute errors. bias: mean error, ours minus theirs.
    """

    runs: str
    preset: str
    count: int
    mean_abs: float
    max_abs: float
    bias: float


def validate(
    runs: Sequence[PublishedRun] | None = None,
    catalogue: Mapping[str, Profile] | None = None,
    on_progress: OnProgress | None = None,
) -> list[RunError]:
    """Replay published runs: those simulated by the authors with the preset `published`, those measured on real
    devices with both presets.

    Args:
        runs: the project's own file by default.
        catalogue: profiles; the built-in ones by default.
        on_progress: told how many are done; returning False stops and gives what is there.
    """
    runs = load_published() if runs is None else runs
    catalogue = builtin_catalogue() if catalogue is None else catalogue
    tasks = [(run, preset) for run in runs for preset in _presets(run)]
    errors = []
    for done, (run, preset) in enumerate(tasks):
        errors.append(RunError(run, preset, replay(run, catalogue, serving_preset(preset))))
        if not goes_on(on_progress, Headway("replays", done + 1, len(tasks))):
            break
    return errors


def summarise_errors(errors: Sequence[RunError]) -> list[ErrorSummary]:
    """Mean and largest error of each set of runs and preset."""
    sets: dict[tuple[str, str], list[float]] = {}
    for error in errors:
        sets.setdefault((_set_name(error.run), error.preset), []).append(error.error)
    return [
        ErrorSummary(name, preset, len(values), float(np.mean(np.abs(values))), float(np.max(np.abs(values))),
                     float(np.mean(values)))
        for (name, preset), values in sets.items()
    ]  # fmt: skip


@cache
def known_errors() -> tuple[ErrorSummary, ...]:
    """The errors of the built-in profiles against the project's published runs, as last validated."""
    return tuple(ErrorSummary(**row) for row in json.loads(ERRORS_FILE.read_text(encoding="utf-8")))


def write_known_errors(summaries: Sequence[ErrorSummary]) -> None:
    """Keep the summaries for `known_errors`."""
    document = json.dumps([asdict(s) for s in summaries], indent=1)
    ERRORS_FILE.write_text(document + "\n", encoding="utf-8")


def _presets(run: PublishedRun) -> tuple[str, ...]:
    return ("published", "testbed") if run.mode == "testbed" else ("published",)


def _set_name(run: PublishedRun) -> str:
    return "measured on 16 V100s" if run.mode == "testbed" else "simulated by the authors"
