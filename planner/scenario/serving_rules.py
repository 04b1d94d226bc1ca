"""Serving rules of a placement in words, and in its name."""

from __future__ import annotations

from collections.abc import Mapping

from simulator import words

_WORDS: Mapping[str, Mapping[str, str]] = {
    "dispatch": {
        "shortest_queue": "shortest queue first",
        "earliest_free": "free first",
        "earliest_finish": "finishes first",
        "round_robin": "each group in turn",
    },
    "admission": {"deadline": "late ones turned away", "none": "nothing turned away"},
}


def rules_in_words(rules: Mapping[str, str | int]) -> str:
    """The rules of a placement, such as "free first, batches of up to 4"; empty without any."""
    parts = [_WORDS[name][str(value)] for name, value in rules.items() if name in _WORDS]
    size = rules.get("max_batch_size")
    if size is not None:
        parts.append("no batches" if size == 1 else f"batches of up to {words.count(int(size))}")
    return ", ".join(parts)


def name_with_rules(name: str, before: Mapping[str, str | int], after: Mapping[str, str | int]) -> str:
    """The name of a placement whose rules change: it says them, unless a person has called it otherwise.

    Args:
        before: the rules that the name may say. after: those that it is to say.
    """
    said = f", {rules_in_words(before)}" if before else ""
    if not name.endswith(said):
        return name
    return name.removesuffix(said) + (f", {rules_in_words(after)}" if after else "")
