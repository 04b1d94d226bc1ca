"""Lesson 10: planning for yesterday (figure 14)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from app.figures.lesson_plans import HUES, build_hours_figure
from app.lessons.frame import Exercise, Lesson, Own, Paper, Picture, Said, Slider, burstiness, deadline
from app.lessons.phrases import taken_sentence
from app.look import words
from app.look.theme import Theme
from planner.lessons.own_traffic import Brought, OwnStretches, own_stretches
from planner.lessons.yesterday import DEVICES, HOURS, MODELS, PLANS, RATE_PER_S, WINDOW_S, Tested, run_hours

REPLICAS, CLOCKWORK, PIPELINES = range(3)


@dataclass(frozen=True)
class Settings:
    """How much of the popularity changes in per cent, CV, and the deadline as a multiple of a request alone."""

    drift_percent: float = 100.0
    cv: float = 4.0
    slo_scale: float = 5.0


def run(settings: Settings) -> Tested:
    """Plan on hour A, test on all."""
    return run_hours(settings.drift_percent / 100, settings.cv, settings.slo_scale)


def unseen(found: Tested) -> list[float]:
    """Mean share of deadlines met in the hours that were not planned for, by plan."""
    return [float(value) for value in found.met[:, 1:].mean(axis=1)]


def outcome(found: Tested) -> str:
    """Who meets most in the unseen hours."""
    held_out = unseen(found)
    best = max(held_out)
    return ("replicas", "clockwork", "pipelines")[held_out.index(best)] if held_out.count(best) == 1 else "equal"


def say(settings: Settings, found: Tested, what: str = "hour") -> Said:
    """Who meets most in the unseen hours, and how much every plan loses there."""
    held_out = unseen(found)
    best = max(held_out)
    winners = [i for i, value in enumerate(held_out) if value == best]
    return Said(HUES[winners[0]] if len(winners) == 1 else None,
                f"{best_sentence(found, what)} {gap_sentence(found, what)}")  # fmt: skip


def best_sentence(found: Tested, what: str = "hour") -> str:
    """Which plan meets most of the unseen deadlines; what the hours are called."""
    held_out = unseen(found)
    best = max(held_out)
    names = [PLANS[i] for i, value in enumerate(held_out) if value == best]
    verb = "meets" if names == [PLANS[CLOCKWORK]] else "meet"
    text = f"{words.join(names)} {verb} most in the {what}s B and C"
    return f"{text[0].upper()}{text[1:]}: {words.share(best)} of deadlines."


def gap_sentence(found: Tested, what: str = "hour") -> str:
    """How far every plan falls from the hour it was made for to the others."""
    parts = [
        f"{PLANS[plan]} go from {words.share(float(found.met[plan, 0]))} in {what} A to "
        f"{words.share(unseen(found)[plan])} "
        f"({words.points_difference(unseen(found)[plan], float(found.met[plan, 0]))})"
        for plan in (REPLICAS, PIPELINES)
    ]
    return (
        f"{parts[0][0].upper()}{parts[0][1:]}, {parts[1]}. Clockwork++, which plans every "
        f"{words.number(found.window_s)} s on the very requests that follow, meets "
        f"{words.share(unseen(found)[CLOCKWORK])} there."
    )


def why(settings: Settings, found: Tested) -> str:
    """What the plans know, and how many models a pipeline holds."""
    if found.stages == 1:
        shared = "Here the best groups of one size are single devices, so nothing is split."
    else:
        shared = (
            f"The pipelines have {found.stages} stages and hold {words.number(found.held)} of {MODELS} models each, so "
            "whoever is popular finds most of their devices."
        )
    return (
        "Replicas are dealt out by the popularity of hour A: when other models are asked for, their devices queue "
        "while "
        f"others idle. {shared} Clockwork++ sees the future of every window and swaps models for nothing, which no "
        f"real "
        "system can; it is an upper bound for re-planning single devices. Only the held-out hours tell how good a plan "
        "is: what is met in hour A was also what the plan was made for."
    )


def pictures(settings: Settings, found: Tested, theme: Theme, event: int) -> list[Picture]:
    """Every plan on every hour."""
    title = best_sentence(found).rstrip(".")
    return [Picture(build_hours_figure(HOURS, PLANS, found.met, title, theme), "lesson-hours", title)]


def own_run(settings: Settings, brought: Brought) -> OwnStretches:
    """The same with what was brought; of the settings the deadline holds."""
    return own_stretches(brought, settings.slo_scale)


def own_say(settings: Settings, found: OwnStretches) -> Said:
    """The same sentences about thirds of the traffic."""
    return say(settings, found.tested, "third")


def own_pictures(settings: Settings, found: OwnStretches, theme: Theme) -> list[Picture]:
    """Every plan on every third."""
    title = best_sentence(found.tested, "third").rstrip(".")
    figure = build_hours_figure(HOURS, PLANS, found.tested.met, title, theme, "third")
    return [Picture(figure, "lesson-own-hours", title)]


def own_bound(found: OwnStretches) -> str:
    """What was taken, how it was cut, and what the pipelines are."""
    return (
        f"{taken_sentence(found.brought)} Their time is cut into three thirds of {words.number(found.stretch_s)} s; "
        f"replicas and pipelines of {found.tested.stages} stages are made from the first. Neighbouring thirds of one "
        "trace are more alike than two days, so this is the mildest test of a plan."
    )


def check(settings: Settings, found: Tested) -> tuple[bool, str]:
    """Whether Clockwork++ meets at least as much as the pipelines in the unseen hours."""
    held_out = unseen(found)
    return held_out[CLOCKWORK] >= held_out[PIPELINES] > 0, best_sentence(found)


def paper(theme: Theme) -> Paper:
    """Figure 14, of which the paper prints no numbers."""
    rows = []
    for drift, published in ((0.0, "-"), (50.0, "-"), (100.0, "replicas collapse, AlpaServe stays above Clockwork++")):
        found = run(Settings(drift))
        gaps = [words.points_difference(unseen(found)[p], float(found.met[p, 0])) for p in (REPLICAS, PIPELINES)]
        rows.append((f"{drift:g} %", published, *(words.share(v) for v in unseen(found)), *gaps))
    table = pd.DataFrame(rows, columns=["popularity that changes", "published", *(f"{p}, unseen" for p in PLANS),
                                        "replicas, unseen against planned",
                                        "pipelines, unseen against planned"])  # fmt: skip
    note = (
        "**Figure 14** of the paper: plans made on one hour of the Azure trace of 2019, tested on another; Clockwork++ "
        "plans on the tested hour itself. The paper draws curves without numbers. Ours are made of seeded arrivals, in "
        "which the popularity of the models changes by as much as you say, because an hour of that trace is too large "
        f"for a page: {MODELS} BERT-2.6B, {DEVICES} devices, {RATE_PER_S:g} req/s, CV 4, 5 × alone. Only groups of one "
        "size are tried for the pipelines."
    )
    asked = run(Settings())
    return Paper(note, table, pictures(Settings(), asked, theme, 0))


QUESTION = f"""
{MODELS} models on {DEVICES} devices, {RATE_PER_S:g} requests a second in bursts (CV 4), deadlines of 5 times a request
alone. Three plans: **replicas** on single devices and **pipelines**, both made from the requests of **hour A**; and
**Clockwork++**, which plans single devices anew every {WINDOW_S:g} s and **knows the requests that will come**. Then
come the hours **B and C**, in which other models are popular.

Who meets most deadlines in the hours B and C?
"""

LESSON = Lesson(
    key="yesterday",
    title="Planning for yesterday",
    source="figure 14",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "replicas": "The replicas",
        "clockwork": "Clockwork++: it knows the future",
        "pipelines": "The pipelines, though they were planned for hour A",
        "equal": "Two of them meet the same",
    },
    controls=(
        Slider("drift_percent", "Popularity that changes (%)", 0, 100, 10, "How much of it is dealt out anew.", "%d"),
        burstiness(0.5, 6.0, 0.5),
        deadline(1, 12, 0.5),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=why,
    pictures=pictures,
    exercise=Exercise(
        "How calm must the traffic be until **knowing the future and re-planning** is as good as sharing? Find a "
        "setting "
        "in which Clockwork++ meets at least as many deadlines in the hours B and C as the pipelines.",
        check,
        Settings(100.0, 1.0, 5.0),
    ),
    paper=paper,
    own=Own(("slo_scale",), own_run, own_say, own_pictures, own_bound),
)
