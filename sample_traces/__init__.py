"""Traces that ship: all of them made by sample_traces/generate.py, none copied from a real system."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from simulator.errors import InputError
from simulator.traces import TraceOptions

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """One trace that ships.

    Attributes:
        key: what scenarios and pages call it.
        title, description: for a list of choices.
        files: file names in the folder sample_traces.
        options: a sensible way to replay it, 20 to 60 requests per second (two-models: 3, as in the paper).
    """

    key: str
    title: str
    description: str
    files: tuple[str, ...]
    options: TraceOptions = field(default_factory=TraceOptions)


SAMPLES = (
    Sample(
        "two-models",
        "Two models, bursty",
        "The paper's first example: two models, 1.5 requests per second each, CV 3, for 20 minutes.",
        ("two_models.csv",),
    ),
    Sample(
        "steady",
        "Steady and dense",
        "48 functions of a morning, counted per minute (Azure Functions 2019 format): many requests, slow changes.",
        ("steady_minutes.csv",),
        TraceOptions(duration_s=1800.0, resample="gamma", rate_scale=0.3, cv_scale=4.0),
    ),
    Sample(
        "bursty",
        "Bursty and skewed",
        "36 functions in 14 apps, each invocation with its time (Azure Functions 2021 format): a few make most "
        "of the load, in bursts.",
        ("bursty_invocations.txt",),
        TraceOptions(rate_scale=20.0),
    ),
    Sample(
        "chat-and-code",
        "Chat and code",
        "Two services on one clock (Azure LLM format): chat arrives evenly, code completion in bursts.",
        ("chat.csv", "code.csv"),
        TraceOptions(rate_scale=4.0),
    ),
    Sample(
        "language-models",
        "Three language models",
        "Chat, code completion in bursts and summaries, each request with its input and output tokens.",
        ("language_models.csv",),
        TraceOptions(rate_scale=3.0),
    ),
)


def sample_paths(key: str) -> tuple[Path, ...]:
    """The files of a sample; raises InputError if there is none of this key."""
    for sample in SAMPLES:
        if sample.key == key:
            return tuple(FOLDER / name for name in sample.files)
    raise InputError(f"There is no sample trace '{key}'; {', '.join(s.key for s in SAMPLES)} are allowed.")
