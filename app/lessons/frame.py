"""What a lesson is: one module that fills in these fields, drawn by `app.panels.learn` screen after screen.

Settings are a frozen dataclass of numbers and words; every control moves one field, and all fields stand in the
address. `run` is pure, so that its result is kept and shared by everybody who asks for the same settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pandas as pd
import plotly.graph_objects as go

from app.look.theme import Theme
from planner.lessons.own_traffic import Brought

S = TypeVar("S")
R = TypeVar("R")

# The screens of every lesson in their order, by their names in the address.
SCREENS = {
    "question": "Question",
    "experiment": "Experiment",
    "result": "What happened",
    "exercise": "Exercise",
    "paper": "The paper",
}
# Places in the hues: dedicated first, shared second, as in a basket of the two; None where neither is ahead.
DEDICATED, SHARED = 0, 1


@dataclass(frozen=True)
class Slider:
    """A number of the settings."""

    field: str
    label: str
    low: float
    high: float
    step: float
    help: str | None = None
    format: str | None = None


def burstiness(low: float, high: float, step: float) -> Slider:
    """The slider of the traffic's coefficient of variation."""
    return Slider("cv", "Burstiness (CV)", low, high, step, "1 is Poisson.")


def deadline(low: float, high: float, step: float) -> Slider:
    """The slider of the deadline."""
    return Slider("slo_scale", "Deadline (× alone)", low, high, step, "Times the time of a request alone.")


@dataclass(frozen=True)
class Pick:
    """A word of the settings, one of a few."""

    field: str
    label: str
    options: tuple[str, ...]
    help: str | None = None


@dataclass(frozen=True)
class Moves:
    """What is played step by step, as words with points between them.

    choices: of settings and run: the words that can follow, and what they are called. told: what was played, in words.
    """

    field: str
    label: str
    choices: Callable[[Any, Any], Mapping[str, str]]
    told: Callable[[str], str]


@dataclass(frozen=True)
class Trail:
    """What was tried: the values of some fields, "_" between them, "~" between settings; it grows by itself."""

    field: str
    of: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """The answer: the number of the winner's hue (None: neither), and the sentences, the verdict first."""

    hue: int | None
    sentences: str


@dataclass(frozen=True)
class Picture:
    """A figure that nobody else has, its key on the page, and its description."""

    figure: go.Figure
    key: str
    alt: str


@dataclass(frozen=True)
class Exercise(Generic[S, R]):
    """Something to be reached with the controls.

    Attributes:
        task: in Markdown.
        check: whether these settings solve it, and a sentence on how far they do.
        solution: settings that do; a test tries them.
    """

    task: str
    check: Callable[[S, R], tuple[bool, str]]
    solution: S


@dataclass(frozen=True)
class Paper:
    """A figure of the paper beside ours: what it shows, published numbers and ours row by row, pictures."""

    note: str
    table: pd.DataFrame
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Own(Generic[S, R]):
    """A lesson's experiment on the traffic, models and devices of the visitor's scenario.

    Attributes:
        fields: settings that hold there too; what the traffic decides is not among them.
        run: of settings and what was brought; raises InputError where it cannot be done, with the reason.
        say, pictures: as of the lesson. bound: what was taken of the scenario and what was not, sentences.
    """

    fields: tuple[str, ...]
    run: Callable[[S, Brought], R]
    say: Callable[[S, R], Said]
    pictures: Callable[[S, R, Theme], Sequence[Picture]]
    bound: Callable[[R], str]


@dataclass(frozen=True)
class Lesson(Generic[S, R]):
    """One lesson.

    Attributes:
        key: in the address. source: the paper's figure, as in "figure 1".
        question: in Markdown, about the settings `asked`; predictions: possible answers by their keys.
        run: the experiment. outcome: which prediction comes true.
        say: the verdict of any settings. why: its reason, in Markdown.
        pictures: of any settings, up to an event where the lesson is stepped.
        events: how many events a run has; 0 where it is not stepped. event_words: what happens at one.
        paper: the last screen; it may take seconds the first time and is kept.
        answer: the verdict on the question, where that is another one than of its settings.
        shown: pictures of the answer, where they are others than the first one of its settings.
        own: the experiment on the visitor's own traffic; None where it would be another lesson.
    """

    key: str
    title: str
    source: str
    question: str
    asked: S
    predictions: Mapping[str, str]
    controls: tuple[Slider | Pick | Moves | Trail, ...]
    run: Callable[[S], R]
    outcome: Callable[[R], str]
    say: Callable[[S, R], Said]
    why: Callable[[S, R], str]
    pictures: Callable[[S, R, Theme, int], Sequence[Picture]]
    exercise: Exercise[S, R]
    paper: Callable[[Theme], Paper]
    presets: Mapping[str, S] = field(default_factory=dict)
    answer: Callable[[S, R], Said] | None = None
    shown: Callable[[S, R, Theme], Sequence[Picture]] | None = None
    events: Callable[[R], int] = lambda run: 0
    event_words: Callable[[R, int], str] = lambda run, event: ""
    own: Own[S, Any] | None = None

    def with_values(self, values: Mapping[str, Any]) -> S:
        """Settings of these values by field."""
        return type(self.asked)(**values)
