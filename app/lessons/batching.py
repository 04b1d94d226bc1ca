"""Lesson 9: batches at tight and loose deadlines (figure 15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson_plans import HUES, build_batches_figure
from app.lessons.frame import SHARED, Exercise, Lesson, Own, Paper, Picture, Said, Slider, burstiness, deadline
from app.lessons.phrases import taken_sentence
from app.look import words
from app.look.theme import Theme
from planner.lessons.batching import BATCHES, DEVICES, MODELS, PROFILE, SCALES, STAGES, met, met_over_deadlines
from planner.lessons.own_traffic import PLANNED_SCALE, Brought, OwnBatches, own_batches
from planner.reproduce.published import recorded_points

# Less than this share of requests is no gain.
LEAST = 0.005
_WAYS = ("replicas", "pipelines")
# The plans of figure 15, and the largest batches of it that are drawn.
SEARCHED, SEARCHED_BATCHES = ("AlpaServe", "Clockwork++"), (1, 2, 16)


@dataclass(frozen=True)
class Settings:
    """Deadline as a multiple of a request alone, requests a second of all models, CV."""

    slo_scale: float = 2.0
    rate_per_s: float = 64.0
    cv: float = 4.0


@dataclass(frozen=True, eq=False)
class Run:
    """Deadlines met at the settings, float64 (2, batches), and over SCALES, float64 (scales, 2, batches)."""

    here: np.ndarray
    lines: np.ndarray


def run(settings: Settings) -> Run:
    """Simulate every largest batch at the deadline and over all of them."""
    s = settings
    return Run(met(s.slo_scale, s.rate_per_s, s.cv), met_over_deadlines(s.rate_per_s, s.cv))


def gains(here: np.ndarray) -> np.ndarray:
    """What batches add to deadlines met, float64 (2, batches - 1), shares."""
    return here[:, 1:] - here[:, :1]


def outcome(found: Run) -> str:
    """How much the best batch adds to either way."""
    most = float(gains(found.here).max())
    return "nothing" if most < LEAST else "little" if most < 0.05 else "much"


def say(settings: Settings, found: Run | OwnBatches) -> Said:
    """What batches of up to 2 and 16 change for both ways."""
    return Said(None, " ".join([first_sentence(found), *(way_sentence(found, way) for way in range(2))]))


def first_sentence(found: Run | OwnBatches) -> str:
    """Whether batches help at this deadline, and whether they harm."""
    most, least = float(gains(found.here).max()), float(gains(found.here).min())
    if most < LEAST:
        return "Batches gain nothing at this deadline" + (", and large ones lose." if least < -LEAST else ".")
    lost = f", and lose up to {words.fixed(-100 * least, 1)}" if least < -LEAST else ""
    return f"Batches gain up to {words.fixed(100 * most, 1)} points at this deadline{lost}."


def way_sentence(found: Run | OwnBatches, way: int) -> str:
    """What one way meets with every largest batch."""
    shares = [
        f"{words.share(share)} with batches of up to {most}"
        for share, most in zip(found.here[way], BATCHES, strict=True)
    ]
    name = _WAYS[way]
    return f"{name[0].upper()}{name[1:]} meet {words.join(shares)}."


def why(settings: Settings, found: Run) -> str:
    """How long batches take, and what the deadline leaves of that."""
    entry = PROFILE.entry(1, 1)
    alone_s, two_s, most = entry.latency_s, entry.batches[2][0], BATCHES[-1]
    fits = "fit" if two_s <= settings.slo_scale * alone_s else "do not fit"
    return (
        f"A request has {words.count(2048)} tokens and fills a device by itself: two together take "
        f"{words.fixed(two_s / alone_s, 2)} "
        f"times as long as one, so a batch of 2 saves {words.share(1 - two_s / alone_s / 2)} of the work, and one of "
        f"{most} {words.share(1 - entry.batches[most][0] / alone_s / most)}. Two together {fits} into this "
        f"deadline "
        "even without waiting. Batches are chosen by the deadline of their oldest request alone; all others behind "
        "them "
        "wait longer, which is why large ones can lose."
    )


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """Deadlines met over the deadline."""
    title = lines_title(found)
    figure = build_batches_figure(SCALES, found.lines, BATCHES, settings.slo_scale, title, theme)
    return [Picture(figure, "lesson-batches", title)]


def lines_title(found: Run | OwnBatches) -> str:
    """What batches add at the tightest deadline that is met at all, and at the loosest."""
    tight = next((i for i, row in enumerate(found.lines) if row.max() > 0), len(SCALES) - 1)
    first, last = (words.signed(100 * float(gains(found.lines[i]).max()), 1) for i in (tight, -1))
    return f"Batches change at best {first} points at {SCALES[tight]:g} × alone, {last} at {SCALES[-1]:g} ×"


def own_run(settings: Settings, brought: Brought) -> OwnBatches:
    """The same with what was brought; of the settings the deadline holds."""
    return own_batches(brought, settings.slo_scale)


def own_pictures(settings: Settings, found: OwnBatches, theme: Theme) -> list[Picture]:
    """Deadlines met over the deadline, of what was brought."""
    title = lines_title(found)
    figure = build_batches_figure(SCALES, found.lines, BATCHES, settings.slo_scale, title, theme)
    return [Picture(figure, "lesson-own-batches", title)]


def own_bound(found: OwnBatches) -> str:
    """What was taken, how it was planned, and who has no batches."""
    alone = (
        f" The profile of {words.join(found.alone[:3])}{' and others' if len(found.alone) > 3 else ''} has no batches; "
        "their requests stay alone."
        if found.alone
        else ""
    )
    return (
        f"{taken_sentence(found.brought)} Replicas on single devices and pipelines of {found.stages} stages are filled "
        f"for these requests at {PLANNED_SCALE:g} × alone, without batches.{alone}"
    )


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether batches of up to 16 lose more than a point against single requests."""
    lost = float(gains(found.here)[:, -1].min())
    return lost < -0.01, f"{first_sentence(found)} {way_sentence(found, int(gains(found.here)[:, -1].argmin()))}"


def paper(theme: Theme) -> Paper:
    """Figure 15 as the paper's search finds it, at tight, middling and loose deadlines, and over all of them."""
    scales, lines = figure_15()
    rows = []
    for scale, published in ((2.0, "nothing gained"), (5.0, "batches of 2 have all of the benefit"),
                             (14.0, "both gain, Clockwork++ a little more")):  # fmt: skip
        at = lines[scales.index(scale)]
        for name, shares in zip(SEARCHED, at, strict=True):
            two, most = (words.points_difference(float(shares[i]), float(shares[0])) for i in (1, -1))
            rows.append((f"{scale:g} × alone", name, published, two, most))
    columns = ["deadline", "plan", "published", "batches up to 2, ours", f"up to {SEARCHED_BATCHES[-1]}, ours"]
    note = (
        f"**Figure 15** of the paper, by the authors' script: {MODELS} BERT-1.3B on {DEVICES} devices, 64 req/s in all "
        "by a power law, CV 4. The paper draws curves of AlpaServe and Clockwork++ without numbers; published are its "
        "statements. Ours are those of `planner reproduce 15`, which searches both; the experiment of this lesson has "
        f"replicas on single devices and pipelines of {STAGES} stages, without a search. Batches here are not padded "
        "and no larger than the queue."
    )
    title = (
        f"Batches of up to {SEARCHED_BATCHES[-1]} change {SEARCHED[0]} by "
        f"{words.signed(100 * float(gains(lines[-1])[0, -1]), 1)} points at {scales[-1]:g} × alone"
    )
    ways = [(SHARED, SEARCHED[0]), (HUES[1], SEARCHED[1])]
    searched = build_batches_figure(scales, lines, SEARCHED_BATCHES, None, title, theme, ways)
    here = pictures(Settings(), run(Settings()), theme, 0)
    return Paper(note, pd.DataFrame(rows, columns=columns), [Picture(searched, "lesson-figure-15", title), *here])


def figure_15() -> tuple[list[float], np.ndarray]:
    """The deadlines of the recorded figure, times alone, and deadlines met, float64 (scales, SEARCHED, batches)."""
    points = recorded_points("15", "SLO scale")
    scales = sorted({scale for _, scale in points})
    sizes = ["no batches" if most == 1 else f"batches of up to {most}" for most in SEARCHED_BATCHES]
    return scales, np.array(
        [[[points[f"{name}, {size}", scale] for size in sizes] for name in SEARCHED] for scale in scales]
    )


QUESTION = f"""
{MODELS} models on {DEVICES} devices, 64 requests a second in bursts (CV 4). So far every request was computed alone. A
group that becomes idle may take several waiting requests of one model at once, a **batch**, if its oldest still meets
its deadline. The deadline is 2 times a request alone.

How many more deadlines are met with batches of up to 16?
"""

LESSON = Lesson(
    key="batching",
    title="Batches and deadlines",
    source="figure 15",
    question=QUESTION,
    asked=Settings(),
    predictions={"nothing": "None more", "little": "Up to 5 points", "much": "More than 5 points"},
    controls=(
        deadline(0.5, 14, 0.5),
        Slider("rate_per_s", "Requests a second", 8, 80, 8, "53 fill all devices, one by one.", "%d"),
        burstiness(0.5, 6.0, 0.5),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=why,
    pictures=pictures,
    exercise=Exercise(
        "Find a setting in which **batches of up to 16 lose** more than a point against single requests, and think of "
        "a "
        "reason.",
        check,
        Settings(3.0, 64.0, 4.0),
    ),
    paper=paper,
    own=Own(("slo_scale",), own_run, say, own_pictures, own_bound),
)
