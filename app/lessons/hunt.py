"""Lesson 11: a hunt for settings in which sharing loses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson_regions import build_region_figure
from app.lessons.frame import (
    DEDICATED,
    SHARED,
    Exercise,
    Lesson,
    Paper,
    Picture,
    Said,
    Slider,
    Trail,
    burstiness,
    deadline,
)
from app.lessons.regions import MET, lead_sentence, map_title
from app.lessons.regions import Settings as Region
from app.look import words
from app.look.theme import Theme
from planner.lessons.eight_models import (
    MAP_CVS,
    MAP_RATES_PER_S,
    MODELS,
    MOST_RATE_PER_S,
    map_leads,
    serve_eight,
    with_run,
)
from planner.lessons.verdicts import Lead, lead
from planner.theory.two_models import TwoWays


@dataclass(frozen=True)
class Settings:
    """As in lesson 4, with the models that fit a device; and the settings that were tried, see `read_trail`."""

    rate_per_s: float = 18.0
    cv: float = 3.0
    slo_scale: float = 5.0
    alpha: float = 1.1
    room: float = 2.0
    trail: str = ""


@dataclass(frozen=True, eq=False)
class Run:
    """Both ways here, who is ahead, the map, and the trail as rate, CV and sign of every setting."""

    both: TwoWays
    ahead: Lead
    signs: np.ndarray
    trail: tuple[tuple[float, float, int], ...]


FIELDS = ("rate_per_s", "cv", "slo_scale", "alpha", "room")


def run(settings: Settings) -> Run:
    """Simulate the settings, the map around them, and every setting of the trail."""
    s = settings
    both = _serve(s)
    ahead = lead(both, MET)
    signs = with_run(map_leads(MET, s.slo_scale, s.alpha, round(s.room)), s.rate_per_s, s.cv, ahead.sign)
    tried = [Settings(**dict(zip(FIELDS, values, strict=True))) for values in read_trail(s.trail)]
    trail = tuple((t.rate_per_s, t.cv, lead(_serve(t), MET).sign) for t in tried)
    return Run(both, ahead, signs, trail)


def _serve(settings: Settings) -> TwoWays:
    s = settings
    return serve_eight(s.rate_per_s, s.cv, s.slo_scale, s.alpha, room=round(s.room))


def read_trail(text: str) -> list[list[float]]:
    """The settings of a trail; what is none is passed over."""
    found = []
    for word in text.split("~"):
        try:
            values = [float(number) for number in word.split("_")]
        except ValueError:
            continue
        inside = len(values) == len(FIELDS) and all(
            low <= value <= high for value, (low, high) in zip(values, _ENDS, strict=True)
        )
        found += [values] if inside else []
    return found


_ENDS = ((1, 33), (0.5, 8), (1, 20), (1, 1.5), (1, MODELS))


def outcome(found: Run) -> str:
    """Who wins at the settings."""
    return {1: "shared", -1: "dedicated", 0: "equal"}[found.ahead.sign]


def say(settings: Settings, found: Run) -> Said:
    """Who wins here, and how the hunt goes."""
    s = settings
    here = lead_sentence(Region(s.rate_per_s, s.cv, s.slo_scale, s.alpha, MET), found.both, found.ahead)
    return Said({1: SHARED, -1: DEDICATED, 0: None}[found.ahead.sign], f"{here} {trail_sentence(found)}".rstrip())


def trail_sentence(found: Run) -> str:
    """In how many of the settings that were tried sharing lost."""
    if not found.trail:
        return ""
    lost = sum(sign < 0 for _, _, sign in found.trail)
    return f"Of {words.plural(len(found.trail), 'setting')} on your trail sharing loses in {lost}."


def why(settings: Settings, found: Run) -> str:
    """Which of the reasons for losing hold here."""
    s, load = settings, settings.rate_per_s / MOST_RATE_PER_S
    reasons = []
    if round(s.room) == MODELS:
        reasons.append("every device holds every model, so replicas share all devices without any split")
    elif s.room > 2:
        reasons.append(f"{s.room:g} replicas of every model leave a burst {s.room:g} devices without a split")
    if load * s.alpha > 0.9:
        full = f"{100 * load * s.alpha:.0f}{words.SPACE}%"
        reasons.append(f"with the overhead the pipeline is {full} loaded, replicas {words.share(load)}")
    if s.alpha >= s.slo_scale:
        reasons.append("a cut request alone is already too late")
    if s.cv <= 1:
        reasons.append(f"with CV {s.cv:g} there are few bursts for which all devices were needed")
    if not reasons:
        return ("None of the usual reasons for losing is there: memory is scarce, load and overhead leave room, "
                "traffic bursts.")  # fmt: skip
    return f"What speaks against sharing here: {'; '.join(reasons)}."


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """The map with the trail on it."""
    title = map_title(found.signs)
    figure = build_region_figure(found.signs, MAP_RATES_PER_S, MAP_CVS, title, (settings.rate_per_s, settings.cv),
                                 found.trail, theme)  # fmt: skip
    return [Picture(figure, "lesson-hunt", title)]


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether the trail holds three different settings in which sharing loses."""
    tried = dict(zip(map(tuple, read_trail(settings.trail)), found.trail, strict=True))
    lost = sum(sign < 0 for _, _, sign in tried.values())
    return lost >= 3, f"{words.plural(lost, 'different setting')} on your trail in which sharing loses."


_RULES = (
    ("memory is plentiful", "replicas as good", Settings(18.0, 3.0, 5.0, 1.1, 8.0)),
    ("rate near the peak", "the lead is gone", Settings(33.0, 1.0, 5.0, 1.1, 2.0)),
    ("traffic is calm", "little to win", Settings(18.0, 0.5, 5.0, 1.1, 2.0)),
    ("loose deadlines, large overhead, 30 req/s", "replicas ahead", Settings(30.0, 3.0, 20.0, 1.5, 2.0)),
    ("none of these", "sharing ahead", Settings()),
)


def paper(theme: Theme) -> Paper:
    """The paper's rule of thumb, turned round."""
    rows = [(when, says, _result(settings)) for when, says, settings in _RULES]
    table = pd.DataFrame(rows, columns=["when", "published", "ours"])
    note = (
        "**Section 3** of the paper ends in a rule of thumb without numbers: model parallelism helps when memory is "
        "limited, the rate is low, traffic is bursty, or deadlines are tight. Turned round it says where to hunt. "
        "Eight BERT-2.6B on eight devices, 18 req/s, CV 3, 5 × alone and alpha 1.1 where nothing else is said."
    )
    asked = run(Settings())
    return Paper(note, table, pictures(Settings(), asked, theme, 0))


def _result(settings: Settings) -> str:
    both = _serve(settings)
    replicas, pipelines = both.slo_attainment()
    who = {1: "pipelines ahead", -1: "replicas ahead", 0: "no run can tell"}[lead(both, MET).sign]
    return f"{who}: {words.share(replicas)} replicas, {words.share(pipelines)} pipelines"


QUESTION = """
The paper says where sharing helps. Now **prove it wrong**: eight models on eight devices as in lesson 4, and one more
slider, the models that fit a device. Every setting you try stays on the map as a numbered point. Begin with 18 requests
a second, CV 3, deadlines of 5 times a request alone, 10 % of overhead, and room for two models.

Does sharing lose at this beginning already?
"""

LESSON = Lesson(
    key="hunt",
    title="A hunt for counterexamples",
    source="section 3",
    question=QUESTION,
    asked=Settings(),
    predictions={"shared": "No, it wins", "dedicated": "Yes, replicas win", "equal": "No run can tell"},
    controls=(
        Slider("rate_per_s", "Requests a second", 1, 33, 1, f"{words.number(MOST_RATE_PER_S)} fill all devices.", "%d"),
        burstiness(0.5, 8.0, 0.5),
        deadline(1, 20, 0.5),
        Slider("alpha", "Overhead (alpha)", 1.0, 1.5, 0.05, "1.1: a cut request takes 10 % longer."),
        Slider("room", "Models that fit a device", 1, MODELS, 1, "So many replicas of every model there are.", "%d"),
        Trail("trail", FIELDS),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=why,
    pictures=pictures,
    exercise=Exercise(
        "Leave **three different settings** on your trail in which replicas win.",
        check,
        Settings(33.0, 0.5, 3.0, 1.1, 2.0, "33_0.5_3_1.1_2~33_1_3_1.1_2~33_1_5_1.2_2"),
    ),
    paper=paper,
)
