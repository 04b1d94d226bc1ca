"""Lesson 6: what queueing theory says about overhead (figure 10)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson import build_overhead_limits_figure, describe_overhead_limits
from app.figures.lesson_theory import build_theory_figure
from app.lessons.frame import DEDICATED, SHARED, Exercise, Lesson, Paper, Picture, Said, Slider
from app.lessons.phrases import times
from app.look import words
from app.look.theme import Theme
from planner.lessons.theory import LOADS, Simulated, crossings, latencies, simulate_points, simulated_sign
from planner.theory.queueing import largest_alpha, largest_beta, most_tolerant_load

TRAFFIC = "Poisson traffic, evenly split, without deadlines"


@dataclass(frozen=True)
class Settings:
    """Load (requests of both models in the time of one), what both stages take longer, what the first one does."""

    load: float = 1.0
    alpha: float = 1.1
    beta: float = 1.0


@dataclass(frozen=True, eq=False)
class Run:
    """Mean latencies by formula in units of a request alone, where both ways are equal, simulated points."""

    dedicated: float
    shared: float
    crossings: tuple[float, ...]
    points: Simulated
    simulated_sign: int


def run(settings: Settings) -> Run:
    """Formulas and simulations of these overheads."""
    s = settings
    found = latencies(s.load, s.alpha, s.beta)
    return Run(*found, tuple(crossings(s.alpha, s.beta)), simulate_points(s.alpha, s.beta),
               simulated_sign(s.load, s.alpha, s.beta))  # fmt: skip


def formula_sign(found: Run) -> int:
    """Who is ahead by formula: 1 sharing, -1 dedicating, 0 neither."""
    if math.isclose(found.dedicated, found.shared, rel_tol=1e-9):
        return 0
    return 1 if found.shared < found.dedicated else -1


def outcome(found: Run) -> str:
    """Who is ahead by formula."""
    return {1: "shared", -1: "dedicated", 0: "equal"}[formula_sign(found)]


def say(settings: Settings, found: Run) -> Said:
    """The verdict of the formula, for its traffic only, and what a simulation says of the same."""
    sign = formula_sign(found)
    hue = {1: SHARED, -1: DEDICATED, 0: None}[sign]
    return Said(hue, f"{formula_sentence(found)} {simulation_sentence(found)}")


def formula_sentence(found: Run) -> str:
    """Who answers faster by formula, with the traffic that it holds for."""
    said = [f"{v:.3f} D" if math.isfinite(v) else "ever longer" for v in (found.dedicated, found.shared)]
    sign = formula_sign(found)
    if sign == 0:
        first = "By formula neither is faster"
    else:
        who = "sharing" if sign > 0 else "dedicating"
        finite = math.isfinite(found.shared) and math.isfinite(found.dedicated)
        much = f" {times(found.dedicated, found.shared)} times" if finite else ""
        first = f"By formula {who} is{much} faster"
    return f"{first}. For {TRAFFIC}: {said[0]} dedicated, {said[1]} shared, D being a request alone."


def simulation_sentence(found: Run) -> str:
    """Whether a simulation of the same traffic sees the same winner."""
    says = {1: "sees sharing ahead too" if formula_sign(found) > 0 else "sees sharing ahead",
            -1: "sees dedicating ahead too" if formula_sign(found) < 0 else "sees dedicating ahead",
            0: "cannot tell them apart"}[found.simulated_sign]  # fmt: skip
    return f"A simulation of 20{words.THIN}000 s {says}."


def crossing_sentence(settings: Settings, found: Run) -> str:
    """Between which loads sharing wins by formula with these overheads."""
    at = [f"{load:.3f}" for load in found.crossings]
    start = f"With alpha {settings.alpha:g} and beta {settings.beta:g}, for {TRAFFIC}, "
    if not at:
        dedicated, shared = latencies(1.0, settings.alpha, settings.beta)
        middle = "sharing wins at every load" if shared < dedicated else "dedicating wins at every load"
    elif len(at) == 1:
        low = latencies(found.crossings[0] / 2, settings.alpha, settings.beta)
        side = "below" if low[1] < low[0] else "above"
        middle = f"sharing wins {side} load {at[0]}, dedicating on the other side of it"
    else:
        middle = f"sharing wins between the loads {at[0]} and {at[-1]}, dedicating outside"
    return (f"{start}{middle}. With little load there is no queue to share, so only the longer way counts; with full "
            f"load "
            "the overhead itself fills the devices. Other traffic has other limits: burstier or more uneven traffic "
            "bears more overhead (lessons 2 and 4).")  # fmt: skip


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """Formula over points, and the overheads that sharing bears."""
    loads = np.linspace(0.02, 1.99, 198)
    formulas = np.array([latencies(load, settings.alpha, settings.beta) for load in loads]).T
    title = points_title(settings, found)
    points = build_theory_figure(loads, formulas, LOADS, found.points.mean, found.points.half_width, settings.load,
                                 title, theme)  # fmt: skip
    pictures = [Picture(points, "lesson-theory", title)]
    says = describe_overhead_limits(settings.load, settings.alpha)
    pictures.append(Picture(build_overhead_limits_figure(settings.load, settings.alpha, theme, settings.beta),
                            "lesson-limits", says))  # fmt: skip
    return pictures


def points_title(settings: Settings, found: Run) -> str:
    """How many simulated points have the formula within their interval, of those that keep up."""
    formulas = np.array([latencies(load, settings.alpha, settings.beta) for load in LOADS]).T
    kept_up = np.isfinite(formulas)
    inside = np.abs(found.points.mean - formulas)[kept_up] <= found.points.half_width[kept_up]
    return f"The formula lies within the 95 % interval of {inside.sum()} of {inside.size} simulated points"


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether alpha is the largest that sharing bears at load 1, within half a hundredth."""
    if abs(settings.load - 1) > 1e-6 or abs(settings.beta - 1) > 1e-6:
        return False, "The task is about load 1 with even stages (beta 1)."
    return abs(settings.alpha - largest_alpha(1.0)) <= 0.005, formula_sentence(found)


_TABLE_LOADS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 1.9)


def paper(theme: Theme) -> Paper:
    """Figure 10: the largest alpha and beta over the load; the paper's formulas evaluated, and our crossings."""
    rows = [{
        "load": load, "largest alpha, formula": round(largest_alpha(load), 3),
        "load at which that alpha crosses, ours": _nearest(crossings(largest_alpha(load), 1.0), load),
        "largest beta, formula": round(largest_beta(load), 3),
        "load at which that beta crosses, ours": _nearest(crossings(1.0, largest_beta(load)), load),
    } for load in _TABLE_LOADS]  # fmt: skip
    load, alpha = most_tolerant_load()
    note = ("**Figure 10** of the paper. The paper draws the curves of its formulas without numbers; the formulas are "
            f"evaluated here, and beside them stand the loads at which our two mean latencies cross, found by "
            f"bisection. "
            f"Sharing bears most communication, {words.share(alpha - 1)}, at load {load:.3f}; of uneven stages it "
            f"bears up "
            f"to {words.share(largest_beta(0.001) - 1)}, with hardly any load. All for {TRAFFIC}.")  # fmt: skip
    figure = build_overhead_limits_figure(load, alpha, theme)
    return Paper(note, pd.DataFrame(rows), [Picture(figure, "paper-10", describe_overhead_limits(load, alpha))])


def _nearest(found: list[float], load: float) -> float:
    return round(min(found, key=lambda at: abs(at - load)), 3)


QUESTION = f"""
Formulas of queues give the mean latency of both ways exactly, for **{TRAFFIC}**, with fixed times of service (M/D/1).
**alpha**: both stages take so much longer than half a request, for communication. **beta**: the first stage is so much
slower than half, because the cut is uneven.

Two models on two devices, at **load 1**: in the time of one request, one comes for either model. Cutting makes both
stages **10 % longer** (alpha 1.1). Who answers sooner?
"""

LESSON = Lesson(
    key="theory",
    title="What queueing theory says",
    source="figure 10",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "shared": "Shared, in spite of the 10 %",
        "dedicated": "Dedicated: 10 % is too much",
        "equal": "Both alike",
    },
    controls=(
        Slider(
            "load", "Load (λD)", 0.05, 1.95, 0.05, "Requests of both models in the time of one; 2 fills both devices."
        ),
        Slider(
            "alpha", "Communication (alpha)", 1.0, 1.3, 0.005, "Both stages take so many times half a request.", "%.3f"
        ),
        Slider("beta", "Uneven stages (beta)", 1.0, 1.5, 0.01, "The first stage takes so many times its half."),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=crossing_sentence,
    pictures=pictures,
    exercise=Exercise(
        "At **load 1** with even stages (beta 1): set **alpha** to the largest value with which sharing is not slower, "
        "to half a hundredth.",
        check,
        Settings(1.0, 1.13, 1.0),
    ),
    paper=paper,
)
