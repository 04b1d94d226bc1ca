"""Lesson 1: four requests at once (figure 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from app.figures.lesson_burst import PLACES, build_bars_figure, build_tokens_figure, describe_bars, describe_tokens
from app.lessons.frame import DEDICATED, SHARED, Exercise, Lesson, Paper, Pick, Picture, Said, Slider
from app.lessons.phrases import times
from app.look.theme import Theme
from planner.lessons.burst import ANSWERED, Event, list_events
from planner.theory.two_models import TwoWays, serve_burst
from simulator import words

ONE, BOTH = "model 1 only", "both models in turn"


@dataclass(frozen=True)
class Settings:
    """Requests at once; the hop between the halves in per cent of a request's time alone; whose requests they are."""

    requests: float = 4.0
    hop_percent: float = 10.0
    asked: str = ONE


@dataclass(frozen=True)
class Run:
    """Both ways, everything that happens in order, and the model of each request."""

    both: TwoWays
    events: tuple[Event, ...]
    models: tuple[int, ...]


def run(settings: Settings) -> Run:
    """Serve the burst both ways."""
    both = serve_burst(round(settings.requests), settings.hop_percent / 100, (0,) if settings.asked == ONE else (0, 1))
    return Run(both, list_events(both), tuple(both.dedicated.workload.model.tolist()))


def outcome(found: Run) -> str:
    """Who answers faster on average."""
    dedicated, shared = found.both.mean_latency_s()
    if math.isclose(dedicated, shared, rel_tol=1e-9):
        return "equal"
    return "shared" if shared < dedicated else "dedicated"


def say(settings: Settings, found: Run) -> Said:
    """Who is faster, and the sums behind it."""
    winner = {"shared": SHARED, "dedicated": DEDICATED, "equal": None}[outcome(found)]
    return Said(winner, burst_sentence(found.both))


def burst_sentence(both: TwoWays) -> str:
    """Who is faster in the burst, and the sums behind it."""
    dedicated, shared = both.mean_latency_s()
    sums = [
        f"({' + '.join(f'{v:.3g}' for v in result.latency_s)}) y / {result.latency_s.size} = {mean:.3g} y"
        for result, mean in ((both.dedicated, dedicated), (both.shared, shared))
    ]
    if math.isclose(dedicated, shared, rel_tol=1e-9):
        first = "Neither is faster"
    else:
        first = f"{'Sharing' if shared < dedicated else 'Dedicating'} answers {times(dedicated, shared)} times faster"
    return f"{first}. Dedicated: {sums[0]}; shared: {sums[1]}."


def event_words(found: Run, event: int) -> str:
    """What happens at an event, the first being number 1; at 0 the burst has just come."""
    if event == 0:
        count = len(found.models)
        return f"{count} requests have come at once and wait." if count > 1 else "One request has come and waits."
    it = found.events[event - 1]
    way = ("dedicated", "shared")[it.way]
    if it.place == ANSWERED:
        return f"At {it.at:.3g} y, {way}: request {it.request + 1} is answered, {it.at:.3g} y after it came."
    return f"At {it.at:.3g} y, {way}: request {it.request + 1} moves to {_article(it.place)}."


def _article(place: int) -> str:
    name = PLACES[place]
    return name if name.startswith("the ") else f"the {name}"


def why(settings: Settings, found: Run) -> str:
    """Which devices a burst can use, and what the hop costs."""
    hop = settings.hop_percent
    if settings.asked == ONE:
        idle = ("With a device of its own, model 1 has one device for all its requests, and the other device, which "
                "belongs to model 2, stands idle. Cut in half, model 1 uses both: a request leaves the first half "
                "after "
                "0.5 y, and the next one enters, so answers come every 0.5 y and not every 1 y.")  # fmt: skip
    else:
        idle = ("Both models have requests, so both devices are busy either way: there is no idle device to use. What "
                "is left of cutting is that work is finished in another order, and the hop.")  # fmt: skip
    link = " The link carries one request at a time: above 50 % the hop is the slowest part." if hop > 50 else ""
    return f"{idle} The price: every request spends {words.goal(hop / 100)} of y on the hop between the halves.{link}"


def pictures(settings: Settings, found: Run, theme: Theme, event: int) -> list[Picture]:
    """Tokens and bars after the first `event` events."""
    events = found.events[:event]
    count = len(found.models)
    return [
        Picture(build_tokens_figure(events, found.models, theme), "burst-tokens", describe_tokens(events, count)),
        Picture(build_bars_figure(events, found.events[-1].at, theme), "burst-bars", describe_bars(events)),
    ]


def check(settings: Settings, found: Run) -> tuple[bool, str]:
    """Whether neither way is faster for a burst of four for one model."""
    is_case = round(settings.requests) == 4 and settings.asked == ONE
    if not is_case:
        return False, "The task is about four requests for model 1 only."
    return outcome(found) == "equal", burst_sentence(found.both)


def paper(theme: Theme) -> Paper:
    """The arithmetic of figure 1."""
    asked = run(Settings())
    dedicated, shared = asked.both.mean_latency_s()
    rows = [("dedicated, mean latency (y)", 2.5, dedicated), ("shared, mean latency (y)", 1.85, shared)]
    table = pd.DataFrame(rows, columns=["what", "published", "ours"])
    note = ("**Figure 1** of the paper: two models, two devices, four requests for one of them, and a pipeline of two "
            "stages with 10 % of overhead. Published are the sums of its section 1; ours are simulated.")  # fmt: skip
    return Paper(note, table, pictures(Settings(), asked, theme, len(asked.events))[1:])


QUESTION = """
Two models, two devices. **Dedicated:** every model has a device of its own; a request takes the time **y**.
**Shared:** both models are cut in half, and every request passes through both devices (a pipeline of two stages, 0.5 y
each), with a hop of 0.1 y between them.

Now **four requests for model 1 come at once**, and none for model 2. Which way answers them sooner on average?
"""

LESSON = Lesson(
    key="burst",
    title="One burst, two devices",
    source="figure 1",
    question=QUESTION,
    asked=Settings(),
    predictions={
        "dedicated": "Dedicated: a request takes 1 y there, and 1.1 y when it is cut",
        "shared": "Shared: a burst can use both devices",
        "equal": "Neither: it is the same work on the same two devices",
    },
    controls=(
        Slider("requests", "Requests at once", 1, 8, 1, format="%d"),
        Slider(
            "hop_percent", "Overhead of cutting (%)", 0, 100, 5, "The hop between the halves, in per cent of y.", "%d"
        ),
        Pick("asked", "They ask for", (ONE, BOTH)),
    ),
    run=run,
    outcome=outcome,
    say=say,
    why=why,
    pictures=pictures,
    # The whole way of the burst, with the device that stands idle.
    shown=lambda settings, found, theme: pictures(settings, found, theme, len(found.events))[1:],
    events=lambda found: len(found.events),
    event_words=event_words,
    exercise=Exercise(
        "Four requests come at once, all for model 1. **How large must the hop be until sharing has lost its lead?** "
        "Move the overhead until neither is faster.",
        check,
        Settings(hop_percent=60.0),
    ),
    paper=paper,
)
