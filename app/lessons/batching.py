"""Lesson 9: batches at tight and loose deadlines (figure 15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.figures.lesson_plans import build_batches_figure
from app.lessons.frame import Exercise, Lesson, Paper, Picture, Said, Slider, burstiness, deadline
from app.look import words
from app.look.theme import Theme
from planner.lessons.batching import BATCHES, DEVICES, MODELS, PROFILE, SCALES, STAGES, met, met_over_deadlines

# Less than this share of requests is no gain.
LEAST = 0.005
_WAYS = ("replicas", "pipelines")


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


def say(settings: Settings, found: Run) -> Said:
    """What batches of up to 2 and 16 change for both ways."""
    return Said(None, " ".join([first_sentence(found), *(way_sentence(found, way) for way in range(2))]))


def first_sentence(found: Run) -> str:
    """Whether batches help at this deadline."""
    most, least = float(gains(found.here).max()), float(gains(found.here).min())
    if most < LEAST:
        return "Batches gain nothing at this deadline" + (", and large ones lose." if least < -LEAST else ".")
    return f"Batches gain up to {words.fixed(100 * most, 1)} points at this deadline."


def way_sentence(found: Run, way: int) -> str:
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


def lines_title(found: Run) -> str:
    """What batches add at the tightest deadline that is met at all, and at the loosest."""
    tight = next((i for i, row in enumerate(found.lines) if row.max() > 0), len(SCALES) - 1)
    first, last = (words.signed(100 * float(gains(found.lines[i]).max()), 1) for i in (tight, -1))
    return f"Batches change at best {first} points at {SCALES[tight]:g} × alone, {last} at {SCALES[-1]:g} ×"


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether batches of up to 16 lose more than a point against single requests."""
    lost = float(gains(found.here)[:, -1].min())
    return lost < -0.01, f"{first_sentence(found)} {way_sentence(found, int(gains(found.here)[:, -1].argmin()))}"


def paper(theme: Theme) -> Paper:
    """Figure 15 at tight, middling and loose deadlines."""
    lines = met_over_deadlines(64.0, 4.0)
    rows = []
    for scale, published in ((2.0, "nothing gained"), (5.0, "batches of 2 have all of the benefit"),
                             (14.0, "both ways gain")):  # fmt: skip
        at = SCALES.index(scale)
        for way, name in enumerate(_WAYS):
            two, sixteen = 100 * gains(lines[at])[way]
            rows.append((f"{scale:g} × alone", name, published, f"{words.signed(two, 1)} points",
                         f"{words.signed(sixteen, 1)} points"))  # fmt: skip
    table = pd.DataFrame(rows, columns=["deadline", "way", "published", "batches up to 2, ours", "up to 16, ours"])
    note = (
        f"**Figure 15** of the paper, by the authors' script: {MODELS} BERT-1.3B on {DEVICES} devices, 64 req/s in all "
        "by a power law, CV 4. The paper draws curves of AlpaServe and Clockwork++ without numbers; published are its "
        f"statements. Ours: replicas on single devices and pipelines of {STAGES} stages, without a search; its batches "
        "are not padded and no larger than the queue."
    )
    found = run(Settings())
    return Paper(note, table, pictures(Settings(), found, theme, 0))


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
)
