"""What was answered beside the comparison, as the report says it: a plan, numbers of devices, growth, losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.what_if.sentences import Sentences


@dataclass(frozen=True)
class AnswerInReport:
    """One question: what was asked with which settings, and the answer; no sentences where there is none, and why."""

    title: str
    settings: str = ""
    sentences: Sequence[Sentences] = ()
    reason: str = ""
