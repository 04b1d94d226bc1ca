"""The points of the paper's figures that are known as numbers (`published_points.csv`)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

POINTS_FILE = Path(__file__).with_name("published_points.csv")


def published_points(figure: str, panel: str) -> Mapping[tuple[str, float], float]:
    """Attainment, 0..1, by curve and value of the axis; empty where a panel is known as a plot only."""
    return _all_points().get((figure, panel), {})


@cache
def _all_points() -> dict[tuple[str, str], dict[tuple[str, float], float]]:
    points: dict[tuple[str, str], dict[tuple[str, float], float]] = {}
    with POINTS_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            of = points.setdefault((row["figure"], row["panel"]), {})
            of[row["curve"], float(row["value"])] = float(row["slo_attainment"])
    return points
