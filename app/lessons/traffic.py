"""Lesson 2: two models under traffic that never stops (figure 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson import build_latency_curves_figure, describe_latency_curves
from app.figures.lesson_traffic import build_utilization_figure, describe_utilization
from app.lessons.frame import DEDICATED, SHARED, Exercise, Lesson, Paper, Picture, Said, Slider, burstiness
from app.lessons.phrases import times
from app.look import words
from app.look.theme import Theme
from planner.lessons.traffic import (
    BIN_S,
    CASES,
    DURATION_S,
    TrafficRun,
    busiest_loads,
    closed_forms_s,
    run_published,
    run_traffic,
)
from planner.lessons.verdicts import lead
from planner.theory.two_models import LATENCY_S, TwoWays


@dataclass(frozen=True)
class Settings:
    """Requests a second of both models, CV of the gaps, and the share of model 1 in all requests in per cent."""

    rate_per_s: float = 3.0
    cv: float = 3.0
    share_percent: float = 50.0


def run(settings: Settings) -> TrafficRun:
    """Simulate both ways."""
    return run_traffic(settings.rate_per_s, settings.cv, settings.share_percent / 100)


def outcome(found: TrafficRun) -> str:
    """How many times faster sharing is."""
    dedicated_s, shared_s = found.both.mean_latency_s()
    ratio = dedicated_s / shared_s
    return "slower" if ratio < 1 else "some" if ratio < 1.3 else "twice" if ratio < 3 else "far"


def say(settings: Settings, found: TrafficRun) -> Said:
    """Who answers faster on average, if this run can tell, and who cannot keep up."""
    share = settings.share_percent / 100
    sign = lead(found.both, "mean latency").sign
    loads = busiest_loads(settings.rate_per_s, share)
    sentences = f"{traffic_sentence(found.both)} {overload_sentence(loads, DURATION_S)}".rstrip()
    return Said({1: SHARED, -1: DEDICATED, 0: None}[sign], sentences)


def why(settings: Settings, found: TrafficRun) -> str:
    """What a burst does to both ways, and what the formula says."""
    formulas_s = closed_forms_s(settings.rate_per_s, settings.cv, settings.share_percent / 100)
    if settings.cv == 1:
        return f"{_WHY} {formula_sentence(formulas_s)}"
    return f"{_WHY} {kingman_sentence(found.both.mean_latency_s(), formulas_s)}"


_WHY = ("A burst for one model fills the queue of its own device, while the other device may have nothing to do. "
        "Shared, "
        "the same burst keeps both devices busy: the picture of the devices' time shows it. The burstier the traffic "
        "and the "
        "more uneven the two models, the more often one device alone has to work a queue off.")  # fmt: skip


def traffic_sentence(both: TwoWays) -> str:
    """Who answers faster on average, if this run can tell."""
    dedicated_s, shared_s = both.mean_latency_s()
    sign = lead(both, "mean latency").sign
    if sign == 0:
        first = "Neither answers faster as far as this run can tell"
    else:
        first = f"{'Sharing' if sign > 0 else 'Dedicating'} answers {times(dedicated_s, shared_s)} times faster"
    return (f"{first}. On average {words.duration(dedicated_s)} with dedicated devices, {words.duration(shared_s)} "
            f"from "
            "the shared pipeline.")  # fmt: skip


def overload_sentence(loads: tuple[float, float], duration_s: float) -> str:
    """Which of the two cannot keep up, loads being those of the busiest device of each; empty if both do."""
    over = [name for name, load in zip(("dedicated device", "shared pipeline"), loads, strict=True) if load >= 1]
    if not over:
        return ""
    return (f"The {words.join(over)} cannot keep up: the queue grows for ever, and the mean is that of the first "
            f"{words.span(duration_s)}.")  # fmt: skip


def formula_sentence(formulas_s: tuple[float, float]) -> str:
    """What the formulas of Poisson traffic say of both ways."""
    said = [words.duration(s) if math.isfinite(s) else "a queue that grows for ever" for s in formulas_s]
    return f"By formula (M/D/1) it is {said[0]} dedicated and {said[1]} shared."


def kingman_sentence(means_s: tuple[float, float], formulas_s: tuple[float, float]) -> str:
    """Whether the simulated waiting is longer than Kingman's approximation says, where there is one."""
    parts = []
    for name, mean_s, formula_s in zip(("dedicated devices", "the pipeline"), means_s, formulas_s, strict=True):
        # Sums of floats leave a hair where nobody waits.
        waited_s, told_s = max(round(mean_s - LATENCY_S, 9), 0.0), formula_s - LATENCY_S
        if math.isfinite(told_s):
            than = "above" if waited_s > told_s else "below" if waited_s < told_s else "like"
            parts.append(f"{words.duration(waited_s)} for {name}, {than} the {words.duration(told_s)} of the formula")
    if not parts:
        return ""
    return ("For gaps that are not Poisson there is no exact formula. Kingman's is an approximation; the simulated "
            "mean "
            f"waiting is {words.join(parts)}.")  # fmt: skip


def pictures(settings: Settings, found: TrafficRun, theme: Theme, event: int) -> list[Picture]:
    """Latency of both ways, and how busy both devices are."""
    return [
        Picture(build_latency_curves_figure(found.both, theme), "lesson-latency", describe_latency_curves(found.both)),
        Picture(build_utilization_figure(found.utilization, BIN_S, theme), "lesson-utilization",
                describe_utilization(found.utilization)),
    ]  # fmt: skip


def check(settings: Settings, found: TrafficRun) -> tuple[bool, str]:
    """Whether Poisson traffic at 3 req/s is skewed until sharing is four times faster, with both keeping up."""
    loads = busiest_loads(settings.rate_per_s, settings.share_percent / 100)
    dedicated_s, shared_s = found.both.mean_latency_s()
    is_case = settings.cv == 1 and math.isclose(settings.rate_per_s, 3)
    if not is_case:
        return False, "The task is about Poisson traffic (CV 1) at 3 requests a second."
    return dedicated_s >= 4 * shared_s and max(loads) < 1, traffic_sentence(found.both)


# Of figure 2: what the paper prints, and the same cases replayed with the constants of the authors' simulator.
PUBLISHED = {
    "a: Poisson, evenly split": ("0.70 s to 0.55 s", (0.716, 0.573)),
    "b: bursty, CV 3": ("1.9 times faster", (4.12, 2.20)),
    "c: skewed, 20 to 80": ("6.6 times faster", (4.27, 0.57)),
}


def paper(theme: Theme) -> Paper:
    """The three cases of figure 2, and its panel d."""
    rows = []
    for name, case in CASES.items():
        printed, replayed = PUBLISHED[name]
        ideal, constants = run_traffic(*case).both.mean_latency_s(), run_published(*case).mean_latency_s()
        rows.append({
            "case": name, "published": printed, "ours (s)": _pair(ideal), "times": round(ideal[0] / ideal[1], 2),
            "authors' constants, expected (s)": f"{replayed[0]:g} to {replayed[1]:g}",
            "authors' constants, ours (s)": _pair(constants),
        })  # fmt: skip
    bursty = run_traffic(*CASES["b: bursty, CV 3"])
    half = [words.share(float(np.mean(np.abs(busy - 0.5) <= 0.05))) for busy in bursty.utilization]
    note = (
        "**Figure 2** of the paper, dedicated to shared, at 3 req/s, a request alone taking "
        f"{words.duration(LATENCY_S)}. The authors' simulator adds 11 ms to every request and 0.9 % to each stage; "
        f"what "
        "is expected with its constants is an independent replay of their code. Panel d is drawn in the paper without "
        "numbers: in a burst sharing uses all of both devices, while dedicated devices are stuck at half. Ours, CV 3: "
        f"within 5 points of half for {half[DEDICATED]} of the time dedicated, for {half[SHARED]} shared."
    )
    return Paper(note, pd.DataFrame(rows), pictures(Settings(), bursty, theme, 0))


def _pair(means_s: tuple[float, float]) -> str:
    return f"{means_s[0]:.3f} to {means_s[1]:.3f}"


QUESTION = f"""
The same two models on two devices, a request alone taking {words.duration(LATENCY_S)} (BERT-6.7B). Now requests keep
coming, 1.5 a second for each model, and in **bursts** (CV 3). There are no deadlines: what counts is the mean latency.
Cutting costs nothing here. How much sooner does the **shared** pipeline answer?
"""

LESSON = Lesson(
    key="traffic",
    title="Traffic that never stops",
    source="figure 2",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "slower": "Not at all: it is later",
        "some": "A little: up to 1.3 times",
        "twice": "About twice as fast: 1.3 to 3 times",
        "far": "More than 3 times",
    },
    controls=(
        Slider("rate_per_s", "Requests a second, both models", 0.1, 4.9, 0.1),
        burstiness(0.25, 6.0, 0.25),
        Slider("share_percent", "Share of model 1 (%)", 0, 100, 5, format="%d"),
    ),
    presets={name: Settings(rate, cv, 100 * share) for name, (rate, cv, share) in CASES.items()},
    run=run,
    outcome=outcome,
    say=say,
    why=why,
    pictures=pictures,
    exercise=Exercise(
        "Take **Poisson traffic (CV 1) at 3 requests a second**. How uneven must the two models be until sharing is "
        "**four times** faster, while both ways still keep up?",
        check,
        Settings(3.0, 1.0, 20.0),
    ),
    paper=paper,
)
