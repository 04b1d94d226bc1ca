"""Lesson 8: why the shortest queue can be a trap."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from app.figures.lesson_dispatch import build_groups_figure, build_rules_figure
from app.lessons.frame import Exercise, Lesson, Paper, Pick, Picture, Said, Slider, burstiness, deadline
from app.look import words
from app.look.theme import Theme
from planner.lessons.dispatch import FAST, LATENCY_S, SLOW, STAGES, STRETCH, RuleRun, run_rules

NAMES = {
    "shortest_queue": "shortest queue",
    "earliest_free": "earliest free",
    "earliest_finish": "earliest finish",
    "round_robin": "in turn",
}
_RULES = {name: rule for rule, name in NAMES.items()}


@dataclass(frozen=True)
class Settings:
    """Requests a second, CV, deadline as a multiple of a request alone, and the rule that is looked at."""

    rate_per_s: float = 4.0
    cv: float = 1.0
    slo_scale: float = 1.2
    rule: str = NAMES["shortest_queue"]


@dataclass(frozen=True, eq=False)
class Run:
    """All rules on the same requests, and the one that is looked at."""

    runs: dict[str, RuleRun]
    looked_at: RuleRun


def run(settings: Settings) -> Run:
    """Serve the same requests by every rule."""
    runs = run_rules(settings.rate_per_s, settings.cv, settings.slo_scale)
    return Run({NAMES[rule]: found for rule, found in runs.items()}, runs[_RULES[settings.rule]])


def outcome(found: Run) -> str:
    """What the shortest queue meets."""
    met = found.runs[NAMES["shortest_queue"]].attainment
    return "nearly all" if met > 0.9 else "four of five" if met > 0.5 else "hardly any"


def say(settings: Settings, found: Run) -> Said:
    """The best rule and the shortest queue, and what the slow group did under the rule that is looked at."""
    return Said(None, f"{rules_sentence(found)} {slow_sentence(settings, found.looked_at)}")


def rules_sentence(found: Run) -> str:
    """What the best rules meet, and what the shortest queue does."""
    most = max(run.attainment for run in found.runs.values())
    best = [name for name, run in found.runs.items() if run.attainment == most]
    queue = found.runs[NAMES["shortest_queue"]].attainment
    names = words.join(best)
    verb = "meets" if len(best) == 1 else "meet"
    first = f"{names[0].upper()}{names[1:]} {verb} most, {words.share(most)} of deadlines"
    if NAMES["shortest_queue"] in best:
        return f"{first}."
    return f"{first}. The shortest queue meets {words.share(queue)}."


def slow_sentence(settings: Settings, looked_at: RuleRun) -> str:
    """How much of what the slow group is sent it rejects, under one rule."""
    sent, rejected = int(looked_at.sent[SLOW]), int(looked_at.rejected[SLOW])
    share = words.share(sent / looked_at.sent.sum())
    return (f"By {settings.rule} the slow group is sent {share} of the requests, and it rejects "
            f"{words.count(rejected)} of "
            f"{words.count(sent)}.")  # fmt: skip


def why(settings: Settings, found: Run) -> str:
    """Why a group that rejects looks idle, and whether it can meet this deadline at all."""
    alone_s, deadline_s = STRETCH * LATENCY_S, settings.slo_scale * LATENCY_S
    can = "cannot meet" if alone_s > deadline_s else "can meet"
    return (
        f"In the slow group a request takes {words.duration(alone_s)} at least; the deadline is "
        f"{words.duration(deadline_s)}, "
        f"so it {can} it{' even when idle' if alone_s > deadline_s else ' while its queue is short'}. A rejected "
        f"request is "
        "gone at once: it is not outstanding, and it keeps no device busy. So whoever counts outstanding requests, or "
        "asks "
        "when a group is free, takes a group that rejects everything for the idlest of all and sends it ever more. "
        "Earliest finish asks when this very request would be answered, and by whom in time; so it sees through it. In "
        "turn gives every group its share, whatever becomes of it."
    )  # fmt: skip


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """The rules side by side, and the groups under the one that is looked at."""
    title = rules_sentence(found).rstrip(".")
    says = slow_sentence(settings, found.looked_at).rstrip(".")
    return [
        Picture(build_rules_figure(found.runs, title, theme), "lesson-rules", title),
        Picture(build_groups_figure(found.looked_at, says, theme), "lesson-groups", says),
    ]


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether the shortest queue is within a point of the best rule."""
    most = max(run.attainment for run in found.runs.values())
    return most - found.runs[NAMES["shortest_queue"]].attainment <= 0.01, rules_sentence(found)


_USED_BY = {
    "shortest_queue": "the paper's text, and the authors' controller",
    "earliest_free": "the authors' simulator, by which their published figures are made",
    "earliest_finish": "neither; ours",
    "round_robin": "neither",
}


def paper(theme: Theme) -> Paper:
    """Who uses which rule, and what it meets here."""
    found = run(Settings())
    rows = [(name, _USED_BY[rule], words.share(found.runs[name].attainment)) for rule, name in NAMES.items()]
    table = pd.DataFrame(rows, columns=["rule", "used by", "deadlines met here, ours"])
    note = (
        "**Section 4.3** of the paper says: to the group with the shortest queue. It has no figure and no number on "
        "dispatch; the authors' simulator, which made the published figures, asks another question than their "
        "controller."
    )
    return Paper(note, table, pictures(Settings(), found, theme, 0)[:1])


QUESTION = f"""
One model on {STAGES + FAST} devices: a **pipeline** of {STAGES} stages, in which a request takes {STRETCH:g} times as
long as alone, and {FAST} **single devices**. Every request has to be answered within 1.2 times its time alone: the
pipeline is too slow for that even when it is idle, and rejects what it is sent. Four requests a second; the single
devices could answer four times as many.

The controller sends each request to the group with the **shortest queue**. How many deadlines are met?
"""

LESSON = Lesson(
    key="dispatch",
    title="The trap of the shortest queue",
    source="section 4.3",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "nearly all": "Nearly all: the single devices have plenty of time",
        "four of five": "About four of five: one group of five is lost",
        "hardly any": "Less than half",
    },
    controls=(
        Slider("rate_per_s", "Requests a second", 1, 20, 1, "The single devices answer 16.8 a second at most.", "%d"),
        burstiness(0.5, 6.0, 0.5),
        deadline(1.1, 5.0, 0.1),
        Pick("rule", "Rule in the picture of groups", tuple(NAMES.values())),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=why,
    pictures=pictures,
    exercise=Exercise(
        "At which deadline does the trap open no more? Move the sliders until the **shortest queue comes within one "
        "point "
        "of the best rule**.",
        check,
        Settings(4.0, 1.0, 3.0),
    ),
    paper=paper,
)
