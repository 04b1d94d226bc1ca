"""Lesson 3: memory, and when splitting stops to pay (figure 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson_memory import build_memory_figure
from app.lessons.frame import DEDICATED, SHARED, Exercise, Lesson, Paper, Picture, Said, Slider, burstiness
from app.lessons.phrases import times
from app.look import words
from app.look.theme import Theme
from planner.lessons.eight_models import MODELS, MOST_RATE_PER_S
from planner.lessons.memory import (
    MOST_GIB,
    SHAPES,
    WEIGHT_GIB,
    Stretch,
    fitting,
    lead_of,
    pays_until_gib,
    pipeline_gib,
    serve_stretch,
    stretches,
)


@dataclass(frozen=True)
class Settings:
    """Memory of a device for weights, requests a second of all models, CV."""

    memory_gib: float = 13.0
    rate_per_s: float = 20.0
    cv: float = 3.0


@dataclass(frozen=True, eq=False)
class Run:
    """Every stretch of memory with both mean latencies, float64 (2, stretches); what is chosen; until when it pays."""

    stretches: tuple[Stretch, ...]
    means_s: np.ndarray
    here: Stretch
    sign: int
    pays_until_gib: float | None


def run(settings: Settings) -> Run:
    """Simulate every stretch of memory."""
    found = stretches()
    rate, cv = settings.rate_per_s, settings.cv
    means_s = np.array([serve_stretch(s.replicas, s.stages, rate, cv).mean_latency_s() for s in found]).T
    here = fitting(settings.memory_gib)
    assert here is not None, "the slider begins where all models fit"
    return Run(tuple(found), means_s, here, lead_of(here, rate, cv).sign, pays_until_gib(rate, cv))


def outcome(found: Run) -> str:
    """From which memory on splitting does not pay."""
    if found.pays_until_gib is None:
        return "never"
    return "early" if found.pays_until_gib < 16 else "late" if found.pays_until_gib < pipeline_gib(1) - 1 else "all"


def say(settings: Settings, found: Run) -> Said:
    """Who answers faster with this memory, what fits, and until when splitting pays."""
    hue = {1: SHARED, -1: DEDICATED, 0: None}[found.sign]
    return Said(hue, f"{lead_sentence(settings, found)} {fit_sentence(found.here)} {limit_sentence(found)}")


def lead_sentence(settings: Settings, found: Run) -> str:
    """Who answers faster with this memory, if the run can tell."""
    both = serve_stretch(found.here.replicas, found.here.stages, settings.rate_per_s, settings.cv)
    replicas_s, pipelines_s = both.mean_latency_s()
    if found.sign == 0:
        first = "Neither answers faster as far as this run can tell"
    else:
        first = f"{'Pipelines' if found.sign > 0 else 'Replicas'} answer {times(replicas_s, pipelines_s)} times faster"
    return f"{first}. {words.duration(replicas_s)} with replicas, {words.duration(pipelines_s)} with pipelines."


def fit_sentence(here: Stretch) -> str:
    """What fits into the memory."""
    cut = "whole models, so both ways are the same" if here.stages == 1 else f"{here.stages} stages"
    many = words.plural(here.replicas, "model")
    return f"A device holds {many} whole ({words.gib(WEIGHT_GIB)} each); pipelines that hold all need {cut}."


def limit_sentence(found: Run) -> str:
    """Until when splitting pays."""
    if found.pays_until_gib is None:
        return "With this traffic splitting pays with no memory."
    return f"Splitting stops to pay at {words.gib(found.pays_until_gib)}."


def jumps(found: Run) -> str:
    """Every jump of both curves in a list, with its cause."""
    lines = ["Every jump has a cause. A line is flat until another model fits:"]
    for i in range(1, len(found.stretches)):
        before, after = found.stretches[i - 1], found.stretches[i]
        said = []
        if after.replicas != before.replicas:
            said.append(f"{after.replicas} instead of {before.replicas} models fit a device whole, so replicas answer "
                        f"after "
                        f"{words.duration(found.means_s[0, i])} instead of "
                        f"{words.duration(found.means_s[0, i - 1])}")  # fmt: skip
        if after.stages != before.stages:
            said.append(f"pipelines need {after.stages} instead of {before.stages} stages, so they answer after "
                        f"{words.duration(found.means_s[1, i])} instead of "
                        f"{words.duration(found.means_s[1, i - 1])}")  # fmt: skip
        lines.append(f"- {words.gib(after.from_gib)}: {'; '.join(said)}.")
    return "\n".join(lines)


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """Both mean latencies over the memory."""
    title = picture_title(found)
    figure = build_memory_figure([s.from_gib for s in found.stretches], found.means_s, MOST_GIB, settings.memory_gib,
                                 title, theme)  # fmt: skip
    return [Picture(figure, "lesson-memory", title)]


def picture_title(found: Run) -> str:
    """Both ends of the memory."""
    least = found.stretches[0].from_gib
    first, last = (times(*found.means_s[:, i]) for i in (0, -1))
    faster = "pipelines" if found.means_s[1, 0] < found.means_s[0, 0] else "replicas"
    end = "both are the same" if np.isclose(*found.means_s[:, -1]) else f"they differ {last} times"
    return f"With {words.gib(least)} {faster} answer {first} times faster; once every device holds all models {end}"


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether replicas are ahead though not all models fit a device."""
    return found.sign < 0 and found.here.replicas < MODELS, lead_sentence(settings, found)


_BUDGETS_GIB = ((7.0, 8), (12.0, 4), (22.0, 2), (44.0, 1))


def paper(theme: Theme) -> Paper:
    """The budgets of figure 4, at which the paper changes the number of stages."""
    rows = []
    for budget_gib, stages in _BUDGETS_GIB:
        here = fitting(budget_gib)
        assert here is not None
        replicas_s, pipelines_s = serve_stretch(here.replicas, here.stages, 20.0, 3.0).mean_latency_s()
        rows.append((budget_gib, stages, here.stages, here.replicas, round(replicas_s, 3), round(pipelines_s, 3)))
    table = pd.DataFrame(rows, columns=["memory (GiB)", "stages, published", "stages, ours", "replicas that fit, ours",
                                        "replicas, ours (s)", "pipelines, ours (s)"])  # fmt: skip
    weights = words.join([f"{words.gib(pipeline_gib(k))} for {k}" for k in SHAPES])
    note = ("**Figure 4** of the paper: eight BERT-2.6B on eight devices, 20 req/s in all, CV 3, no deadlines. "
            "Published are "
            "the memories at which it draws points and the stages there; the mean latencies of its curves have no "
            f"numbers. All models need per device, by stages: {weights}. A V100 has 13 GiB for weights.")  # fmt: skip
    asked = run(Settings())
    return Paper(note, table, pictures(Settings(), asked, theme, 0))


QUESTION = f"""
Eight models of {words.gib(WEIGHT_GIB)} each on eight devices, 20 requests a second in bursts (CV 3), no deadlines. The
more memory a device has for weights, the more models it holds whole, and the more devices can serve a burst **without**
splitting anything. Pipelines hold all models with little memory, but they pay for the split.

From which memory on does **splitting stop to pay**?
"""

LESSON = Lesson(
    key="memory",
    title="How many fit",
    source="figure 4",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "early": "Below 16 GiB: two or three models on a device are enough",
        "late": "Somewhat below the memory of all eight models",
        "all": "Only where a device holds all eight models (41 GiB)",
        "never": "It never pays",
    },
    controls=(
        Slider("memory_gib", "Memory of a device (GiB)", 6, 44, 1, "For weights; a V100 of 16 GB has 13 GiB.", "%d"),
        Slider("rate_per_s", "Requests a second", 1, 33, 1, f"{words.number(MOST_RATE_PER_S)} fill all devices.", "%d"),
        burstiness(0.5, 8.0, 0.5),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=lambda settings, found: jumps(found),
    pictures=pictures,
    exercise=Exercise(
        "Find a setting in which **replicas are clearly faster**, though a device does **not** hold all eight models.",
        check,
        Settings(32.0, 20.0, 1.0),
    ),
    paper=paper,
)
