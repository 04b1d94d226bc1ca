"""Points of the paper's figures as numbers: the authors' where they are known, and ours where they take minutes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


def published_points(figure: str, panel: str) -> Mapping[tuple[str, float], float]:
    """Attainment, 0..1, by curve and value of the axis; empty where a panel is known as a plot only."""
    return _all_points("published_points.csv").get((figure, panel), {})


def recorded_points(figure: str, panel: str) -> Mapping[tuple[str, float], float]:
    """What `reproduce` found for a panel, in the same form; empty where it was not recorded."""
    return _all_points("recorded_points.csv").get((figure, panel), {})


@cache
def _all_points(file_name: str) -> dict[tuple[str, str], dict[tuple[str, float], float]]:
    points: dict[tuple[str, str], dict[tuple[str, float], float]] = {}
    with (_FOLDER / file_name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            of = points.setdefault((row["figure"], row["panel"]), {})
            of[row["curve"], float(row["value"])] = float(row["slo_attainment"])
    return points
