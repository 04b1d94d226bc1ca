"""Scores on unseen traffic as sentences."""

from __future__ import annotations

from collections.abc import Mapping

from planner.what_if.unseen import HeldOut, Unseen, UnseenScore
from simulator import words

_SAME = "the same as where it was planned"


def changed_sentence(found: Unseen) -> str:
    """What comes first where the ranking changes on unseen traffic by more than chance; empty where it does not."""
    if not found.is_changed:
        return ""
    first, before = found.first, found.first_seen
    now = f"On traffic that was not planned for ({found.how}) {first.name} meets most, {_met(first)}"
    return f"{now}; {before.name}, first on the traffic planned for, meets {_met(before)}."


def _by_chance(found: Unseen) -> str:
    if not found.is_turned or found.is_clear:
        return ""
    return (
        f" That {found.first.name} meets more there than {found.first_seen.name}, first on the traffic planned for, is "
        "no difference that this tells from chance."
    )


def unseen_sentence(found: Unseen, targets: Mapping[str, float] | None = None) -> str:
    """What the searched placements meet on unseen traffic, against what they meet where they were planned.

    targets: 0..1, by name of those that are said to reach one.
    """
    if said := calmer_sentence(found):
        return said
    searched = [(score, _against(score, (targets or {}).get(score.name))) for score in found.scores
                if score.is_searched]  # fmt: skip
    if not searched:
        return ""
    if all(change == _SAME for _, change in searched):
        same = f"On traffic that was not planned for ({found.how}) searched placements meet as much as where planned."
        return same + _by_chance(found)
    parts = [f"{score.name} {_met(score)}, {change}" for score, change in searched]
    return f"On traffic that was not planned for ({found.how}): {'; '.join(parts)}.{_by_chance(found)}"


def calmer_sentence(found: Unseen) -> str:
    """That draws are no check of the bursts planned for, where they are calmer and come out easier; else empty."""
    if found.calmer is None or not found.is_no_check:
        return ""
    bin_s, drawn, seen = (words.number(value) for value in (found.calmer.bin_s, found.calmer.drawn, found.calmer.seen))
    return (
        f"What placements meet on traffic that was not planned for is not known: {found.how} are calmer (the busiest "
        f"{bin_s} s bring {drawn} times the mean, where planned {seen} times), so they are no check of its bursts."
    )


def held_out_lines(held: HeldOut, targets: Mapping[str, float] | None = None) -> list[str]:
    """All that there is to say: a changed ranking first where no targets are told; or why there are no scores."""
    if held is None or isinstance(held, str):
        return [held] if held else []
    first = changed_sentence(held) if targets is None else ""
    return [said for said in (first, unseen_sentence(held, targets)) if said]


def first_unseen_sentence(found: Unseen) -> str:
    """What the best placement meets on unseen traffic; empty where another one is the best there."""
    if found.is_changed or found.is_no_check:
        return calmer_sentence(found)
    first = found.first
    return (
        f"On traffic that was not planned for ({found.how}) {first.name} meets {_met(first)}, {_against(first, None)}."
        f"{_by_chance(found)}"
    )


def unseen_remark(found: Unseen, name: str) -> str | None:
    """The score of one placement in a line, or why there is none; None if it was not tried."""
    if found.is_no_check:
        return calmer_sentence(found)
    score = found.score(name)
    return None if score is None else f"{_met(score)} on traffic that was not planned for ({found.how})."


def unseen_cell(found: Unseen | None, name: str) -> str:
    """The score beside another one: "unseen 96.1 % ±1.2"; empty if it is not known."""
    said = unseen_met(found, name)
    return f"unseen {said}" if said else ""


def unseen_met(found: Unseen | None, name: str) -> str:
    """The score in a column of its own: "96.1 % ±1.2"; empty if it is not known."""
    score = found.score(name) if found else None
    return met_in_words(score) if score else ""


def met_in_words(score: UnseenScore) -> str:
    """A score with its interval: "96.1 % ±1.2"."""
    return f"{words.share(score.mean)} {words.uncertainty(score.mean, score.half_width)}".rstrip()


def _met(score: UnseenScore) -> str:
    width = words.uncertainty(score.mean, score.half_width)
    return f"{words.share(score.mean)} ({width})" if width else words.share(score.mean)


def _against(score: UnseenScore, target: float | None) -> str:
    gap = words.points_difference(score.mean, score.seen)
    said = _SAME if gap == "same" else f"{gap} against where it was planned"
    if score.is_schedule and gap != "same":
        said += " (it changes at the times that were planned for)"
    misses = False if target is None else score.misses(target)
    if misses is False:
        return said
    goal = words.goal(target or 0.0)
    return f"{said}, so {goal} is missed" if misses else f"{said}, so {goal} is not sure"
