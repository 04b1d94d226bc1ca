"""Whether a ranking survives, in one sentence."""

from __future__ import annotations

from collections import Counter

from planner.what_if.robustness import COMMON, DAY, EACH, SEED, Robustness, Variant
from simulator import words

_KINDS = {COMMON: "a common error in latencies", EACH: "errors of single models", SEED: "another seed",
          DAY: "another day"}  # fmt: skip


def sentence(found: Robustness) -> str:
    """Whether the first placement stays first, by how little it is overtaken where not."""
    first, total = found.names[found.first], len(found.variants)
    if not total:
        return f"{first} is first; nothing else was simulated yet."
    others = [i for i in range(len(found.names)) if i != found.first]
    noise = [found.names[i] for i in others if not found.is_clear[i]]
    said = f" As given, this run cannot tell it from {words.join(noise)}." if noise else ""
    overtaken = found.overtaken
    tried = f"{words.plural(total, 'other case')} ({words.join(kinds_tried(found))})"
    if not overtaken:
        closest = min(found.variants, key=lambda v: _lead(found, v))
        lead = _lead(found, closest)
        by = f"by at least {_points(lead)}" if lead >= 0.0005 else "though only just in one of them"
        return f"The ranking holds: {first} stays first in all of {tried}, {by}.{said}"
    worst = min(overtaken, key=lambda v: _lead(found, v))
    by_kind = Counter(v.kind for v in overtaken)
    where = words.join([f"{count} with {_KINDS[kind]}" for kind, count in by_kind.items()])
    by = f"{_points(-_lead(found, worst))}, by {found.names[worst.best]} with {worst.label}"
    return (
        f"The ranking does not hold everywhere: {first} is overtaken in {len(overtaken)} of {tried}, {where}; "
        f"at most by {by}.{said}"
    )


def kinds_tried(found: Robustness) -> list[str]:
    """What was otherwise, each kind once."""
    return [_KINDS[kind] for kind in dict.fromkeys(v.kind for v in found.variants)]


def _points(gap: float) -> str:
    return "less than 0.01 points" if gap < 5e-5 else words.points_difference(gap, 0.0).removeprefix("+")


def _lead(found: Robustness, variant: Variant) -> float:
    """By how much the first meets more than the best of the others; negative where it is overtaken."""
    others = [a for i, a in enumerate(variant.attainments) if i != found.first]
    return variant.attainments[found.first] - max(others)
