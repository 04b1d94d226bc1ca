"""What an answer says of one topic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentences:
    """What there is to say on one topic; is_known: False where it is why there is nothing yet."""

    topic: str
    text: str
    is_known: bool = True
