"""Lesson 4: rate, burstiness, deadline: the region where each way wins (figures 5, 6, 7a, 7b)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson_regions import build_family_figure, build_latency_lines_figure, build_region_figure
from app.lessons.frame import (
    DEDICATED,
    SHARED,
    Exercise,
    Lesson,
    Paper,
    Pick,
    Picture,
    Said,
    Slider,
    burstiness,
    deadline,
)
from app.lessons.phrases import ranges, times
from app.look import words
from app.look.theme import Theme
from planner.lessons.eight_models import (
    LATENCY_S,
    MAP_CVS,
    MAP_RATES_PER_S,
    MODELS,
    MOST_RATE_PER_S,
    attainments,
    map_leads,
    serve_eight,
    serve_measured,
    with_run,
)
from planner.lessons.verdicts import MEASURES, Lead, lead
from planner.theory.two_models import TwoWays

MET = MEASURES[0]
SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
# Of the family that is drawn beside the chosen one.
ALPHAS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)


@dataclass(frozen=True)
class Settings:
    """Requests a second of all models; CV; deadline as a multiple of a request alone; overhead; what is counted."""

    rate_per_s: float = 18.0
    cv: float = 3.0
    slo_scale: float = 5.0
    alpha: float = 1.1
    by: str = MET


@dataclass(frozen=True, eq=False)
class Run:
    """Both ways at the settings, how far sharing is ahead there, and who is ahead in every cell of the map."""

    both: TwoWays
    ahead: Lead
    signs: np.ndarray


def run(settings: Settings) -> Run:
    """Simulate the settings, and the map around them."""
    both = run_here(settings)
    ahead = lead(both, settings.by)
    signs = map_of(settings.by, settings.slo_scale, settings.alpha)
    return Run(both, ahead, with_run(signs, settings.rate_per_s, settings.cv, ahead.sign))


def run_here(settings: Settings) -> TwoWays:
    """Simulate the settings alone."""
    s = settings
    return serve_measured(s.by, s.rate_per_s, s.cv, s.slo_scale, s.alpha)


def map_of(by: str, slo_scale: float, alpha: float) -> np.ndarray:
    """The map: it depends on no other setting, and the one of latencies not on the deadline."""
    return map_leads(by, slo_scale if by == MET else math.inf, alpha)


def outcome(found: Run) -> str:
    """Who wins at the settings."""
    return {1: "shared", -1: "dedicated", 0: "equal"}[found.ahead.sign]


def say(settings: Settings, found: Run) -> Said:
    """Who wins, and by how much."""
    hue = {1: SHARED, -1: DEDICATED, 0: None}[found.ahead.sign]
    return Said(hue, lead_sentence(settings, found.both, found.ahead))


def lead_sentence(settings: Settings, both: TwoWays, ahead: Lead) -> str:
    """Who is ahead, if this run can tell, with both figures."""
    if settings.by == MET:
        replicas, pipelines = both.slo_attainment()
        figures = f"Replicas meet {words.share(replicas)} of deadlines, pipelines {words.share(pipelines)}."
        more = f" by {words.fixed(100 * abs(ahead.gain), 1)} points"
    else:
        replicas, pipelines = both.mean_latency_s()
        figures = (f"Replicas answer after {words.duration(replicas)} on average, pipelines after "
                   f"{words.duration(pipelines)}.")  # fmt: skip
        more = f", {times(replicas, pipelines)} times faster"
    if ahead.sign == 0:
        return f"Neither wins as far as this run can tell. {figures}"
    return f"{'Pipelines' if ahead.sign > 0 else 'Replicas'} win{more}. {figures}"


def why_sentence(settings: Settings) -> str:
    """How full the devices are, and what a pipeline can and cannot do about a burst."""
    load = settings.rate_per_s / MOST_RATE_PER_S
    parts = [
        f"The devices are {words.share(load)} loaded. A burst for one model finds its two replicas, or all eight "
        "devices of the pipeline."
    ]
    if settings.alpha > 1:
        cut = f"{words.share(settings.alpha - 1)} longer"
        parts.append(f"A cut request takes {cut}, and so does the work of every stage: at full load, or where nobody "
                     "waits, that is all that is left of cutting.")  # fmt: skip
    if settings.by == MET and settings.alpha >= settings.slo_scale:
        parts.append("A cut request alone is already too late for this deadline, so pipelines can meet none.")
    if load * settings.alpha >= 1:
        parts.append("With that overhead the pipeline cannot keep up.")
    return " ".join(parts)


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """The map, and deadlines met over the deadline."""
    title = map_title(found.signs)
    region = build_region_figure(found.signs, MAP_RATES_PER_S, MAP_CVS, title, (settings.rate_per_s, settings.cv),
                                 theme=theme)  # fmt: skip
    replicas, pipelines = attainments(SCALES, (settings.alpha,), settings.rate_per_s, settings.cv, 6_000)
    says = curve_title(replicas, pipelines[0])
    curves = build_family_figure(SCALES, replicas, pipelines, (settings.alpha,), says,
                                 "deadline, times a request alone", "lesson-family", theme)  # fmt: skip
    curves.add_vline(x=settings.slo_scale, line={"color": theme.text, "width": 1, "dash": "dot"})
    return [Picture(region, "lesson-regions", title), Picture(curves, "lesson-family", says)]


def map_title(signs: np.ndarray) -> str:
    """How many settings of the map each way wins."""
    won = [int((signs == sign).sum()) for sign in (1, -1, 0)]
    return f"Of {signs.size} settings pipelines win {won[0]}, replicas {won[1]}; in {won[2]} no run can tell"


def curve_title(replicas: np.ndarray, pipelines: np.ndarray) -> str:
    """At which of the deadlines that are drawn pipelines meet more."""
    stretches = ranges(SCALES, (pipelines > replicas).tolist())
    return f"Pipelines meet more with deadlines of {stretches} × alone" if stretches else "Pipelines meet more nowhere"


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether replicas win by deadlines met though the pipeline costs at most 10 % more."""
    if settings.by != MET or settings.alpha > 1.1 + 1e-9:
        return False, f"The task is about {MET}, with alpha up to 1.1."
    return found.ahead.sign < 0, lead_sentence(settings, found.both, found.ahead)


_RATES = (1.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 31.0)
_CVS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


def paper(theme: Theme) -> Paper:
    """Figures 5, 6, 7a and 7b, of which the paper prints no numbers."""
    over_rate = np.array([serve_eight(rate, 3.0, alpha=1.1).mean_latency_s() for rate in _RATES]).T
    over_cv = np.array([serve_eight(20.0, cv, alpha=1.1).mean_latency_s() for cv in _CVS]).T
    replicas, pipelines = attainments(SCALES, ALPHAS, 30.0, 3.0)
    rates, cvs = (over_rate[1] < over_rate[0]).tolist(), over_cv[0] - over_cv[1]
    looser = [alpha for alpha, line in zip(ALPHAS, pipelines, strict=True) if (line >= replicas)[1:].all()]
    rows = [
        ("5, rate", "sharing far ahead at a low rate, the lead is gone near the peak",
         f"pipelines faster at {ranges(_RATES, rates) or 'none'} of {_RATES[0]:g} to {_RATES[-1]:g} req/s"),
        ("6, CV", "the lead grows with CV",
         f"lead {words.duration(cvs[2])} at CV 1, {words.duration(cvs[4])} at CV 3, {words.duration(cvs[-1])} at CV 8"),
        ("7a, deadline", "much better below about 10 × alone, then replicas catch up",
         f"with alpha 1.1 pipelines meet more at {ranges(SCALES, (pipelines[1] > replicas).tolist()) or 'none'} × "
         f"alone"),
        ("7b, overhead", "alpha 1 always ahead, larger ones at tight deadlines only",
         f"never behind from 1.5 × alone on: alpha {words.join([f'{a:g}' for a in looser]) or 'none'}"),
    ]  # fmt: skip
    note = ("**Figures 5, 6, 7a and 7b** of the paper: eight BERT-2.6B on eight devices, two replicas of each or one "
            f"pipeline of eight stages, CV 3 and {20:g} req/s where they do not vary, 30 req/s in figure 7. The paper "
            f"draws "
            "curves without numbers; published are its statements.")  # fmt: skip
    title_5, title_6 = "Figure 5: mean latency over the rate, CV 3", "Figure 6: mean latency over CV, 20 req/s"
    title_7 = "Figure 7b: pipelines of every overhead against replicas, 30 req/s"
    return Paper(note, pd.DataFrame(rows, columns=["figure", "published", "ours"]), [
        Picture(build_latency_lines_figure(_RATES, over_rate, title_5, "requests a second", "paper-5", theme),
                "paper-5", title_5),
        Picture(build_latency_lines_figure(_CVS, over_cv, title_6, "burstiness (CV)", "paper-6", theme),
                "paper-6", title_6),
        Picture(build_family_figure(SCALES, replicas, pipelines, ALPHAS, title_7, "deadline, times a request alone",
                                    "paper-7", theme), "paper-7", title_7),
    ])  # fmt: skip


QUESTION = f"""
Now **eight models on eight devices**, a request alone taking {words.duration(LATENCY_S)} (BERT-2.6B), with deadlines.
Each device has room for two models, so there are two **replicas** of every model on single devices; or one
**pipeline** of eight stages holds all {MODELS} models. Cutting makes every request 10 % longer (alpha 1.1).

18 requests a second in all, in bursts (CV 3), each to be answered within 5 times its time alone. Who meets more
deadlines?
"""

LESSON = Lesson(
    key="regions",
    title="Rate, burstiness, deadline",
    source="figures 5 to 7",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "shared": "Pipelines",
        "dedicated": "Replicas",
        "equal": "Neither: no run can tell them apart",
    },
    controls=(
        Slider("rate_per_s", "Requests a second", 1, 33, 1, f"{words.number(MOST_RATE_PER_S)} fill all devices.", "%d"),
        burstiness(0.5, 8.0, 0.5),
        deadline(1, 20, 0.5),
        Slider("alpha", "Overhead (alpha)", 1.0, 1.5, 0.05, "1.1: a cut request takes 10 % longer."),
        Pick("by", "Counted", MEASURES, "The mean latency is of traffic without deadlines: every request is answered."),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=lambda settings, found: why_sentence(settings),
    pictures=pictures,
    exercise=Exercise(
        "Find traffic and a deadline where **replicas meet clearly more deadlines**, though cutting costs no more than "
        "10 % (alpha up to 1.1).",
        check,
        Settings(33.0, 0.5, 3.0, 1.1),
    ),
    paper=paper,
)
