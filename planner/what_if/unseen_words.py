"""Scores on unseen traffic as sentences."""

from __future__ import annotations

from planner.what_if.unseen import Unseen, UnseenScore
from simulator import words

_SAME = "the same as where it was planned"


def changed_sentence(found: Unseen) -> str:
    """What comes first where the ranking changes on unseen traffic; empty where it does not."""
    if not found.is_changed:
        return ""
    first, before = found.first, found.first_seen
    sure = "" if found.is_clear else ", a difference that this does not tell from chance"
    now = f"On traffic that was not planned for ({found.how}) {first.name} meets most, {_met(first)}"
    return f"{now}; {before.name}, first on the traffic planned for, meets {_met(before)}{sure}."


def unseen_sentence(found: Unseen) -> str:
    """What the searched placements meet on unseen traffic, against what they meet where they were planned."""
    parts = [f"{s.name} {_met(s)}, {_change(s)}" for s in found.scores if s.is_searched]
    if not parts:
        return ""
    if all(_change(s) == _SAME for s in found.scores if s.is_searched):
        return f"On traffic that was not planned for ({found.how}) searched placements meet as much as where planned."
    return f"On traffic that was not planned for ({found.how}): {'; '.join(parts)}."


def unseen_remark(found: Unseen, name: str) -> str | None:
    """The score of one placement in a line; None if it was not tried."""
    score = found.score(name)
    return None if score is None else f"{_met(score)} on traffic that was not planned for ({found.how})."


def unseen_cell(found: Unseen | None, name: str) -> str:
    """The score beside another one: "unseen 96.1 % ±1.2"; empty if it is not known."""
    score = found.score(name) if found else None
    if score is None:
        return ""
    return f"unseen {words.share(score.mean)} {words.uncertainty(score.mean, score.half_width)}".rstrip()


def _met(score: UnseenScore) -> str:
    width = words.uncertainty(score.mean, score.half_width)
    return f"{words.share(score.mean)} ({width})" if width else words.share(score.mean)


def _change(score: UnseenScore) -> str:
    gap = words.points_difference(score.mean, score.seen)
    return _SAME if gap == "same" else f"{gap} against where it was planned"
